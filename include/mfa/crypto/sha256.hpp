#pragma once

#include <array>
#include <string_view>

#include <openssl/evp.h>

#include <mfa/error.hpp>

namespace mfa::crypto {

/// Throws `errc::crypto_failure` if OpenSSL has no SHA-256.
[[nodiscard]] inline std::array<unsigned char, 32> sha256(std::string_view bytes) {
  std::array<unsigned char, 32> digest{};
  if (EVP_Q_digest(nullptr, "SHA256", nullptr, bytes.data(), bytes.size(), digest.data(), nullptr) != 1)
    throw Error(errc::crypto_failure,
                "OpenSSL has no SHA-256; check which providers its configuration loads");
  return digest;
}

} // namespace mfa::crypto
