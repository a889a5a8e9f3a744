#pragma once

#include <span>
#include <string>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::factor {

/// What a sealed secret is tied to: it opens in no other record, for no other kind and no other user.
[[nodiscard]] inline std::string sealing_context(const storage::FactorRecord& record) {
  return std::string(to_string(record.type))
      .append(" factor ")
      .append(record.id)
      .append("\nof ") // ids and user ids have no control characters
      .append(record.user_id);
}

inline void seal_secret(storage::FactorRecord& record, std::span<const unsigned char> secret,
                        const KeyRing& keys) {
  record.sealed = keys.seal(secret, sealing_context(record));
}

/// Throws `errc::seal_broken` or `errc::unknown_key`.
[[nodiscard]] inline crypto::SecretBytes open_secret(const storage::FactorRecord& record,
                                                     const KeyRing& keys) {
  return keys.open(record.sealed, sealing_context(record), {"factor", record.id});
}

/// Takes over a secret that a release sealed which tied it to the record and the kind alone.
inline void adopt_secret(storage::FactorRecord& record, const KeyRing& keys) {
  const std::string former_context = std::string(to_string(record.type)).append(" factor ").append(record.id);
  seal_secret(record, keys.open(record.sealed, former_context, {"factor", record.id}), keys);
}

/// Seals it anew if the key ring has a newer key: so secrets move to it as factors are used.
inline void reseal_secret(storage::FactorRecord& record, std::span<const unsigned char> secret,
                          const KeyRing& keys) {
  if (!keys.is_current(record.sealed)) seal_secret(record, secret, keys);
}

} // namespace mfa::factor
