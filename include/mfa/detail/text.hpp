#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace mfa::detail {

/// Well-formed UTF-8 (RFC 3629 §4): no overlong form, no surrogate, nothing above U+10FFFF.
[[nodiscard]] constexpr bool is_utf8(std::string_view text) noexcept {
  const auto byte_at = [text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  for (std::size_t i = 0; i < text.size();) {
    const unsigned char lead = byte_at(i++);
    if (lead < 0x80) continue;
    if (lead < 0xC2 || lead > 0xF4) return false;
    const std::size_t following = lead < 0xE0 ? 1 : lead < 0xF0 ? 2 : 3;
    if (text.size() - i < following) return false;
    const unsigned char lowest = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
    const unsigned char highest = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
    if (byte_at(i) < lowest || byte_at(i) > highest) return false;
    for (std::size_t k = 1; k < following; ++k)
      if ((byte_at(i + k) & 0xC0) != 0x80) return false;
    i += following;
  }
  return true;
}

/// How many characters well-formed UTF-8 has, counted as code points.
[[nodiscard]] constexpr std::size_t code_points(std::string_view text) noexcept {
  std::size_t count = 0;
  for (const char c : text) count += (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  return count;
}

/// Whether well-formed UTF-8 has a control character (U+0000 to U+001F, U+007F to U+009F) that is not in
/// `allowed`.
[[nodiscard]] constexpr bool has_control_characters(std::string_view text,
                                                    std::string_view allowed = {}) noexcept {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    const bool control =
        byte < 0x20 || byte == 0x7F || (byte == 0xC2 && static_cast<unsigned char>(text[i + 1]) < 0xA0);
    if (control && allowed.find(text[i]) == std::string_view::npos) return true;
  }
  return false;
}

/// Without what Unicode calls white space, and byte order marks, at the ends of UTF-8.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  constexpr std::array<std::string_view, 26> white_space{" ",
                                                         "\t",
                                                         "\n",
                                                         "\v",
                                                         "\f",
                                                         "\r",
                                                         "\xC2\x85",
                                                         "\xC2\xA0",
                                                         "\xE1\x9A\x80",
                                                         "\xE2\x80\x80",
                                                         "\xE2\x80\x81",
                                                         "\xE2\x80\x82",
                                                         "\xE2\x80\x83",
                                                         "\xE2\x80\x84",
                                                         "\xE2\x80\x85",
                                                         "\xE2\x80\x86",
                                                         "\xE2\x80\x87",
                                                         "\xE2\x80\x88",
                                                         "\xE2\x80\x89",
                                                         "\xE2\x80\x8A",
                                                         "\xE2\x80\xA8",
                                                         "\xE2\x80\xA9",
                                                         "\xE2\x80\xAF",
                                                         "\xE2\x81\x9F",
                                                         "\xE3\x80\x80",
                                                         "\xEF\xBB\xBF"};
  const auto trim = [&text](std::string_view character) {
    const bool front = text.starts_with(character);
    if (front) text.remove_prefix(character.size());
    const bool back = text.ends_with(character);
    if (back) text.remove_suffix(character.size());
    return front || back;
  };
  while (std::any_of(white_space.begin(), white_space.end(), trim)) {
  }
  return text;
}

/// Latin-1 (ISO 8859-1) as UTF-8.
[[nodiscard]] inline std::string utf8_of_latin1(std::string_view text) {
  std::string utf8;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80) utf8 += static_cast<char>(0xC0 | byte >> 6);
    utf8 += byte < 0x80 ? c : static_cast<char>(0x80 | (byte & 0x3F));
  }
  return utf8;
}

} // namespace mfa::detail
