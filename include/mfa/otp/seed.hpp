#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/base32.hpp>

namespace mfa::otp {

/// The bytes of a secret as makers of tokens and other systems write it; white space around it is dropped.
/// Which encoding it is cannot be told from the text: what looks like one may be another. Throws
/// `errc::invalid_secret`, for one that is empty too, and never says what the text is.
[[nodiscard]] inline crypto::SecretBytes decode_seed(std::string_view text, TextEncoding encoding) {
  if (text.size() > longest_base32_text)
    throw Error(errc::invalid_secret,
                "the secret is longer than " + std::to_string(longest_base32_text) + " characters");
  std::optional<crypto::SecretBytes> secret;
  switch (encoding) {
  case TextEncoding::bytes: secret = crypto::secret_copy(crypto::bytes_of(text)); break;
  case TextEncoding::base32: return base32_decode(mfa::detail::trimmed(text));
  case TextEncoding::hex:
    secret = mfa::detail::read_hex<crypto::SecretBytes>(mfa::detail::trimmed(text));
    break;
  case TextEncoding::base64: secret = mfa::detail::read_base64<crypto::SecretBytes>(text); break;
  }
  if (!secret)
    throw Error(errc::invalid_secret,
                encoding == TextEncoding::hex
                    ? "the secret is not hexadecimal, which is pairs of the digits 0 to 9 "
                      "and the letters A to F"
                    : "the secret is not base64, or has lost characters");
  if (secret->empty()) throw Error(errc::invalid_secret, "the secret is empty");
  return *std::move(secret);
}

} // namespace mfa::otp
