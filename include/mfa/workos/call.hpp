#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/channel.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/factor/sms_messages.hpp>
#include <mfa/options.hpp>
#include <mfa/types.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/pending_authentication.hpp>
#include <mfa/workos/route.hpp>

namespace mfa::workos::detail {

/// What a client asked for, once it is known to be one, and what the host said.
struct Call {
  Route route;
  nlohmann::json body;
  const ApiOptions& options;
  bool sends_sms;        ///< whether there is a transport for text messages
  bool sends_email;      ///< and for e-mails
  bool of_query = false; ///< whether `body` is what the query said: beyond WorkOS's contract
};

[[nodiscard]] inline Reply reply_with(int status, nlohmann::ordered_json body) {
  return {.status = status, .body = std::move(body)};
}

/// The refusal of what goes by a channel for which there is no transport; none if there is one.
[[nodiscard]] inline std::optional<Reply> unavailable(Channel channel, const Call& call) {
  if (channel == Channel::sms && !call.sends_sms)
    return refusal(422, "sms_not_available", "This service sends no text messages; use another factor.");
  if (channel == Channel::email && !call.sends_email)
    return refusal(422, "email_not_available", "This service sends no e-mails; use another factor.");
  return std::nullopt;
}

/// The same of a factor that is to be enrolled.
[[nodiscard]] inline std::optional<Reply> unavailable(FactorType type, const Call& call) {
  const auto channel = decision::usual_channel(type);
  return channel ? unavailable(*channel, call) : std::nullopt;
}

/// The same of a question to a factor, whose code goes by the first of the channels that takes it. A request
/// named those `asked`; `options` are the verifier's.
[[nodiscard]] inline std::optional<Reply> unavailable(FactorType type, const std::vector<Channel>& asked,
                                                      const Options& options, const Call& call) {
  if (type != FactorType::sms) return unavailable(type, call);
  std::optional<Reply> refused;
  for (const Channel channel : factor::sms_channels(asked, options))
    if (!(refused = unavailable(channel, call))) break;
  return refused;
}

} // namespace mfa::workos::detail
