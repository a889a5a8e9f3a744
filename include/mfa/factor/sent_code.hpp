#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/factor/typed_code.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

// Codes that reach the user by another channel (NIST SP 800-63B-4 section 3.1.3): drawn for one challenge, of
// which an HMAC is kept, and sealed the code itself only for `Options::resend_same_code`.
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

/// What a challenge keeps of its code, in `ChallengeRecord::answer`. Its texts are parts of that.
struct KeptCode {
  std::string_view mac;         ///< what an answer is checked against
  std::string_view sealed = {}; ///< the code; empty: it was not to be sent again
  std::uint64_t sends = 1;      ///< how often one was sent under this challenge
};

/// Begins what is more than an HMAC, which begins with the length of a key's id.
inline constexpr std::uint64_t kept_code_format = KeyRing::longest_key_id + 1;

/// A code that was sent once and is not sealed is kept as releases did which sent none again.
[[nodiscard]] inline std::string encode(const KeptCode& kept) {
  if (kept.sealed.empty() && kept.sends == 1) return std::string(kept.mac);
  return detail::FieldWriter(kept_code_format).text(kept.mac).text(kept.sealed).number(kept.sends).take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline KeptCode kept_code(const storage::ChallengeRecord& challenge) {
  const std::string_view answer = challenge.answer;
  if (answer.empty() || static_cast<unsigned char>(answer.front()) < kept_code_format) return {answer};
  detail::FieldReader fields(answer, kept_code_format, "challenge", challenge.id);
  KeptCode kept;
  kept.mac = fields.text();
  kept.sealed = fields.text();
  kept.sends = fields.number();
  fields.end();
  return kept;
}

/// Makes `code` the answer of this challenge, which is now the factor's only one that counts. One that is
/// stored ends when it did.
inline void keep_code(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                      std::string_view code, std::chrono::seconds lifetime, const Context& context) {
  const std::string of_code = code_context(record.type, challenge);
  const std::string mac = context.keys.authenticate(code, of_code);
  std::string sealed;
  if (context.options.resend_same_code) sealed = context.keys.seal(crypto::bytes_of(code), of_code);
  KeptCode kept{mac, sealed};
  if (is_stored(challenge))
    kept.sends = kept_code(challenge).sends + 1;
  else
    challenge.expires_at = context.now + lifetime;
  challenge.answer = encode(kept);
  record.parameters = encode(SentTo{sent_to(record).destination, challenge.id});
}

/// Makes the code count again that did before the challenge's last send, which was not delivered.
inline void take_code_back(storage::ChallengeRecord& challenge, const storage::ChallengeRecord& before) {
  KeptCode kept = kept_code(before);
  kept.sends = kept_code(challenge).sends; // so that no two messages have one id
  challenge.answer = encode(kept);
}

/// The idempotency key of the challenge's last message: the challenge's id, and when it is sent again a
/// number after it.
[[nodiscard]] inline std::string message_id(const storage::ChallengeRecord& challenge) {
  const std::uint64_t sends = kept_code(challenge).sends;
  return sends == 1 ? challenge.id : challenge.id + '.' + std::to_string(sends);
}

/// Whether `code` is that which `keep_code` was given.
[[nodiscard]] inline bool is_code(FactorType type, const storage::ChallengeRecord& challenge,
                                  std::string_view code, const Context& context) {
  return context.keys.matches(kept_code(challenge).mac, code, code_context(type, challenge),
                              "challenge " + challenge.id);
}

/// The code that was sent before, if it is to be sent again; otherwise none.
[[nodiscard]] inline crypto::SecretString
code_sent_before(FactorType type, const storage::ChallengeRecord& challenge, const Context& context) {
  if (!is_stored(challenge) || !context.options.resend_same_code) return {};
  const KeptCode kept = kept_code(challenge);
  if (kept.sealed.empty()) return {};
  const crypto::SecretBytes code =
      context.keys.open(kept.sealed, code_context(type, challenge), {"challenge", challenge.id});
  return crypto::SecretString(crypto::text_of(code));
}

/// The code to send, of digits.
[[nodiscard]] inline crypto::SecretString issue_code(storage::FactorRecord& record,
                                                     storage::ChallengeRecord& challenge,
                                                     const SentCodeOptions& options, const Context& context) {
  crypto::SecretString code = code_sent_before(record.type, challenge, context);
  if (code.empty()) code = crypto::random_digits(options.digits, code_purpose(record.type, challenge));
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
