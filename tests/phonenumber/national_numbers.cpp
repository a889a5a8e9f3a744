// People write their numbers as they dial them at home. However a number is written, the same phone has the
// same E.164 form, and so one limit of messages; what no phone has, or takes no text messages, is refused.
#include <algorithm>
#include <cstddef>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/phonenumber/read_phone_number.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/text.hpp"

using mfa::errc;
using mfa::PhoneNumberOptions;
using mfa::read_phone_number;
using mfa::test::Host;
using mfa::test::in_digits_of;
using mfa::test::in_full_width;
using mfa::test::thrown_by;

namespace {

using Util = i18n::phonenumbers::PhoneNumberUtil;
using Number = i18n::phonenumbers::PhoneNumber;

const Util& library() { return *Util::GetInstance(); }

/// The form of what was typed, or why it was refused.
std::string read(std::string_view typed, const PhoneNumberOptions& options) {
  try {
    return read_phone_number(typed, options);
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::invalid_phone_number);
    return error.what();
  }
}

struct Spelling {
  std::string text;
  std::string default_region;
};

/// How a number is written abroad, at home in `region`, and dialled from elsewhere.
std::vector<Spelling> spellings(const Number& number, const std::string& region) {
  const auto formatted = [&](Util::PhoneNumberFormat format) {
    std::string text;
    library().Format(number, format, &text);
    return text;
  };
  const std::string e164 = formatted(Util::E164);
  const std::string international = formatted(Util::INTERNATIONAL);
  std::vector<Spelling> all{
      {e164, ""},
      {e164, "JP"},
      {international, ""},
      {"00" + e164.substr(1), ""},
      {in_full_width(international), ""},
      {"\u202A" + international + "\u202C\n", ""},
      {"\uFEFF\u200E" + in_digits_of(0x0660, international) + "\u00A0", ""},
      {in_digits_of(0x0966, e164), ""},
  };
  if (region == "001") return all; // satellites and the like have no home
  const std::string national = formatted(Util::NATIONAL);
  for (const std::string& text : {national, in_full_width(national), in_digits_of(0x06F0, national)})
    all.push_back({text, region});
  for (const char* const from : {"US", "DE", "AU", "BR", "RU", "SG"}) {
    if (library().GetCountryCodeForRegion(from) == number.country_code()) continue;
    std::string text;
    library().FormatOutOfCountryCallingNumber(number, from, &text);
    all.push_back({text, from});
  }
  return all;
}

struct Example {
  std::string region;
  Util::PhoneNumberType type;
  Number number;
};

/// libphonenumber's examples of every kind in every country, and of the networks that have none.
std::vector<Example> examples() {
  std::vector<Example> all;
  std::set<std::string> regions;
  library().GetSupportedRegions(&regions);
  for (const std::string& region : regions)
    for (const auto type :
         {Util::FIXED_LINE, Util::MOBILE, Util::TOLL_FREE, Util::PREMIUM_RATE, Util::SHARED_COST, Util::VOIP,
          Util::PERSONAL_NUMBER, Util::PAGER, Util::UAN, Util::VOICEMAIL}) {
      Number number;
      if (library().GetExampleNumberForType(region, type, &number))
        all.push_back({region, library().GetNumberType(number), number});
    }
  std::set<int> networks;
  library().GetSupportedGlobalNetworkCallingCodes(&networks);
  for (const int code : networks) {
    Number number;
    if (library().GetExampleNumberForNonGeoEntity(code, &number))
      all.push_back({"001", library().GetNumberType(number), number});
  }
  return all;
}

} // namespace

TEST_CASE("Every example number of every country and kind is kept right or refused, in each spelling") {
  int kept = 0;
  int refused = 0;
  for (const Example& example : examples()) {
    std::string e164;
    library().Format(example.number, Util::E164, &e164);
    // Argentina's fixed lines are written like its mobile phones without their 9.
    const bool read_as_mobile = example.region == "AR" && example.type == Util::FIXED_LINE;
    if (read_as_mobile) e164.insert(3, "9");
    const bool is_fixed = example.type == Util::FIXED_LINE && !read_as_mobile;
    const bool takes_messages =
        read_as_mobile || example.type == Util::MOBILE || example.type == Util::FIXED_LINE_OR_MOBILE;
    for (const Spelling& spelling : spellings(example.number, example.region)) {
      CAPTURE(example.region, example.type, e164, spelling.text, spelling.default_region);
      const std::string number = read(spelling.text, {.default_region = spelling.default_region});
      const std::string any =
          read(spelling.text,
               {.default_region = spelling.default_region, .accept_fixed_lines = true, .accept_voip = true});
      if (takes_messages) {
        CHECK(number == e164);
        CHECK(any == e164);
        CHECK(mfa::sms::parse_phone_number(number) == number);
        ++kept;
      } else {
        CHECK_THAT(number, mfa::test::contains("the phone number is o"));
        if (is_fixed || example.type == Util::VOIP)
          CHECK(any == e164);
        else
          CHECK(any == number);
        ++refused;
      }
    }
  }
  CHECK(kept > 4000);
  CHECK(refused > 10000);
}

TEST_CASE("What is typed at home is read as it is dialled there") {
  const struct {
    const char* typed;
    const char* region;
    const char* number;
  } rows[] = {
      {"0171 1234567", "DE", "+491711234567"},
      {"0171/1234567", "DE", "+491711234567"},
      {"0171/123/4567", "DE", "+491711234567"},
      {"(0171) 1234567", "DE", "+491711234567"},
      {"[0171] 123-45-67", "DE", "+491711234567"},
      {"171 1234567", "DE", "+491711234567"},
      {"+49 (0)171 1234567", "", "+491711234567"},
      {"+49/171/1234567", "", "+491711234567"},
      {"+49 0171 1234567", "US", "+491711234567"},
      {"0049 171 1234567", "DE", "+491711234567"},
      {"0049 (0)171 1234567", "DE", "+491711234567"},
      {"0049 171 1234567", "US", "+491711234567"}, // where 011 is dialled
      {"00 49 171 1234567", "", "+491711234567"},
      {"011 49 171 1234567", "US", "+491711234567"},
      {"0011 49 171 1234567", "AU", "+491711234567"},
      {"\u0660\u0661\u0667\u0661 \u0661\u0662\u0663\u0664\u0665\u0666\u0667", "DE", "+491711234567"},
      {"\uFF10\uFF11\uFF17\uFF11\uFF0F\uFF11\uFF12\uFF13\uFF14\uFF15\uFF16\uFF17", "DE", "+491711234567"},
      {"\uFF3B\uFF10\uFF11\uFF17\uFF11\uFF3D1234567", "DE", "+491711234567"},
      {"(415) 555-0123", "US", "+14155550123"},
      {"415.555.0123", "CA", "+14155550123"},
      {"1-415-555-0123", "US", "+14155550123"},
      {"+1 1 415 555 0123", "", "+14155550123"},
      {"07418 084106", "GB", "+447418084106"},
      {"+44 (0)7418 084106", "", "+447418084106"},
      {"06 12 34 56 78", "FR", "+33612345678"},
      {"312 345 6789", "IT", "+393123456789"},
      {"8 (912) 345-67-89", "RU", "+79123456789"},
      {"8~10 49 171 1234567", "RU", "+491711234567"},
      {"8 771 000 9998", "KZ", "+77710009998"},
      {"06 20 123 4567", "HU", "+36201234567"},
      {"044 222 123 4567", "MX", "+522221234567"}, // until 2019
      {"+52 1 222 123 4567", "", "+522221234567"},
      {"222 123 4567", "MX", "+522221234567"},
      {"0 11 15-2345-6789", "AR", "+5491123456789"},
      {"011 15-2345-6789", "AR", "+5491123456789"},
      {"+54 11 15 2345 6789", "", "+5491123456789"},
      {"+54 11 2345-6789", "", "+5491123456789"},
      {"11 2345-6789", "AR", "+5491123456789"},
      {"(11) 96123-4567", "BR", "+5511961234567"},
      {"0 15 11 96123-4567", "BR", "+5511961234567"}, // with the code of a carrier
      {"090-1234-5678", "JP", "+819012345678"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.typed, row.region);
    CHECK(read(row.typed, {.default_region = row.region}) == row.number);
  }
}

TEST_CASE("What is refused is refused with its reason and a remedy, and without the number") {
  const struct {
    std::string typed;
    const char* region;
    const char* reason;
  } rows[] = {
      {"", "DE", "is empty"},
      {" - ", "DE", "is empty"},
      {"0171 1234567", "", "has no country code; begin it with a plus sign"},
      {"+0049 171 1234567", "DE", "has a country code that no country has"},
      {"+999 1234567", "DE", "has a country code that no country has"},
      {"0171 12345", "DE", "is of no range"},
      {"0171 123456789012345", "DE", "is too long for its country"},
      {"01", "DE", "has no area code"},
      {"1", "DE", "is too short"},
      {"555-0123", "US", "has no area code"},
      {"4155550", "US", "has no area code"},
      {"415 555 01234", "US", "is too long for its country"},
      {"911", "US", "is too short for its country"},
      {"+1 235 555 0123", "", "is of no range"},
      {"0171 1234567/8", "DE", "has a slash with few digits after it (write one number) at character 13"},
      {"0171 1234567/89", "DE", "has a slash with few digits after it"},
      {"0171 1234567 / 0172 7654321", "DE", "is too long for its country"},
      {"0171 1234567 ext. 5", "DE", "has an extension, which text messages cannot reach"},
      {"+1 415 555 0123 x5", "", "has an extension"},
      {"+1 415 555 0123;ext=5", "", "has an extension"},
      {"+1 415 555 0123#5", "", "has an extension"},
      {"+1 415 555 0123,5", "", "has an extension"},
      {"tel:+14155550123", "", "has a letter at character 1"},
      {"1-800-FLOWERS", "US", "has a letter at character 7"},
      {"+1 415 555 0123 or +1 415 555 0124", "", "has a letter at character 17"},
      {"+49 30 901820", "", "is of a fixed line, which takes no text messages; give that of a mobile phone"},
      {"030 901820", "DE", "is of a fixed line"},
      {"+44 20 7946 0018", "", "is of a fixed line"},
      {"+1 800 555 0199", "", "is one that callers do not pay for"},
      {"+800 1234 5678", "", "is one that callers do not pay for"},
      {"+1 900 555 0199", "", "is of a service at a rate of its own"},
      {"0180 1 123456", "DE", "is of a service at a rate of its own"},
      {"+44 70 1234 5678", "", "is one that passes calls on"},
      {"+44 56 1234 5678", "", "is of voice over IP, which belongs to no phone"},
      {"0164 1234567", "DE", "is of a pager"},
      {"+39 (0)312 345 6789", "",
       "has a zero in parentheses, which in this country may be part of the number"},
      {"+44 7(0)418 084106", "", "has a zero in parentheses that does not follow the country code"},
      {"0171 [1234567", "DE", "has a parenthesis without its partner"},
      {std::string("0171\0"
                   "1234567",
                   12),
       "DE", "has a control character at character 5"},
      {"+1415\xFF\xFE", "", "is not valid UTF-8"},
      {std::string(257, '1'), "DE", "is longer than 256 bytes"},
  };
  for (const auto& row : rows) {
    CAPTURE(row.typed, row.region);
    const std::string said = read(row.typed, {.default_region = row.region});
    CHECK_THAT(said, mfa::test::contains(std::string("the phone number ") + row.reason));
    // Positions and counts have no more than three digits.
    std::size_t longest = 0;
    std::size_t digits = 0;
    for (const char c : said) longest = std::max(longest, digits = c >= '0' && c <= '9' ? digits + 1 : 0);
    CHECK(longest <= 3);
  }
}

TEST_CASE("A default region is a country of ISO 3166") {
  for (const char* const bad : {"UK", "de", "DEU", "49", "001", "ZZ", "D", "EU"}) {
    CAPTURE(bad);
    CHECK(thrown_by([&] { return read_phone_number("+491711234567", {.default_region = bad}); }) ==
          errc::invalid_argument);
  }
}

TEST_CASE("A host may accept fixed lines, voice over IP, and ranges that are newer than the library") {
  CHECK(read("030 901820", {.default_region = "DE", .accept_fixed_lines = true}) == "+4930901820");
  CHECK(read("+44 56 1234 5678", {.accept_voip = true}) == "+445612345678");
  CHECK_THAT(read("+44 56 1234 5678", {.accept_fixed_lines = true}), mfa::test::contains("voice over IP"));
  CHECK_THAT(read("030 901820", {.default_region = "DE", .accept_voip = true}),
             mfa::test::contains("fixed line"));
  // An area code that nobody has: libphonenumber knows of none that is newer than it.
  CHECK(read("(211) 555-0123", {.default_region = "US", .accept_new_ranges = true}) == "+12115550123");
  CHECK_THAT(read("555-0123", {.default_region = "US", .accept_new_ranges = true}),
             mfa::test::contains("has no area code"));
  CHECK_THAT(read("+1 211 555 01234", {.accept_new_ranges = true}), mfa::test::contains("is too long"));
  CHECK_THAT(read("+1 800 555 0199", {.accept_new_ranges = true}), mfa::test::contains("do not pay for"));
}

TEST_CASE("One phone has one limit of messages, whether its number is typed at home or abroad") {
  const std::vector<std::vector<Spelling>> phones{
      {{"+447418084106", ""},
       {"07418 084106", "GB"},
       {"+44 (0)7418 084106", ""},
       {"0044 7418 084106", "DE"},
       {"011 44 7418 084106", "US"},
       {"\uFF10\uFF17\uFF14\uFF11\uFF18 084106", "GB"}},
      {{"+5491123456789", ""}, {"011 15-2345-6789", "AR"}, {"11 2345-6789", "AR"}, {"+54 11 2345-6789", ""}},
      {{"+522221234567", ""}, {"222 123 4567", "MX"}, {"045 222 123 4567", "MX"}, {"+52 1 222 123 4567", ""}},
  };
  for (const auto& written : phones) {
    Host host;
    const std::string number = written.front().text;
    host.challenge(host.enroll_sms(number).factor.id());
    CHECK(host.sms.last().to == number);
    for (const Spelling& spelling : written) {
      CAPTURE(spelling.text, spelling.default_region);
      const auto enrolled =
          host.enroll_sms(read_phone_number(spelling.text, {.default_region = spelling.default_region}));
      CHECK(enrolled.sms.phone_number == number);
      CHECK(thrown_by([&] { return enrolled.factor.challenge_enrollment(); }) == errc::sms_rate_limited);
    }
    CHECK(host.sms.messages().size() == 1);
  }
}
