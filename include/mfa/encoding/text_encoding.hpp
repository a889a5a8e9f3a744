#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa {

/// How bytes that another system hands over are written as text.
enum class TextEncoding : std::uint8_t {
  base32, ///< RFC 4648 section 6: how authenticator apps show secrets
  hex,    ///< with separators or none, "0x" before it or not
  base64, ///< in either alphabet (RFC 4648 sections 4 and 5), padded or not
  bytes,  ///< they are the bytes themselves
};

} // namespace mfa

namespace mfa::detail {

/// The bytes of hexadecimal digits; spaces, dashes and colons between them are dropped. `Bytes` is one that
/// is wiped where they are secret.
template <class Bytes> [[nodiscard]] std::optional<Bytes> read_hex(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  Bytes bytes;
  bytes.reserve(text.size() / 2 + 1);
  unsigned held = 0;
  bool half = false;
  for (const char c : text) {
    if (c == ' ' || c == '-' || c == ':') continue;
    const int letter = (c | 0x20) - 'a';
    const int value = c >= '0' && c <= '9' ? c - '0' : letter >= 0 && letter < 6 ? letter + 10 : -1;
    if (value < 0) return std::nullopt;
    held = held << 4 | static_cast<unsigned>(value);
    if (half) bytes.push_back(static_cast<typename Bytes::value_type>(held & 0xFF));
    half = !half;
  }
  if (half) return std::nullopt;
  return bytes;
}

/// The bytes of base64; white space in it is dropped, as in XML and PEM. Left-over bits at the end are too.
template <class Bytes> [[nodiscard]] std::optional<Bytes> read_base64(std::string_view text) {
  Bytes bytes;
  bytes.reserve(text.size() * 3 / 4 + 1);
  std::uint32_t held = 0;
  unsigned bits = 0;
  std::size_t characters = 0;
  std::size_t padding = 0;
  for (const char c : text) {
    if (c == ' ' || c == '\t' || c == '\r' || c == '\n') continue;
    if (c == '=') {
      ++padding;
      continue;
    }
    const unsigned value = c >= 'A' && c <= 'Z'   ? static_cast<unsigned>(c - 'A')
                           : c >= 'a' && c <= 'z' ? static_cast<unsigned>(c - 'a') + 26
                           : c >= '0' && c <= '9' ? static_cast<unsigned>(c - '0') + 52
                           : c == '+' || c == '-' ? 62U
                           : c == '/' || c == '_' ? 63U
                                                  : 64U;
    if (value == 64 || padding > 0) return std::nullopt;
    held = held << 6 | value;
    bits += 6;
    ++characters;
    if (bits >= 8) bytes.push_back(static_cast<typename Bytes::value_type>(held >> (bits -= 8) & 0xFF));
  }
  if (bits >= 6 || padding > 2 || (padding > 0 && (characters + padding) % 4 != 0)) return std::nullopt;
  return bytes;
}

} // namespace mfa::detail
