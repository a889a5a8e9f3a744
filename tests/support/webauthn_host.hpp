#pragma once

#include <string>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "catch.hpp"
#include "host.hpp"
#include "software_authenticator.hpp"

namespace mfa::test {

inline webauthn::RelyingPartySettings example_settings() {
  return {.id = "example.org", .name = "Example", .origins = {"https://example.org"}};
}

/// A host that is a relying party, and its user's ceremonies.
struct WebAuthnHost : Host {
  explicit WebAuthnHost(webauthn::RelyingPartySettings settings = example_settings(), Options options = {})
      : Host(with(std::move(options), std::move(settings))) {}

  /// Whatever the user has already.
  std::string enroll(WebAuthn request = {.user = "alan@example.org", .user_id = "u_42"}) {
    return verifier.enroll_factor(request, by_operator).factor.id();
  }

  Confirmation register_with(const SoftwareAuthenticator& authenticator, const std::string& factor_id) {
    const auto challenge = verifier.challenge_enrollment(factor_id, any_user, {}, by_operator);
    return challenge.confirm(authenticator.create(challenge.webauthn_options()).json());
  }

  Verification sign_in_with(const SoftwareAuthenticator& authenticator, const std::string& factor_id,
                            const ChallengeOptions& options = {}) {
    const auto challenge = verifier.challenge_factor(factor_id, any_user, options);
    return challenge.verify(authenticator.get(challenge.webauthn_options()).json());
  }

  /// A factor that this authenticator confirmed.
  std::string registered(const SoftwareAuthenticator& authenticator,
                         WebAuthn request = {.user = "alan@example.org", .user_id = "u_42"}) {
    std::string id = enroll(std::move(request));
    REQUIRE(to_string(register_with(authenticator, id).status()) == "valid");
    return id;
  }

 private:
  static Options with(Options options, webauthn::RelyingPartySettings settings) {
    options.webauthn = webauthn::relying_party(std::move(settings));
    return options;
  }
};

} // namespace mfa::test
