#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/search.hpp>

// What the characters mean that people type or paste for a code or a phone number: keyboards of many scripts
// and modes write the same digits, and what is copied from a message or a list of contacts brings marks that
// nobody sees.
namespace mfa::detail {

/// What is typed is not looked at if it is longer, in bytes: room for 18 digits of four bytes each and what
/// stands between them.
inline constexpr std::size_t longest_typed_text = 256;

/// The ASCII character of which this is the full-width form (U+FF01 to U+FF5E), as Chinese and Japanese
/// keyboards write it; any other is itself.
[[nodiscard]] constexpr char32_t without_full_width(char32_t c) noexcept {
  return c >= 0xFF01 && c <= 0xFF5E ? c - 0xFEE0 : c;
}

/// The first of each ten of `decimal_digit`.
inline constexpr char32_t digit_zeros[] = {
    0x0030,  0x0660,  0x06F0,  0x07C0,  0x0966,  0x09E6,  0x0A66,  0x0AE6,  0x0B66,  0x0BE6,
    0x0C66,  0x0CE6,  0x0D66,  0x0DE6,  0x0E50,  0x0ED0,  0x0F20,  0x1040,  0x1090,  0x17E0,
    0x1810,  0x1946,  0x19D0,  0x1A80,  0x1A90,  0x1B50,  0x1BB0,  0x1C40,  0x1C50,  0xA620,
    0xA8D0,  0xA900,  0xA9D0,  0xA9F0,  0xAA50,  0xABF0,  0xFF10,  0x104A0, 0x10D30, 0x10D40,
    0x11066, 0x110F0, 0x11136, 0x111D0, 0x112F0, 0x11450, 0x114D0, 0x11650, 0x116C0, 0x116D0,
    0x116DA, 0x11730, 0x118E0, 0x11950, 0x11BF0, 0x11C50, 0x11D50, 0x11DA0, 0x11DE0, 0x11F50,
    0x16130, 0x16A60, 0x16AC0, 0x16B50, 0x16D70, 0x1E140, 0x1E2F0, 0x1E4F0, 0x1E5F1, 0x1E950};

/// The value of a decimal digit of any script (general category Nd of Unicode 17). No digits are those forms
/// of 0 to 9 that no keyboard writes: mathematical, segmented and outlined ones (which are Nd too),
/// superscripts, circled ones.
[[nodiscard]] constexpr std::optional<unsigned> decimal_digit(char32_t c) noexcept {
  for (const char32_t zero : digit_zeros)
    if (c >= zero && c - zero < 10) return static_cast<unsigned>(c - zero);
  return std::nullopt;
}

/// A dash or hyphen of any length and script (general category Pd), the minus sign, or the prolonged sound
/// mark that Japanese keyboards write for a dash.
[[nodiscard]] constexpr bool is_dash(char32_t c) noexcept {
  constexpr char32_t others[] = {0x002D, 0x058A, 0x05BE, 0x1400, 0x1806, 0x2212, 0x2E17,  0x2E1A,
                                 0x2E3A, 0x2E3B, 0x2E40, 0x2E5D, 0x301C, 0x3030, 0x30A0,  0x30FC,
                                 0xFE31, 0xFE32, 0xFE58, 0xFE63, 0xFF0D, 0xFF70, 0x10D6E, 0x10EAD};
  return (c >= 0x2010 && c <= 0x2015) || mfa::detail::contains(others, c);
}

/// A mark that has no width and is no letter: soft hyphen, joiners and zero-width spaces, direction marks,
/// embeddings, overrides and isolates, variation selectors, the byte order mark.
[[nodiscard]] constexpr bool is_invisible(char32_t c) noexcept {
  const auto within = [c](char32_t first, char32_t last) { return c >= first && c <= last; };
  return c == 0x00AD || c == 0x034F || c == 0x061C || within(0x180B, 0x180F) || within(0x200B, 0x200F) ||
         within(0x202A, 0x202E) || within(0x2060, 0x206F) || within(0xFE00, 0xFE0F) || c == 0xFEFF;
}

/// What says nothing, wherever it stands in a code or a phone number.
[[nodiscard]] constexpr bool is_filler(char32_t c) noexcept {
  return is_white_space(c) || is_dash(c) || is_invisible(c);
}

} // namespace mfa::detail
