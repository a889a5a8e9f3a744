#pragma once

#include <chrono>
#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/typed_code.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

// Codes that reach the user by another channel (NIST SP 800-63B section 5.1.3): drawn for one challenge, of
// which only an HMAC is kept.
namespace mfa::factor {

/// What a host sets of the codes of a kind.
struct SentCodeOptions {
  unsigned digits;
  std::chrono::seconds lifetime;
  SendLimits limits;
};

/// `FactorRecord::parameters` of these kinds. Its texts are parts of the record.
struct SentTo {
  std::string_view destination;          ///< as it may be shown
  std::string_view current_challenge_id; ///< earlier ones are superseded
};

[[nodiscard]] inline std::string encode(const SentTo& sent) {
  return detail::FieldWriter(1).text(sent.destination).text(sent.current_challenge_id).take();
}

[[nodiscard]] inline SentTo sent_to(const storage::FactorRecord& record) {
  detail::FieldReader fields(record.parameters, 1, "factor", record.id);
  SentTo sent;
  sent.destination = fields.plain_text();
  sent.current_challenge_id = fields.text();
  fields.end();
  return sent;
}

/// The base of these kinds. Only the latest challenge of a factor can be answered.
struct SentCodeKind : SendsCodes, ShowsOneFactor, Guessable, UnlocksNothing, ClaimsNothing, ExportsNothing {
  static bool is_current(const storage::FactorRecord& record, const storage::ChallengeRecord& challenge) {
    return sent_to(record).current_challenge_id == challenge.id;
  }
};

/// The id of the counter of what is sent to a destination, and those that it has under further keys: HMACs,
/// so that the storage does not learn the destination.
[[nodiscard]] inline std::vector<std::string>
send_counter_ids(std::string_view prefix, std::string_view destination, const KeyRing& keys) {
  constexpr std::size_t mac_size = 32;
  std::vector<std::string> ids;
  for (const std::string& stored : keys.authenticate_under_each(destination, std::string(prefix)))
    ids.push_back(std::string(prefix) + detail::hexadecimal(crypto::bytes_of(stored).last(mac_size)));
  return ids;
}

/// What the HMAC of a code is tied to.
[[nodiscard]] inline std::string code_context(FactorType type, const storage::ChallengeRecord& challenge) {
  return std::string(to_string(type)).append(" code ").append(challenge.id);
}

/// What random bytes or digits of a code are drawn for.
[[nodiscard]] inline std::string code_purpose(FactorType type, const storage::ChallengeRecord& challenge) {
  return code_context(type, challenge).append(" of ").append(challenge.factor_id);
}

/// Makes `code` the answer of this challenge, which is now the factor's only one that counts.
inline void keep_code(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                      std::string_view code, std::chrono::seconds lifetime, const Context& context) {
  challenge.expires_at = context.now + lifetime;
  challenge.answer = context.keys.authenticate(code, code_context(record.type, challenge));
  record.parameters = encode({sent_to(record).destination, challenge.id});
}

/// Whether `code` is that which `keep_code` was given.
[[nodiscard]] inline bool is_code(FactorType type, const storage::ChallengeRecord& challenge,
                                  std::string_view code, const Context& context) {
  return context.keys.matches(challenge.answer, code, code_context(type, challenge),
                              "challenge " + challenge.id);
}

/// The code to send, of digits.
[[nodiscard]] inline crypto::SecretString issue_code(storage::FactorRecord& record,
                                                     storage::ChallengeRecord& challenge,
                                                     const SentCodeOptions& options, const Context& context) {
  crypto::SecretString code = crypto::random_digits(options.digits, code_purpose(record.type, challenge));
  keep_code(record, challenge, code, options.lifetime, context);
  return code;
}

[[nodiscard]] inline Answer check_code(FactorType type, const storage::ChallengeRecord& challenge,
                                       std::string_view answer, std::span<const std::string_view> amr,
                                       const Context& context) {
  const TypedCode code(answer);
  // A change of the host's options must not end codes that are on their way.
  if (code.size() < 6 || code.size() > 9) return Answer::malformed();
  if (!is_code(type, challenge, code.text(), context)) return {};
  return {.status = Status::valid, .amr = amr};
}

} // namespace mfa::factor
