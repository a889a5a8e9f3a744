// A message template has {{code}} where the code goes; what could go out wrong is refused when the template
// is given, not when a user waits for the message.
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/sms/message_template.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::sms::MessageTemplate;

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
  const auto factor = host.enroll_sms().factor;
  const auto challenge = factor.challenge({.sms_template = "Foo Corp: {{code}}!"});
  const std::string body = host.sms.last().body;
  REQUIRE(body.size() == std::string_view("Foo Corp: 123456!").size());
  CHECK(challenge.verify(body.substr(10, 6)).valid());
  CHECK(mfa::test::thrown_by([&] { return factor.challenge({.sms_template = "{{name}}"}); }) ==
        mfa::errc::invalid_sms_template);
  CHECK(host.sms.messages().size() == 1);
}
