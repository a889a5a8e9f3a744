#pragma once

#include <string>

#include <mfa/delivery/failure.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/sms/concept.hpp>

#include "catch.hpp"
#include "scripted_server.hpp"
#include "transport_checks.hpp"

namespace mfa::test {

/// The request that a server gets of a transport whose settings `settings_at(url)` gives.
template <class Transport>
std::string request_of(auto settings_at, const ScriptedAnswer& said,
                       const SmsMessage& message = message_to_alan()) {
  ScriptedServer server([&](const std::string&) { return said; });
  Transport transport(settings_at(server.url()), {.ca_file = server.ca_file()});
  const auto error = refusal_of([&] { transport.send(message); });
  INFO((error ? error->what() : ""));
  REQUIRE(!error);
  REQUIRE(server.requests().size() == 1);
  return server.requests().front();
}

/// What one answer of the server becomes, which is not that the message was taken.
template <class Transport> DeliveryError refusal_by(auto settings_at, const ScriptedAnswer& said) {
  ScriptedServer server([&](const std::string&) { return said; });
  Transport transport(settings_at(server.url()), {.ca_file = server.ca_file()});
  const auto error = refusal_of([&] { transport.send(message_to_alan()); });
  REQUIRE(error);
  return *error;
}

/// What every provider's answers have in common.
template <class Transport> void check_common_answers(auto settings_at) {
  const auto failure_of = [&](const ScriptedAnswer& said) {
    return refusal_by<Transport>(settings_at, said).failure();
  };
  CHECK(failure_of(answer(200, "<html>Welcome to our wireless network</html>")) == DeliveryFailure::unclear);
  CHECK(failure_of(answer(204, "")) == DeliveryFailure::unclear);
  CHECK(failure_of(answer(302, "", "Location: https://127.0.0.1/\r\n")) == DeliveryFailure::message_refused);
  for (const char* const body : {"", "{", "[]", "null", "{\"code\": {}}", "{\"errors\": [[]]}", "<a"}) {
    CHECK(failure_of(answer(400, body)) == DeliveryFailure::message_refused);
    CHECK(failure_of(answer(401, body)) == DeliveryFailure::credentials_refused);
    CHECK(failure_of(answer(402, body)) == DeliveryFailure::balance_empty);
    CHECK(failure_of(answer(502, body)) == DeliveryFailure::unclear);
  }
  const auto throttled = refusal_by<Transport>(settings_at, answer(429, "", "Retry-After: 5\r\n"));
  CHECK(throttled.failure() == DeliveryFailure::throttled);
  CHECK(throttled.retry_after() == std::chrono::seconds(5));
  CHECK(failure_of({.then = ScriptedAnswer::Then::close}) == DeliveryFailure::unclear);
}

} // namespace mfa::test
