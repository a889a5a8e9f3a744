// A webhook gets JSON that no text can break out of, signed so that its receiver can tell, and says in our
// words what became of the message.
#include <mfa/sms/webhook.hpp>

#include <mfa/push/webhook.hpp>
#include <mfa/voice/webhook.hpp>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <mfa/encoding/hexadecimal.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/scripted_server.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

DeliveryError refusal(const ScriptedAnswer& said) {
  ScriptedServer server([&](const std::string&) { return said; });
  sms::Webhook webhook({.url = server.url() + "/sms"}, {.ca_file = server.ca_file()});
  const auto error = refusal_of([&] { webhook.send(message_to_alan()); });
  REQUIRE(error);
  return *error;
}

/// By OpenSSL's own HMAC.
std::string hmac_sha256(std::string_view key, std::string_view text) {
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  REQUIRE(HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(),
               &size) != nullptr);
  return mfa::detail::hexadecimal(mac);
}

} // namespace

TEST_CASE("A webhook gets the message, escaped and signed") {
  ScriptedServer server([](const std::string&) { return answer(202, ""); });
  sms::Webhook webhook({.url = server.url() + "/sms?tenant=7",
                        .body = R"({"data": {"number": "{{to}}", "text": "{{body}}", "code": "{{code}}",
                                    "note": "{{ {{other}}", "ref": "{{id}}"}})",
                        .signing_key = "sesame-key",
                        .headers = {{"Authorization", "Bearer sesame"}}},
                       {.ca_file = server.ca_file()});
  SmsMessage message = message_to_alan();
  message.body = "\"}, \"to\": \"evil\\ \n\t\x01 {{to}} \xC3\xA9 \xF0\x9F\x94\x91";
  webhook.send(message);

  const std::string request = server.requests().at(0);
  CHECK(request.starts_with("POST /sms?tenant=7 HTTP/1.1\r\n"));
  CHECK(header_of(request, "Content-Type") == "application/json");
  CHECK(header_of(request, "Idempotency-Key") == message.id);
  CHECK(header_of(request, "Authorization") == "Bearer sesame");
  const auto json = nlohmann::json::parse(body_of(request));
  CHECK(json["data"]["number"] == "+14155550123");
  CHECK(json["data"]["text"] == message.body.str());
  CHECK(json["data"]["code"] == "271828");
  CHECK(json["data"]["ref"] == message.id);
  CHECK(json["data"]["note"] == "{{ {{other}}");

  const std::string signature = header_of(request, "Mfa-Signature");
  REQUIRE(signature.starts_with("t="));
  const std::string seconds = signature.substr(2, signature.find(',') - 2);
  const auto age =
      std::chrono::system_clock::now() - std::chrono::sys_seconds(std::chrono::seconds(std::stoll(seconds)));
  CHECK(age > -2s);
  CHECK(age < 60s);
  CHECK(signature == "t=" + seconds + ",v1=" + hmac_sha256("sesame-key", seconds + "." + body_of(request)));
}

TEST_CASE("Webhooks take calls and notifications") {
  ScriptedServer server([](const std::string&) { return answer(200, ""); });
  const http::CurlOptions options{.ca_file = server.ca_file()};
  const VoiceMessage call{.to = "+14155550123", .spoken = "\"2\", 7", .language = "en", .id = "c1"};
  voice::Webhook({.url = server.url() + "/call"}, options).send(call);
  const std::string called = server.requests().back();
  CHECK(called.starts_with("POST /call HTTP/1.1\r\n"));
  CHECK(header_of(called, "Idempotency-Key") == "c1");
  CHECK(nlohmann::json::parse(body_of(called)) ==
        nlohmann::json{{"to", "+14155550123"}, {"spoken", "\"2\", 7"}, {"language", "en"}, {"id", "c1"}});

  push::Webhook notify(
      {.url = server.url() + "/push", .body = R"({"user": "{{user_id}}", "alert": "{{body}} {{to}}"})"},
      options);
  notify.send(PushMessage{.user_id = "u_42\n", .body = "{{user_id}} 27", .id = "p1"});
  CHECK(nlohmann::json::parse(body_of(server.requests().back())) ==
        nlohmann::json{{"user", "u_42\n"}, {"alert", "{{user_id}} 27 {{to}}"}});
  push::Webhook({.url = server.url()}, options)
      .send(PushMessage{.user_id = "u_42", .body = "27", .id = "p2"});
  CHECK(nlohmann::json::parse(body_of(server.requests().back())) ==
        nlohmann::json{{"user_id", "u_42"}, {"body", "27"}, {"id", "p2"}});

  const auto refused = [&](std::string body) {
    return error_of([&] { voice::Webhook webhook({.url = server.url(), .body = std::move(body)}); }).code();
  };
  CHECK(refused(R"({"text": "{{body}}"})") == errc::invalid_argument); // that of a text message
  CHECK(refused(R"({"text": {{spoken}}})") == errc::invalid_argument);
}

TEST_CASE("A webhook's answer becomes our words") {
  const auto [status, body, failure] = GENERATE(table<int, std::string, DeliveryFailure>({
      {400, R"({"failure": "invalid_recipient"})", DeliveryFailure::invalid_recipient},
      {422, R"({"failure": "opted_out", "more": 1})", DeliveryFailure::opted_out},
      {500, R"({"failure": "unavailable"})", DeliveryFailure::unavailable},
      {500, R"({"failure": "sesame 271828"})", DeliveryFailure::unclear},
      {400, "no json", DeliveryFailure::message_refused},
      {401, "", DeliveryFailure::credentials_refused},
      {402, "", DeliveryFailure::balance_empty},
      {404, "", DeliveryFailure::message_refused},
      {408, "", DeliveryFailure::unavailable},
      {429, "", DeliveryFailure::throttled},
      {500, "", DeliveryFailure::unclear},
      {502, "", DeliveryFailure::unclear},
      {503, "", DeliveryFailure::unavailable},
      {504, "", DeliveryFailure::unclear},
  }));
  CHECK(refusal(answer(status, body)).failure() == failure);
  CHECK(refusal(answer(503, "", "Retry-After: 3\r\n")).retry_after() == 3s);
}

TEST_CASE("A webhook's settings that cannot work are refused at once") {
  const auto refused = [](sms::WebhookSettings settings) {
    CHECK(error_of([&] { sms::Webhook webhook(settings); }).code() == errc::invalid_argument);
  };
  refused({.url = "http://sms.example.com"});
  refused({.url = ""});
  refused({.url = "https://sms.example.com", .body = R"({"to": "{{to}}"})"});    // nothing is sent
  refused({.url = "https://sms.example.com", .body = R"({"body": {{body}}})"});  // not in a string
  refused({.url = "https://sms.example.com", .body = R"({"body": "{{body}}")"}); // no JSON
  refused({.url = "https://sms.example.com:0"});
  refused({.url = "https://sms.example.com\n"});
  for (const char* const key : {"sesame-key\n", " sesame-key", "sesame-key\r\n", "\n"})
    refused({.url = "https://sms.example.com", .signing_key = key});
  CHECK_NOTHROW(sms::Webhook({.url = "https://sms.example.com", .signing_key = "\x01\xFF\n"})); // bytes
  using Headers = std::vector<http::Header>;
  for (const Headers& headers : {Headers{{"X", "a\r\nY: b"}}, Headers{{"X", ""}}, Headers{{"X", "Bearer "}},
                                 Headers{{"X", " a"}}, Headers{{"X", "a\n"}}, Headers{{"", "a"}},
                                 Headers{{"X: Y", "a"}}, Headers{{"Right", "a"}, {"X\r\nY", "a"}}})
    refused({.url = "https://sms.example.com", .headers = headers});
  CHECK_NOTHROW(sms::Webhook({.url = "http://127.0.0.1:9/x?a=b/", .body = R"({"c": "{{code}}"})"}));
  voice::Webhook calls({.url = "https://sms.example.com/"}); // no path is put behind it
  CHECK(error_of([&] { push::Webhook none({.url = "https://push.example.com:0"}); }).code() ==
        errc::invalid_argument);
  http::Request request{.url = "https://a.example", .headers = {{"X", "a\r\nY: b"}}};
  CHECK(error_of([&] { (void)http::Curl().perform(request); }).code() == errc::invalid_argument);
}
