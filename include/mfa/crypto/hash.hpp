#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include <openssl/crypto.h>

#include <mfa/compiler.hpp>

namespace mfa::crypto {

/// The hash under an HMAC. The numbers are stored.
enum class Hash : std::uint8_t { sha1 = 1, sha256 = 2, sha512 = 3 };

constexpr std::size_t digest_size(Hash hash) noexcept {
  return hash == Hash::sha1 ? 20 : hash == Hash::sha256 ? 32 : 64;
}

constexpr std::size_t block_size(Hash hash) noexcept { return hash == Hash::sha512 ? 128 : 64; }

/// The result of an HMAC: the first `size` bytes count. It may be a code or a key, so it is wiped at the end.
struct Digest {
  Digest() = default;
  Digest(const Digest&) = default;
  Digest& operator=(const Digest&) = default;
  ~Digest() { OPENSSL_cleanse(bytes.data(), size); }

  std::array<unsigned char, 64> bytes{};
  std::size_t size = 0;

  [[nodiscard]] std::span<const unsigned char> span() const noexcept { return {bytes.data(), size}; }
};

} // namespace mfa::crypto
