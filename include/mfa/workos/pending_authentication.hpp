#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/types.hpp>

namespace mfa::workos {

/// Whom a pending authentication is of: a user who has shown his first factor, and owes the second.
struct PendingUser {
  std::string user_id; ///< his factors', as given at enrolment
  /// Whether he may sign in by confirming a factor that he enrols now: for users who have none yet. For all
  /// others it would let a stranger with the password sign in with a factor of his own; so it is refused of a
  /// user who has another verified factor by then, whatever was true when the token was made.
  bool may_enroll = false;
};

/// What a user has shown for a pending authentication.
struct SecondFactor {
  std::string user_id;
  std::string factor_id;
  FactorType factor_type{};
  std::vector<std::string> amr; ///< RFC 8176: "otp", "sms"
  bool confirmed_enrollment =
      false;              ///< it was the confirmation of this factor: see `PendingUser::may_enroll`
  std::string ip_address; ///< as the request said it of its user; not checked
  std::string user_agent;
};

/// A host's policy of pending authentications, which begin where the host has checked a password, and end
/// here:
///
///     std::optional<PendingUser> find(std::string_view token);
///     std::optional<nlohmann::ordered_json> finish(std::string_view token, const SecondFactor& shown);
///
/// `find` answers whose a token is, nothing for one that is unknown, over or used. `finish` ends it, once,
/// and returns the body of the answer: `user`, `access_token`, `refresh_token` and whatever else WorkOS's
/// has; nothing if it has ended meanwhile. With `AsyncApi`, both return what its task can await.
template <class Policy>
concept PendingAuthentication = requires(Policy& policy, std::string_view token, const SecondFactor& shown) {
  policy.find(token);
  policy.finish(token, shown);
};

/// The policy of an API whose host signs nobody in by `/user_management/authenticate`.
struct NoPendingAuthentication {};

} // namespace mfa::workos
