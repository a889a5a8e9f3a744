#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/encoding/text.hpp>
#include <mfa/encoding/typed_characters.hpp>
#include <mfa/error.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/sms/numbering_plan.hpp>

namespace mfa::sms {

/// How many digits a number in international form has, country code included. E.164 §6.2.1 allows 15; the
/// shortest in use have 7 (the four-digit lines of Niue, country code 683).
inline constexpr std::size_t fewest_phone_digits = 7;
inline constexpr std::size_t most_phone_digits = 15;

/// `parse_phone_number` refuses a longer text, in bytes of UTF-8, before it looks at it.
inline constexpr std::size_t longest_phone_text = mfa::detail::longest_typed_text;

/// The one E.164 form of a phone number, a plus sign and digits, from what a person typed or pasted. The
/// country code is required. Digits may be those of any script, plus sign, parentheses and dot of full width;
/// white space, dashes, dots, parentheses and invisible marks are dropped. What is dialled only inside the
/// country is dropped where it is clear, as in "+44 (0)7418 084106", "+7 8 912 345-67-89" and "+52 1 222 123
/// 4567", and refused where it is not. Argentina's numbers get the 9 of mobile phones: "+54 11 2345-6789" is
/// "+5491123456789". Whether the number is in service, only its network knows. Throws
/// `errc::invalid_phone_number` with the reason and the remedy, which never hold the number.
[[nodiscard]] inline std::string parse_phone_number(std::string_view text) {
  const auto refuse = [](const std::string& reason) {
    throw Error(errc::invalid_phone_number, "the phone number " + reason);
  };
  const auto refuse_at = [&refuse](std::size_t position, const std::string& reason) {
    refuse("has " + reason + " at character " + std::to_string(position));
  };
  const auto is_letter = [](char32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto begins_extension = [](char32_t c) {
    return std::u32string_view(U"xXeE#;,").find(c) != std::u32string_view::npos;
  };

  if (text.size() > longest_phone_text)
    refuse("is longer than " + std::to_string(longest_phone_text) + " bytes");
  if (!mfa::detail::is_utf8(text)) refuse("is not valid UTF-8; convert it");

  struct LoneZero { ///< a zero that is alone in its parentheses
    std::size_t position;
    std::size_t digits_before;
  };
  std::string digits;
  bool plus = false;
  bool open = false; ///< a parenthesis
  std::size_t digits_before_it = 0;
  std::optional<LoneZero> lone_zero;
  for (std::size_t position = 1; !text.empty(); ++position) {
    const char32_t character = mfa::detail::take_character(text);
    const char32_t c = mfa::detail::without_full_width(character);
    if (const auto digit = mfa::detail::decimal_digit(character)) {
      digits += static_cast<char>('0' + *digit);
    } else if (c == '+') {
      if (plus) refuse_at(position, "a second plus sign");
      if (!digits.empty()) refuse_at(position, "a plus sign after digits (it comes first)");
      plus = true;
    } else if (c == '(' || c == ')') {
      if (open == (c == '(')) refuse_at(position, "a parenthesis without its partner");
      open = c == '(';
      if (open) {
        digits_before_it = digits.size();
      } else if (digits.size() == digits_before_it + 1 && digits.back() == '0') {
        if (lone_zero) refuse_at(position, "a second zero in parentheses (leave both out)");
        lone_zero = {position - 2, digits_before_it};
      }
    } else if (c == '.' || mfa::detail::is_filler(character)) {
      // a visual separator of E.123, or what says nothing
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      refuse_at(position, "a control character");
    } else if (!digits.empty() && begins_extension(c)) {
      refuse_at(position, "an extension, which text messages cannot reach (leave it out),");
    } else if (is_letter(c)) {
      refuse_at(position, "a letter");
    } else {
      refuse_at(position, "a character that is neither a digit nor a space, dash, dot or parenthesis");
    }
  }

  if (digits.empty()) refuse("is empty");
  if (open) refuse("has a parenthesis without its partner");
  if (!plus && digits.starts_with("00"))
    refuse("begins with an international prefix; write a plus sign in its place");
  if (!plus) refuse("has no country code; begin it with a plus sign and the country code");
  if (digits.starts_with('0'))
    refuse("begins with zero, as no country code does; leave zeros after the plus sign out");
  const auto count = "has " + std::to_string(digits.size()) + " digits, country code included; ";
  if (digits.size() < fewest_phone_digits)
    refuse(count + "the shortest have " + std::to_string(fewest_phone_digits));

  const std::string country_code = digits.substr(0, country_code_size(digits));
  if (lone_zero && lone_zero->digits_before != country_code.size())
    refuse_at(lone_zero->position, "a zero in parentheses that does not follow the country code");
  if (lone_zero && numbers_begin_with_zero(country_code))
    refuse_at(lone_zero->position, "a zero in parentheses, which in this country may be part of the number "
                                   "(write it without parentheses if it is dialled from abroad),");
  digits = country_code + canonical_national_number(
                              country_code, std::string_view(digits).substr(country_code.size()), refuse);
  if (digits.size() < fewest_phone_digits || digits.size() > most_phone_digits)
    refuse("has " + std::to_string(digits.size()) + " digits, country code included; numbers have " +
           std::to_string(fewest_phone_digits) + " to " + std::to_string(most_phone_digits));
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

/// In the place of a list of country codes: messages may go anywhere. Fraud lives in countries that you do
/// not serve.
[[nodiscard]] inline std::vector<std::string> every_country() { return {"*"}; }

/// Checks a host's list of countries: each is a country as `country_of` names it ("US"), or 1 to 7 digits
/// that a number begins with, a plus sign before them or not; or the list is `every_country()`. "1" is all of
/// North America with much of the Caribbean, "US" the United States alone, "1242" the Bahamas as "BS" is.
/// Throws `errc::invalid_argument`, which calls the list by `kind`.
inline void check_country_codes(std::span<const std::string> codes, std::string_view kind = "allowed") {
  if (codes.size() == 1 && codes.front() == "*") return;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    const auto refuse = [&](const std::string& reason) {
      throw Error(errc::invalid_argument, std::string(kind) + " country code number " +
                                              std::to_string(i + 1) + " of the list " + reason);
    };
    const std::string& code = codes[i];
    if (is_country(code)) continue;
    constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    if (code.size() == 2 && code.find_first_not_of(letters) == std::string::npos)
      refuse('"' + code +
             "\" is no country that has phone numbers; write its code of ISO 3166 in capitals, \"GB\" of the "
             "United Kingdom, or the digits that its numbers begin with");
    std::string_view digits = code;
    if (digits.starts_with('+')) digits.remove_prefix(1);
    const bool well_formed = !digits.empty() && digits.size() <= 7 && !digits.starts_with('0') &&
                             digits.find_first_not_of("0123456789") == std::string_view::npos;
    if (!well_formed)
      refuse("must be 1 to 7 digits and not begin with 0, or a country of ISO 3166, as \"US\"");
  }
}

/// Whether an E.164 number is of one of the countries, or the list is empty or `every_country()`.
[[nodiscard]] inline bool country_allowed(std::string_view e164, std::span<const std::string> allowed) {
  if (allowed.empty()) return true;
  for (const std::string_view code : allowed)
    if (matches_country(e164, code)) return true;
  return false;
}

} // namespace mfa::sms
