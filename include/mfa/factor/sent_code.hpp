#pragma once

#include <chrono>
#include <span>
#include <string>
#include <string_view>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/typed_code.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

// Codes that reach the user by another channel (NIST SP 800-63B section 5.1.3): drawn for one challenge, of
// which only an HMAC is kept.
namespace mfa::factor {

/// What the HMAC of a code is tied to.
[[nodiscard]] inline std::string code_context(FactorType type, const storage::ChallengeRecord& challenge) {
  return std::string(to_string(type)).append(" code ").append(challenge.id);
}

/// The code to send.
[[nodiscard]] inline crypto::SecretString issue_code(FactorType type, storage::ChallengeRecord& challenge,
                                                     unsigned digits, std::chrono::seconds lifetime,
                                                     const Context& context) {
  crypto::SecretString code =
      crypto::random_digits(digits, code_context(type, challenge).append(" of ").append(challenge.factor_id));
  challenge.expires_at = context.now + lifetime;
  challenge.answer = context.keys.authenticate(code, code_context(type, challenge));
  return code;
}

[[nodiscard]] inline Answer check_code(FactorType type, const storage::ChallengeRecord& challenge,
                                       std::string_view answer, std::span<const std::string_view> amr,
                                       const Context& context) {
  const TypedCode code(answer);
  // A change of the host's options must not end codes that are on their way.
  if (code.size() < 6 || code.size() > 9) return Answer::malformed();
  if (!context.keys.matches(challenge.answer, code.text(), code_context(type, challenge),
                            "challenge " + challenge.id))
    return {};
  return {.status = Status::valid, .amr = amr};
}

} // namespace mfa::factor
