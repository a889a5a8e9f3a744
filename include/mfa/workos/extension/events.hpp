#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <utility>

#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/recent_events.hpp>
#include <mfa/workos/resources.hpp>

/// `GET /mfa/events`.
namespace mfa::workos::detail {

verbs::Verb<Reply> mfa_list_events(const verbs::VerbRun auto&, const Call& call) {
  constexpr std::size_t most = 100;
  Arguments arguments(call.body, call.of_query);
  const std::string after = arguments.named("after").value_or(std::string());
  const auto limit = static_cast<std::size_t>(arguments.number("limit", most, 1, most));
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  if (!call.options.events)
    co_return refusal(
        422, "events_not_kept",
        "This service keeps no events; set ApiOptions::events, or have its observer write them.");
  std::optional<EventPage> page = call.options.events(after, limit);
  if (!page)
    co_return refusal(404, "event_not_found",
                      "No event of this id is known here any more; read from the first that is kept.");
  Json body{{"object", "list"}, {"data", std::move(page->events)}};
  if (!page->next.empty()) body["next"] = std::move(page->next);
  body["missed"] = page->missed;
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
