#pragma once

#include <array>
#include <climits>
#include <cstdint>
#include <span>
#include <string>

#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <mfa/error.hpp>

namespace mfa::crypto {

/// Fills `out` from OpenSSL's CSPRNG. Throws `errc::crypto_failure` if that cannot give good randomness.
inline void random_bytes(std::span<unsigned char> out) {
  if (out.size() > INT_MAX || RAND_bytes(out.data(), static_cast<int>(out.size())) != 1)
    throw Error(errc::crypto_failure, "OpenSSL's random generator gave no bytes; check its seeding");
}

/// A code of `digits` (1 to 9) decimal digits, each value equally likely: draws that would favour the small
/// values are drawn again.
[[nodiscard]] inline std::string random_digits(unsigned digits) {
  std::uint32_t values = 1;
  for (unsigned i = 0; i < digits; ++i) values *= 10;
  const std::uint32_t fair = UINT32_MAX - UINT32_MAX % values; // a multiple of `values`
  std::uint32_t drawn = 0;
  do {
    std::array<unsigned char, 4> bytes{};
    random_bytes(bytes);
    drawn = 0;
    for (const unsigned char byte : bytes) drawn = drawn << 8 | byte;
    OPENSSL_cleanse(bytes.data(), bytes.size());
  } while (drawn >= fair);
  std::string code(digits, '0');
  for (std::uint32_t rest = drawn % values; char& digit : code) {
    digit = static_cast<char>('0' + rest % 10);
    rest /= 10;
  }
  return code;
}

} // namespace mfa::crypto
