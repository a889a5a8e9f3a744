// Amazon SNS: the signature is that of AWS's own examples and of an independent implementation, the request
// is that which is documented, and what it answers becomes our words.
#include <mfa/sms/sns.hpp>

#include <chrono>
#include <memory>
#include <string>

#include <curl/curl.h>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/provider_checks.hpp"
#include "support/scripted_server.hpp"
#include "support/transport_checks.hpp"

using namespace mfa;
using namespace mfa::test;
using namespace std::chrono;

namespace {

/// The keys of AWS's examples.
http::AwsCredentials example_keys() {
  return {.access_key_id = "AKIDEXAMPLE", .secret_access_key = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
}

/// 2015-08-30, 12:36:00
constexpr Time example_time = sys_days(year(2015) / 8 / 30) + hours(12) + minutes(36);

std::string authorization(const http::Request& request) {
  for (const http::Header& header : request.headers)
    if (header.name == "Authorization") return header.value.str();
  return {};
}

std::string signed_example(http::Request request, const std::string& service = "service",
                           const http::AwsCredentials& keys = example_keys()) {
  http::sign_for_aws(request, keys, "us-east-1", service, example_time);
  return authorization(request);
}

sms::SnsSettings sns_at(const std::string& url) {
  return {.credentials = {.access_key_id = "AKIA1", .secret_access_key = "sesame"},
          .region = "eu-central-1",
          .base_url = url};
}

} // namespace

TEST_CASE("Requests are signed as AWS's examples are") {
  const std::string begin = "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/";
  // From the guide to Signature Version 4.
  CHECK(signed_example({.method = "GET",
                        .url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08",
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded; charset=utf-8"}}},
                       "iam") ==
        begin + "iam/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
                "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7");
  // From the test suite of Signature Version 4: get-vanilla, get-vanilla-query-order-key-case,
  // post-vanilla, post-x-www-form-urlencoded.
  const std::string of_service = begin + "service/aws4_request, SignedHeaders=host;x-amz-date, Signature=";
  CHECK(signed_example({.method = "GET", .url = "https://example.amazonaws.com/"}) ==
        of_service + "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(signed_example({.method = "GET", .url = "https://example.amazonaws.com:443/"}) ==
        of_service + "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31");
  CHECK(signed_example(
            {.method = "GET", .url = "https://example.amazonaws.com/?Param2=value2&Param1=value1"}) ==
        of_service + "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500");
  CHECK(signed_example({.method = "POST", .url = "https://example.amazonaws.com/"}) ==
        of_service + "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b");
  CHECK(signed_example({.method = "POST",
                        .url = "https://example.amazonaws.com/",
                        .headers = {{"Content-Type", "application/x-www-form-urlencoded"}},
                        .body = "Param1=value1"}) ==
        begin + "service/aws4_request, SignedHeaders=content-type;host;x-amz-date, "
                "Signature=ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a");
}

TEST_CASE("A role's requests are signed as libcurl signs them") {
  ScriptedServer server([](const std::string&) { return answer(200, "<MessageId>1</MessageId>"); });
  sms::SnsSettings settings = sns_at(server.url());
  settings.credentials.session_token = "token+/=";
  sms::Sns sns(settings, {.ca_file = server.ca_file()});
  sns.send(message_to_alan());
  const std::string ours = server.requests().at(0);
  CHECK(header_of(ours, "X-Amz-Security-Token") == "token+/=");

  // The same body and headers by libcurl's own signature, and ours of the second of that.
  const std::unique_ptr<CURL, decltype(&curl_easy_cleanup)> curl(curl_easy_init(), &curl_easy_cleanup);
  curl_slist* headers =
      curl_slist_append(nullptr, "Content-Type: application/x-www-form-urlencoded; charset=utf-8");
  headers = curl_slist_append(headers, "X-Amz-Security-Token: token+/=");
  const std::unique_ptr<curl_slist, decltype(&curl_slist_free_all)> list(headers, &curl_slist_free_all);
  const std::string url = server.url() + "/";
  const std::string body = body_of(ours);
  const std::string ca_file = server.ca_file();
  curl_easy_setopt(curl.get(), CURLOPT_URL, url.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_CAINFO, ca_file.c_str());
  curl_easy_setopt(curl.get(), CURLOPT_AWS_SIGV4, "aws:amz:eu-central-1:sns");
  curl_easy_setopt(curl.get(), CURLOPT_USERPWD, "AKIA1:sesame");
  curl_easy_setopt(curl.get(), CURLOPT_HTTPHEADER, headers);
  curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, body.c_str());
  curl_easy_setopt(
      curl.get(), CURLOPT_WRITEFUNCTION,
      +[](char*, std::size_t size, std::size_t count, void*) { return size * count; });
  REQUIRE(curl_easy_perform(curl.get()) == CURLE_OK);
  const std::string theirs = server.requests().back();
  const std::string stamp = header_of(theirs, "X-Amz-Date");
  REQUIRE(stamp.size() == 16);
  const auto number = [&](std::size_t at, std::size_t size) { return std::stoi(stamp.substr(at, size)); };
  const auto unsigned_number = [&](std::size_t at) { return static_cast<unsigned>(number(at, 2)); };
  const Time then = sys_days(year(number(0, 4)) / month(unsigned_number(4)) / day(unsigned_number(6))) +
                    hours(number(9, 2)) + minutes(number(11, 2)) + seconds(number(13, 2));
  const sms::SnsPublish description(settings);
  CHECK(authorization(description.request(message_to_alan(), then)) == header_of(theirs, "Authorization"));
}

TEST_CASE("Amazon SNS gets the message as it documents") {
  const ScriptedAnswer taken = answer(200, "<PublishResponse><PublishResult><MessageId>567910cd</MessageId>"
                                           "</PublishResult></PublishResponse>");
  const std::string request = request_of<sms::Sns>(sns_at, taken);
  CHECK(request.starts_with("POST / HTTP/1.1\r\n"));
  CHECK(header_of(request, "Content-Type") == "application/x-www-form-urlencoded; charset=utf-8");
  CHECK(header_of(request, "Authorization").starts_with("AWS4-HMAC-SHA256 Credential=AKIA1/"));
  CHECK(body_of(request) ==
        "Action=Publish&Version=2010-03-31&PhoneNumber=%2B14155550123&Message=Your%20code%20is%20271828"
        "&MessageAttributes.entry.1.Name=AWS.SNS.SMS.SMSType&MessageAttributes.entry.1.Value.DataType=String"
        "&MessageAttributes.entry.1.Value.StringValue=Transactional");
  const auto with_all = [](const std::string& url) {
    sms::SnsSettings settings = sns_at(url);
    settings.current_credentials = [] {
      return http::AwsCredentials{
          .access_key_id = "ASIA2", .secret_access_key = "other", .session_token = "t"};
    };
    settings.sender_id = "FooCorp";
    settings.origination_number = "+447700900123";
    settings.max_price = "0.50";
    return settings;
  };
  const std::string full = request_of<sms::Sns>(with_all, taken);
  CHECK(header_of(full, "Authorization").starts_with("AWS4-HMAC-SHA256 Credential=ASIA2/"));
  CHECK(body_of(full).ends_with(
      "&MessageAttributes.entry.2.Name=AWS.SNS.SMS.SenderID&MessageAttributes.entry.2.Value.DataType=String"
      "&MessageAttributes.entry.2.Value.StringValue=FooCorp"
      "&MessageAttributes.entry.3.Name=AWS.MM.SMS.OriginationNumber&MessageAttributes.entry.3.Value.DataType="
      "String&MessageAttributes.entry.3.Value.StringValue=%2B447700900123"
      "&MessageAttributes.entry.4.Name=AWS.SNS.SMS.MaxPrice&MessageAttributes.entry.4.Value.DataType=Number"
      "&MessageAttributes.entry.4.Value.StringValue=0.50"));
  sms::SnsSettings usual = sns_at("");
  CHECK(sms::SnsPublish(usual).request(message_to_alan(), example_time).url ==
        "https://sns.eu-central-1.amazonaws.com/");
}

TEST_CASE("Amazon SNS's errors become ours") {
  const auto [status, code, text, failure] = GENERATE(table<int, std::string, std::string, DeliveryFailure>({
      {400, "InvalidParameter",
       "Invalid parameter: PhoneNumber Reason: +14155550123 is not valid to publish to",
       DeliveryFailure::invalid_recipient},
      {400, "InvalidParameter", "Invalid parameter: Message too long", DeliveryFailure::message_refused},
      {400, "OptedOut", "", DeliveryFailure::opted_out},
      {403, "AuthorizationError", "", DeliveryFailure::credentials_refused},
      {403, "InvalidClientTokenId", "", DeliveryFailure::credentials_refused},
      {403, "SignatureDoesNotMatch", "", DeliveryFailure::credentials_refused},
      {403, "ExpiredToken", "", DeliveryFailure::credentials_refused},
      {400, "Throttling", "", DeliveryFailure::throttled},
      {429, "Throttled", "", DeliveryFailure::throttled},
      {500, "InternalError", "", DeliveryFailure::unclear},
      {503, "ServiceUnavailable", "", DeliveryFailure::unavailable},
      {400, "sesame 271828", "", DeliveryFailure::message_refused},
      {503, "", "", DeliveryFailure::unclear},
  }));
  const std::string xml = "<ErrorResponse><Error><Type>Sender</Type><Code>" + code + "</Code><Message>" +
                          text + "</Message></Error></ErrorResponse>";
  CHECK(refusal_by<sms::Sns>(sns_at, answer(status, xml)).failure() == failure);
}

TEST_CASE("What is no answer of Amazon SNS's is judged by its status") {
  check_common_answers<sms::Sns>(sns_at);
  CHECK(refusal_by<sms::Sns>(sns_at, answer(200, "<MessageId></MessageId>")).failure() ==
        DeliveryFailure::unclear);
}

TEST_CASE("Settings of Amazon SNS that cannot work are refused at once") {
  const auto refused = [](auto change) {
    sms::SnsSettings settings = sns_at("");
    change(settings);
    CHECK(error_of([&] { sms::Sns sns(settings); }).code() == errc::invalid_argument);
  };
  refused([](auto& s) { s.region = ""; });
  refused([](auto& s) { s.region = "evil.example/"; });
  refused([](auto& s) { s.credentials.access_key_id.clear(); });
  refused([](auto& s) { s.credentials.secret_access_key = "with space"; });
  refused([](auto& s) { s.base_url = "http://sns.example.com"; });
  for (const char* const none : {"Foo Corp", "FooCorporation", "12345", "-", "F\xC3\xB6", "Foo "})
    refused([&](auto& s) { s.sender_id = none; });
  for (const char* const none : {"FooCorp", "+1 501 712 2661", "12", " +15017122661"})
    refused([&](auto& s) { s.origination_number = none; });
  for (const char* const none : {"0", "0.00", ".5", "1.", "$0.50", "0,50", "-1", "1e3", "0.5 "})
    refused([&](auto& s) { s.max_price = none; });
}
