#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/compiler.hpp>

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

/// Takes the first character off well-formed UTF-8, which is not empty.
[[nodiscard]] constexpr char32_t take_character(std::string_view& text) noexcept {
  const auto lead = static_cast<unsigned char>(text.front());
  const std::size_t size = lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
  char32_t character = size == 1 ? lead : lead & (0x7FU >> size);
  for (std::size_t i = 1; i < size; ++i)
    character = character << 6 | (static_cast<unsigned char>(text[i]) & 0x3FU);
  text.remove_prefix(size);
  return character;
}

/// What Unicode calls white space (the property White_Space), line ends among it.
[[nodiscard]] constexpr bool is_white_space(char32_t c) noexcept {
  return (c >= 0x09 && c <= 0x0D) || c == 0x20 || c == 0x85 || c == 0xA0 || c == 0x1680 ||
         (c >= 0x2000 && c <= 0x200A) || c == 0x2028 || c == 0x2029 || c == 0x202F || c == 0x205F ||
         c == 0x3000;
}

/// Without white space and byte order marks at the ends. What is not UTF-8 stays.
[[nodiscard]] constexpr std::string_view trimmed(std::string_view text) noexcept {
  const auto is_trimmed = [](std::string_view character) {
    if (!is_utf8(character)) return false;
    const char32_t c = take_character(character);
    return is_white_space(c) || c == 0xFEFF;
  };
  const auto continues = [&text](std::size_t i) {
    return (static_cast<unsigned char>(text[i]) & 0xC0) == 0x80;
  };
  while (!text.empty()) {
    std::size_t size = 1;
    while (size < text.size() && continues(size)) ++size;
    if (!is_trimmed(text.substr(0, size))) break;
    text.remove_prefix(size);
  }
  while (!text.empty()) {
    std::size_t last = text.size() - 1;
    while (last > 0 && continues(last)) --last;
    if (!is_trimmed(text.substr(last))) break;
    text = text.substr(0, last);
  }
  return text;
}

/// What of a text may stand in a log: at most `longest` bytes, with `?` for each control character and each
/// byte that is not UTF-8.
[[nodiscard]] inline std::string printable(std::string_view text, std::size_t longest) {
  std::string shown;
  while (!text.empty()) {
    std::size_t size = 1;
    while (size < 4 && size < text.size() && !is_utf8(text.substr(0, size))) ++size;
    if (!is_utf8(text.substr(0, size))) size = 1;
    std::string_view character = text.substr(0, size);
    text.remove_prefix(size);
    if (!is_utf8(character) || has_control_characters(character)) character = "?";
    if (shown.size() + character.size() > longest) break;
    shown += character;
  }
  return shown;
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
