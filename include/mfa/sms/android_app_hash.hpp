#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/base64.hpp>

namespace mfa::sms {

/// What an app's messages must contain for Android's SMS Retriever: 11 characters that stand for its package
/// name ("com.example.app") and the certificate that signs it, in DER (`keytool -exportcert`). With Play App
/// Signing that is Google's, which the Play Console shows, not the upload key's. Google, "Computing your
/// app's hash string": the first 11 characters of the base64 of the SHA-256 of the name, a space, and the
/// certificate in lower-case hexadecimal.
[[nodiscard]] inline std::string android_app_hash(std::string_view package_name,
                                                  std::span<const unsigned char> certificate) {
  constexpr std::size_t characters = 11;
  constexpr char digits[] = "0123456789abcdef";
  std::string hashed(package_name);
  hashed += ' ';
  for (const unsigned char byte : certificate) (hashed += digits[byte >> 4]) += digits[byte & 15];
  const auto hash = crypto::sha256(hashed);
  return mfa::detail::base64(crypto::text_of(hash)).substr(0, characters);
}

} // namespace mfa::sms
