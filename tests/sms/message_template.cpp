// A message template has {{code}} where the code goes; what could go out wrong is refused when the template
// is given, not when a user waits for the message.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/sms/message_template.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::sms::MessageTemplate;
using mfa::sms::MessageValues;

TEST_CASE("The code goes where {{code}} is") {
  struct Row {
    const char* text;
    const char* message;
  };
  const Row rows[] = {
      {"{{code}}", "123456"},
      {"Your code: {{code}}.", "Your code: 123456."},
      {"{{ code }}", "123456"},
      {"{{code}}{{code}}", "123456123456"},
      {"Your code is {{code}}\n\n@example.com #{{code}}", "Your code is 123456\n\n@example.com #123456"},
      {"{code} {{code}} }", "{code} 123456 }"},
      {"\xD0\x9A\xD0\xBE\xD0\xB4 {{code}} \xF0\x9F\x94\x92",
       "\xD0\x9A\xD0\xBE\xD0\xB4 123456 \xF0\x9F\x94\x92"},
      {"$1 %s \\0 {{code}}", "$1 %s \\0 123456"},
  };
  for (const Row& row : rows) CHECK(MessageTemplate(row.text).render("123456") == row.message);
  CHECK(MessageTemplate().render("123456") == "Your verification code is 123456");
}

TEST_CASE("A template that would go out wrong is refused with the reason") {
  struct Row {
    std::string text;
    const char* reason;
  };
  using namespace std::string_literals;
  const Row rows[] = {
      {"", "has no {{code}}"},
      {"Your code", "has no {{code}}"},
      {"{code}", "has no {{code}}"},
      {"{{name}}: {{code}}", "unknown token {{name}} at character 1"},
      {"{{Code}}", "unknown token {{Code}}"},
      {"{{code}} {{}}", "unknown token {{}}"},
      {"{{" + std::string(41, 'x') + "}}{{code}}", "an unknown token at character 1"},
      {"{{co{de}}", "{{ without }}"},
      {"{{code", "{{ without }}"},
      {"{{code}", "{{ without }}"},
      {"code}} {{code}}", "}} without {{ before it at character 5"},
      {"{{{code}}}", "three braces"},
      {"{{code}}}", "three braces"},
      {"{{code}}\t", "control character"},
      {"{{code}}\r\n", "control character"},
      {"{{code}}\0"s, "control character"},
      {"{{code}}\x1B[31m", "control character"},
      {"{{code}} \xFF", "UTF-8"},
      {std::string(1591, 'a') + "{{code}}", "longer than 1600"},
      {std::string(10'000'000, 'a'), "longer than 1600"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 60));
    try {
      const MessageTemplate made(row.text);
      FAIL_CHECK("was not refused");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == mfa::errc::invalid_sms_template);
      CHECK_THAT(error.what(), mfa::test::contains(row.reason));
    }
  }
  CHECK_NOTHROW(MessageTemplate(std::string(1590, 'a') + "{{code}}"));
}

TEST_CASE("A Verifier refuses a bad default; a challenge may bring its own template") {
  mfa::storage::Memory storage;
  CHECK(mfa::test::thrown_by([&] {
          mfa::Verifier{storage, mfa::Options{.sms_template = "no token"}};
          return 0;
        }) == mfa::errc::invalid_sms_template);
  mfa::test::Host host;
  const auto factor = host.enroll_verified_sms().factor;
  const auto challenge = factor.challenge({.sms_template = "Foo Corp: {{code}}!"});
  const std::string body = host.sms.last().body;
  REQUIRE(body.size() == std::string_view("Foo Corp: 123456!").size());
  CHECK(challenge.verify(body.substr(10, 6)).valid());
  CHECK(mfa::test::thrown_by([&] { return factor.challenge({.sms_template = "{{name}}"}); }) ==
        mfa::errc::invalid_sms_template);
  CHECK(host.sms.messages().size() == 2);
}

TEST_CASE("Named tokens stand for values, which are text whatever they look like") {
  struct Row {
    const char* text;
    MessageValues values;
    const char* message;
  };
  const Row rows[] = {
      {"{{company}}: {{code}}", {{"company", "Foo Corp"}}, "Foo Corp: 123456"},
      {"{{ company }}{{code}}{{company}}", {{"company", "Foo"}}, "Foo123456Foo"},
      {"{{code}} {{a}}{{b_2}}{{C}}", {{"C", "3"}, {"a", "1"}, {"b_2", "2"}}, "123456 123"},
      {"{{company}}: {{code}}", {{"company", ""}}, ": 123456"},
      {"Code {{code}}", {{"company", "not asked for"}}, "Code 123456"},
      // What a company may call itself
      {"{{company}}: {{code}}", {{"company", "{{code}}"}}, "{{code}}: 123456"},
      {"{{company}}: {{code}}", {{"company", "{{other}}"}, {"other", "x"}}, "{{other}}: 123456"},
      {"{{a}}{{b}}: {{code}}", {{"a", "{{co"}, {"b", "de}}"}}, "{{code}}: 123456"},
      {"{{company}}: {{code}}", {{"company", "}} {{{ } {"}}, "}} {{{ } {: 123456"},
      {"{{company}}: {{code}}", {{"company", "$1 %s \\n \\0 <b>&amp;"}}, "$1 %s \\n \\0 <b>&amp;: 123456"},
      {"From {{company}}: {{code}}", {{"company", "@home"}}, "From @home: 123456"},
      {"{{company}}: {{code}}",
       {{"company", "Caf\u00E9 \u05D0\u05D1\u200F \U0001F468\u200D\U0001F469"}},
       "Caf\u00E9 \u05D0\u05D1\u200F \U0001F468\u200D\U0001F469: 123456"},
      // The line by which a browser knows whose code it is (WICG, "Origin-bound one-time codes")
      {"{{company}}: {{code}}\n\n@example.com #{{code}}",
       {{"company", "Foo Corp"}},
       "Foo Corp: 123456\n\n@example.com #123456"},
      {"{{company}}: {{code}}\n\n@{{domain}} #{{code}}",
       {{"company", "Foo"}, {"domain", "login.example.com"}},
       "Foo: 123456\n\n@login.example.com #123456"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text);
    CHECK(MessageTemplate(row.text, row.values).render("123456") == row.message);
    CHECK(MessageTemplate(row.text, {}, row.values).render("123456") == row.message);
  }
  CHECK(MessageTemplate("{{a}} {{b}} {{code}}", {{"a", "1"}}, {{"a", "2"}, {"b", "3"}}).render("9") ==
        "1 3 9");
}

TEST_CASE("A value that would do more than be read is refused by its name, and not repeated") {
  struct Row {
    const char* text;
    MessageValues values;
    const char* reason;
  };
  using namespace std::string_literals;
  const char* const text = "{{company}}: {{code}}";
  const std::string many(101, 'x');
  const Row rows[] = {
      {text, {}, "unknown token {{company}} at character 1; give its value in sms_values, or write {{code}}"},
      {text, {{"Company", "Foo"}}, "unknown token {{company}}"},
      {"{{code}} {{company.name}}", {{"company", "Foo"}}, "unknown token {{company.name}} at character 10"},
      {text, {{"company", "Foo\n\n@evil.example #{{code}}"}}, "{{company}} in sms_values has a line end"},
      {text, {{"company", "secret\n"}}, "has a line end or another control character"},
      {text, {{"company", "secret\r"}}, "has a line end or another control character"},
      {text, {{"company", "secret\t"}}, "has a line end or another control character"},
      {text, {{"company", "secret\0"s}}, "has a line end or another control character"},
      {text, {{"company", "secret\x1B[31m"}}, "has a line end or another control character"},
      {text, {{"company", "secret\u0085"}}, "has a line end or another control character"},
      {text, {{"company", "secret\u2028"}}, "has a mark that ends the line or turns the direction"},
      {text, {{"company", "secret\u2029"}}, "has a mark that ends the line or turns the direction"},
      {text, {{"company", "secret\u202E"}}, "has a mark that ends the line or turns the direction"},
      {text, {{"company", "\u2067secret"}}, "has a mark that ends the line or turns the direction"},
      {text, {{"company", "secret\xFF"}}, "is not valid UTF-8"},
      {text, {{"company", many}}, "is longer than 100 characters"},
      {text, {{"company", std::string(1'000'000, 'x')}}, "is longer than 100 characters"},
      {text, {{"company", "Foo"}, {"unused", "secret\n"}}, "{{unused}} in sms_values has a line end"},
      {text, {{"company", "Foo"}, {"", "secret"}}, "a name that no token can have"},
      {text, {{"company", "Foo"}, {"code", "999999"}}, "a name that no token can have"},
      {text, {{"company", "Foo"}, {"a b", "secret"}}, "a name that no token can have"},
      {text, {{"company", "Foo"}, {"{{a}}", "secret"}}, "a name that no token can have"},
      {text, {{"company", "Foo"}, {std::string(41, 'a'), "secret"}}, "a name that no token can have"},
      // Who may fill in the code is not a value's to say.
      {text, {{"company", "@evil.example #secret"}}, "begins a line with the value of {{company}}"},
      {"{{company}} #{{code}}",
       {{"company", "@evil.example"}},
       "begins a line with the value of {{company}}"},
      {"{{code}}\n{{a}}{{company}} #{{code}}",
       {{"a", ""}, {"company", "@evil.example"}},
       "begins a line with the value of {{company}}"},
      {"{{a}}{{company}} #{{code}}", {{"a", ""}, {"company", "@evil.example"}}, "the value of {{company}}"},
      {"{{company}}{{company}}{{company}}{{company}}{{company}}{{company}}{{company}}{{company}}{{company}}"
       "{{company}}{{company}}{{company}}{{company}}{{company}}{{company}}{{company}}{{code}}",
       {{"company", "Foo"}},
       "longer than 1600"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text, row.reason);
    for (const bool as_default : {false, true}) {
      try {
        const MessageTemplate made(row.text, as_default ? MessageValues{} : row.values,
                                   as_default ? row.values : MessageValues{});
        FAIL_CHECK("was not refused");
      } catch (const mfa::Error& error) {
        CHECK(error.code() == mfa::errc::invalid_sms_template);
        CHECK_THAT(error.what(), mfa::test::contains(row.reason));
        const std::string said = error.what();
        for (const char* const part : {"secret", "evil", "\n", "\x1B", "xxx"})
          CHECK(said.find(part) == std::string::npos);
      }
    }
  }
  // A hundred characters of four bytes each are a hundred.
  std::string longest;
  for (int i = 0; i < 100; ++i) longest += "\U0001F512";
  CHECK(MessageTemplate(text, {{"company", longest}}).render("1") == longest + ": 1");
}

TEST_CASE("A Verifier knows its values; a challenge may bring its own, with its own template or without") {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  CHECK(mfa::test::thrown_by([&] {
          mfa::Verifier{storage, mfa::Options{.sms_template = "{{company}} {{code}}"}};
          return 0;
        }) == mfa::errc::invalid_sms_template);
  CHECK(mfa::test::thrown_by([&] {
          mfa::Verifier{storage, mfa::Options{.sms_values = {{"company", "Foo\nCorp"}}}};
          return 0;
        }) == mfa::errc::invalid_sms_template);
  mfa::Verifier verifier{storage, clock, sms,
                         mfa::Options{.sms_template = "{{company}}: {{code}}",
                                      .sms_values = {{"company", "Foo"}, {"help", "help@example.com"}},
                                      .sms_allowed_country_codes = {"1"},
                                      .sms_send_interval = std::chrono::seconds(0)}};
  const auto factor = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"}).factor;
  const auto first = factor.challenge_enrollment({.sms_template = "{{code}}"});
  REQUIRE(first.confirm(sms.last().body).confirmed());
  const auto message = [&](const mfa::ChallengeOptions& options) {
    const auto challenge = factor.challenge(options);
    std::string body(sms.last().body);
    const auto digits = body.find_first_of("0123456789");
    CHECK(challenge.verify(body.substr(digits, 6)).valid());
    return body.replace(digits, 6, "CODE");
  };
  CHECK(message({}) == "Foo: CODE");
  CHECK(message({.sms_values = {{"company", "{{code}} {{help}}"}}}) == "{{code}} {{help}}: CODE");
  CHECK(message({.sms_template = "CODE {{code}} of {{company}}, {{help}}",
                 .sms_values = {{"company", "Bar"}}}) == "CODE CODE of Bar, help@example.com");
  const std::size_t sent = sms.messages().size();
  for (const auto& refused :
       {mfa::ChallengeOptions{.sms_template = "{{code}} {{nobody}}"},
        mfa::ChallengeOptions{.sms_values = {{"company", "Foo\n@evil.example #000000"}}},
        mfa::ChallengeOptions{.sms_values = {{"code", "000000"}}}})
    CHECK(mfa::test::thrown_by([&] { return factor.challenge(refused); }) == mfa::errc::invalid_sms_template);
  CHECK(sms.messages().size() == sent);
  CHECK(message({}) == "Foo: CODE"); // what was refused was not counted either
}
