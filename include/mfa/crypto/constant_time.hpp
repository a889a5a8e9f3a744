#pragma once

#include <cstdint>
#include <string_view>

#include <openssl/crypto.h>

#include <mfa/compiler.hpp>

namespace mfa::crypto {

/// Whether two byte strings are equal, in a time that depends on their lengths only.
[[nodiscard]] inline bool equal(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

/// All ones if the numbers are equal, else zero, without a branch.
[[nodiscard]] constexpr std::uint32_t equal_mask(std::uint32_t a, std::uint32_t b) noexcept {
  const std::uint32_t difference = a ^ b;
  const std::uint32_t top_bit_if_different = (difference | (~difference + 1U)) >> 31;
  return top_bit_if_different - 1U;
}

} // namespace mfa::crypto
