// Browsers and apps fill in a code by the last lines of its message. They compare bytes, so these are held to
// the byte: WICG, "Origin-bound one-time codes", and Google, "SMS Retriever".
#include <array>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/sms/android_app_hash.hpp>
#include <mfa/sms/autofill.hpp>
#include <mfa/sms/message_template.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/message_host.hpp"
#include "support/text.hpp"

using mfa::errc;
using mfa::sms::Autofill;
using mfa::sms::MessageTemplate;
using mfa::sms::with_autofill;
using mfa::test::contains;
using mfa::test::repeated;

namespace {

std::string message_of(std::string_view text, const Autofill& autofill) {
  const auto message = MessageTemplate(with_autofill(text, autofill)).render("747723");
  return std::string(message);
}

/// The host, the code and the embedded host that a browser reads, by the steps of the specification's section
/// "Parsing".
std::vector<std::string> read_by_browser(std::string_view message) {
  std::string_view line = message.substr(message.rfind('\n') + 1);
  std::vector<std::string> read;
  const auto take = [&](char marker) {
    if (line.empty() || line.front() != marker) return false;
    line.remove_prefix(1);
    const auto token = line.substr(0, line.find_first_of(" \t\n\f\r"));
    line.remove_prefix(token.size());
    read.emplace_back(token);
    return !token.empty();
  };
  const auto take_space = [&] {
    if (!line.starts_with(' ')) return false;
    line.remove_prefix(1);
    return true;
  };
  if (!take('@') || !take_space() || !take('#')) return {};
  if (take_space() && !take('@')) return {};
  return read;
}

} // namespace

TEST_CASE("The lines are exact to the byte") {
  const std::string text = "Your Foo Corp code is {{code}}.";
  struct Row {
    Autofill autofill;
    const char* message;
  };
  const Row rows[] = {
      {{}, "Your Foo Corp code is 747723."},
      {{.host = "example.com"}, "Your Foo Corp code is 747723.\n\n@example.com #747723"},
      {{.host = "login.example.co.uk"}, "Your Foo Corp code is 747723.\n\n@login.example.co.uk #747723"},
      {{.host = "xn--bcher-kva.example"}, "Your Foo Corp code is 747723.\n\n@xn--bcher-kva.example #747723"},
      {{.host = "example.com", .embedded_host = "pay.example"},
       "Your Foo Corp code is 747723.\n\n@example.com #747723 @pay.example"},
      {{.android_app_hash = "FA+9qCX9VSu"}, "Your Foo Corp code is 747723.\nFA+9qCX9VSu"},
      {{.host = "example.com", .android_app_hash = "FA+9qCX9VSu"},
       "Your Foo Corp code is 747723.\nFA+9qCX9VSu\n\n@example.com #747723"},
  };
  for (const Row& row : rows) {
    CHECK(message_of(text, row.autofill) == row.message);
    std::vector<std::string> read;
    if (!row.autofill.host.empty()) read = {row.autofill.host, "747723"};
    if (!row.autofill.embedded_host.empty()) read.push_back(row.autofill.embedded_host);
    CHECK(read_by_browser(row.message) == read);
  }
}

TEST_CASE("A host that browsers would not take for theirs is refused") {
  for (const char* const host :
       {"localhost", "example.com", "a.b.c.d.example", "3.example", "127.0.0.1", "a-b.example"})
    CHECK_NOTHROW(mfa::sms::check_autofill({.host = host}));
  const std::string long_label = repeated("a", 64) + ".example";
  const std::string long_host = repeated("a.", 127) + "aa";
  for (const std::string& host :
       {std::string("Example.com"), std::string("https://example.com"), std::string("example.com/"),
        std::string("example.com:443"), std::string("example.com."), std::string(".example.com"),
        std::string("a..example"), std::string("-a.example"), std::string("a-.example"),
        std::string("b\u00FCcher.example"), std::string("exa mple.com"), std::string("example.com\n"),
        std::string("@example.com"), std::string("{{company}}"), std::string("a_b.example"),
        std::string("*.example.com"), long_label, long_host}) {
    CAPTURE(host);
    for (const Autofill& autofill :
         {Autofill{.host = host}, Autofill{.host = "example.com", .embedded_host = host}}) {
      try {
        mfa::sms::check_autofill(autofill);
        FAIL_CHECK("was not refused");
      } catch (const mfa::Error& error) {
        CHECK(error.code() == errc::invalid_sms_template);
        CHECK_THAT(error.what(), contains("is no host as browsers compare it"));
      }
    }
  }
  CHECK(mfa::test::thrown_by([] {
          mfa::sms::check_autofill({.embedded_host = "pay.example"});
          return 0;
        }) == errc::invalid_sms_template);
}

TEST_CASE("A template that ends with such a line already gets no second one") {
  CHECK(mfa::test::thrown_by([] {
          return with_autofill("{{code}}\n\n@example.com #{{code}}", {.host = "example.com"});
        }) == errc::invalid_sms_template);
  CHECK(with_autofill("{{code}}\n\n@example.com #{{code}}", {}) == "{{code}}\n\n@example.com #{{code}}");
}

TEST_CASE("An app's hash is 11 characters of base64") {
  for (const char* const hash : {"FA+9qCX9VSu", "abcdefghij/", "00000000000"})
    CHECK_NOTHROW(mfa::sms::check_autofill({.android_app_hash = hash}));
  for (const char* const hash :
       {"FA+9qCX9VS", "FA+9qCX9VSu1", "FA-9qCX9VSu", "FA+9qCX9VS=", "FA+9 CX9VSu", "FA+9qCX9VS\n"}) {
    CAPTURE(hash);
    CHECK(mfa::test::thrown_by([&] {
            mfa::sms::check_autofill({.android_app_hash = hash});
            return 0;
          }) == errc::invalid_sms_template);
  }
}

TEST_CASE("An app's hash is computed as Google's tools do") {
  // printf 'com.example.app 308203a5' | sha256sum | cut -c1-64 | xxd -r -p | base64 | cut -c1-11
  constexpr std::array<unsigned char, 4> first{0x30, 0x82, 0x03, 0xA5};
  constexpr std::array<unsigned char, 3> second{0x00, 0xFF, 0x0A};
  CHECK(mfa::sms::android_app_hash("com.example.app", first) == "/ToKA8UcVyp");
  CHECK(mfa::sms::android_app_hash("org.example.other_app", second) == "WOFdhfj2ie8");
  CHECK(mfa::sms::android_app_hash("com.example.app", second) !=
        mfa::sms::android_app_hash("com.example.app", first));
}

TEST_CASE("Every message of a verifier has the lines, and an Android app's has at most 140 bytes") {
  mfa::test::MessageHost host(
      {.sms_template = "Foo Corp: {{code}}", .sms_autofill = {.host = "example.com"}});
  CHECK(host.last_message() == "Foo Corp: " + host.last_code() + "\n\n@example.com #" + host.last_code());
  const auto challenge = host.challenge({.sms_template = "{{code}} is your code"});
  const std::string code = host.last_code();
  CHECK(host.last_message() == code + " is your code\n\n@example.com #" + code);
  CHECK(challenge.verify(code).valid());
  CHECK(mfa::test::thrown_by([&] {
          return host.challenge({.sms_template = "{{code}}\n\n@evil.example #{{code}}"});
        }) == errc::invalid_sms_template);

  const auto refused = [](std::size_t letters, const char* letter) {
    mfa::storage::Memory storage;
    return mfa::test::thrown_by([&] {
      mfa::Verifier{storage, mfa::Options{.sms_template = repeated(letter, letters) + "{{code}}",
                                          .sms_autofill = {.android_app_hash = "FA+9qCX9VSu"}}};
      return 0;
    });
  };
  CHECK(refused(122, "a") == errc{}); // and 6 of the code, 12 of the line
  CHECK(refused(123, "a") == errc::invalid_sms_template);
  CHECK(refused(61, "\u0436") == errc{});
  CHECK(refused(62, "\u0436") == errc::invalid_sms_template);
}
