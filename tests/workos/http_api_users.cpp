// Over the HTTP API, users' browsers are remembered, users reset and held to a policy, and events told.
#include <chrono>
#include <cstddef>
#include <exception>
#include <stdexcept>
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/workos/recent_events.hpp>

#include "support/catch.hpp"
#include "support/http_api_client.hpp"
#include "support/http_api_host.hpp"

using mfa::test::code_of;
using mfa::test::Codes;
using mfa::test::HttpApiClient;
using mfa::test::Json;
using mfa::test::whole_host;
using mfa::test::wrong;

TEST_CASE("A browser is remembered, recognised and forgotten") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const auto [id, secret] = client.confirmed_totp("u_1");
  const auto asked = client("POST", "/mfa/factors/" + id + "/challenge");
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/verify",
               {{"code", host->code(secret)}})
            .body["valid"] == true);
  const std::string path = "/mfa/users/u_1/devices";
  CHECK(client("POST", path, {{"label", "Firefox"}}).status == 403);
  const auto device =
      client("POST", path, {{"label", "Firefox"}, {"lifetime", 86'400}, {"authorization", asked.body["id"]}});
  REQUIRE(device.status == 201);
  CHECK(device.body["expires_at"] == "2026-01-02T00:00:30.000Z");
  const auto checked = client("POST", path + "/check", {{"token", device.body["token"]}});
  CHECK(checked.body["trusted"] == true);
  CHECK(checked.body["device"]["id"] == device.body["id"]);
  CHECK(client("POST", "/mfa/users/u_2/devices/check", {{"token", device.body["token"]}}).body ==
        Json{{"trusted", false}});
  CHECK(wrong(client("POST", path + "/check", {{"token", ""}})) == Codes{"token_required"});
  const auto list = client("GET", path);
  REQUIRE(list.body["data"].size() == 1);
  CHECK_FALSE(list.body["data"][0].contains("token"));

  const std::string this_one = path + "/" + std::string(device.body["id"]);
  CHECK(client("DELETE", "/mfa/users/u_2/devices/" + std::string(device.body["id"])).status == 404);
  CHECK(client("DELETE", this_one).status == 204);
  CHECK(client("DELETE", this_one).status == 404);
  const auto second = client("POST", path, {{"label", "Phone"}, {"by_operator", true}});
  (void)client("POST", path, {{"label", "Tablet"}, {"by_operator", true}});
  CHECK(client("POST", path + "/revoke", {{"keep_device", second.body["token"]}}).body ==
        Json{{"revoked", 1}});
  CHECK(client("POST", path + "/revoke").body == Json{{"revoked", 1}});
  (void)client("POST", path, {{"label", "Tablet"}, {"by_operator", true}});
  CHECK(client("POST", "/mfa/users/u_1/password_changed").body == Json{{"revoked", 1}});
  CHECK(wrong(client("POST", path, {{"lifetime", 31'622'401}})) == Codes{"invalid_lifetime"});
  CHECK(client("POST", path, {{"lifetime", 0}, {"by_operator", true}}).status == 422);
}

TEST_CASE("A user is reset, and a policy says what he must have") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited, {.factor_policy = {.factors = 1, .recovery_codes = true}});
  HttpApiClient client{*host};
  const std::string requirement = "/mfa/users/u_1/requirement";
  const auto overdue = client("POST", requirement);
  CHECK(overdue.body == Json{{"standing", "overdue"},
                             {"lets_pass", false},
                             {"factors_lacking", 1},
                             {"recovery_codes_lacking", true},
                             {"offer", {"webauthn", "totp"}}});
  const auto due = client("POST", requirement,
                          {{"policy",
                            {{"kinds", {"webauthn"}},
                             {"assurance", {{"phishing_resistant", true}}},
                             {"grace", 86'400},
                             {"deadline", "2026-01-01T12:00:00Z"},
                             {"offered", {"webauthn"}}}},
                           {"since", "2026-01-01T00:00:00.000Z"}});
  CHECK(due.body["standing"] == "due");
  CHECK(due.body["until"] == "2026-01-02T00:00:00.000Z");
  CHECK(due.body["offer"] == Json{"webauthn"});
  CHECK(client("POST", requirement, {{"exempt_until", "2027-01-01T00:00:00Z"}}).body["standing"] == "exempt");
  CHECK(wrong(client("POST", requirement, {{"since", "yesterday"}, {"policy", {{"kinds", "totp"}}}})) ==
        Codes{"invalid_kinds", "invalid_since"});
  CHECK(client("POST", requirement, {{"policy", {{"kinds", {"totp"}}, {"assurance", {{"factors", 2}}}}}})
            .status == 422); // which nobody meets

  const auto [id, secret] = client.confirmed_totp("u_1");
  const auto unconfirmed =
      client("POST", "/mfa/users/u_1/factors", {{"type", "totp"}, {"by_operator", true}});
  (void)client("POST", "/mfa/users/u_1/devices", {{"by_operator", true}});
  const std::string reset = "/mfa/users/u_1/reset";
  CHECK(client("POST", reset).status == 403);
  CHECK(client("POST", reset,
               {{"by_operator", true}, {"keep_factor", "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ"}})
            .status == 404);
  CHECK(client("POST", reset, {{"by_operator", true}, {"keep_factor", unconfirmed.body["id"]}}).status ==
        409);
  CHECK(wrong(client("POST", reset, {{"by_operator", true}, {"keep_factor", nullptr}})) ==
        Codes{"keep_factor_must_not_be_empty"});
  CHECK(client("POST", reset, {{"by_operator", true}, {"keep_factor", id}}).body ==
        Json{{"factors", 1}, {"devices", 1}});
  CHECK(client("POST", reset, {{"by_operator", true}}).body == Json{{"factors", 1}, {"devices", 0}});
  CHECK(client("GET", "/mfa/users/u_1/factors").body["data"] == Json::array());
}

TEST_CASE("The last events are told, and who read too seldom is told so") {
  const bool awaited = GENERATE(false, true);
  mfa::workos::RecentEvents events(4);
  const auto host = whole_host(
      awaited,
      {.events = [&events](std::string_view after, std::size_t limit) { return events.after(after, limit); }},
      {.observer = [&events](const mfa::Event& event) { events.keep(event); }});
  HttpApiClient client{*host};
  CHECK(client("GET", "/mfa/events").body ==
        Json{{"object", "list"}, {"data", Json::array()}, {"missed", false}});
  const auto enrolled =
      client("POST", "/mfa/users/u_1/factors",
             {{"type", "generic_otp"}, {"ip_address", "192.0.2.1"}, {"user_agent", "Mozilla/5.0"}});
  const auto first = client("GET", "/mfa/events");
  REQUIRE(first.body["data"].size() == 1);
  const Json& event = first.body["data"][0];
  CHECK(event["type"] == "factor_enrolled");
  CHECK(event["factor_id"] == enrolled.body["id"]);
  CHECK(event["ip_address"] == "192.0.2.1");
  CHECK(event["user_agent"] == "Mozilla/5.0");
  CHECK(event["request_id"] == enrolled.header("X-Request-ID"));
  const std::string next = first.body["next"];
  CHECK(client("GET", "/mfa/events?after=" + next).body["data"] == Json::array());
  for (int i = 0; i < 3; ++i)
    (void)client("PATCH", "/mfa/factors/" + std::string(enrolled.body["id"]), {{"friendly_name", "x"}});
  const auto page = client("GET", "/mfa/events?limit=2&after=" + next);
  CHECK(page.body["data"].size() == 2);
  CHECK(page.body["missed"] == false);
  const auto rest = client("GET", "/mfa/events?after=" + std::string(page.body["next"]));
  CHECK(rest.body["data"].size() == 1);
  for (int i = 0; i < 3; ++i)
    (void)client("PATCH", "/mfa/factors/" + std::string(enrolled.body["id"]), {{"friendly_name", "x"}});
  const auto late = client("GET", "/mfa/events?after=" + next);
  CHECK(late.body["missed"] == true);
  CHECK(late.body["data"].size() == 4);
  for (const char* const unknown : {"event_0000000000000000_1", "x"})
    CHECK(client("GET", "/mfa/events?after=" + std::string(unknown)).status == 404);
  CHECK(client("GET", "/mfa/events?after=" + next + "0").status == 404);
  CHECK(wrong(client("GET", "/mfa/events?limit=101")) == Codes{"invalid_limit"});
  CHECK(wrong(client("GET", "/mfa/events?limit=1x")) == Codes{"invalid_limit"});
  const auto without = whole_host(awaited);
  HttpApiClient to_none{*without};
  CHECK(code_of(to_none("GET", "/mfa/events")) == "events_not_kept");

  // A cause that is the host's own is not told.
  mfa::Event failed{.type = mfa::EventType::sms_not_sent,
                    .cause = std::make_exception_ptr(std::runtime_error("no line to +14155550123"))};
  CHECK(mfa::workos::json(failed, "event_1")["cause"] == "unknown");
  failed.cause = std::make_exception_ptr(mfa::Error(mfa::errc::sms_rate_limited, "too many"));
  CHECK(mfa::workos::json(failed, "event_1")["cause"] == "sms_rate_limited");
}

// The last, by IN_ORDER in CMakeLists.txt: it looks at what the others were answered.
