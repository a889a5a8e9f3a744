#pragma once

#include <string_view>

#include <nlohmann/json.hpp>

#include <mfa/factor_details.hpp>
#include <mfa/remaining.hpp>
#include <mfa/types.hpp>
#include <mfa/workos/resources.hpp>

/// What a host's own password step answers when a user owes a second factor: bodies for a 403, as WorkOS's
/// `authenticate` has them, from which SDKs make their `mfa_challenge` and `mfa_enrollment` errors.
namespace mfa::workos {

/// He has a factor, and is to show one: the client asks one of `authentication_factors` and comes back by the
/// MFA grant. `token` is the host's, for its `PendingAuthentication`. `user` is the host's object of the
/// user, of which Go's SDK wants an `id`. `factors` is what `Verifier::list_factors` returned; those are
/// named that are verified and that WorkOS's API can ask: none means that `mfa_enrollment_body` is due, or
/// that the user has factors of other kinds alone, which /mfa asks (docs/http-api.md).
template <FactorRange Factors>
[[nodiscard]] nlohmann::ordered_json
mfa_challenge_body(std::string_view token, const nlohmann::ordered_json& user, const Factors& factors) {
  auto named = nlohmann::ordered_json::array();
  for (const FactorDetails& factor : factors)
    if (factor.verified() && detail::is_known(factor.type()) && factor.type() != FactorType::webauthn)
      named.push_back({{"id", factor.id()}, {"type", to_string(factor.type())}});
  return {{"code", "mfa_challenge"},
          {"message", "The user must complete an MFA challenge to finish authenticating."},
          {"pending_authentication_token", token},
          {"authentication_factors", named},
          {"user", user}};
}

/// He has none, and is to enrol one.
[[nodiscard]] inline nlohmann::ordered_json mfa_enrollment_body(std::string_view token,
                                                                const nlohmann::ordered_json& user) {
  return {{"code", "mfa_enrollment"},
          {"message", "The user must enroll in MFA to finish authenticating."},
          {"pending_authentication_token", token},
          {"user", user}};
}

} // namespace mfa::workos
