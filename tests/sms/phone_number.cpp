// A phone number is E.164 with its country code, however its separators are written; anything else is refused
// with the reason, which never holds the number.
#include <string>
#include <string_view>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/sms/phone_number.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::sms::parse_phone_number;

TEST_CASE("A number in international form is read without its separators") {
  struct Row {
    const char* typed;
    const char* e164;
  };
  const Row rows[] = {
      {"+14155550123", "+14155550123"},
      {"+1 415 555 0123", "+14155550123"},
      {"+1 (415) 555-0123", "+14155550123"},
      {"+1.415.555.0123", "+14155550123"},
      {"  +44 20 7946 0018 ", "+442079460018"},
      {"+683 4002", "+6834002"},
      {"(+49) 30 901820", "+4930901820"},
      {"+491234567890123", "+491234567890123"},
      {"+44 (0)20 7946 0018", "+442079460018"},
      {"+44 020 7946 0018", "+442079460018"},
      {"+1415555\n0123", "+14155550123"},
      {"\uFF0B\uFF11\uFF08415\uFF095550123", "+14155550123"},
      {"\u202A+1415\u00A05550123\u202C", "+14155550123"}, // as copied from a phone's contacts
      {"+1415555\u0660\u0661\u0662\u0663", "+14155550123"},
      {"+1\u2011415\u2013555\u200B0123\uFEFF", "+14155550123"},
  };
  for (const Row& row : rows) CHECK(parse_phone_number(row.typed) == row.e164);
}

TEST_CASE("A number that cannot be sent to is refused with the reason and without the number") {
  struct Row {
    std::string typed;
    const char* reason;
  };
  using namespace std::string_literals;
  const Row rows[] = {
      {"", "is empty"},
      {"+", "is empty"},
      {"4155550123", "no country code"},
      {"0049 30 901820", "international prefix"},
      {"+0 415 555 0123", "begins with zero"},
      {"+44 00 20 7946 0018", "several zeros after the country code; leave out what is only dialled inside"},
      {"+44 20 (0) 7946 0018", "a zero in parentheses that does not follow the country code at character 8"},
      {"+44 (0)(0)20 7946 0018", "a second zero in parentheses"},
      {"+39 (0)6 6982", "a zero in parentheses, which in this country may be part of the number"},
      {"+1 415 555 01234", "has 11 digits after the country code, where its numbers have at most 10"},
      {"+123456", "has 6 digits"},
      {"+4930567890123456", "has 16 digits"},
      {"++14155550123", "second plus sign"},
      {"1+4155550123", "plus sign after digits"},
      {"+1 (415 555 0123", "parenthesis"},
      {"+1 415) 555 0123", "parenthesis"},
      {"+1 ((415)) 555 0123", "parenthesis"},
      {"+1 415 555 0123 x12", "extension"},
      {"+1 415 555 0123;ext=12", "extension"},
      {"+1 415 555 0123#12", "extension"},
      {"+1 800 FLOWERS", "character 8"},
      {"tel:+14155550123", "letter at character 1"},
      {"+1415555/0123", "neither a digit"},
      {"+1415555\0"
       "0123"s,
       "control character at character 9"},
      {"+1415555\u0085\u0086"
       "0123",
       "control character at character 10"},
      {"\u202A+1415\u00B2\u00B3", "neither a digit nor a space, dash, dot or parenthesis at character 7"},
      {"+1 415 \u0660\u0661 \u03B1", "neither a digit nor a space, dash, dot or parenthesis at character 11"},
      {"+1415\xFF\xFE", "is not valid UTF-8"},
      {std::string(257, '1'), "longer than 256 bytes"},
      {"+1415555'; DROP TABLE x", "neither a digit"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.typed);
    try {
      (void)parse_phone_number(row.typed);
      FAIL_CHECK("was not refused");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == mfa::errc::invalid_phone_number);
      CHECK_THAT(error.what(), mfa::test::contains(row.reason));
      CHECK(std::string_view(error.what()).find("0123") == std::string_view::npos);
      CHECK(std::string_view(error.what()).find("4155") == std::string_view::npos);
    }
  }
}

TEST_CASE("What is shown of a number is its last four digits") {
  CHECK(mfa::sms::mask_phone_number("+14155550123") == "+*******0123");
  CHECK(mfa::sms::mask_phone_number("+6834002") == "+***4002");
  CHECK(mfa::sms::mask_phone_number("+12345") == "+*****");
  CHECK(mfa::sms::mask_phone_number("") == "+");
  mfa::test::Host host;
  const auto enrolled = host.enroll_sms("+1 (415) 555-0123");
  CHECK(enrolled.sms.phone_number == "+14155550123");
  CHECK(enrolled.factor.sms()->phone_number == "+*******0123");
}

TEST_CASE("The list of country codes allows what begins with one of them") {
  using Codes = std::vector<std::string>;
  const auto allowed = [](const char* number, const Codes& codes) {
    return mfa::sms::country_allowed(number, codes);
  };
  CHECK(allowed("+14155550123", {}));
  CHECK(allowed("+14155550123", {"44", "1"}));
  CHECK(allowed("+14155550123", {"+1"}));
  CHECK_FALSE(allowed("+4930901820", {"1", "44"}));
  CHECK(allowed("+12425550123", {"1242"}));
  CHECK_FALSE(allowed("+14155550123", {"1242"}));
  for (const char* const bad : {"", "+", "0", "049", "1a", " 1", "12345678", "++1"}) {
    CAPTURE(bad);
    CHECK(mfa::test::thrown_by([&] {
            mfa::sms::check_country_codes(Codes{"1", bad});
            return 0;
          }) == mfa::errc::invalid_argument);
  }
}
