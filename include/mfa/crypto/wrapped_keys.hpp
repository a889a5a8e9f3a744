#pragma once

#include <exception>
#include <functional>
#include <span>
#include <string>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa {

/// A key of the ring as a key management service (KMS) has wrapped it: safe to keep in the configuration.
struct WrappedKey {
  std::string key_id;  ///< as `KeyRing` has it
  std::string wrapped; ///< what the service gave when it wrapped the 32 random bytes
};

/// Asks the service for the 32 bytes of a wrapped key. Throws what it likes when it cannot.
using UnwrapKey = std::function<crypto::SecretBytes(const WrappedKey&)>;

/// The key ring of wrapped keys, the current one first. Each is unwrapped once, now: the service is needed
/// when the process starts and not while it runs. Throws `errc::key_unavailable`, which names the key, with
/// what `unwrap` threw nested, and `errc::invalid_argument` for what is no key.
[[nodiscard]] inline KeyRing unwrap_keys(std::span<const WrappedKey> wrapped_keys, const UnwrapKey& unwrap) {
  if (wrapped_keys.empty())
    throw Error(errc::key_unavailable, "there is no wrapped key to unwrap; give the current one");
  KeyRing keys;
  for (const WrappedKey& wrapped : wrapped_keys) {
    crypto::SecretBytes key;
    try {
      key = unwrap(wrapped);
    } catch (...) {
      std::throw_with_nested(
          Error(errc::key_unavailable, "key '" + wrapped.key_id +
                                           "' could not be unwrapped (the service's own error is "
                                           "nested); check the service and this process's access to it"));
    }
    if (keys.empty())
      keys = KeyRing(wrapped.key_id, key);
    else
      keys.add_further(wrapped.key_id, key);
  }
  return keys;
}

} // namespace mfa
