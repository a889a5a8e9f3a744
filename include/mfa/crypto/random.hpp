#pragma once

#include <algorithm>
#include <climits>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include <openssl/rand.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>

namespace mfa::crypto {

/// Fills `out` from OpenSSL's CSPRNG. Throws `errc::crypto_failure` if that cannot give good randomness.
inline void random_bytes(std::span<unsigned char> out) {
  if (out.size() > INT_MAX || RAND_bytes(out.data(), static_cast<int>(out.size())) != 1)
    throw Error(errc::crypto_failure, "OpenSSL's random generator gave no bytes; check its seeding");
}

/// Fills `out`, at most 64 bytes, with random bytes for one purpose: HMAC-SHA-512 of `purpose`, keyed by 64
/// bytes of `random_bytes`. Two machines whose generators are in the same state, as those of a virtual
/// machine that was cloned while it ran, get the same bytes for the same purpose only. So let `purpose` name
/// what the bytes are for: the record, its user, and what is to be sealed.
inline void random_bytes_for(std::string_view purpose, std::span<unsigned char> out) {
  SecretArray<unsigned char, 64> key;
  if (out.size() > key.size()) throw Error(errc::crypto_failure, "at most 64 random bytes at once");
  random_bytes(key);
  const Digest digest = Hmac(Hash::sha512, key)(bytes_of(purpose));
  std::copy_n(digest.bytes.begin(), out.size(), out.begin());
}

/// A code of `digits` (1 to 9) decimal digits, each value equally likely: draws that would favour the small
/// values are drawn again. `purpose` as for `random_bytes_for`.
[[nodiscard]] inline SecretString random_digits(unsigned digits, std::string_view purpose) {
  std::uint32_t values = 1;
  for (unsigned i = 0; i < digits; ++i) values *= 10;
  const std::uint32_t fair = UINT32_MAX - UINT32_MAX % values; // a multiple of `values`
  std::uint32_t drawn = 0;
  do {
    SecretArray<unsigned char, 4> bytes;
    random_bytes_for(purpose, bytes);
    drawn = 0;
    for (const unsigned char byte : bytes) drawn = drawn << 8 | byte;
  } while (drawn >= fair);
  SecretString code;
  std::uint32_t rest = drawn % values;
  for (unsigned i = 0; i < digits; ++i, rest /= 10) code.push_back(static_cast<char>('0' + rest % 10));
  return code;
}

} // namespace mfa::crypto
