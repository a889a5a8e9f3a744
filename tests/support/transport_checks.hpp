#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/delivery/failure.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/twilio.hpp>

#include "catch.hpp"
#include "errors.hpp"
#include "scripted_server.hpp"
#include "text.hpp"

namespace mfa::test {

/// A message whose parts are easily found where they must not be.
inline SmsMessage message_to_alan() {
  return {.to = "+14155550123",
          .body = "Your code is 271828",
          .id = "auth_challenge_01FVYZWQTZQ5VB6BC5MPG2EYC5",
          .code = "271828"};
}

inline sms::TwilioSettings twilio_at(const std::string& url) {
  return {.account = {.account_sid = "AC5ef872f6da5a21de157d80997a64bd33", .secret = "sesame-5ecret"},
          .from = "+15017122661",
          .base_url = url};
}

/// What `send` comes to; null if the message was taken. Whatever it throws says nothing that is secret.
template <class Send> std::optional<DeliveryError> refusal_of(Send send) {
  try {
    send();
    return std::nullopt;
  } catch (const DeliveryError& error) {
    INFO(error.what());
    CHECK(blemish_of(error) == "");
    for (const std::string_view secret : {"271828", "sesame", "4155550123", "alan@"})
      CHECK(std::string_view(error.what()).find(secret) == std::string_view::npos);
    return error;
  }
}

/// Sends by a transport against servers that break off, stall and lie. `send(settings, options, message)` is
/// by any driver.
template <class Send> void check_broken_servers(Send send) {
  using Then = ScriptedAnswer::Then;
  using Tls = ScriptedServer::Tls;
  using namespace std::chrono;

  const auto outcome = [&](ScriptedServer& server, milliseconds timeout = seconds(10)) {
    const http::CurlOptions options{
        .connect_timeout = timeout, .timeout = timeout, .ca_file = server.ca_file()};
    const auto refusal = refusal_of([&] { send(twilio_at(server.url()), options, message_to_alan()); });
    return refusal ? std::optional(refusal->failure()) : std::nullopt;
  };
  const auto outcome_of = [&](const ScriptedAnswer& said, milliseconds timeout = seconds(10)) {
    ScriptedServer server([&](const std::string&) { return said; });
    const auto result = outcome(server, timeout);
    CHECK(server.requests().size() == 1); // not one too many either
    return result;
  };

  SECTION("a connection that cannot be made sends nothing") {
    const auto refusal = refusal_of([&] {
      send(twilio_at("https://127.0.0.1:" + std::to_string(free_port())), http::CurlOptions{},
           message_to_alan());
    });
    REQUIRE(refusal);
    CHECK(refusal->failure() == DeliveryFailure::unavailable);
  }
  SECTION("a certificate that is not right sends nothing") {
    const Tls tls = GENERATE(Tls::wrong_name, Tls::unknown_authority);
    ScriptedServer server([](const std::string&) { return answer(201, "{}"); }, tls);
    CHECK(outcome(server) == DeliveryFailure::unavailable);
    CHECK(server.requests().empty());
  }
  SECTION("a handshake that ends or stalls sends nothing") {
    const Tls tls = GENERATE(Tls::refuses, Tls::stalls);
    ScriptedServer server([](const std::string&) { return answer(201, "{}"); }, tls);
    CHECK(outcome(server, milliseconds(300)) == DeliveryFailure::unavailable);
  }
  SECTION("without an answer nobody knows") {
    const Then then = GENERATE(Then::close, Then::reset, Then::half_close, Then::cut, Then::untie);
    CHECK(outcome_of({.then = then}) == DeliveryFailure::unclear);
  }
  SECTION("an answer that is late is none") {
    CHECK(outcome_of({.then = Then::hang}, milliseconds(300)) == DeliveryFailure::unclear);
    ScriptedAnswer slow = answer(201, "{}");
    slow.delay = milliseconds(600);
    CHECK(outcome_of(slow, milliseconds(300)) == DeliveryFailure::unclear);
  }
  SECTION("a slow answer in time is one") {
    ScriptedAnswer slow = answer(201, "{}");
    slow.delay = milliseconds(400);
    CHECK(outcome_of(slow) == std::nullopt);
  }
  SECTION("garbage is no answer") {
    const std::string garbage = GENERATE(
        std::string("SSH-2.0-OpenSSH_9.2\r\n"), std::string("\0\1\2\3\r\n\r\n", 8), std::string("{}"),
        std::string("HTTP/1.1 abc\r\n\r\n"), std::string("HTTP/1.1 201 Created\r\nContent-Le"),
        std::string("HTTP/1.1 201 Created\r\nContent-Length: all\r\n\r\n{}"),
        std::string("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"));
    CHECK(outcome_of({.bytes = garbage, .then = Then::close}) == DeliveryFailure::unclear);
  }
  SECTION("headers without end are no answer") {
    const std::string endless =
        "HTTP/1.1 201 Created\r\n" + repeated("X-Filler: 0123456789abcdef\r\n", 40'000);
    CHECK(outcome_of({.bytes = endless, .then = Then::close}) == DeliveryFailure::unclear);
  }
  SECTION("a header that is longer than what libcurl keeps is none") { // which it calls a want of memory
    ScriptedAnswer said = answer(201, "{}");
    said.bytes.insert(said.bytes.find("\r\n") + 2, "X-Filler: " + std::string(400'000, 'x') + "\r\n");
    CHECK(outcome_of(said) == DeliveryFailure::unclear);
  }
  SECTION("headers beyond what is read of an answer are none") {
    ScriptedAnswer said = answer(201, "{}");
    said.bytes.insert(said.bytes.find("\r\n") + 2, repeated("X-Filler: 0123456789abcdef\r\n", 3'000));
    CHECK(outcome_of(said) == DeliveryFailure::unclear);
  }
  SECTION("a status counts, however much follows") {
    const std::string megabyte(1 << 20, 'x');
    ScriptedAnswer taken = answer(201, megabyte);
    taken.then = Then::close;
    CHECK(outcome_of(taken) == std::nullopt);
    ScriptedAnswer refused = answer(401, megabyte);
    refused.then = Then::close;
    CHECK(outcome_of(refused) == DeliveryFailure::credentials_refused);
    ScriptedAnswer broken = answer(500, megabyte);
    broken.then = Then::close;
    CHECK(outcome_of(broken) == DeliveryFailure::unclear);
  }
  SECTION("a status counts, whatever is cut off after it") {
    ScriptedAnswer cut = answer(400, R"({"code": 21610, "message": "Attempt to send to unsubscribed"})");
    cut.bytes.resize(cut.bytes.size() - 20);
    cut.then = Then::close;
    CHECK(outcome_of(cut) == DeliveryFailure::message_refused); // its code is not to be trusted
    ScriptedAnswer whole_at_sight = answer(400, R"({"code": 21610}      )");
    whole_at_sight.bytes.resize(whole_at_sight.bytes.size() - 3);
    whole_at_sight.then = Then::close;
    CHECK(outcome_of(whole_at_sight) == DeliveryFailure::message_refused);
    cut.then = Then::reset; // which may overtake what was sent before it
    const auto broken = outcome_of(cut);
    CHECK((broken == DeliveryFailure::message_refused || broken == DeliveryFailure::unclear));
  }
  SECTION("answers that come before the answer are none") {
    ScriptedAnswer said = answer(201, "{}");
    said.bytes = "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: <x>\r\n\r\n" + said.bytes;
    CHECK(outcome_of(said) == std::nullopt);
    CHECK(outcome_of({.bytes = "HTTP/1.1 100 Continue\r\n\r\n", .then = Then::close}) ==
          DeliveryFailure::unclear);
  }
  SECTION("redirects are not followed") {
    ScriptedServer elsewhere([](const std::string&) { return answer(201, "{}"); });
    CHECK(outcome_of(answer(307, "", "Location: " + elsewhere.url() + "/\r\n")) ==
          DeliveryFailure::message_refused);
    CHECK(elsewhere.accepted() == 0);
  }
}

} // namespace mfa::test
