#pragma once

#include <cstddef>
#include <exception>
#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/channel.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/requirement.hpp>
#include <mfa/workos/recent_events.hpp>

namespace mfa::workos {

/// Told of what a client is answered with 5xx, or what kept a message from being sent: the id of the request
/// and what was thrown. Called in the thread of the request. What it throws is swallowed.
using FailureObserver = std::function<void(std::string_view request_id, const std::exception_ptr& thrown)>;

/// What a host may set of the API.
struct ApiOptions {
  /// What authenticator apps show for factors whose request names no `totp_issuer`: your application's name,
  /// 1 to 200 bytes. Empty: such requests are refused.
  std::string totp_issuer = {};
  /// What they show for a user where the request has no `totp_user`: the user's e-mail address, say. It must
  /// not block. None: the user's id.
  std::function<std::string(std::string_view user_id)> totp_user = {};
  /// Whether `totp_secret` may have 10 to 15 bytes, less than RFC 4226 section 4 requires. WorkOS takes such,
  /// and factors that come from there may have them.
  bool accept_short_secrets = true;
  /// Whether get and list show all but the last four digits of a phone number masked. WorkOS shows the whole.
  bool mask_phone_numbers = false;
  /// The id of your application that `authenticate` must be told. Empty: any.
  std::string client_id = {};
  /// The longest body that is read, in bytes.
  std::size_t longest_body = 65'536;
  /// By what nothing can be sent, though the verifier's transport has a `send` for it: of a host whose
  /// settings choose transports, and chose none for text messages, say. Answered with `sms_not_available` and
  /// `email_not_available`, as an enrolment is without such a `send`; if any is named, questions to factors
  /// under /mfa, and their resends, cost one more read. (Voice: leave it out of `Options::sms_channels`.)
  std::vector<Channel> unavailable_channels = {};
  /// Told of failures.
  FailureObserver failed = {};
  /// Which second factors users must have, where a request to `/mfa/users/{user_id}/requirement` says
  /// nothing.
  FactorPolicy factor_policy = {};
  /// What `GET /mfa/events` answers with: `RecentEvents`, or what you keep of what your observer is told.
  /// None: 422.
  EventSource events = {};
};

} // namespace mfa::workos
