#pragma once

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/relying_party.hpp>
#include <mfa/status.hpp>

namespace mfa::test {

/// What a browser and an authenticator answer in a world where nobody computes signatures: who signed is
/// written there, and that nobody writes another's name is for the attackers of a test to keep to.
struct PasskeyAnswer {
  std::string credential = {};                  ///< that it says it is of
  std::string signer = {};                      ///< whose key signed
  std::string origin = std::string(our_origin); ///< of the page
  std::uint32_t count = 0;                      ///< of signatures; 0 of passkeys that do not count
  bool pin = true;                              ///< or biometric
  std::string challenge = {};                   ///< the bytes that were signed
  std::string handle = {};                      ///< of the user; empty: not told

  static constexpr std::string_view our_origin = "https://example.org";
  static constexpr std::size_t challenge_size = 32;

  [[nodiscard]] std::string text() const {
    return credential + '\n' + signer + '\n' + origin + '\n' + std::to_string(count) + '\n' +
           (pin ? "pin" : "") + '\n' + challenge + handle;
  }

  /// Nothing if it is none.
  static std::optional<PasskeyAnswer> read(std::string_view text) {
    PasskeyAnswer answer;
    std::string count;
    std::string pin;
    for (std::string* const line : {&answer.credential, &answer.signer, &answer.origin, &count, &pin}) {
      const std::size_t end = text.find('\n');
      if (end == std::string_view::npos) return std::nullopt;
      *line = text.substr(0, end);
      text.remove_prefix(end + 1);
    }
    if (text.size() < challenge_size) return std::nullopt;
    std::from_chars(count.data(), count.data() + count.size(), answer.count);
    answer.pin = pin == "pin";
    answer.challenge = text.substr(0, challenge_size);
    answer.handle = text.substr(challenge_size);
    return answer;
  }
};

/// Reads such answers. Its options are the bytes to sign, and to register, the user's handle after them.
struct PlainRelyingParty final : webauthn::RelyingParty {
  std::chrono::milliseconds timeout() const override { return std::chrono::minutes(5); }
  std::string creation_options(const webauthn::CreationRequest& request) const override {
    return request.challenge + request.user_handle;
  }
  std::string request_options(const webauthn::AssertionRequest& request) const override {
    return request.challenge;
  }
  std::optional<std::string> cose_key(std::string_view public_key) const override {
    return std::string(public_key);
  }
  std::optional<webauthn::NamedCredential> named_credential(std::string_view response) const override {
    const auto answer = PasskeyAnswer::read(response);
    if (!answer) return std::nullopt;
    return webauthn::NamedCredential{answer->credential, !answer->handle.empty()};
  }
  webauthn::Registration verify_registration(std::string_view response,
                                             const webauthn::Expectation& expected) const override {
    const auto answer = PasskeyAnswer::read(response);
    if (!answer) return {Status::malformed_code};
    if (const Status status = check_client(*answer, expected); status != Status::valid) return {status};
    return {
        .status = Status::valid,
        .credential = {.id = answer->credential, .public_key = answer->signer, .sign_count = answer->count},
        .user_verified = answer->pin};
  }
  webauthn::Assertion verify_assertion(std::string_view response, const webauthn::Expectation& expected,
                                       const webauthn::Credential& credential) const override {
    const auto answer = PasskeyAnswer::read(response);
    if (!answer) return {.status = Status::malformed_code};
    if (answer->credential != credential.id) return {.status = Status::wrong_credential};
    if (!answer->handle.empty() && answer->handle != expected.user_handle)
      return {.status = Status::wrong_credential};
    if (const Status status = check_client(*answer, expected); status != Status::valid)
      return {.status = status};
    if (answer->signer != credential.public_key) return {.status = Status::wrong_signature};
    if ((answer->count != 0 || credential.sign_count != 0) && answer->count <= credential.sign_count)
      return {.status = Status::cloned_authenticator};
    return {.status = Status::valid, .sign_count = answer->count, .user_verified = answer->pin};
  }

 private:
  static Status check_client(const PasskeyAnswer& answer, const webauthn::Expectation& expected) {
    if (!expected.is_challenge(answer.challenge)) return Status::wrong_challenge;
    return answer.origin == PasskeyAnswer::our_origin ? Status::valid : Status::wrong_origin;
  }
};

} // namespace mfa::test
