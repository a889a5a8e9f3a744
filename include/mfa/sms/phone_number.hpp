#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/sms/numbering_plan.hpp>
#include <mfa/sms/typed_phone_number.hpp>

namespace mfa::sms {

/// How many digits a number in international form has, country code included. E.164 §6.2.1 allows 15; the
/// shortest in use have 7 (the four-digit lines of Niue, country code 683).
inline constexpr std::size_t fewest_phone_digits = 7;
inline constexpr std::size_t most_phone_digits = 15;

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
  const TypedPhoneNumber typed = read_typed_phone_number(text, PhoneMarks::international, refuse);
  std::string digits = typed.digits;

  if (!typed.plus && digits.starts_with("00"))
    refuse("begins with an international prefix; write a plus sign in its place");
  if (!typed.plus) refuse("has no country code; begin it with a plus sign and the country code");
  if (digits.starts_with('0'))
    refuse("begins with zero, as no country code does; leave zeros after the plus sign out");
  const auto count = "has " + std::to_string(digits.size()) + " digits, country code included; ";
  if (digits.size() < fewest_phone_digits)
    refuse(count + "the shortest have " + std::to_string(fewest_phone_digits));

  const std::string country_code = digits.substr(0, country_code_size(digits));
  check_lone_zero(typed, country_code, refuse);
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
