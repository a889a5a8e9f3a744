#pragma once

#include <string>
#include <string_view>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <mfa/error.hpp>
#include <mfa/sms/numbering_plan.hpp>
#include <mfa/sms/phone_number.hpp>
#include <mfa/sms/typed_phone_number.hpp>

// The component `phonenumber`: numbers as people write them at home, by libphonenumber. The core takes
// numbers with their country code alone, and asks no more than their form.
namespace mfa {

/// What `read_phone_number` takes. The defaults take what a text message reaches.
struct PhoneNumberOptions {
  /// The country of numbers that are written without country code: its code of ISO 3166 in capitals, "DE".
  /// Empty: the country code is required.
  std::string default_region = {};
  /// For hosts that can call, or whose gateway has messages to fixed lines read out.
  bool accept_fixed_lines = false;
  /// Numbers that are for voice over IP alone. NIST SP 800-63B-4 (section 3.1.3.1) refuses them, as they are
  /// an account and no device. In many countries, as in North America, nobody can tell them by the number.
  bool accept_voip = false;
  /// Numbers of a right length in ranges that libphonenumber does not know: its knowledge is as old as its
  /// release, and countries open new ranges each month.
  bool accept_new_ranges = false;
};

namespace phonenumber {

using Util = i18n::phonenumbers::PhoneNumberUtil;
using Number = i18n::phonenumbers::PhoneNumber;

[[noreturn]] inline void refuse(const std::string& reason) {
  throw Error(errc::invalid_phone_number, "the phone number " + reason);
}

inline constexpr const char* needs_country_code =
    "has no country code; begin it with a plus sign and the country code, or set "
    "PhoneNumberOptions::default_region";
inline constexpr const char* too_short = "is too short for its country; write all of its digits";
inline constexpr const char* too_long = "is too long for its country; write one number, and nothing after it";

/// Reads `typed` as it is dialled in `region`. What begins with 00, as most countries dial abroad, and is no
/// number there, has its country code after that.
[[nodiscard]] inline Number parse(const sms::TypedPhoneNumber& typed, const std::string& region) {
  constexpr const char* no_region = "ZZ";
  const Util& util = *Util::GetInstance();
  Number number;
  // With a plus sign and a region, a country code that nobody has would be read as digits of that region.
  const auto outcome = util.Parse((typed.plus ? "+" : "") + typed.digits,
                                  typed.plus || region.empty() ? no_region : region, &number);
  const bool parsed = outcome == Util::NO_PARSING_ERROR;
  if (!typed.plus && typed.digits.starts_with("00") && !(parsed && util.IsValidNumber(number))) {
    Number abroad;
    if (util.Parse('+' + typed.digits.substr(2), no_region, &abroad) == Util::NO_PARSING_ERROR) return abroad;
  }
  switch (outcome) {
  case Util::NO_PARSING_ERROR: break;
  case Util::INVALID_COUNTRY_CODE_ERROR:
    refuse(typed.plus ? "has a country code that no country has; check the digits after the plus sign"
                      : needs_country_code);
  case Util::TOO_LONG_NSN: refuse(too_long);
  default: refuse(too_short);
  }
  return number;
}

/// Argentina's mobile phones have a 9 when they are called from abroad, which is often left out: of a number
/// without it the mobile phone's, if there is such a one. The core does the same.
[[nodiscard]] inline Number with_nine_of_argentina(const Number& number) {
  constexpr int argentina = 54;
  const Util& util = *Util::GetInstance();
  if (number.country_code() != argentina || util.GetNumberType(number) == Util::MOBILE) return number;
  std::string national;
  util.GetNationalSignificantNumber(number, &national);
  Number mobile;
  const bool is_one = util.Parse("+549" + national, "ZZ", &mobile) == Util::NO_PARSING_ERROR &&
                      util.GetNumberType(mobile) == Util::MOBILE;
  return is_one ? mobile : number;
}

/// Refuses a number that no phone has, or, unless new ranges are accepted, that is of no known range.
inline void check_exists(const Number& number, bool accept_new_ranges) {
  const Util& util = *Util::GetInstance();
  if (util.IsValidNumber(number)) return;
  switch (util.IsPossibleNumberWithReason(number)) {
  case Util::IS_POSSIBLE:
    if (!accept_new_ranges)
      refuse("is of no range that its country has opened, as far as this release of libphonenumber knows; "
             "check the digits, and the country");
    return;
  case Util::IS_POSSIBLE_LOCAL_ONLY: refuse("has no area code; write that too");
  case Util::TOO_LONG: refuse(too_long);
  case Util::TOO_SHORT: refuse(too_short);
  default: refuse("has a number of digits that no phone of its country has; check them");
  }
}

/// Refuses a number of a kind that takes no messages.
inline void check_kind(const Number& number, const PhoneNumberOptions& options) {
  const std::string remedy = "; give that of a mobile phone";
  switch (Util::GetInstance()->GetNumberType(number)) {
  case Util::MOBILE:
  case Util::FIXED_LINE_OR_MOBILE: return;
  case Util::FIXED_LINE:
    if (!options.accept_fixed_lines) refuse("is of a fixed line, which takes no text messages" + remedy);
    return;
  case Util::VOIP:
    if (!options.accept_voip) refuse("is of voice over IP, which belongs to no phone" + remedy);
    return;
  case Util::UNKNOWN: return; // of a new range
  case Util::TOLL_FREE: refuse("is one that callers do not pay for, which takes no text messages" + remedy);
  case Util::PREMIUM_RATE:
  case Util::SHARED_COST:
    refuse("is of a service at a rate of its own, which takes no text messages" + remedy);
  case Util::PERSONAL_NUMBER: refuse("is one that passes calls on, which takes no text messages" + remedy);
  case Util::PAGER: refuse("is of a pager, which shows no text messages" + remedy);
  default: refuse("is of a kind that takes no text messages" + remedy);
  }
}

} // namespace phonenumber

/// The one E.164 form of a phone number, for `Sms::phone_number`, from what a person typed: with the country
/// code ("+49 171 1234567", "0049 ..."), or as it is written at home, with `default_region`: "0171/1234567",
/// "(415) 555-0123", "011 44 7418 084106" of a call abroad from the United States. Digits and marks may be
/// those of any script. The same phone has the same form however it is written, the one that
/// `sms::parse_phone_number` gives. Refused is what no phone of its country can have, what cannot take text
/// messages (fixed lines where they are told apart from mobile ones, numbers free of charge or at a rate of
/// their own, pagers and the like), and an extension. Whether the number is in service, only its network
/// knows. Usable from many threads. Throws `errc::invalid_phone_number` with the reason and the remedy, which
/// never hold the number, and `errc::invalid_argument` of a default region that is none.
[[nodiscard]] inline std::string read_phone_number(std::string_view typed,
                                                   const PhoneNumberOptions& options = {}) {
  using namespace phonenumber;
  const Util& util = *Util::GetInstance();
  const std::string& region = options.default_region;
  if (!region.empty() && util.GetCountryCodeForRegion(region) == 0)
    throw Error(errc::invalid_argument, "PhoneNumberOptions::default_region is no country that has phone "
                                        "numbers; write its code of ISO 3166 in capitals, \"GB\" of the "
                                        "United Kingdom");

  const sms::TypedPhoneNumber read = sms::read_typed_phone_number(typed, sms::PhoneMarks::national, refuse);
  if (read.plus)
    sms::check_lone_zero(read, read.digits.substr(0, sms::country_code_size(read.digits)), refuse);
  const Number number = with_nine_of_argentina(parse(read, region));
  check_exists(number, options.accept_new_ranges);
  check_kind(number, options);

  std::string e164;
  util.Format(number, Util::E164, &e164);
  return sms::parse_phone_number(e164);
}

} // namespace mfa
