#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include <mfa/error.hpp>

namespace mfa::sms {

/// How many digits a number in international form has, country code included. E.164 §6.2.1 allows 15; the
/// shortest in use have 7 (the four-digit lines of Niue, country code 683).
inline constexpr std::size_t fewest_phone_digits = 7;
inline constexpr std::size_t most_phone_digits = 15;

/// `parse_phone_number` refuses a longer text before it looks at it.
inline constexpr std::size_t longest_phone_text = 64;

/// A phone number in E.164 form, a plus sign and digits, from what a person typed: the country code is
/// required, and the visual separators of E.123 (space, hyphen, dot, parentheses) are dropped. Whether the
/// number is in service, only its network knows. Throws `errc::invalid_phone_number` with the reason and the
/// remedy, which never hold the number.
[[nodiscard]] inline std::string parse_phone_number(std::string_view text) {
  const auto refuse = [](const std::string& reason) {
    throw Error(errc::invalid_phone_number, "the phone number " + reason);
  };
  const auto refuse_at = [&refuse](std::size_t position, const std::string& reason) {
    refuse("has " + reason + " at character " + std::to_string(position + 1));
  };
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  const auto is_letter = [](char c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };

  if (text.size() > longest_phone_text)
    refuse("is longer than " + std::to_string(longest_phone_text) + " characters");
  if (const auto trunk = text.find("(0)"); trunk != std::string_view::npos)
    refuse_at(trunk, "a zero in parentheses, which is only dialled inside the country (leave it out),");

  std::string digits;
  bool plus = false;
  bool in_parentheses = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (is_digit(c)) {
      digits += c;
    } else if (c == '+') {
      if (plus) refuse_at(i, "a second plus sign");
      if (!digits.empty()) refuse_at(i, "a plus sign after digits (it comes first)");
      plus = true;
    } else if (c == '(' || c == ')') {
      if (in_parentheses == (c == '(')) refuse_at(i, "a parenthesis without its partner");
      in_parentheses = !in_parentheses;
    } else if (c == ' ' || c == '-' || c == '.') {
      // a visual separator
    } else if (static_cast<unsigned char>(c) >= 0x80) {
      refuse_at(i,
                "something that is not ASCII, an invisible mark perhaps, (type it with the digits 0 to 9)");
    } else if (static_cast<unsigned char>(c) < 0x20 || c == 0x7F) {
      refuse_at(i, "a control character");
    } else if (!digits.empty() &&
               (c == 'x' || c == 'X' || c == 'e' || c == 'E' || c == '#' || c == ';' || c == ',')) {
      refuse_at(i, "an extension, which text messages cannot reach (leave it out),");
    } else if (is_letter(c)) {
      refuse_at(i, "a letter");
    } else {
      refuse_at(i, "a character that is neither a digit nor a space, hyphen, dot or parenthesis");
    }
  }

  if (digits.empty()) refuse("is empty");
  if (in_parentheses) refuse("has a parenthesis without its partner");
  if (!plus && digits.starts_with("00"))
    refuse("begins with an international prefix; write a plus sign in its place");
  if (!plus) refuse("has no country code; begin it with a plus sign and the country code");
  if (digits.starts_with('0'))
    refuse("begins with zero, as no country code does; leave zeros after the plus sign out");
  const auto count = "has " + std::to_string(digits.size()) + " digits, country code included; ";
  if (digits.size() < fewest_phone_digits)
    refuse(count + "the shortest have " + std::to_string(fewest_phone_digits));
  if (digits.size() > most_phone_digits)
    refuse(count + "the longest have " + std::to_string(most_phone_digits));
  return '+' + digits;
}

/// An E.164 number of which only the last four digits can be read: "+*******0123". Fit to be shown and
/// logged.
[[nodiscard]] inline std::string mask_phone_number(std::string_view e164) {
  constexpr std::size_t shown = 4;
  std::string masked(e164.empty() ? 0 : e164.size() - 1, '*');
  if (masked.size() >= fewest_phone_digits)
    masked.replace(masked.size() - shown, shown, e164.substr(e164.size() - shown));
  return '+' + masked;
}

/// Checks a host's list of allowed country codes: each is 1 to 7 digits that a number begins with, a plus
/// sign before them or not. "1" allows all of North America with much of the Caribbean, "1242" the Bahamas
/// only. Throws `errc::invalid_argument`.
inline void check_country_codes(std::span<const std::string> allowed) {
  for (std::size_t i = 0; i < allowed.size(); ++i) {
    std::string_view digits = allowed[i];
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const bool well_formed = !digits.empty() && digits.size() <= 7 && !digits.starts_with('0') &&
                             digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (!well_formed)
      throw Error(errc::invalid_argument, "allowed country code number " + std::to_string(i + 1) +
                                              " of the list must be 1 to 7 digits and not begin with 0");
  }
}

/// Whether an E.164 number begins with one of the country codes, or the list is empty.
[[nodiscard]] inline bool country_allowed(std::string_view e164, std::span<const std::string> allowed) {
  if (allowed.empty()) return true;
  const std::string_view number = e164.starts_with('+') ? e164.substr(1) : e164;
  for (const std::string_view code : allowed) {
    const std::string_view digits = code.starts_with('+') ? code.substr(1) : code;
    if (!digits.empty() && number.starts_with(digits)) return true;
  }
  return false;
}

} // namespace mfa::sms
