// Over the HTTP API, factors of each kind are enrolled, confirmed, changed and brought along, by whoever may.
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>

#include "support/catch.hpp"
#include "support/http_api_client.hpp"
#include "support/http_api_host.hpp"

using mfa::test::answered;
using mfa::test::code_of;
using mfa::test::Codes;
using mfa::test::http_api_host;
using mfa::test::HttpApiClient;
using mfa::test::Json;
using mfa::test::no_factor;
using mfa::test::request_with_key;
using mfa::test::whole_host;
using mfa::test::wrong;
using namespace std::chrono_literals;

TEST_CASE("A factor of each kind is enrolled, listed, named and deleted") {
  const bool awaited = GENERATE(false, true);
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
  HttpApiClient client{*host};
  const std::string path = "/mfa/users/u%2F1/factors";

  const auto totp = client("POST", path, {{"type", "totp"}, {"friendly_name", "Phone"}, {"user", "alan"}});
  REQUIRE(totp.status == 201);
  CHECK(totp.body["user_id"] == "u/1");
  CHECK(totp.body["state"] == "unverified");
  CHECK(totp.body["friendly_name"] == "Phone");
  CHECK(totp.body["totp"]["issuer"] == "Foo Corp");
  CHECK(std::string(totp.body["totp"]["uri"]).starts_with("otpauth://totp/Foo%20Corp:alan?"));
  const std::string id = totp.body["id"];

  const Json by_operator{{"by_operator", true}};
  const auto enroll = [&](Json body) {
    body.update(by_operator);
    host->clock.advance(1s); // ids begin with the time
    return client("POST", path, body);
  };
  const auto hotp = enroll({{"type", "hotp"}, {"digits", 8}, {"hash", "sha256"}, {"counter", 7}});
  CHECK(hotp.status == 201);
  CHECK(std::string(hotp.body["hotp"]["uri"]).find("counter=7") != std::string::npos);
  CHECK(hotp.body["hotp"]["user"] == "u/1");
  const auto sms = enroll({{"type", "sms"}, {"phone_number", "+1 415 555 0123"}});
  CHECK(sms.body["sms"]["phone_number"] == "+14155550123");
  const auto email = enroll({{"type", "email"}, {"address", "alan@example.com"}});
  CHECK(email.body["email"]["address"] == "alan@example.com");
  CHECK(enroll({{"type", "generic_otp"}, {"destination", "a***"}}).body["generic_otp"]["destination"] ==
        "a***");
  const auto codes = enroll({{"type", "recovery_codes"}, {"count", 3}});
  CHECK(codes.body["state"] == "verified");
  CHECK(codes.body["recovery_codes"]["codes"].size() == 3);

  const auto list = client("GET", path);
  REQUIRE(list.status == 200);
  REQUIRE(list.body["data"].size() == 6);
  CHECK(list.body["data"][0]["id"] == id);
  CHECK(list.body["data"][2]["sms"]["phone_number"] == "+*******0123");
  CHECK(list.body["data"][3]["email"]["address"] == "a***@example.com");
  CHECK(list.body["data"][5]["recovery_codes"] == Json{{"remaining", 3}, {"count", 3}});
  CHECK(list.body.dump().find(std::string(totp.body["totp"]["secret"])) == std::string::npos);
  CHECK(list.body["remaining"]["unverified"] == 5);
  CHECK(list.body["remaining"]["recovery_codes"] == 3);
  CHECK(client("GET", "/mfa/users/nobody/factors").body["data"] == Json::array());

  CHECK(client("GET", "/mfa/factors/" + id).body["state"] == "unverified");
  CHECK(client("GET", "/mfa/factors/" + id + "?user_id=u%2F1").status == 200);
  CHECK(client("GET", "/mfa/factors/" + id + "?user_id=another").status == 404);
  const auto renamed = client("PATCH", "/mfa/factors/" + id, {{"friendly_name", "Old phone"}});
  CHECK(renamed.body["friendly_name"] == "Old phone");
  CHECK_FALSE(client("PATCH", "/mfa/factors/" + id, {{"friendly_name", ""}}).body.contains("friendly_name"));
  CHECK(client("PATCH", "/mfa/factors/" + id, {{"friendly_name", "x"}, {"user_id", "another"}}).status ==
        404);

  const auto unknown = client("GET", no_factor);
  CHECK(unknown.status == 404);
  CHECK(code_of(unknown) == "entity_not_found");
  CHECK(client("DELETE", "/mfa/factors/" + id + "?user_id=another").status == 404);
  const auto deleted = client("DELETE", "/mfa/factors/" + id);
  CHECK(deleted.status == 200);
  CHECK(deleted.body["remaining"]["unverified"] == 4);
  CHECK(client("GET", "/mfa/factors/" + id).status == 404);
}

TEST_CASE("A change of a user's factors wants his own proof, or the word of the client by its name") {
  const bool awaited = GENERATE(false, true);
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
  HttpApiClient client{*host};
  const auto [id, secret] = client.confirmed_totp("u_1");
  const std::string path = "/mfa/users/u_1/factors";
  const auto refused = client("POST", path, {{"type", "totp"}});
  CHECK(refused.status == 403);
  CHECK(code_of(refused) == "authorization_required");
  CHECK(client("POST", path, {{"type", "totp"}, {"authorization", "auth_challenge_made_up"}}).status == 403);
  CHECK(client("DELETE", "/mfa/factors/" + id).status == 403);
  CHECK(client("DELETE", "/mfa/factors/" + id + "?by_operator=false").status == 403);
  const auto last = client("DELETE", "/mfa/factors/" + id + "?by_operator=true&refuse_last=true");
  CHECK(last.status == 409);
  CHECK(code_of(last) == "last_factor");
  CHECK(client("POST", path, {{"type", "totp"}, {"secret", secret}, {"by_operator", true}}).status == 409);
  const auto deleted =
      client("DELETE", "/mfa/factors/" + id + "?by_operator=true&user_id=u_1&ip_address=192.0.2.1");
  CHECK(deleted.status == 200);
  CHECK(deleted.body["remaining"]["factors"] == 0);
}

TEST_CASE("An enrolment is confirmed by a code that comes unasked, in time, and signs nobody in") {
  const bool awaited = GENERATE(false, true);
  const auto host = http_api_host(awaited, {.totp_issuer = "Foo Corp"});
  HttpApiClient client{*host};
  const auto enroll = [&](const Json& body) { return client("POST", "/mfa/users/u_1/factors", body).body; };
  const Json first = enroll({{"type", "totp"}});
  const Json second = enroll({{"type", "totp"}});
  const Json phone = enroll({{"type", "sms"}, {"phone_number", "+14155550123"}});
  const auto confirm = [&](const Json& factor, const Json& body) {
    return client("POST", "/mfa/factors/" + std::string(factor["id"]) + "/confirm", body);
  };
  const std::string secret = first["totp"]["secret"];
  const auto wrong_one = confirm(first, {{"code", host->code(secret, 40)}, {"user_id", "u_1"}});
  CHECK(wrong_one.status == 200);
  CHECK(wrong_one.body["confirmed"] == false);
  CHECK(wrong_one.body["status"] == "wrong_code");
  CHECK_FALSE(wrong_one.body.contains("user_id"));
  CHECK(confirm(first, {{"code", host->code(secret)}, {"user_id", "another"}}).status == 404);
  const auto skewed =
      confirm(first, {{"code", host->code(secret, 10)}, {"hint_clock_skew_after_password", true}});
  CHECK(skewed.body["clock_skew"] == 300);
  const auto right = confirm(first, {{"code", host->code(secret)}, {"binding", "session 1"}});
  CHECK(right.body["confirmed"] == true);
  CHECK(right.body["status"] == "valid");
  CHECK(right.body["user_id"] == "u_1");
  CHECK(right.body["challenge"]["purpose"] == "confirm_enrollment");
  CHECK_FALSE(right.body.contains("valid"));
  CHECK(confirm(first, {{"code", host->code(secret, 1)}}).status == 422); // it is verified

  // Enrolled as the first by whoever has the password; another came before.
  const auto late = confirm(second, {{"code", host->code(std::string(second["totp"]["secret"]))}});
  CHECK(late.status == 403);
  CHECK(code_of(confirm(phone, {{"code", "123456"}})) == "invalid_request_parameters"); // it sends a code
  CHECK(confirm(Json{{"id", "auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T"}}, {{"code", "1"}}).status == 404);
  host->clock.advance(11min);
  const auto over = confirm(second, {{"code", host->code(std::string(second["totp"]["secret"]))}});
  CHECK(over.status == 409);
  CHECK(code_of(over) == "enrollment_expired");

  CHECK(wrong(confirm(first, {{"code", "1"}, {"response", Json::object()}})) == Codes{"invalid_response"});
  CHECK(wrong(confirm(first, {{"response", "x"}})) == Codes{"invalid_response"});
  CHECK(wrong(confirm(first, Json::object())) == Codes{"code_required"});
  CHECK(wrong(confirm(first, {{"code", 123456}})) == Codes{"code_must_be_a_string"});
  CHECK(wrong(confirm(first, {{"code", "1"}, {"binding", nullptr}})) == Codes{"binding_must_not_be_empty"});
}

TEST_CASE("A token that is out of step is found again by two codes in a row") {
  const auto host = whole_host(false);
  HttpApiClient client{*host};
  const std::string secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
  const auto token = client("POST", "/mfa/users/u_1/factors", {{"type", "hotp"}, {"secret", secret}});
  const std::string path = "/mfa/factors/" + std::string(token.body["id"]) + "/confirm";
  const auto code = [&](std::uint64_t counter) {
    return mfa::otp::hotp(mfa::otp::base32_decode(secret), counter);
  };
  CHECK(client("POST", path, {{"code", code(60)}}).body["confirmed"] == false);
  CHECK(client("POST", path, {{"code", code(60) + " " + code(61)}}).body["confirmed"] == true);
}

TEST_CASE("The confirmation of a user's first factor counts no more when he has another") {
  const auto host = whole_host(false);
  HttpApiClient client{*host};
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const auto asked = client("POST", "/mfa/factors/" + std::string(phone.body["id"]) + "/challenge",
                            {{"purpose", "confirm_enrollment"}});
  (void)client.confirmed_totp("u_1");
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/confirm",
               {{"code", host->messages.sms.last().code.view()}})
            .status == 403);
}

TEST_CASE("Recovery codes are drawn, used up and drawn anew") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const auto [totp, secret] = client.confirmed_totp("u_1");
  const auto set = client("POST", "/mfa/users/u_1/factors",
                          {{"type", "recovery_codes"}, {"count", 2}, {"by_operator", true}});
  const std::string id = set.body["id"];
  const auto sign_in = [&](const Json& code) {
    const auto asked = client("POST", "/mfa/factors/" + id + "/challenge", {{"user_id", "u_1"}});
    return client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/verify", {{"code", code}});
  };
  const Json code = set.body["recovery_codes"]["codes"][0];
  CHECK(sign_in(code).body["valid"] == true);
  CHECK(sign_in(code).body["valid"] == false);
  CHECK(client("GET", "/mfa/factors/" + id).body["recovery_codes"] == Json{{"remaining", 1}, {"count", 2}});
  const std::string regenerate = "/mfa/factors/" + id + "/recovery_codes";
  CHECK(client("POST", regenerate).status == 403);
  CHECK(client("POST", regenerate, {{"by_operator", true}, {"user_id", "another"}}).status == 404);
  CHECK(client("POST", "/mfa/factors/" + totp + "/recovery_codes", {{"by_operator", true}}).status == 422);
  const auto fresh = client("POST", regenerate, {{"by_operator", true}});
  CHECK(fresh.status == 201);
  CHECK(fresh.body["recovery_codes"]["codes"].size() == 2);
  CHECK(sign_in(set.body["recovery_codes"]["codes"][1]).body["valid"] == false);
  CHECK(sign_in(fresh.body["recovery_codes"]["codes"][1]).body["valid"] == true);
}

TEST_CASE("Factors of another system are brought along, each line with what became of it") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const std::string secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
  Json body{{"lines",
             {{{"user_id", "u_1"},
               {"uri", "otpauth://totp/Foo:alan?secret=" + secret + "&issuer=Foo"},
               {"friendly_name", "Old phone"}},
              {{"user_id", "u_2"}, {"uri", "https://example.com/"}}}},
            {"verified", true},
            {"dry_run", true}};
  const auto tried = client("POST", "/mfa/imports", body);
  REQUIRE(tried.status == 200);
  CHECK(tried.body["imported"] == 1);
  CHECK_FALSE(tried.body["results"][0].contains("factor_id"));
  body["dry_run"] = false;
  body["authorization"] = "auth_challenge_01FVYXZTZ52ZPVRPRXJWHP0C8T"; // no user's word is enough
  CHECK(wrong(client("POST", "/mfa/imports", body)) == Codes{"unknown_member"});
  body.erase("authorization");
  for (const bool said : {false, true}) {
    if (said) body["by_operator"] = false;
    const auto refused = client("POST", "/mfa/imports", body);
    CHECK(refused.status == 403);
    CHECK(code_of(refused) == "authorization_required");
    CHECK(client("GET", "/mfa/users/u_1/factors").body["data"] == Json::array());
  }
  body["by_operator"] = true;
  const auto done = client("POST", "/mfa/imports", body);
  CHECK(done.body["imported"] == 1);
  CHECK(done.body["refused"] == 1);
  REQUIRE(done.body["results"].size() == 2);
  CHECK(done.body["results"][1]["outcome"] == "refused");
  CHECK(done.body.dump().find(secret) == std::string::npos);
  const auto asked =
      client("POST", "/mfa/factors/" + std::string(done.body["results"][0]["factor_id"]) + "/challenge");
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/verify",
               {{"code", host->code(secret)}})
            .body["valid"] == true);
  CHECK(client("POST", "/mfa/imports", body).body["already_there"] == 1);
  CHECK(wrong(client("POST", "/mfa/imports", Json::object())) == Codes{"lines_required"});
  CHECK(wrong(client("POST", "/mfa/imports", {{"lines", Json::array({{{"uri", "x"}, {"seed", "x"}}})}})) ==
        Codes{"user_id_required", "unknown_member"});
  CHECK(wrong(client("POST", "/mfa/imports", {{"lines", Json(std::vector<Json>(101, Json::object()))}})) ==
        Codes{"invalid_lines"});
}

TEST_CASE("By WorkOS's paths a security key is listed and deleted, but not asked, and what it has not is not "
          "found") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const auto ask = [&](const char* method, const std::string& target) {
    return answered(host->handle(request_with_key(method, target)));
  };
  const auto key = client("POST", "/mfa/users/u_1/factors", {{"type", "webauthn"}});
  const std::string path = "/auth/factors/" + std::string(key.body["id"]);
  const Json shown{{"object", "authentication_factor"},
                   {"id", key.body["id"]},
                   {"created_at", "2026-01-01T00:00:00.000Z"},
                   {"updated_at", "2026-01-01T00:00:00.000Z"},
                   {"type", "webauthn"},
                   {"user_id", "u_1"}};
  CHECK(ask("GET", path).body == shown);
  const auto not_asked = ask("POST", path + "/challenge");
  CHECK(not_asked.status == 422);
  CHECK(code_of(not_asked) == "factor_type_not_supported");
  for (const Json& body :
       {Json{{"type", "email"}, {"address", "alan@example.com"}}, Json{{"type", "hotp"}}}) {
    const auto other = client("POST", "/mfa/users/u_1/factors", body);
    REQUIRE(other.status == 201);
    const std::string unknown = "/auth/factors/" + std::string(other.body["id"]);
    for (const char* const method : {"GET", "DELETE"}) CHECK(ask(method, unknown).status == 404);
    CHECK(ask("POST", unknown + "/challenge").status == 404);
  }
  CHECK(ask("GET", "/user_management/users/u_1/auth_factors").body["data"] == Json::array({shown}));
  CHECK(ask("DELETE", path).status == 204);
  CHECK(ask("GET", path).status == 404);
}
