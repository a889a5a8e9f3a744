// What a message costs is how many segments the network makes of it: 160 characters of the GSM 7-bit
// alphabet, or 70 of any other, and less in each of several.
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/sms/message_template.hpp>
#include <mfa/sms/segments.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/message_host.hpp"
#include "support/text.hpp"

using mfa::errc;
using mfa::sms::count_segments;
using mfa::sms::Encoding;
using mfa::sms::MessageTemplate;
using mfa::test::contains;
using mfa::test::repeated;

TEST_CASE("Messages have the segments that networks make of them") {
  struct Row {
    std::string text;
    Encoding encoding;
    std::size_t units;
    std::size_t segments;
  };
  const auto gsm7 = Encoding::gsm7;
  const auto ucs2 = Encoding::ucs2;
  const Row rows[] = {
      {"", gsm7, 0, 1},
      {"Your code is 123456", gsm7, 19, 1},
      {repeated("a", 160), gsm7, 160, 1},
      {repeated("a", 161), gsm7, 161, 2},
      {repeated("a", 306), gsm7, 306, 2},
      {repeated("a", 307), gsm7, 307, 3},
      {repeated("a", 459), gsm7, 459, 3},
      {repeated("a", 460), gsm7, 460, 4},
      // The alphabet's letters beyond ASCII cost no more than others.
      {"L\u00F6sung f\u00FCr \u00C4rger: \u00E0 \u00E8 \u00E9 \u00EC \u00F2 \u00F9 \u00C7 \u00DF \u00F1 "
       "\u00A3",
       gsm7, 37, 1},
      {"\u0394\u03A6\u0393\u039B\u03A9\u03A0\u03A8\u03A3\u0398\u039E", gsm7, 10, 1},
      // Those of the extension table cost two, and are not split.
      {"\u20AC{}[]~^|\\", gsm7, 18, 1},
      {repeated("\u20AC", 80), gsm7, 160, 1},
      {repeated("\u20AC", 81), gsm7, 162, 2},
      {repeated("a", 159) + "\u20AC", gsm7, 161, 2},
      {repeated("a", 152) + "\u20AC" + repeated("a", 151), gsm7, 305, 2},
      {repeated("a", 152) + "\u20AC" + repeated("a", 152), gsm7, 306,
       3}, // one septet of the first stays empty
      // What is not in it makes all of the message UCS-2.
      {"gar\u00E7on", ucs2, 6, 1},       // c with cedilla: only its capital is in the alphabet
      {"It\u2019s 123456", ucs2, 11, 1}, // the apostrophe that phones and word processors put
      {"`123456`", ucs2, 8, 1},
      {"a\tb", ucs2, 3, 1},
      {"\u041A\u043E\u0434 123456", ucs2, 10, 1},
      {repeated("\u0436", 70), ucs2, 70, 1},
      {repeated("\u0436", 71), ucs2, 71, 2},
      {repeated("\u0436", 134), ucs2, 134, 2},
      {repeated("\u0436", 135), ucs2, 135, 3},
      {repeated("a", 69) + "\u2019", ucs2, 70, 1},
      {repeated("a", 70) + "\u2019", ucs2, 71, 2},
      {"\u4F60\u597D", ucs2, 2, 1},
      // Beyond U+FFFF a character takes two units, which are not split either.
      {"\U0001F512", ucs2, 2, 1},
      {repeated("\U0001F512", 35), ucs2, 70, 1},
      {repeated("\U0001F512", 36), ucs2, 72, 2},
      {repeated("\U0001F512", 66), ucs2, 132, 2},
      {repeated("\U0001F512", 67), ucs2, 134, 3}, // 33 of them a segment, not 33 and a half
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    const auto counted = count_segments(row.text);
    CHECK(counted.encoding == row.encoding);
    CHECK(counted.units == row.units);
    CHECK(counted.segments == row.segments);
    CHECK((counted.beyond_gsm7 == 0) == (row.encoding == gsm7));
  }
}

TEST_CASE("It is told which character makes a message UCS-2") {
  const auto counted = count_segments("L\u00F6sung \u041A \u0436");
  CHECK(counted.beyond_gsm7 == U'\u041A');
  CHECK(counted.beyond_gsm7_at == 8);
}

TEST_CASE("Every character of a message is in one segment, in order") {
  const std::string text = repeated("ab\u20AC", 200);
  std::size_t last = 1;
  std::size_t visited = 0;
  mfa::sms::visit_segments(text, count_segments(text), [&](std::size_t offset, std::size_t segment) {
    CHECK((segment == last || segment == last + 1));
    CHECK(offset < text.size());
    last = segment;
    ++visited;
  });
  CHECK(visited == 600);
  CHECK(last == count_segments(text).segments);
}

namespace {

/// What a verifier says of these options, or nothing.
std::string refused(mfa::Options options) {
  mfa::storage::Memory storage;
  try {
    const mfa::Verifier verifier{storage, std::move(options)};
    return {};
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::invalid_sms_template);
    return error.what();
  }
}

} // namespace

TEST_CASE("A template that would make too many segments is refused, with what makes it so many") {
  CHECK(refused({.sms_template = repeated("a", 453) + "{{code}}"}).empty());
  CHECK_THAT(
      refused({.sms_template = repeated("a", 454) + "{{code}}"}),
      contains("makes a message of 4 segments, where Options::sms_most_segments allows 3; shorten it"));
  CHECK(refused({.sms_template = repeated("a", 459) + "{{code}}", .sms_most_segments = 4}).empty());
  CHECK(refused({.sms_template = repeated("a", 154) + "{{code}}", .sms_most_segments = 1}).empty());
  CHECK_FALSE(
      refused({.sms_code_digits = 7, .sms_template = repeated("a", 154) + "{{code}}", .sms_most_segments = 1})
          .empty());
  // One apostrophe of a word processor
  CHECK_THAT(refused({.sms_template = "Don\u2019t tell it" + repeated(".", 60) + "{{code}}",
                      .sms_most_segments = 1}),
             contains("2 segments, where Options::sms_most_segments allows 1; shorten it. Its character 4, "
                      "U+2019, is not "
                      "in the GSM 7-bit alphabet, so that a segment holds 67 characters and not 153"));
  CHECK(refused({.sms_template = "Don't tell it" + repeated(".", 60) + "{{code}}", .sms_most_segments = 1})
            .empty());
  // A value counts as it is.
  CHECK_THAT(refused({.sms_template = "{{company}}: {{code}}",
                      .sms_values = {{"company", repeated("\u0436", 63)}},
                      .sms_most_segments = 1}),
             contains("U+0436"));
}

TEST_CASE("A challenge's message keeps to the bound, and none is sent or counted that does not") {
  mfa::test::MessageHost host(
      {.sms_template = "{{company}}: {{code}}", .sms_values = {{"company", "Foo"}}, .sms_most_segments = 1});
  const auto sent = host.sms.messages().size();
  try {
    (void)host.challenge({.sms_values = {{"company", repeated("\u0436", 100)}}});
    FAIL_CHECK("was not refused");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::invalid_sms_template);
    CHECK_THAT(error.what(), contains("2 segments"));
    CHECK(std::string_view(error.what()).find("\u0436") == std::string_view::npos);
  }
  CHECK(host.sms.messages().size() == sent);
  CHECK_NOTHROW(host.challenge({.sms_values = {{"company", repeated("\u0436", 60)}}}));
}

TEST_CASE("A code is in one segment, unless that is permitted") {
  // 153 characters are in the first of several segments.
  const std::string before = repeated("a", 150);
  const std::string after = repeated("b", 60);
  CHECK_THAT(refused({.sms_template = before + "{{code}}" + after}),
             contains("2 segments, of which one ends within the code; move the code"));
  CHECK(refused({.sms_template = before + "{{code}}" + after, .sms_code_may_be_split = true}).empty());
  CHECK(refused({.sms_template = repeated("a", 147) + "{{code}}" + after}).empty());
  CHECK_FALSE(refused({.sms_template = repeated("a", 148) + "{{code}}" + after}).empty());
  CHECK_FALSE(refused({.sms_template = repeated("a", 152) + "{{code}}" + after}).empty());
  CHECK(refused({.sms_template = repeated("a", 153) + "{{code}}" + after}).empty());
  CHECK(refused({.sms_template = repeated("a", 154) + "{{code}}"}).empty()); // one segment of 160
  // The second place of the code counts as well: the line that browsers read.
  CHECK_THAT(refused({.sms_template = "{{code}} " + repeated("\u0436", 59) + "{{code}}"}),
             contains("of which one ends within the code"));
  CHECK_FALSE(refused({.sms_template = "{{code}}" + repeated("a", 144) + "{{code}}" + after}).empty());
  CHECK(refused({.sms_template = "{{code}}" + repeated("a", 141) + "{{code}}" + after}).empty());
}

TEST_CASE(
    "A code is not at the beginning of a message, where a notification would show it, if the host says so") {
  CHECK(refused({.sms_template = "{{code}} is your code"}).empty());
  CHECK_THAT(
      refused({.sms_template = "{{code}} is your code", .sms_characters_before_code = 20}),
      contains("has 0 characters before the code, where Options::sms_characters_before_code asks for 20"));
  CHECK(refused({.sms_template = "\u0436\u0436\u0436{{code}}", .sms_characters_before_code = 3}).empty());
  CHECK_FALSE(
      refused({.sms_template = "\u0436\u0436\u0436{{code}}", .sms_characters_before_code = 4}).empty());
  CHECK(refused({.sms_template = "{{company}}: {{code}}",
                 .sms_values = {{"company", "Foo Corp"}},
                 .sms_characters_before_code = 10})
            .empty());
  mfa::test::MessageHost host({.sms_template = "Foo Corp: {{code}}", .sms_characters_before_code = 5});
  CHECK(mfa::test::thrown_by([&] { return host.challenge({.sms_template = "{{code}}: Foo Corp"}); }) ==
        errc::invalid_sms_template);
}
