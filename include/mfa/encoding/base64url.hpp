#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa::detail {

inline constexpr std::string_view base64url_alphabet =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/// Base64url without padding (RFC 4648 section 5), of any bytes. Here and below, `Text` is one that is wiped
/// where the bytes are secret.
template <class Text = std::string> [[nodiscard]] Text base64url(std::string_view bytes) {
  Text text;
  text.reserve((bytes.size() * 4 + 2) / 3);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char byte : bytes) {
    bits = bits << 8 | static_cast<unsigned char>(byte);
    for (held += 8; held >= 6;) text += base64url_alphabet[bits >> (held -= 6) & 63];
  }
  if (held > 0) text += base64url_alphabet[bits << (6 - held) & 63];
  return text;
}

/// The bytes of base64url as `base64url` writes it, or nothing: no padding, no other alphabet, no white
/// space, no stray bits at the end. So two texts never stand for the same bytes.
template <class Text = std::string>
[[nodiscard]] std::optional<Text> base64url_decode(std::string_view text) {
  static constexpr auto values = [] {
    std::array<std::uint8_t, 256> table{};
    table.fill(64);
    for (std::uint8_t i = 0; i < 64; ++i) table[static_cast<unsigned char>(base64url_alphabet[i])] = i;
    return table;
  }();
  Text bytes;
  bytes.reserve(text.size() * 3 / 4);
  std::uint32_t bits = 0;
  unsigned held = 0;
  for (const char c : text) {
    const std::uint8_t value = values[static_cast<unsigned char>(c)];
    if (value == 64) return std::nullopt;
    bits = bits << 6 | value;
    held += 6;
    if (held >= 8) bytes += static_cast<char>(bits >> (held -= 8) & 255);
  }
  if (held >= 6 || (bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return bytes;
}

} // namespace mfa::detail
