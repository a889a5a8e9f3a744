// The catalogue's texts: each tells the company and the code, in one segment, and gives no browser and no
// user anything else to do.
#include <set>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/sms/catalogue.hpp>
#include <mfa/sms/message_template.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/text.hpp"

using mfa::sms::catalogue_text;
using mfa::sms::MessageTemplate;
using mfa::test::repeated;

namespace {

std::size_t count(std::string_view text, std::string_view part) {
  std::size_t found = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

} // namespace

TEST_CASE("Each text is one segment with a company's name of 20 characters, and has one code") {
  std::set<std::string_view> languages;
  for (const auto& [language, text] : mfa::sms::catalogue) {
    CAPTURE(language);
    CHECK(languages.insert(language).second);
    CHECK(mfa::detail::is_utf8(text));
    CHECK(count(text, "{{code}}") == 1);
    CHECK(count(text, "{{company}}") == 1);
    CHECK(text.starts_with("{{company}}")); // the code is not what a notification begins with
    // Company names of Latin and of other letters, and codes of every length
    for (const char* const letter : {"o", "\u0436", "\u793E"})
      for (const std::size_t digits : {6U, 9U}) {
        const MessageTemplate message(
            text, {{"company", repeated(letter, mfa::sms::longest_company_in_catalogue)}});
        CHECK(message.segments(digits).segments == 1);
        CHECK_NOTHROW(
            message.check({.code_digits = digits, .most_segments = 1, .characters_before_code = 20}));
      }
    for (const char* const mark : {"@", "#", "http", "www", "\n", "\t", "\"", "\u00A0", "  "})
      CHECK(count(text, mark) == 0);
    for (std::string_view rest = text; !rest.empty();) {
      const char32_t c = mfa::detail::take_character(rest);
      CHECK_FALSE((c >= 0x200B && c <= 0x200F)); // marks that nobody sees
      CHECK_FALSE((c >= 0x2028 && c <= 0x202E));
      CHECK_FALSE((c >= 0x2066 && c <= 0x2069));
      CHECK_FALSE(c == 0xFEFF);
      CHECK_FALSE((c >= 0x0300 && c <= 0x036F)); // composed letters, which phones show and GSM has
      CHECK_FALSE((c >= '0' && c <= '9'));       // no digits but the code's
    }
  }
  CHECK(languages.size() == 45);
}

TEST_CASE("A language is looked up by the longest part of it that is there") {
  struct Row {
    const char* asked;
    const char* found;
  };
  const Row rows[] = {
      {"de", "de"},         {"de-AT", "de"},
      {"de_CH", "de"},      {"DE-at", "de"},
      {"de-CH-1901", "de"}, {"en-GB", "en"},
      {"pt", "pt"},         {"pt-BR", "pt"},
      {"pt-PT", "pt-PT"},   {"pt-AO", "pt"},
      {"zh", "zh"},         {"zh-CN", "zh"},
      {"zh-Hans-CN", "zh"}, {"zh-TW", "zh-Hant"},
      {"zh-HK", "zh-Hant"}, {"zh-Hant-HK", "zh-Hant"},
      {"sr-RS", "sr"},      {"sr-Latn-RS", "sr-Latn"},
      {"no", "nb"},         {"nn-NO", "nb"},
      {"iw", "he"},         {"in-ID", "id"},
      {"es-419", "es"},     {"xx", "en"},
      {"", "en"},           {"-", "en"},
      {"tlh-Latn", "en"},   {"d", "en"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.asked);
    CHECK(catalogue_text(row.asked).language == row.found);
  }
  CHECK(catalogue_text("xx", "fr-CA").language == "fr");
  CHECK(catalogue_text("xx", "yy").language == "en");
  CHECK(catalogue_text("de", "fr").language == "de");
}

TEST_CASE("A challenge is in the user's language") {
  mfa::test::Host host(
      {.sms_template = std::string(catalogue_text("en").text), .sms_values = {{"company", "Foo Corp"}}});
  const auto factor = host.enroll_verified_sms().factor;
  const auto challenge = factor.challenge({.sms_template = std::string(catalogue_text("de-AT").text)});
  const std::string body(host.sms.last().body);
  CHECK(body.starts_with("Foo Corp: Ihr Code ist "));
  CHECK(challenge.verify(body.substr(body.find("ist ") + 4, 6)).valid());
}
