// Twilio gets what it documents, and what it answers becomes our words.
#include <mfa/sms/twilio.hpp>
#include <mfa/voice/spoken_template.hpp>
#include <mfa/voice/twilio.hpp>
#include <mfa/voice/twilio_languages.hpp>

#include <chrono>
#include <cstddef>
#include <fstream>
#include <map>
#include <regex>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/scripted_server.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

/// What one answer of the server becomes.
DeliveryError refusal(const ScriptedAnswer& said) {
  ScriptedServer server([&](const std::string&) { return said; });
  sms::Twilio twilio(twilio_at(server.url()), {.ca_file = server.ca_file()});
  const auto error = refusal_of([&] { twilio.send(message_to_alan()); });
  REQUIRE(error);
  return *error;
}

ScriptedAnswer error_answer(int status, int code) {
  return answer(status, R"({"code": )" + std::to_string(code) +
                            R"(, "message": "To +14155550123: Your code is 271828", "status": )" +
                            std::to_string(status) + "}");
}

} // namespace

TEST_CASE("Twilio gets the message as it documents") {
  ScriptedServer server([](const std::string&) {
    return answer(201, R"({"sid": "SM1", "status": "queued", "body": "Your code is 271828"})");
  });
  sms::TwilioSettings settings = twilio_at(server.url());
  SECTION("by an auth token, from a number") {
    sms::Twilio(settings, {.ca_file = server.ca_file()}).send(message_to_alan());
    const std::string request = server.requests().at(0);
    CHECK(request.starts_with(
        "POST /2010-04-01/Accounts/AC5ef872f6da5a21de157d80997a64bd33/Messages.json HTTP/1.1\r\n"));
    CHECK(header_of(request, "Content-Type") == "application/x-www-form-urlencoded");
    CHECK(header_of(request, "Authorization") ==
          "Basic QUM1ZWY4NzJmNmRhNWEyMWRlMTU3ZDgwOTk3YTY0YmQzMzpzZXNhbWUtNWVjcmV0");
    CHECK(header_of(request, "Expect").empty());
    CHECK(body_of(request) ==
          "To=%2B14155550123&From=%2B15017122661&Body=Your%20code%20is%20271828&ValidityPeriod=600");
  }
  SECTION("by an API key, from a service, in every script") {
    settings.account.api_key = "SK1";
    settings.account.secret = "key";
    settings.from.clear();
    settings.messaging_service_sid = "MG1";
    SmsMessage message = message_to_alan();
    message.body = "Code: 1 & 2 = \xC3\xA9\n@a.example #1";
    sms::Twilio(settings, {.ca_file = server.ca_file()}).send(message);
    const std::string request = server.requests().at(0);
    CHECK(header_of(request, "Authorization") == "Basic U0sxOmtleQ==");
    CHECK(body_of(request) ==
          "To=%2B14155550123&MessagingServiceSid=MG1&Body=Code%3A%201%20%26%202%20%3D%20%C3%A9%"
          "0A%40a.example%20%231&ValidityPeriod=600");
  }
}

TEST_CASE("Twilio's errors become ours") {
  const auto [status, code, failure] = GENERATE(table<int, int, DeliveryFailure>({
      {400, 21211, DeliveryFailure::invalid_recipient},   {400, 21614, DeliveryFailure::invalid_recipient},
      {400, 21635, DeliveryFailure::invalid_recipient},   {400, 21610, DeliveryFailure::opted_out},
      {400, 21408, DeliveryFailure::not_permitted},       {400, 21608, DeliveryFailure::not_permitted},
      {400, 21606, DeliveryFailure::message_refused}, // by its status: a code that the table has not
      {400, 21659, DeliveryFailure::message_refused},     {400, 30034, DeliveryFailure::not_permitted},
      {401, 20003, DeliveryFailure::credentials_refused}, {404, 20404, DeliveryFailure::credentials_refused},
      {429, 20429, DeliveryFailure::throttled},           {429, 14107, DeliveryFailure::throttled},
      {400, 99999, DeliveryFailure::message_refused},     {403, 99999, DeliveryFailure::credentials_refused},
      {429, 99999, DeliveryFailure::throttled},           {500, 20500, DeliveryFailure::unclear},
      {503, 20503, DeliveryFailure::unavailable},         {503, 99999, DeliveryFailure::unclear},
  }));
  const DeliveryError error = refusal(error_answer(status, code));
  CHECK(error.failure() == failure);
  CHECK(std::string(error.what()).find("error " + std::to_string(code)) != std::string::npos);
}

TEST_CASE("docs/sms.md has Twilio's errors as the table has them") {
  std::ifstream page(MFA_SOURCE_DIRECTORY "/docs/sms.md");
  std::map<std::string, std::set<int>> written;
  for (std::string line; std::getline(page, line);) {
    const std::regex row("\\| `([a-z_]+)` \\| ([^|]*)\\|.*");
    std::smatch cells;
    if (!std::regex_match(line, cells, row)) continue;
    const std::regex number("\\b[0-9]{5}\\b");
    const std::string of_twilio = cells[2];
    for (std::sregex_iterator one(of_twilio.begin(), of_twilio.end(), number); one != std::sregex_iterator();
         ++one)
      if (of_twilio.find("(an account") == std::string::npos) written[cells[1]].insert(std::stoi(one->str()));
  }
  std::map<std::string, std::set<int>> known;
  for (const auto& each : http::detail::twilio_errors)
    known[std::string(to_string(each.failure))].insert(each.code);
  CHECK(written == known);
}

TEST_CASE("What is no answer of Twilio's is judged by its status") {
  const auto [status, body, failure] = GENERATE(table<int, std::string, DeliveryFailure>({
      {200, "<html>Welcome to our wireless network</html>", DeliveryFailure::unclear},
      {204, "", DeliveryFailure::unclear},
      {302, "", DeliveryFailure::message_refused},
      {400, "{\"code\": \"x\"}", DeliveryFailure::message_refused},
      {400, "{\"code\": -1}", DeliveryFailure::message_refused},
      {400, "{\"code\": 1e300}", DeliveryFailure::message_refused},
      {400, "[", DeliveryFailure::message_refused},
      {401, "null", DeliveryFailure::credentials_refused},
      {502, "<html>Bad gateway</html>", DeliveryFailure::unclear},
      {999, "", DeliveryFailure::unclear},
  }));
  CHECK(refusal(answer(status, body)).failure() == failure);
}

TEST_CASE("Twilio gets a call as it documents, and its errors are ours") {
  ScriptedServer server([](const std::string& request) {
    return request.find("%2B14155550199") != std::string::npos
               ? answer(400, R"({"code": 21215, "message": "Account not authorized to call +14155550199"})")
               : answer(201, R"({"sid": "CA1", "status": "queued"})");
  });
  const sms::TwilioSettings messages = twilio_at(server.url());
  voice::TwilioSettings settings{
      .account = messages.account, .from = messages.from, .base_url = messages.base_url};
  VoiceMessage message{.to = "+14155550123",
                       .spoken = "<Foo> & Corp: 2, 7.\x01",
                       .language = "en-GB",
                       .id = "auth_challenge_1"};
  voice::Twilio twilio(settings, {.ca_file = server.ca_file()});
  twilio.send(message);
  const std::string request = server.requests().at(0);
  CHECK(request.starts_with(
      "POST /2010-04-01/Accounts/AC5ef872f6da5a21de157d80997a64bd33/Calls.json HTTP/1.1\r\n"));
  CHECK(header_of(request, "Authorization").starts_with("Basic "));
  crypto::SecretString form;
  http::append_form(form, "To", "+14155550123");
  http::append_form(form, "From", "+15017122661");
  const std::string said = R"(<Pause length="1"/><Say language="en-GB">&lt;Foo&gt; &amp; Corp: 2, 7. </Say>)";
  http::append_form(form, "Twiml", "<Response>" + said + said + "</Response>");
  CHECK(body_of(request) == form.view());

  message.to = "+14155550199";
  const auto error = refusal_of([&] { twilio.send(message); });
  REQUIRE(error);
  CHECK(error->failure() == DeliveryFailure::not_permitted);

  settings.times = 1;
  settings.voice = "Polly.\"Amy\"";
  message.to = "+14155550123";
  message.language.clear();
  voice::Twilio(settings, {.ca_file = server.ca_file()}).send(message);
  CHECK(body_of(server.requests().back()).find("%3CSay%20voice%3D%22Polly.%26quot%3BAmy%26quot%3B%22%3E") !=
        std::string::npos);

  settings.times = 6;
  CHECK(error_of([&] { voice::Twilio refused(settings); }).code() == errc::invalid_argument);
  settings.times = 1;
  settings.from.clear();
  CHECK(error_of([&] { voice::Twilio refused(settings); }).code() == errc::invalid_argument);
  settings.from = "FooCorp"; // from which nobody can call
  CHECK(error_of([&] { voice::Twilio refused(settings); }).code() == errc::invalid_argument);
  settings.from = messages.from;
  settings.voice = "Polly.Amy ";
  CHECK(error_of([&] { voice::Twilio refused(settings); }).code() == errc::invalid_argument);
}

TEST_CASE("Twilio is told languages by the names that it has for them") {
  const auto [tag, name] = GENERATE(table<std::string, std::string>({
      {"de", "de-DE"},
      {"en", "en-US"},
      {"pt", "pt-BR"},
      {"pt-PT", "pt-PT"},
      {"de-AT", "de-AT"},
      {"de-CH", "de-DE"},
      {"DE-de", "de-DE"},
      {"en-gb", "en-GB"},
      {"de-Latn-AT", "de-AT"},
      {"de-u-co-phonebk", "de-DE"},
      {"es-419", "es-MX"},
      {"zh-Hant", "zh-TW"},
      {"zh-Hans-CN", "zh-CN"},
      {"zh-Hant-HK", "zh-HK"},
      {"no", "nb-NO"},
      {"nn-NO", "nb-NO"},
      {"ar-EG", "arb"},
      {"ar-AE", "ar-AE"},
      {"en-GB-WLS", "en-GB-WLS"},
      {"sw", ""},
      {"sw-KE", ""},
      {"x-pirate", ""},
      {"e", ""},
      {"", ""},
  }));
  INFO(tag);
  CHECK(voice::twilio_language(tag) == name);
}

TEST_CASE("Twilio speaks each text of the library's own, and is asked for no voice that it has not") {
  for (const auto& each : voice::spoken_texts) {
    INFO(each.language);
    const std::string_view name = voice::twilio_language(each.language);
    CHECK(name.starts_with(each.language));
    CHECK(name.size() == 5);
  }
  const sms::TwilioSettings messages = twilio_at("https://api.twilio.com");
  const auto said_in = [&](const char* language, const char* voice) {
    const voice::TwilioCalls calls({.account = messages.account, .from = messages.from, .voice = voice});
    const VoiceMessage message{.to = "+14155550123", .spoken = "2, 7", .language = language, .id = "1"};
    return std::string(calls.request(message, Time()).body);
  };
  CHECK_THAT(said_in("de", ""), contains("%3CSay%20language%3D%22de-DE%22%3E"));
  CHECK_THAT(said_in("de", "Polly.Vicki"),
             contains("%3CSay%20language%3D%22de-DE%22%20voice%3D%22Polly.Vicki%22%3E"));
  // Who names a voice knows what it speaks.
  CHECK_THAT(said_in("sw-KE", "Google.sw-KE-New"), contains("%3CSay%20language%3D%22sw-KE%22"));
  CHECK_THAT(said_in("de-CH", "Polly.Sabrina"), contains("%3CSay%20language%3D%22de-CH%22"));
  for (const char* const unknown : {"sw", "sw-KE"}) {
    const auto refusal = refusal_of([&] { (void)said_in(unknown, ""); });
    REQUIRE(refusal);
    CHECK(refusal->failure() == DeliveryFailure::message_refused);
    CHECK_THAT(refusal->what(), contains("voice_language"));
  }
}

TEST_CASE("A call is no longer than what Twilio takes") {
  const sms::TwilioSettings messages = twilio_at("https://api.twilio.com");
  const auto times_said = [&](std::size_t size) {
    const voice::TwilioCalls calls({.account = messages.account, .from = messages.from, .times = 5});
    std::string text;
    for (std::size_t i = 0; i < size; ++i) text += "\xC3\xA9"; // which counts as one
    const VoiceMessage message{.to = "+14155550123", .spoken = text, .language = "fr", .id = "1"};
    const std::string body(calls.request(message, Time()).body);
    std::size_t times = 0;
    for (auto at = body.find("%3CSay"); at != std::string::npos; at = body.find("%3CSay", at + 1)) ++times;
    return times;
  };
  CHECK(times_said(100) == 5);
  CHECK(times_said(740) == 5);
  CHECK(times_said(760) == 4);
  CHECK(times_said(1000) == 3);
  CHECK(times_said(5000) == 1);
}

TEST_CASE("How long to wait is told") {
  const auto wait_of = [](const std::string& headers) {
    return refusal(answer(429, R"({"code": 20429})", headers)).retry_after();
  };
  CHECK(wait_of("Retry-After: 17\r\n") == 17s);
  CHECK(wait_of("retry-after: 0\r\n") == 1s);
  CHECK(wait_of("Retry-After: 9999999999\r\n") == 24h);
  CHECK(wait_of("Retry-After: soon\r\n") == std::nullopt);
  CHECK(wait_of("") == std::nullopt);
  CHECK(wait_of("Date: Fri, 27 Nov 2026 05:00:00 GMT\r\nRetry-After: Fri, 27 Nov 2026 05:02:00 GMT\r\n") ==
        120s);
  CHECK(wait_of("Retry-After: Fri, 27 Nov 2026 05:02:00 GMT\r\n") == std::nullopt); // from when is not said
  CHECK(refusal(answer(400, R"({"code": 21610})", "Retry-After: 17\r\n")).retry_after() == std::nullopt);
}

TEST_CASE("Settings that cannot work are refused at once") {
  const auto refused = [](auto change) {
    sms::TwilioSettings settings = twilio_at("https://api.twilio.com");
    change(settings);
    const Error error = error_of([&] { sms::Twilio twilio(settings); });
    CHECK(error.code() == errc::invalid_argument);
    CHECK(std::string(error.what()).find("sesame") == std::string::npos);
  };
  refused([](auto& s) { s.account.account_sid.clear(); });
  refused([](auto& s) { s.account.secret = ""; });
  refused([](auto& s) { s.account.secret = "sesame\n"; }); // as a file ends
  refused([](auto& s) { s.from.clear(); });
  refused([](auto& s) { s.messaging_service_sid = "MG1"; });
  refused([](auto& s) {
    s.from.clear();
    s.messaging_service_sid = "MG1\n";
  });
  refused([](auto& s) { s.account.api_key = "SK1 "; });
  refused([](auto& s) { s.account.secret = " sesame"; });
  refused([](auto& s) { s.validity = 11h; });
  refused([](auto& s) { s.base_url = "api.twilio.com"; });
}
