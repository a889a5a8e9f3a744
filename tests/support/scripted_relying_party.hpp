#pragma once

#include <chrono>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include <mfa/relying_party.hpp>
#include <mfa/status.hpp>

namespace mfa::test {

/// A relying party whose browser answers with the name of the status that shall come of it; what a relying
/// party makes of real answers is tested elsewhere.
struct ScriptedRelyingParty : webauthn::RelyingParty {
  std::chrono::milliseconds timeout() const override { return std::chrono::minutes(5); }
  std::string creation_options(const webauthn::CreationRequest& request) const override {
    return request.challenge;
  }
  std::string request_options(const webauthn::AssertionRequest& request) const override {
    return request.challenge;
  }
  std::optional<webauthn::NamedCredential> named_credential(std::string_view) const override {
    return webauthn::NamedCredential{"credential", true};
  }
  webauthn::Registration verify_registration(std::string_view response,
                                             const webauthn::Expectation&) const override {
    if (response == valid_with_pin)
      return {Status::valid, {.id = "credential with a PIN", .public_key = "key"}, true};
    return {status(response), {.id = "credential", .public_key = "key"}};
  }
  webauthn::Assertion verify_assertion(std::string_view response, const webauthn::Expectation&,
                                       const webauthn::Credential&) const override {
    if (response == valid_without_pin) return {.status = Status::valid, .user_verified = false};
    if (response == valid_and_told)
      return {.status = Status::valid,
              .backed_up = true,
              .user_verified = true,
              .counter_behind = true,
              .backup_eligibility_changed = true};
    return {.status = status(response), .user_verified = true};
  }

  static constexpr std::string_view valid_with_pin = "valid, with a PIN"; ///< of a registration
  static constexpr std::string_view valid_without_pin = "valid, without a PIN";
  /// Of a passkey that was backed up since, is so no longer by its flags, and whose counter stood still.
  static constexpr std::string_view valid_and_told = "valid, with all that is told of a passkey";

 private:
  static Status status(std::string_view name) {
    for (auto value = Status::valid; to_string(value) != "unknown";
         value = static_cast<Status>(static_cast<int>(value) + 1))
      if (to_string(value) == name) return value;
    throw std::logic_error("no status has this name");
  }
};

} // namespace mfa::test
