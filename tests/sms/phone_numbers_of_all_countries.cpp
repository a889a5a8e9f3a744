// One phone has one number, in every country and however it is written: with the prefix of calls inside the
// country, in the digits of any script, with the marks that a copy brings along. What is not clear is
// refused; never does a spelling give another number.
#include <chrono>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/mfa.hpp>
#include <mfa/sms/phone_number.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"
#include "support/text.hpp"

using mfa::errc;
using mfa::sms::parse_phone_number;
using mfa::test::Host;
using mfa::test::in_digits_of;
using mfa::test::in_full_width;

namespace {

struct Example {
  std::string region;
  std::string e164;
  std::string international;
  std::string national;
};

std::vector<Example> examples() {
  std::ifstream file(MFA_SOURCE_DIRECTORY "/tests/sms/phone_numbers.tsv");
  std::vector<Example> all;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    std::istringstream fields(line);
    Example example;
    std::getline(fields, example.region, '\t');
    std::getline(fields, example.e164, '\t');
    std::getline(fields, example.international, '\t');
    std::getline(fields, example.national, '\t');
    all.push_back(example);
  }
  return all;
}

/// The number that is made of `typed`, or "refused".
std::string number_of(const std::string& typed) {
  try {
    return parse_phone_number(typed);
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::invalid_phone_number);
    return "refused";
  }
}

/// An E.164 number with this in front of what follows its country code.
std::string with_prefix(const Example& example, const std::string& prefix) {
  const auto space = example.international.find(' ');
  return example.international.substr(0, space) + prefix + example.international.substr(space);
}

std::string country_code_of(const Example& example) {
  return example.international.substr(1, example.international.find(' ') - 1);
}

/// Countries where a zero after the country code may be part of the number.
const std::set<std::string> with_zeros{"39",  "47",  "225", "226", "227", "229", "241", "242", "250", "267",
                                       "268", "378", "501", "676", "679", "687", "853", "881", "992"};

} // namespace

TEST_CASE("The example numbers of every country are one number in each spelling") {
  const std::vector<Example> all = examples();
  REQUIRE(all.size() == 249);
  std::set<std::string> refused;
  for (const Example& example : all) {
    CAPTURE(example.region, example.e164, example.international, example.national);
    CHECK(number_of(example.e164) == example.e164);
    CHECK(number_of(example.international) == example.e164);
    CHECK(number_of(in_full_width(example.international)) == example.e164);
    CHECK(number_of("\u202A" + example.international + "\u202C\n") == example.e164);
    CHECK(number_of("\uFEFF\u200E" + in_digits_of(0x0660, example.international) + "\u00A0") == example.e164);
    CHECK(number_of(in_digits_of(0x0966, example.e164)) == example.e164);
    const std::string national = number_of(example.national);
    if (national == "refused")
      refused.insert(example.region);
    else
      CHECK(national == example.e164);
  }
  // "+54 011 15-2345-6789": where the 15 stands depends on the length of the area code.
  CHECK(refused == std::set<std::string>{"AR"});
}

TEST_CASE("A zero after the country code is dropped, several are refused, but where numbers may have one") {
  for (const Example& example : examples()) {
    CAPTURE(example.region, example.e164);
    const std::string code = country_code_of(example);
    const std::string rest = example.e164.substr(1 + code.size());
    const std::string as_typed = "+" + code + "0" + rest;
    for (const std::string& typed :
         {as_typed, with_prefix(example, " 0 "), with_prefix(example, "-0-"), with_prefix(example, ".0."),
          with_prefix(example, "\u00A00\u2009"), with_prefix(example, " \u0660 "),
          with_prefix(example, "\u200B\uFF10")}) {
      CAPTURE(typed);
      const std::string number = number_of(typed);
      if (with_zeros.contains(code))
        CHECK((number == as_typed || number == "refused" || number == example.e164));
      else
        CHECK(number == example.e164);
    }
    for (const char* const zero : {" (0) ", "(0)", " (\u200E0) ", " \uFF08\uFF10\uFF09 ", " (\u06F0)"}) {
      CAPTURE(zero);
      CHECK(number_of(with_prefix(example, zero)) == (with_zeros.contains(code) ? "refused" : example.e164));
    }
    for (const char* const zeros : {" 00 ", " (00)", " (0)(0) ", " (0)0", " 0(0)", " 0 0 "}) {
      CAPTURE(zeros);
      const std::string number = number_of(with_prefix(example, zeros));
      if (with_zeros.contains(code))
        CHECK((number == "+" + code + "00" + rest || number == "refused"));
      else
        CHECK(number == "refused");
    }
  }
}

TEST_CASE("Numbers that begin with a zero keep it") {
  for (const char* const number : {
           "+390669812345",  // Rome, and the Vatican
           "+4702000",       // a service number of Norway
           "+2250123456789", // Ivory Coast: mobile
           "+22607123456",   // Burkina Faso: mobile
           "+22708123456",   // Niger
           "+2290195123456", // Benin: mobile, since the end of 2024
           "+24106031234",   // Gabon
           "+242061234567",  // Congo: mobile
           "+2670800123456", // Botswana
           "+26808001234",   // Eswatini
           "+3780549886377", // San Marino
           "+50108001234123", "+6760800222", "+67908001234", "+687050012", "+8530800501",
           "+992001234567", // Tajikistan: mobile
       })
    CHECK(number_of(number) == number);
  // Gabon's 066 12 34 56 is 66 12 34 56 from abroad, Rwanda's 0720 123 456 is 720 123 456.
  CHECK(number_of("+241 066 03 12 34") == "+24166031234");
  CHECK(number_of("+250 0720 123 456") == "+250720123456");
  CHECK(number_of("+250 06 123 456") == "+25006123456");
}

TEST_CASE("What is dialled only inside a country is dropped or refused") {
  struct Row {
    const char* typed;
    const char* number;
  };
  const Row rows[] = {
      {"+1 1 415 555 0123", "+14155550123"},
      {"+1 (1) 415 555 0123", "+14155550123"},
      {"+1 415 555 01234", "refused"},
      {"+7 8 (912) 345-67-89", "+79123456789"},
      {"+7 812 345-67-89", "+78123456789"}, // St Petersburg
      {"+7 8 812 345-67-89", "+78123456789"},
      {"+7 8 8 912 345 67 89", "refused"},
      {"+36 06 20 123 4567", "+36201234567"},
      {"+36 (06 20) 123 4567", "+36201234567"},
      {"+36 06 1 234 5678", "+3612345678"},
      {"+36 0 20 123 4567", "+36201234567"},
      {"+36 6 20 123 4567", "refused"},
      {"+36 0 62 123 456", "+3662123456"}, // Szeged, whose 062 is no 06
      {"+36 (0)62 123 456", "+3662123456"},
      {"+36 (0)63 123 456", "+3663123456"},
      {"+36 (0)66 123 456", "+3666123456"},
      {"+36 (0)68 123 456", "+3668123456"},
      {"+36 (0)69 123 456", "+3669123456"},
      {"+36 06 62 123 456", "+3662123456"},
      {"+36 62 123 456", "+3662123456"},
      {"+36 (0)20 123 4567", "+36201234567"},
      {"+36 06 20 1234 5678", "refused"},
      {"+52 222 123 4567", "+522221234567"},
      {"+52 1 222 123 4567", "+522221234567"},
      {"+521 2221234567", "+522221234567"},
      {"+52 01 222 123 4567", "+522221234567"},
      {"+52 0 222 123 4567", "+522221234567"},
      {"+52 (1) 222 123 4567", "+522221234567"},
      {"+52 044 222 123 4567", "+522221234567"},
      {"+52 045 222 123 4567", "+522221234567"},
      {"+52 0 442 123 4567", "+524421234567"}, // Queretaro, whose 0442 is no 044
      {"+52 (0)442 123 4567", "+524421234567"},
      {"+52 (0)449 123 4567", "+524491234567"},
      {"+52 (0)451 123 4567", "+524511234567"},
      {"+52 (0)459 123 4567", "+524591234567"},
      {"+52 01 442 123 4567", "+524421234567"},
      {"+52 044 442 123 4567", "+524421234567"},
      {"+52 045 451 123 4567", "+524511234567"},
      {"+52 442 123 4567", "+524421234567"},
      {"+52 1 442 123 4567", "+524421234567"},
      {"+52 044 222 123 45678", "refused"},
      {"+52 1 01 222 123 4567", "refused"},
      {"+52 1 1 222 123 4567", "refused"},
      {"+54 9 11 2345-6789", "+5491123456789"},
      {"+54 11 2345-6789", "+5491123456789"},
      {"+54 (0) 11 2345-6789", "+5491123456789"},
      {"+54 0 9 11 2345-6789", "+5491123456789"},
      {"+54 0223 123-4567", "+5492231234567"},
      {"+54 9 2966 12-3456", "+5492966123456"},
      {"+54 011 15 2345-6789", "refused"},
      {"+54 11 15 2345-6789", "refused"},
      {"+54 9 11 15 2345-6789", "refused"},
      {"+54 9 011 2345-6789", "refused"},
      {"+55 0 11 96123-4567", "+5511961234567"},
      {"+55 015 11 96123-4567", "refused"}, // with the code of a carrier
      {"+57 03 321 123 4567", "refused"},
      {"+370 8 612 34567", "+37061234567"},
      {"+370 0 612 34567", "+37061234567"},
      {"+375 8 029 491-19-11", "+375294911911"},
      {"+375 8 29 491-19-11", "+375294911911"},
      {"+375 0 29 491-19-11", "+375294911911"},
      {"+692 1 235 1234", "+6922351234"},
      {"+993 8 66 123456", "+99366123456"},
      {"+998 8 91 234 56 78", "+998912345678"},
      {"+44 0 7418 084106", "+447418084106"},
      {"+44 (07418) 084106", "+447418084106"},
      {"+44 (0)7418 084106", "+447418084106"},
      {"(+44)(0)7418 084106", "+447418084106"},
      {"+4407418084106", "+447418084106"},
      {"+44 00 7418 084106", "refused"},
      {"+44 0044 7418 084106", "refused"},
      {"+0044 7418 084106", "refused"},
      {"+33 06 12 34 56 78", "+33612345678"},
      {"+49 (0151) 23456789", "+4915123456789"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.typed);
    CHECK(number_of(row.typed) == row.number);
  }
}

TEST_CASE("One phone has one limit of messages, whatever the spelling and the factor") {
  const std::vector<std::vector<std::string>> phones{
      {"+447418084106", "+44 0 7418 084106", "+44 (07418) 084106", "+44 (0)7418 084106",
       "\u202A+44\u00A07418\u00A0084106\u202C", "\uFF0B\uFF14\uFF14\uFF17\uFF14\uFF11\uFF18084106",
       "+44 \u0660 7418 084106", "+44\u20117418\u2011084\u00AD106"},
      {"+33612345678", "+33 06 12 34 56 78", "+33 (0)6.12.34.56.78"},
      {"+522221234567", "+52 1 222 123 4567", "+52 01 222 123 4567", "+52 044 222 123 4567"},
      {"+5491123456789", "+54 11 2345-6789", "+54 011 2345 6789"},
      {"+79123456789", "+7 8 (912) 345-67-89"},
  };
  for (const auto& spellings : phones) {
    Host host;
    host.challenge(host.enroll_sms(spellings.front()).factor.id());
    CHECK(host.sms.last().to == spellings.front());
    for (const std::string& spelling : spellings) {
      CAPTURE(spelling);
      const auto enrolled = host.enroll_sms(spelling);
      CHECK(enrolled.sms.phone_number == spellings.front());
      CHECK(mfa::test::thrown_by([&] { return enrolled.factor.challenge_enrollment(); }) ==
            errc::sms_rate_limited);
    }
    CHECK(host.sms.messages().size() == 1);
  }
}

TEST_CASE("The list of allowed countries is held against the one number of a phone") {
  Host host({.sms_allowed_country_codes = {"447", "549", "5222", "7912"}});
  for (const char* const typed : {"+44 (0)7418 084106", "+44 07418 084106", "+54 11 2345-6789",
                                  "+52 1 222 123 4567", "+7 8 912 345-67-89", "+\u0664\u0664 7418 084106"}) {
    CAPTURE(typed);
    CHECK_NOTHROW(host.enroll_sms(typed));
  }
  for (const char* const typed : {"+44 020 7946 0018", "+52 1 55 1234 5678", "+7 8 495 123-45-67"}) {
    CAPTURE(typed);
    CHECK(mfa::test::thrown_by([&] { return host.enroll_sms(typed).sms; }) == errc::sms_country_not_allowed);
  }
}

TEST_CASE("A number that an earlier version kept in another spelling has the one limit and the one form") {
  const struct {
    const char* kept;
    const char* number;
  } rows[] = {{"+4407418084106", "+447418084106"},
              {"+5212221234567", "+522221234567"},
              {"+541123456789", "+5491123456789"},
              {"+541115234567890", "+541115234567890"}}; // refused today, and left as it is
  for (const auto& row : rows) {
    CAPTURE(row.kept);
    const mfa::KeyRing keys = mfa::KeyRing::generate();
    Host host({.key_ring = keys});
    const auto kept = host.enroll_sms("+14155550123");
    mfa::storage::Batch batch;
    batch.factors.push_back(mfa::test::edited(
        *host.storage.find_factor(kept.factor.id()), keys, [&](mfa::storage::FactorRecord& record) {
          mfa::factor::seal_secret(record, mfa::crypto::bytes_of(row.kept), keys);
        }));
    REQUIRE(host.storage.commit(std::move(batch)));

    const auto challenge = kept.factor.challenge_enrollment();
    CHECK(host.sms.last().to == row.number);
    CHECK(challenge.confirm(host.sms.last().body).confirmed());
    if (row.number == std::string_view(row.kept)) continue;
    const auto enrolled = host.enroll_sms(row.number, "u_43");
    CHECK(mfa::test::thrown_by([&] { return enrolled.factor.challenge_enrollment(); }) ==
          errc::sms_rate_limited);
  }
}
