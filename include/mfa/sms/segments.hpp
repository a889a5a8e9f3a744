#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mfa/encoding/text.hpp>

// How a text message travels, and so what it costs: 3GPP TS 23.038 (alphabets) and 23.040 (parts). Networks
// also know shift tables of single languages, which gateways rarely use; they are not counted on here.
namespace mfa::sms {

enum class Encoding : std::uint8_t {
  gsm7, ///< the default alphabet: 7 bits a character
  ucs2, ///< 16 bits a unit of UTF-16, once one character is not in that alphabet
};

/// What a segment holds if it is the only one, and one of several, which carries 6 bytes of header.
[[nodiscard]] constexpr std::size_t units_of_only_segment(Encoding encoding) noexcept {
  return encoding == Encoding::gsm7 ? 160 : 70;
}
[[nodiscard]] constexpr std::size_t units_a_segment(Encoding encoding) noexcept {
  return encoding == Encoding::gsm7 ? 153 : 67;
}

/// How many septets a character takes in the GSM 7-bit default alphabet: 1, or 2 if it is in the extension
/// table (^ { } [ ] ~ \ | and the euro sign). 0: it is in neither, as the grave accent and cedilla c are not.
[[nodiscard]] constexpr std::size_t gsm7_septets(char32_t c) noexcept {
  constexpr std::u32string_view not_ascii = U"\u00A3\u00A5\u00E8\u00E9\u00F9\u00EC\u00F2\u00C7\u00D8\u00F8"
                                            U"\u00C5\u00E5\u0394\u03A6\u0393\u039B\u03A9"
                                            U"\u03A0\u03A8\u03A3\u0398\u039E\u00C6\u00E6\u00DF\u00C9\u00A4"
                                            U"\u00A1\u00C4\u00D6\u00D1\u00DC\u00A7\u00BF"
                                            U"\u00E4\u00F6\u00F1\u00FC\u00E0";
  constexpr std::u32string_view extension = U"^{}\\[~]|\u20AC\f";
  if (extension.find(c) != std::u32string_view::npos) return 2;
  const bool in_ascii = c == '\n' || c == '\r' || (c >= ' ' && c <= '~' && c != '`');
  return in_ascii || not_ascii.find(c) != std::u32string_view::npos ? 1 : 0;
}

/// A message as the network carries it.
struct Segments {
  Encoding encoding = Encoding::gsm7;
  std::size_t units = 0;    ///< septets, or units of UTF-16
  std::size_t segments = 0; ///< what is paid for
  char32_t beyond_gsm7 = 0; ///< the first character that makes it UCS-2, and which one it is, from 1
  std::size_t beyond_gsm7_at = 0;
};

/// Calls `visit(offset, segment)` with each character's place in bytes and its segment, from 1. A character
/// of two septets or of two units of UTF-16 is never split. The text is UTF-8.
template <class Visit> constexpr void visit_segments(std::string_view text, const Segments& of, Visit visit) {
  const std::size_t room = of.units <= units_of_only_segment(of.encoding) ? units_of_only_segment(of.encoding)
                                                                          : units_a_segment(of.encoding);
  std::size_t segment = 1;
  std::size_t used = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const std::size_t offset = text.size() - rest.size();
    const char32_t c = mfa::detail::take_character(rest);
    const std::size_t units = of.encoding == Encoding::gsm7 ? gsm7_septets(c) : c > 0xFFFF ? 2 : 1;
    if (used + units > room) {
      ++segment;
      used = 0;
    }
    used += units;
    visit(offset, segment);
  }
}

/// How the network carries a text, which is well-formed UTF-8. An empty one is one segment.
[[nodiscard]] constexpr Segments count_segments(std::string_view text) noexcept {
  Segments counted;
  std::size_t septets = 0;
  std::size_t characters = 0;
  for (std::string_view rest = text; !rest.empty();) {
    const char32_t c = mfa::detail::take_character(rest);
    const std::size_t of_character = gsm7_septets(c);
    ++characters;
    septets += of_character;
    counted.units += c > 0xFFFF ? 2 : 1;
    if (of_character == 0 && counted.encoding == Encoding::gsm7) {
      counted.encoding = Encoding::ucs2;
      counted.beyond_gsm7 = c;
      counted.beyond_gsm7_at = characters;
    }
  }
  if (counted.encoding == Encoding::gsm7) counted.units = septets;
  counted.segments = 1;
  visit_segments(text, counted, [&](std::size_t, std::size_t segment) { counted.segments = segment; });
  return counted;
}

} // namespace mfa::sms
