#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>

namespace mfa::detail {

/// The character of a value from 0 to 31, without a look-up or a branch, since the value is a part of a
/// secret.
constexpr char base32_character(unsigned value) noexcept {
  const int letter = static_cast<int>(value);
  const int is_digit = (25 - letter) >> 31; // all ones, or zero
  return static_cast<char>('A' + letter + (is_digit & ('2' - ('A' + 26))));
}

/// The value of a character in either case, or -1, at the same cost for every character.
constexpr int base32_value(unsigned char character) noexcept {
  const auto below = [](int value, int end) { return ~(value >> 31) & ((value - end) >> 31); };
  const int letter = (character | 0x20) - 'a';
  const int digit = character - '2';
  return ((letter + 1) & below(letter, 26)) + ((digit + 27) & below(digit, 6)) - 1;
}

inline void append_base32(crypto::SecretString& out, std::span<const unsigned char> bytes) {
  unsigned buffer = 0;
  unsigned bits = 0;
  for (const unsigned char byte : bytes) {
    buffer = buffer << 8 | byte;
    bits += 8;
    for (; bits >= 5; bits -= 5) out += base32_character(buffer >> (bits - 5) & 31);
  }
  if (bits > 0) out += base32_character(buffer << (5 - bits) & 31);
}

/// Whether text that is no base32 is the bytes of a secret, ten or more, in hexadecimal: with separators or
/// none, "0x" before it or not.
constexpr bool looks_like_hexadecimal(std::string_view text) noexcept {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  std::size_t digits = 0;
  for (const char c : text) {
    const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
    if (!digit && c != ' ' && c != '-' && c != ':') return false;
    digits += digit ? 1 : 0;
  }
  return digits >= 20 && digits % 2 == 0;
}

constexpr std::size_t base32_size(std::size_t bytes) noexcept { return (bytes * 8 + 4) / 5; }

} // namespace mfa::detail

namespace mfa::otp {

/// `base32_decode` refuses a longer text before it looks at it. 128 bytes take 205 characters; the rest is
/// for separators.
inline constexpr std::size_t longest_base32_text = 1024;

/// RFC 4648 §6 in upper case, without padding, as authenticator apps write secrets.
[[nodiscard]] inline crypto::SecretString base32_encode(std::span<const unsigned char> bytes) {
  crypto::SecretString text;
  text.reserve(mfa::detail::base32_size(bytes.size()));
  mfa::detail::append_base32(text, bytes);
  return text;
}

/// The bytes of a secret in base32 as people and applications write it: either case, with spaces and dashes
/// anywhere, with its padding or with none. Left-over bits at the end are dropped whatever they are, as
/// authenticator apps do (RFC 4648 §3.5 leaves it open): refusing them would refuse secrets that are in use.
/// Throws `errc::invalid_secret` with the position of what is wrong, never with the character itself.
[[nodiscard]] inline crypto::SecretBytes base32_decode(std::string_view text) {
  const auto refuse = [](const std::string& reason) { throw Error(errc::invalid_secret, reason); };
  if (text.size() > longest_base32_text)
    refuse("the secret is longer than " + std::to_string(longest_base32_text) + " characters");

  crypto::SecretBytes secret;
  secret.reserve(text.size() * 5 / 8);
  unsigned buffer = 0;
  unsigned bits = 0;
  std::size_t characters = 0;
  std::size_t padding = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == ' ' || text[i] == '-') continue;
    if (text[i] == '=') {
      ++padding;
      continue;
    }
    const int value = mfa::detail::base32_value(static_cast<unsigned char>(text[i]));
    if (value < 0 && mfa::detail::looks_like_hexadecimal(text))
      refuse("the secret looks like hexadecimal and must be base32; convert it, or enrol its bytes as "
             "secret_bytes");
    if (value < 0)
      refuse("character " + std::to_string(i + 1) +
             " of the secret is not base32, which has the letters A to Z and the digits 2 to 7");
    if (padding > 0)
      refuse("character " + std::to_string(i + 1) +
             " of the secret follows an equals sign; those only end it");
    buffer = buffer << 5 | static_cast<unsigned>(value);
    bits += 5;
    if (bits >= 8) secret.push_back(static_cast<unsigned char>(buffer >> (bits -= 8) & 0xFF));
    ++characters;
  }
  if (characters == 0) refuse("the secret is empty");
  if (bits >= 5)
    refuse("no base32 text has " + std::to_string(characters) +
           " characters; the secret has lost some or gained one: copy it again");
  if (padding > 6 || (padding > 0 && (characters + padding) % 8 != 0))
    refuse("the secret ends with a wrong number of equals signs; leave them all out");
  return secret;
}

} // namespace mfa::otp
