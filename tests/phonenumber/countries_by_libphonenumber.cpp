// The core's table of countries, held against libphonenumber: numbers of every country code, at random and
// beside each prefix of the table, are of the country that libphonenumber says, but for what one of the two
// knows later.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <phonenumbers/phonenumber.pb.h>
#include <phonenumbers/phonenumberutil.h>

#include <mfa/sms/country.hpp>

#include "support/catch.hpp"
#include "support/seeded_random.hpp"

namespace {

using Util = i18n::phonenumbers::PhoneNumberUtil;
using Number = i18n::phonenumbers::PhoneNumber;

/// Where the table, of libphonenumber 9.0.35, differs from Debian 12's 8.12.57.
struct Difference {
  std::string_view begins;
  std::size_t digits; ///< in all; 0: any
  std::string_view library;
  std::string_view table;
};
constexpr Difference known[] = {
    {"1310", 8, "CA", "US"},     // seven digits for all of Canada; with ten, 310 is Los Angeles
    {"2629769", 12, "RE", "YT"}, // a range that was given to Mayotte later
    {"447924", 12, "GB", "IM"},  // the rest of a range of the Isle of Man
    {"4498", 12, "GG", "GB"},    // premium rate, for Guernsey as for the United Kingdom
    {"61891", 11, "AU", "CX"},   // ranges that were given to Christmas Island later
    {"61891", 11, "AU", "CC"},   // and to the Cocos Islands
};

bool is_known(std::string_view digits, std::string_view library, std::string_view table) {
  for (const Difference& each : known)
    if (digits.starts_with(each.begins) && (each.digits == 0 || digits.size() == each.digits) &&
        library == each.library && table == each.table)
      return true;
  return false;
}

/// Compares numbers and counts them.
class Comparison {
 public:
  /// Those that begin so after the country code, filled up to each length that numbers have.
  void compare(int country_code, const std::string& begin, int of_each = 1) {
    for (std::size_t size = std::max<std::size_t>(begin.size(), 4); size <= 12; ++size)
      for (int i = 0; i < of_each; ++i) {
        std::string national = begin;
        while (national.size() < size)
          national += static_cast<char>('0' + mfa::test::next_random(random_) % 10);
        if (!compare_one(country_code, national)) break; // no numbers of this length
      }
  }

  std::size_t compared = 0;
  std::size_t differed = 0;

 private:
  bool compare_one(int country_code, const std::string& national) {
    Number number;
    number.set_country_code(country_code);
    number.set_national_number(std::stoull(national));
    if (const auto zeros = national.find_first_not_of('0'); zeros != 0) {
      number.set_italian_leading_zero(true);
      number.set_number_of_leading_zeros(
          static_cast<int>(zeros == std::string::npos ? national.size() - 1 : zeros));
    }
    if (!library_.IsPossibleNumber(number)) return false;
    std::string region;
    library_.GetRegionCodeForNumber(number, &region);
    if (region == "ZZ" || !library_.IsValidNumberForRegion(number, region)) return true;
    const std::string digits = std::to_string(country_code) + national;
    const std::string_view table = mfa::sms::country_of(digits);
    ++compared;
    if (table == region) return true;
    ++differed;
    if (is_known(digits, region, table)) return true;
    CAPTURE(digits, region, table);
    CHECK(table == region);
    return true;
  }

  const Util& library_ = *Util::GetInstance();
  std::uint64_t random_ = 20261127;
};

} // namespace

TEST_CASE("A number is of the country that libphonenumber says, but for what changed between the two") {
  Comparison comparison;
  std::set<int> codes;
  Util::GetInstance()->GetSupportedCallingCodes(&codes);
  for (const int code : codes) {
    std::list<std::string> countries;
    Util::GetInstance()->GetRegionCodesForCountryCallingCode(code, &countries);
    const int begins = countries.size() > 1 ? 1000 : 100;
    for (int begin = 0; begin < begins; ++begin)
      comparison.compare(code, std::to_string(begins + begin).substr(1), countries.size() > 1 ? 5 : 1);
  }
  for (const mfa::sms::CountryPrefixes& row : mfa::sms::country_prefixes) {
    const int code = std::stoi(std::string(row.country_code));
    std::string_view rest = row.prefixes;
    while (!rest.empty()) {
      const std::string prefix(rest.substr(0, rest.find(' ')));
      rest.remove_prefix(std::min(rest.size(), prefix.size() + 1));
      for (const int step : {-1, 0, 1}) {
        const std::string beside = std::to_string(1'000'000'000'000 + std::stoll(prefix) + step);
        comparison.compare(code, beside.substr(beside.size() - prefix.size()), 3);
      }
    }
  }
  CAPTURE(comparison.differed);
  CHECK(comparison.compared > 40'000);
}
