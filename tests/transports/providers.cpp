// Each provider gets what it documents, and what it answers becomes our words.
#include <string>

#include <nlohmann/json.hpp>

#include <mfa/delivery/failover.hpp>
#include <mfa/http/settings.hpp>
#include <mfa/sms/messagebird.hpp>
#include <mfa/sms/sinch.hpp>
#include <mfa/sms/sns.hpp>
#include <mfa/sms/twilio.hpp>
#include <mfa/sms/twilio_verify.hpp>
#include <mfa/sms/vonage.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/voice/twilio.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/provider_checks.hpp"
#include "support/scripted_server.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;

namespace {

sms::TwilioVerifySettings verify_at(const std::string& url) {
  return {.account = {.account_sid = "AC1", .secret = "sesame"}, .service_sid = "VA1", .base_url = url};
}

sms::VonageSettings vonage_at(const std::string& url) {
  return {.api_key = "abcd1234", .api_secret = "sesame", .from = "Foo Corp", .base_url = url};
}

sms::MessageBirdSettings bird_at(const std::string& url) {
  return {.access_key = "sesame", .originator = "Foo & Corp", .base_url = url};
}

sms::SinchSettings sinch_at(const std::string& url) {
  return {.service_plan_id = "plan1", .api_token = "sesame", .from = "+447700900123", .base_url = url};
}

SmsMessage message_in(const char* text) {
  SmsMessage message = message_to_alan();
  message.body = text;
  return message;
}

} // namespace

TEST_CASE("Twilio Verify gets the code, and not the text") {
  const std::string request =
      request_of<sms::TwilioVerify>(verify_at, answer(201, R"({"status": "pending"})"));
  CHECK(request.starts_with("POST /v2/Services/VA1/Verifications HTTP/1.1\r\n"));
  CHECK(header_of(request, "Authorization") == "Basic QUMxOnNlc2FtZQ==");
  CHECK(body_of(request) == "To=%2B14155550123&Channel=sms&CustomCode=271828");

  const auto with_locale = [](const std::string& url) {
    auto settings = verify_at(url);
    settings.locale = "pt-BR";
    settings.template_sid = "HJ1";
    return settings;
  };
  CHECK(body_of(request_of<sms::TwilioVerify>(with_locale, answer(201, ""))) ==
        "To=%2B14155550123&Channel=sms&CustomCode=271828&Locale=pt-BR&TemplateSid=HJ1");

  sms::TwilioVerify verify(verify_at("https://127.0.0.1:1"));
  const auto refusal = refusal_of([&] { verify.send({.to = "+14155550123", .body = "Hello", .id = "1"}); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::message_refused);
}

TEST_CASE("Twilio Verify's errors become ours") {
  const auto [status, code, failure] = GENERATE(table<int, int, DeliveryFailure>({
      {400, 60205, DeliveryFailure::invalid_recipient},
      {400, 60200, DeliveryFailure::message_refused},
      {403, 60204, DeliveryFailure::credentials_refused}, // custom codes are not enabled
      {429, 60203, DeliveryFailure::throttled},
      {403, 60238, DeliveryFailure::not_permitted}, // blocked as fraud, and so no key that is wrong
      {403, 60410, DeliveryFailure::not_permitted},
      {403, 60412, DeliveryFailure::not_permitted},
      {403, 60605, DeliveryFailure::not_permitted},
      {404, 20404, DeliveryFailure::credentials_refused},
  }));
  CHECK(refusal_by<sms::TwilioVerify>(verify_at, answer(status, R"({"code": )" + std::to_string(code) + "}"))
            .failure() == failure);
}

TEST_CASE("Vonage gets the message as it documents") {
  const ScriptedAnswer taken =
      answer(200, R"({"message-count": "1", "messages": [{"to": "14155550123", "status": "0"}]})");
  const std::string request = request_of<sms::Vonage>(vonage_at, taken);
  CHECK(request.starts_with("POST /sms/json HTTP/1.1\r\n"));
  CHECK(header_of(request, "Content-Type") == "application/x-www-form-urlencoded");
  CHECK(header_of(request, "Authorization").empty());
  CHECK(body_of(request) ==
        "api_key=abcd1234&api_secret=sesame&from=Foo%20Corp&to=14155550123&text=Your%20code%20is%20271828"
        "&client-ref=auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5");
  const std::string unicode =
      body_of(request_of<sms::Vonage>(vonage_at, taken, message_in("\xD0\x9A\xD0\xBE\xD0\xB4 1")));
  CHECK(unicode.find("text=%D0%9A%D0%BE%D0%B4%201&type=unicode&") != std::string::npos);
  // What the network's own alphabet holds costs one segment, not two.
  const std::string accents =
      body_of(request_of<sms::Vonage>(vonage_at, taken, message_in("\xC3\x9C\xC3\xA9 \xE2\x82\xAC 1")));
  CHECK(accents.find("type=unicode") == std::string::npos);
  const std::string accent = body_of(request_of<sms::Vonage>(vonage_at, taken, message_in("` 1")));
  CHECK(accent.find("&type=unicode&") != std::string::npos);
}

TEST_CASE("Vonage's statuses become ours") {
  const auto said = [](const std::string& messages) {
    return refusal_by<sms::Vonage>(vonage_at, answer(200, R"({"messages": )" + messages + "}")).failure();
  };
  const auto [status, failure] = GENERATE(table<int, DeliveryFailure>({
      {1, DeliveryFailure::throttled},
      {2, DeliveryFailure::message_refused},
      {3, DeliveryFailure::message_refused},
      {4, DeliveryFailure::credentials_refused},
      {5, DeliveryFailure::unclear},
      {6, DeliveryFailure::invalid_recipient},
      {7, DeliveryFailure::invalid_recipient},
      {8, DeliveryFailure::credentials_refused},
      {9, DeliveryFailure::balance_empty},
      {12, DeliveryFailure::message_refused},
      {15, DeliveryFailure::message_refused},
      {29, DeliveryFailure::not_permitted},
      {33, DeliveryFailure::invalid_recipient},
      {99, DeliveryFailure::message_refused},
  }));
  const std::string part = R"({"status": ")" + std::to_string(status) + R"(", "error-text": "271828"})";
  CHECK(said("[" + part + "]") == failure);
  CHECK(said(R"([{"status": "0"}, )" + part + "]") == DeliveryFailure::unclear); // half of it arrives
  for (const char* const unreadable :
       {"[]", "{}", "[{}]", "[null]", R"([{"status": "zero"}])", R"([{"status": ""}])"})
    CHECK(said(unreadable) == DeliveryFailure::unclear);
}

TEST_CASE("MessageBird gets the message as it documents") {
  const std::string request = request_of<sms::MessageBird>(bird_at, answer(201, R"({"id": "e8"})"),
                                                           message_in("Code \"1\" \\ \xC3\xA9"));
  CHECK(request.starts_with("POST /messages HTTP/1.1\r\n"));
  CHECK(header_of(request, "Authorization") == "AccessKey sesame");
  CHECK(nlohmann::json::parse(body_of(request)) ==
        nlohmann::json{{"originator", "Foo & Corp"},
                       {"recipients", {"14155550123"}},
                       {"body", "Code \"1\" \\ \xC3\xA9"},
                       {"datacoding", "auto"},
                       {"reference", "auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5"}});
}

TEST_CASE("MessageBird's errors become ours") {
  const auto [status, errors, failure] = GENERATE(table<int, std::string, DeliveryFailure>({
      {401, R"([{"code": 2, "parameter": "access_key"}])", DeliveryFailure::credentials_refused},
      {422, R"([{"code": 9, "parameter": "recipients"}])", DeliveryFailure::invalid_recipient},
      {422, R"([{"code": 9, "parameter": "recipient"}])", DeliveryFailure::invalid_recipient},
      {422, R"([{"code": 9, "parameter": "originator"}, {"code": 9, "parameter": "recipients"}])",
       DeliveryFailure::invalid_recipient},
      {422, R"([{"code": 10, "parameter": "originator"}])", DeliveryFailure::message_refused},
      {400, R"([{"code": 25, "parameter": null}])", DeliveryFailure::balance_empty},
      {500, R"([{"code": 99}])", DeliveryFailure::unclear},
      {429, R"([{"code": 1}])", DeliveryFailure::throttled},
  }));
  CHECK(refusal_by<sms::MessageBird>(bird_at, answer(status, R"({"errors": )" + errors + "}")).failure() ==
        failure);
}

TEST_CASE("Sinch gets the message as it documents") {
  const std::string request = request_of<sms::Sinch>(sinch_at, answer(201, R"({"id": "01"})"));
  CHECK(request.starts_with("POST /xms/v1/plan1/batches HTTP/1.1\r\n"));
  CHECK(header_of(request, "Authorization") == "Bearer sesame");
  CHECK(nlohmann::json::parse(body_of(request)) ==
        nlohmann::json{{"from", "+447700900123"},
                       {"to", {"+14155550123"}},
                       {"body", "Your code is 271828"},
                       {"client_reference", "auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5"}});
}

TEST_CASE("A text with a placeholder of Sinch's own goes to the next provider") {
  sms::Sinch sinch(sinch_at("https://127.0.0.1:1"));
  const SmsMessage message = message_in("${name}: your code is 271828");
  const auto refusal = refusal_of([&] { sinch.send(message); });
  REQUIRE(refusal);
  CHECK(refusal->failure() == DeliveryFailure::message_refused);
  CHECK(std::string(refusal->what()).find("271828") == std::string::npos);
  testing::RecordingSms second;
  delivery::Failover both{sinch, second};
  CHECK_NOTHROW(both.send(message));
  CHECK(second.messages().size() == 1);
  const std::string request =
      request_of<sms::Sinch>(sinch_at, answer(201, R"({"id": "01"})"), message_in("$1 {x} }$: 271828"));
  CHECK(nlohmann::json::parse(body_of(request))["body"] == "$1 {x} }$: 271828");
}

TEST_CASE("Sinch's errors become ours") {
  const auto [status, code, text, failure] = GENERATE(table<int, std::string, std::string, DeliveryFailure>({
      {400, "syntax_invalid_parameter_format", "The MSISDN 14155550123 is wrong",
       DeliveryFailure::invalid_recipient},
      {400, "syntax_invalid_parameter_format", "from", DeliveryFailure::message_refused},
      {400, "syntax_constraint_violation", "body", DeliveryFailure::message_refused},
      {403, "illegal_number_type", "", DeliveryFailure::invalid_recipient},
      {403, "blocked_account", "", DeliveryFailure::balance_empty},
      {403, "unknown_campaign", "", DeliveryFailure::not_permitted},
      {403, "sesame 271828", "", DeliveryFailure::credentials_refused},
      {500, "internal", "", DeliveryFailure::unclear},
  }));
  const std::string body = nlohmann::json{{"code", code}, {"text", text}}.dump();
  CHECK(refusal_by<sms::Sinch>(sinch_at, answer(status, body)).failure() == failure);
}

TEST_CASE("What is no answer of a provider's is judged by its status") {
  check_common_answers<sms::TwilioVerify>(verify_at);
  check_common_answers<sms::Vonage>(vonage_at);
  check_common_answers<sms::MessageBird>(bird_at);
  check_common_answers<sms::Sinch>(sinch_at);
}

TEST_CASE("No provider takes an address that cannot work") {
  const auto refused = [](const std::string& url, auto settings_at, auto make, const char* remedy) {
    INFO(url);
    const Error error = error_of([&] { make(settings_at(url)); });
    CHECK(error.code() == errc::invalid_argument);
    CHECK_THAT(error.what(), contains("base_url"));
    CHECK_THAT(error.what(), contains(remedy));
    CHECK(std::string(error.what()).find("example.com") == std::string::npos);
  };
  const auto [url, remedy] = GENERATE(table<std::string, const char*>({
      {"https://api.example.com/", "ends with a slash"},
      {"https://api.example.com/proxy/", "ends with a slash"},
      {"https://api.example.com?x", "? or #"},
      {"https://api.example.com#x", "? or #"},
      {"http://api.example.com", "write one"},
      {"api.example.com", "write one"},
      {"https://api.example.com:0", "port"},
      {"https://api.example.com:", "port"},
      {"https://api.example.com:65536", "port"},
      {"https://api.example.com:443x", "port"},
      {"https://api.example.com:-1", "port"},
      {"https://api.example.com:4294967739", "port"}, // 443 of 32 bits
      {"https://::1", "brackets"},
      {"https://", "no host"},
      {"https://:443", "no host"},
      {"https://user@api.example.com", "user name"},
      {" https://api.example.com", "write one"},
      {"https://api.example.com ", "space"},
      {"https://api.example.com\n", "space"},
  }));
  refused(
      url, verify_at, [](const auto& s) { sms::TwilioVerify made(s); }, remedy);
  refused(
      url, vonage_at, [](const auto& s) { sms::Vonage made(s); }, remedy);
  refused(
      url, bird_at, [](const auto& s) { sms::MessageBird made(s); }, remedy);
  refused(
      url, sinch_at, [](const auto& s) { sms::Sinch made(s); }, remedy);
  refused(
      url, twilio_at, [](const auto& s) { sms::Twilio made(s); }, remedy);
  refused(
      url,
      [](const std::string& at) {
        return sms::SnsSettings{.credentials = {.access_key_id = "AKIA1", .secret_access_key = "sesame"},
                                .region = "eu-central-1",
                                .base_url = at};
      },
      [](const auto& s) { sms::Sns made(s); }, remedy);
  refused(
      url,
      [](const std::string& at) {
        return voice::TwilioSettings{
            .account = twilio_at(at).account, .from = "+15017122661", .base_url = at};
      },
      [](const auto& s) { voice::Twilio made(s); }, remedy);
  for (const char* const right : {"https://api.example.com:65535", "https://api.example.com/proxy",
                                  "https://[2001:db8::1]:443", "http://127.0.0.1:8080"})
    CHECK_NOTHROW(sms::Vonage(vonage_at(right)));
}

TEST_CASE("Messages come from a number or a sender id, and calls from a number") {
  const auto code_of = [](auto settings, auto member, const char* value, auto make) {
    settings.*member = value;
    return error_of([&] { make(settings); }).code();
  };
  for (const char* const none :
       {" FooCorp", "FooCorp ", "+1 501 712 2661", "(501) 712-2661", "FooCorporation", "no-reply@foo.example",
        "foo@b.de", "\"FooCorp\"", "F\xC3\xBC\xC3\xBC", "Foo\n", "+0123456789", "+123456", "12",
        "+FooCorp1234", "1234567890123456", "-", "MG0123456789abcdef"}) {
    INFO(none);
    const std::string url = "https://api.example.com";
    CHECK(code_of(vonage_at(url), &sms::VonageSettings::from, none,
                  [](const auto& s) { sms::Vonage made(s); }) == errc::invalid_argument);
    CHECK(code_of(bird_at(url), &sms::MessageBirdSettings::originator, none,
                  [](const auto& s) { sms::MessageBird made(s); }) == errc::invalid_argument);
    CHECK(code_of(sinch_at(url), &sms::SinchSettings::from, none,
                  [](const auto& s) { sms::Sinch made(s); }) == errc::invalid_argument);
    CHECK(code_of(twilio_at(url), &sms::TwilioSettings::from, none,
                  [](const auto& s) { sms::Twilio made(s); }) == errc::invalid_argument);
    CHECK(error_of([&] { voice::Twilio made({.account = twilio_at(url).account, .from = none}); }).code() ==
          errc::invalid_argument);
  }
  for (const char* const right : {"FooCorp", "Foo Corp", "Foo & Co.", "a", "12345", "+15017122661",
                                  "15017122661", "447700900123", "2FA-Foo", "AAAAAAAAAAA"}) {
    INFO(right);
    CHECK_NOTHROW(http::check_sender("from", right));
    CHECK(http::is_number_of_sender(right) ==
          (std::string(right).find_first_not_of("+0123456789") == std::string::npos));
  }
  sms::TwilioSettings by_rcs = twilio_at("https://api.twilio.com");
  by_rcs.from = "rcs:foo_corp_agent";
  CHECK_NOTHROW(sms::Twilio(by_rcs));
  by_rcs.from = "whatsapp:+15017122661"; // whose recipients are written so too
  CHECK(error_of([&] { sms::Twilio made(by_rcs); }).code() == errc::invalid_argument);
}

TEST_CASE("Providers' settings that cannot work are refused at once") {
  const auto refused = [](auto settings_at, auto make, auto change) {
    auto settings = settings_at("https://api.example.com");
    change(settings);
    CHECK(error_of([&] { make(settings); }).code() == errc::invalid_argument);
  };
  const auto verify = [](const auto& s) { sms::TwilioVerify made(s); };
  const auto vonage = [](const auto& s) { sms::Vonage made(s); };
  const auto bird = [](const auto& s) { sms::MessageBird made(s); };
  const auto sinch = [](const auto& s) { sms::Sinch made(s); };
  refused(verify_at, verify, [](auto& s) { s.service_sid.clear(); });
  refused(vonage_at, vonage, [](auto& s) { s.api_secret = "a b"; });
  refused(vonage_at, vonage, [](auto& s) { s.from.clear(); });
  refused(vonage_at, vonage, [](auto& s) { s.base_url = "http://rest.nexmo.com"; });
  refused(bird_at, bird, [](auto& s) { s.access_key = "key\n"; });
  refused(bird_at, bird, [](auto& s) { s.originator.clear(); });
  refused(sinch_at, sinch, [](auto& s) { s.service_plan_id = ""; });
  refused(sinch_at, sinch, [](auto& s) { s.from.clear(); });
  for (const char* const around : {" sesame", "sesame ", "sesame\n", "\tsesame", ""}) {
    refused(verify_at, verify, [&](auto& s) { s.account.secret = around; });
    refused(verify_at, verify, [&](auto& s) { s.account.account_sid = around; });
    refused(vonage_at, vonage, [&](auto& s) { s.api_key = around; });
    refused(vonage_at, vonage, [&](auto& s) { s.api_secret = around; });
    refused(bird_at, bird, [&](auto& s) { s.access_key = around; });
    refused(sinch_at, sinch, [&](auto& s) { s.api_token = around; });
    refused(sinch_at, sinch, [&](auto& s) { s.service_plan_id = around; });
    if (*around == 0) continue; // which may be left out
    refused(verify_at, verify, [&](auto& s) { s.account.api_key = around; });
    refused(verify_at, verify, [&](auto& s) { s.locale = around; });
    refused(verify_at, verify, [&](auto& s) { s.template_sid = around; });
  }
}
