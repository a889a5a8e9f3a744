#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/sealed_records.hpp>

// A challenge that is put to a user, or to whoever comes, and to no factor yet. Its id holds all that it
// says, under a stamp: "auth_challenge_" and a ULID, '.', and the rest. So nothing is stored for the many
// that nobody answers. The first answer that counts makes the record of a challenge of the factor which
// gave it, under the first part of the id: from then on it is a challenge like any other, and as no record
// is inserted twice, it is used once.
namespace mfa::verbs {

inline constexpr std::size_t longest_passkey_challenge_id = 1024;

/// The part of a challenge's id by which its record is stored. Throws `errc::entity_not_found` for what
/// cannot be the id of one.
[[nodiscard]] inline std::string_view stored_part(std::string_view challenge_id) {
  const std::string_view stored = detail::stored_part_of(challenge_id);
  if (!detail::is_id(stored, detail::challenge_id_prefix) ||
      challenge_id.size() > longest_passkey_challenge_id)
    decision::throw_not_found("challenge");
  return stored;
}

struct PasskeyChallenge {
  storage::ChallengeRecord challenge; ///< as it is before the first answer, with its terms apart
  decision::ChallengeTerms terms;
  std::string user; ///< whose it is, under the key ring's HMAC; empty: of whoever comes
};

/// What the user of such a challenge is tied to.
[[nodiscard]] inline std::string user_context(std::string_view challenge_id) {
  return std::string("user ").append(challenge_id);
}

[[nodiscard]] inline StampedParts stamped(std::string_view stored_id, std::string_view content) noexcept {
  StampedParts parts;
  parts.enumerator(Stamped::passkey_challenge).text(without_prefix(stored_id)).text(content);
  return parts;
}

/// What the browser is given to sign: as random as the ULID, and not to be known before by who has no key.
[[nodiscard]] inline std::string bytes_to_sign(std::string_view challenge_id) {
  return std::string(crypto::text_of(crypto::sha256(challenge_id)));
}

/// Whether it is one of those users'. One that is of whoever comes is no user's.
[[nodiscard]] inline bool is_of(const PasskeyChallenge& asked, const Whose& whose,
                                const factor::Context& context) {
  if (!whose.user_id()) return true;
  const std::string& id = asked.challenge.id;
  return !asked.user.empty() &&
         context.keys.matches(asked.user, whose.user_id()->text(), user_context(id), {"challenge", id});
}

/// The id of the challenge.
[[nodiscard]] inline std::string id_of(const PasskeyChallenge& asked, const KeyRing& keys) {
  const storage::ChallengeRecord& challenge = asked.challenge;
  detail::FieldWriter fields(1);
  decision::write_terms(asked.terms, fields);
  const std::string content = fields.time(challenge.created_at)
                                  .time(challenge.expires_at.value_or(challenge.created_at))
                                  .text(challenge.binding)
                                  .text(asked.user)
                                  .take();
  std::string bytes(keys.stamp(stamped(challenge.id, content).view()).view());
  return challenge.id + '.' + detail::base64url(bytes += content);
}

/// What an id says that `id_of` made; nothing of any other, and under a key or of an epoch that the ring does
/// not take.
[[nodiscard]] inline std::optional<PasskeyChallenge> read_passkey_challenge(std::string_view challenge_id,
                                                                            const factor::Context& context) {
  const std::string_view stored = stored_part(challenge_id);
  if (stored.size() == challenge_id.size()) return std::nullopt;
  const auto bytes = detail::base64url_decode(challenge_id.substr(stored.size() + 1));
  const auto stamp = bytes ? KeyRing::stamp_of(*bytes) : std::nullopt;
  if (!stamp) return std::nullopt;
  const std::string_view content = std::string_view(*bytes).substr(stamp->size());
  try {
    if (!context.keys.matches_stamp(*stamp, stamped(stored, content).view(), {"challenge", stored}))
      return std::nullopt;
  } catch (const Error& error) {
    if (error.code() != errc::unknown_key && error.code() != errc::seal_broken) throw;
    return std::nullopt;
  }
  PasskeyChallenge asked;
  detail::FieldReader fields(content, 1, "challenge", stored);
  asked.terms = decision::read_terms(fields);
  const Time created_at = fields.time();
  const Time expires_at = fields.time();
  asked.challenge.id = stored;
  decision::begin_challenge(asked.challenge, created_at, context.options);
  asked.challenge.expires_at = expires_at;
  asked.challenge.binding = fields.text();
  asked.user = fields.text();
  fields.end();
  return asked;
}

} // namespace mfa::verbs
