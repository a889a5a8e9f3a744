#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace mfa::test {

inline std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  while (count-- > 0) all += text;
  return all;
}

inline std::string utf8(char32_t character) {
  const auto byte = [](char32_t bits) { return static_cast<char>(static_cast<unsigned char>(bits)); };
  if (character < 0x80) return {byte(character)};
  if (character < 0x800) return {byte(0xC0 | character >> 6), byte(0x80 | (character & 0x3F))};
  if (character < 0x10000)
    return {byte(0xE0 | character >> 12), byte(0x80 | (character >> 6 & 0x3F)),
            byte(0x80 | (character & 0x3F))};
  return {byte(0xF0 | character >> 18), byte(0x80 | (character >> 12 & 0x3F)),
          byte(0x80 | (character >> 6 & 0x3F)), byte(0x80 | (character & 0x3F))};
}

/// `text` with its ASCII digits as those of the script whose zero this is.
inline std::string in_digits_of(char32_t zero, std::string_view text) {
  std::string written;
  for (const char c : text)
    written += c >= '0' && c <= '9' ? utf8(zero + static_cast<char32_t>(c - '0')) : std::string(1, c);
  return written;
}

/// `text`, which is ASCII, as a Chinese or Japanese keyboard writes it in full width.
inline std::string in_full_width(std::string_view text) {
  std::string written;
  for (const char c : text)
    written += c == ' ' ? utf8(0x3000) : utf8(0xFF01 + static_cast<char32_t>(c - '!'));
  return written;
}

} // namespace mfa::test
