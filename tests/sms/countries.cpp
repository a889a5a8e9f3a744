// Whose a number is: not what its country code says alone, as +1 876 is Jamaica and +7 701 Kazakhstan. A host
// that allows "US" pays for no message to the Caribbean.
#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/sms/country.hpp>
#include <mfa/sms/phone_number.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::errc;
using mfa::sms::country_of;
using mfa::sms::matches_country;
using mfa::test::Host;

TEST_CASE("A number is of its country, whatever its country code") {
  struct Row {
    const char* number;
    const char* country;
  };
  const Row rows[] = {
      {"+14155550123", "US"},   // San Francisco
      {"+12125550123", "US"},   // New York
      {"+18005550123", "US"},   // toll free, of all of North America
      {"+19995550123", "US"},   // an area code that nobody has
      {"+14165550123", "CA"},   // Toronto
      {"+16045550123", "CA"},   // Vancouver
      {"+18675550123", "CA"},   // Yukon, Northwest Territories, Nunavut
      {"+16005550123", "CA"},   // no place
      {"+18765550123", "JM"},   // Jamaica
      {"+16585550123", "JM"},   // its second area code
      {"+12425550123", "BS"},   // Bahamas
      {"+18095550123", "DO"},   // Dominican Republic
      {"+18295550123", "DO"},   //
      {"+18495550123", "DO"},   //
      {"+17875550123", "PR"},   // Puerto Rico
      {"+19395550123", "PR"},   //
      {"+16715550123", "GU"},   // Guam
      {"+16845550123", "AS"},   // American Samoa
      {"+13405550123", "VI"},   // US Virgin Islands
      {"+17215550123", "SX"},   // Sint Maarten
      {"+79123456789", "RU"},   //
      {"+77012345678", "KZ"},   //
      {"+76012345678", "KZ"},   // reserved for it
      {"+390612345678", "IT"},  // Rome
      {"+390669812345", "VA"},  // Vatican City, within Rome
      {"+393123456789", "IT"},  //
      {"+447400123456", "GB"},  //
      {"+447781123456", "GG"},  // Guernsey
      {"+447911123456", "GG"},  //
      {"+447911723456", "GG"},  //
      {"+447911223456", "GB"},  // beside them
      {"+447797712345", "JE"},  // Jersey
      {"+447700312345", "JE"},  //
      {"+447700912345", "GB"},  // of films
      {"+447924123456", "IM"},  // Isle of Man
      {"+447457612345", "IM"},  //
      {"+447457512345", "GB"},  //
      {"+4740612345", "NO"},    //
      {"+4779123456", "SJ"},    // Longyearbyen
      {"+61412345678", "AU"},   //
      {"+61891621234", "CC"},   // Cocos Islands
      {"+61891641234", "CX"},   // Christmas Island
      {"+61891651234", "AU"},   // Western Australia
      {"+212650123456", "MA"},  //
      {"+212528812345", "EH"},  // Western Sahara
      {"+262692123456", "RE"},  //
      {"+262639012345", "YT"},  // Mayotte
      {"+358412345678", "FI"},  //
      {"+3581812345678", "AX"}, // Aland
      {"+590690001234", "GP"},  // Guadeloupe, and the islands beside it
      {"+590590271234", "BL"},  // fixed lines of Saint-Barthelemy
      {"+59995181234", "CW"},   // Curacao
      {"+5993181234", "BQ"},    // Bonaire
      {"+29051234", "SH"},      //
      {"+2908999", "TA"},       // Tristan da Cunha
      {"+24740123", "AC"},      // Ascension
      {"+38343201234", "XK"},   // Kosovo
      {"+80012345678", "001"},  // freephone of no country
      {"+870301234567", "001"}, // Inmarsat
      {"+881612345678", "001"}, // satellites
      {"+8823421234", "001"},   //
      {"+883510012345", "001"}, //
      {"+979123456789", "001"}, // premium rate of no country
      {"+2101234567", ""},      // assigned to nobody
      {"+9991234567", ""},      //
      {"+", ""},                //
      {"", ""},                 //
      {"14155550123", "US"},    // without its sign, as lists have it
  };
  for (const Row& row : rows) {
    CAPTURE(row.number);
    CHECK(country_of(row.number) == row.country);
  }
  static_assert(country_of("+18765550123") == "JM");
}

TEST_CASE(
    "The example mobile number of every country is of that country, or of the one that it shares with") {
  std::ifstream file(MFA_SOURCE_DIRECTORY "/tests/sms/phone_numbers.tsv");
  int countries = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    std::string region;
    std::string number;
    std::getline(fields, region, '\t');
    std::getline(fields, number, '\t');
    CAPTURE(region);
    struct Shared {
      std::string_view region;
      std::string_view country;
    };
    const std::string_view own = region;
    std::string_view expected = own.size() == 2 ? own : "001"; // satellites go by their country code
    for (const auto& [shares, with] :
         {Shared{"AX", "FI"}, Shared{"BL", "GP"}, Shared{"MF", "GP"}, Shared{"CC", "AU"}, Shared{"CX", "AU"},
          Shared{"EH", "MA"}, Shared{"SJ", "NO"}, Shared{"VA", "IT"}})
      if (region == shares) expected = with;
    CHECK(country_of(number) == expected);
    ++countries;
  }
  CHECK(countries > 240);
}

TEST_CASE("An entry of a list is a country, digits, or every number") {
  CHECK(matches_country("+14155550123", "US"));
  CHECK_FALSE(matches_country("+18765550123", "US"));
  CHECK(matches_country("+18765550123", "JM"));
  CHECK(matches_country("+18765550123", "1"));
  CHECK(matches_country("+18765550123", "+1876"));
  CHECK_FALSE(matches_country("+14155550123", "1876"));
  CHECK(matches_country("+870301234567", "001"));
  CHECK(matches_country("+9991234567", "*"));
  CHECK_FALSE(matches_country("+9991234567", ""));
  CHECK_FALSE(matches_country("+9991234567", "+"));
  CHECK_FALSE(matches_country("+14155550123", "us"));
}

TEST_CASE("A list of countries is refused if one of them is none, which the error names") {
  using Codes = std::vector<std::string>;
  CHECK_NOTHROW(mfa::sms::check_country_codes(Codes{"US", "CA", "44", "+1242", "XK", "AC", "TA", "001"}));
  for (const char* const bad : {"UK", "us", "Us", "EU", "XX", "ZZ", "AQ", "BV", "TF"}) {
    CAPTURE(bad);
    try {
      mfa::sms::check_country_codes(Codes{"US", bad});
      FAIL_CHECK("was not refused");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == errc::invalid_argument);
      CHECK_THAT(error.what(),
                 mfa::test::contains("allowed country code number 2 of the list \"" + std::string(bad) +
                                     "\" is no country that has phone numbers"));
    }
  }
  for (const char* const bad : {"USA", "U", "U1", "1U", "01", "002", "0011", "\xC3\xA9", "*"}) {
    CAPTURE(bad);
    CHECK(mfa::test::thrown_by([&] {
            mfa::sms::check_country_codes(Codes{"US", bad});
            return 0;
          }) == errc::invalid_argument);
  }
  try {
    mfa::sms::check_country_codes(Codes{"US", "UK"}, "denied");
    FAIL_CHECK("was not refused");
  } catch (const mfa::Error& error) {
    CHECK_THAT(error.what(), mfa::test::contains("denied country code number 2 of the list"));
  }
}

TEST_CASE("A host that allows the United States and Canada sends to no other of +1") {
  Host host({.sms_allowed_country_codes = {"US", "CA", "GB"}});
  for (const char* const typed : {"+1 415 555 0123", "+1 416 555 0123", "+44 7400 123456"})
    CHECK_NOTHROW(host.enroll_sms(typed));
  for (const char* const typed :
       {"+1 876 555 0123", "+1 809 555 0123", "+1 787 555 0123", "+44 7781 123456", "+7 912 345-67-89"}) {
    CAPTURE(typed);
    CHECK(mfa::test::thrown_by([&] { return host.enroll_sms(typed).sms; }) == errc::sms_country_not_allowed);
  }
}
