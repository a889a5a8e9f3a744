#pragma once

#include <array>
#include <optional>
#include <utility>

#include <mfa/delivery_report.hpp>
#include <mfa/verbs/report_delivery.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/workos/call.hpp>
#include <mfa/workos/extension/arguments.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/resources.hpp>

/// `POST /mfa/messages/{message_id}/report`: what became of a message.
namespace mfa::workos::detail {

inline constexpr auto delivery_reports =
    std::to_array<Choice<DeliveryReport>>({{"delivered", DeliveryReport::delivered},
                                           {"undelivered", DeliveryReport::undelivered},
                                           {"not_sent", DeliveryReport::not_sent}});

verbs::Verb<Reply> mfa_report_delivery(const verbs::VerbRun auto& run, const Call& call) {
  Arguments arguments(call.body, call.of_query);
  const std::optional<DeliveryReport> report = arguments.choice("report", delivery_reports);
  if (!report) arguments.require("report");
  if (auto refused = arguments.refusal()) co_return *std::move(refused);
  const bool known = co_await verbs::report_delivery(run, call.route.id, *report);
  Json body{{"known", known}};
  co_return reply_with(200, std::move(body));
}

} // namespace mfa::workos::detail
