// Over the HTTP API, factors are asked, and their answers checked, for what was asked and where it was asked.
#include <chrono>
#include <string>

#include <mfa/encoding/base64url.hpp>

#include "support/catch.hpp"
#include "support/http_api_client.hpp"
#include "support/http_api_host.hpp"
#include "support/software_authenticator.hpp"

using mfa::test::Answered;
using mfa::test::code_of;
using mfa::test::Codes;
using mfa::test::http_api_host;
using mfa::test::HttpApiClient;
using mfa::test::Json;
using mfa::test::no_challenge;
using mfa::test::other_code;
using mfa::test::send;
using mfa::test::SoftwareAuthenticator;
using mfa::test::whole_host;
using mfa::test::wrong;
using namespace std::chrono_literals;

TEST_CASE("A user shows a factor, for what it was asked and where it was asked") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited, {}, {.failures_before_lockout = 6});
  HttpApiClient client{*host};
  const auto [id, secret] = client.confirmed_totp("u_1");
  const std::string challenge_path = "/mfa/factors/" + id + "/challenge";
  const auto challenge =
      client("POST", challenge_path, {{"user_id", "u_1"}, {"purpose", "step_up"}, {"binding", "session 1"}});
  REQUIRE(challenge.status == 201);
  CHECK(challenge.body["purpose"] == "step_up");
  CHECK(challenge.body["state"] == "pending");
  const std::string path = "/mfa/challenges/" + std::string(challenge.body["id"]);
  CHECK(client("GET", path + "?user_id=u_1").body == challenge.body);
  CHECK(code_of(client("POST", path + "/confirm", {{"code", "1"}, {"binding", "session 1"}})) ==
        "wrong_purpose");
  CHECK(client("GET", path + "?user_id=another").status == 404);
  CHECK(client("GET", no_challenge).status == 404);

  const Json right{{"code", host->code(secret)}, {"purpose", "step_up"}, {"binding", "session 1"}};
  const auto but = [&right](const Json& more) {
    Json body = right;
    body.update(more);
    return body;
  };
  const auto wrong_one = client("POST", path + "/verify", but({{"code", host->code(secret, 40)}}));
  CHECK(wrong_one.status == 200);
  CHECK(wrong_one.body["valid"] == false);
  CHECK(wrong_one.body["status"] == "wrong_code");
  CHECK(wrong_one.body["attempts_left"] == 4);
  CHECK(client("POST", path + "/verify", but({{"binding", "session 2"}})).status == 404);
  CHECK(client("POST", path + "/verify", but({{"user_id", "another"}})).status == 404);
  const auto for_signing_in = client("POST", path + "/verify", but({{"purpose", "sign_in"}}));
  CHECK(for_signing_in.status == 409);
  CHECK(code_of(for_signing_in) == "wrong_purpose");
  CHECK(wrong(client("POST", path + "/verify", but({{"purpose", "confirm_enrollment"}}))) ==
        Codes{"invalid_purpose"});
  const auto shown = client("POST", path + "/verify", right);
  CHECK(shown.body["valid"] == true);
  CHECK(shown.body["purpose"] == "step_up");
  CHECK(shown.body["user_id"] == "u_1");
  CHECK(shown.body["amr"] == Json{"otp"});
  CHECK(shown.body["assurance"] == Json{{"factors", 1}, {"phishing_resistant", false}});
  CHECK(client("POST", path + "/verify", right).body["status"] == "already_verified");

  // What he has just shown lets him change what he has.
  const Json enroll{{"type", "recovery_codes"}, {"authorization", challenge.body["id"]}};
  CHECK(client("POST", "/mfa/users/another/factors", enroll).status == 403);
  const auto codes = client("POST", "/mfa/users/u_1/factors", enroll);
  REQUIRE(codes.status == 201);

  const auto action =
      client("POST", challenge_path, {{"purpose", "action"}, {"action", "pay 100 EUR to Foo Corp"}});
  host->clock.advance(30s);
  const std::string pay = "/mfa/challenges/" + std::string(action.body["id"]) + "/verify";
  const Json paid{{"code", host->code(secret)}, {"purpose", "action"}, {"action", "pay 900 EUR to Foo Corp"}};
  CHECK(client("POST", pay, paid).status == 409);
  CHECK(wrong(client("POST", challenge_path, {{"purpose", "action"}, {"action", nullptr}})) ==
        Codes{"action_must_not_be_empty"});
  CHECK(client("POST", challenge_path, {{"purpose", "action"}}).status == 422);

  const auto weak = client("POST", challenge_path, {{"required", {{"phishing_resistant", true}}}});
  CHECK(weak.status == 403);
  CHECK(code_of(weak) == "insufficient_assurance");
  CHECK(wrong(client("POST", challenge_path, {{"required", {{"factors", 3}}}})) == Codes{"invalid_factors"});
  CHECK(wrong(client("POST", challenge_path, {{"required", {{"factor", 2}}}})) == Codes{"unknown_member"});
  CHECK(wrong(client("POST", challenge_path, {{"by_operator", true}})) == Codes{"unknown_member"});
  CHECK(client("POST", challenge_path, {{"user_id", "another"}}).status == 404);
  const auto unconfirmed =
      client("POST", "/mfa/users/u_1/factors", {{"type", "totp"}, {"by_operator", true}});
  const auto refused =
      client("POST", "/mfa/factors/" + std::string(unconfirmed.body["id"]) + "/challenge", Json::object());
  CHECK(refused.status == 409);
  CHECK(code_of(refused) == "factor_not_verified");

  // Locked, and let in again.
  const std::string unlock = "/mfa/factors/" + id + "/unlock";
  for (int i = 0; i < 7; ++i) {
    host->clock.advance(2h);
    const auto another = client("POST", challenge_path);
    if (another.status != 201) {
      CHECK(another.status == 403);
      CHECK(code_of(another) == "factor_locked_out");
      break;
    }
    CHECK(client("POST", "/mfa/challenges/" + std::string(another.body["id"]) + "/verify",
                 {{"code", other_code(host->code(secret))}})
              .body["valid"] == false);
  }
  CHECK(client("GET", "/mfa/factors/" + id).body["locked"] == true);
  CHECK(client("POST", unlock).status == 403);
  CHECK(client("POST", unlock, {{"by_operator", true}, {"user_id", "another"}}).status == 404);
  const auto unlocked = client("POST", unlock, {{"by_operator", true}});
  CHECK(unlocked.status == 204);
  CHECK(unlocked.body.is_null());
  CHECK(client("GET", "/mfa/factors/" + id).body["locked"] == false);
}

TEST_CASE("A phone is enrolled, asked, asked again by a call, and freed of its limits") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const auto code = [&host] { return std::string(host->messages.sms.last().code); };
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const std::string id = phone.body["id"];
  const std::string challenge_path = "/mfa/factors/" + id + "/challenge";
  const auto asked = client("POST", challenge_path,
                            {{"purpose", "confirm_enrollment"},
                             {"sms_template", "Foo: {{code}} {{app}}"},
                             {"sms_values", {{"app", "Bar"}}}});
  REQUIRE(asked.status == 201);
  CHECK(asked.body["channel"] == "sms");
  CHECK(asked.body["resend_after"] == 30);
  CHECK(host->messages.sms.last().body == "Foo: " + code() + " Bar");
  const std::string path = "/mfa/challenges/" + std::string(asked.body["id"]);
  const auto too_soon = client("POST", path + "/resend");
  CHECK(too_soon.status == 429);
  CHECK(too_soon.header("Retry-After") == "30");
  CHECK(client("POST", challenge_path, {{"purpose", "confirm_enrollment"}}).status == 429);
  host->clock.advance(30s);
  const auto called = client("POST", path + "/resend", {{"channel", "voice"}, {"user_id", "u_1"}});
  CHECK(called.status == 200);
  CHECK(called.body["id"] == asked.body["id"]);
  CHECK(called.body["channel"] == "voice");
  REQUIRE(host->messages.calls.size() == 1);
  CHECK(client("POST", path + "/resend", {{"user_id", "another"}}).status == 404);
  CHECK(client("POST", path + "/resend", {{"channel", "push"}}).status == 422);
  CHECK(client("POST", path + "/verify", {{"code", code()}}).status == 409); // it confirms an enrolment
  CHECK(client("POST", path + "/confirm", {{"code", code()}, {"user_id", "another"}}).status == 404);
  std::string spoken;
  for (const char c : host->messages.calls[0].spoken.view())
    if (c >= '0' && c <= '9' && spoken.size() < 6) spoken += c;
  CHECK(client("POST", "/mfa/factors/" + std::string(asked.body["id"]) + "/confirm", {{"code", spoken}})
            .status == 404);
  CHECK(client("POST", "/mfa/challenges/" + id + "/confirm", {{"code", spoken}}).status == 404);
  const auto confirmed = client("POST", path + "/confirm", {{"code", spoken}});
  CHECK(confirmed.body["confirmed"] == true);
  const auto over = client("POST", path + "/resend");
  CHECK(over.status == 409);
  CHECK(code_of(over) == "challenge_over");

  const std::string limits = "/mfa/factors/" + id + "/send_limits/reset";
  CHECK(client("POST", limits).body == Json{{"reset", true}});
  CHECK(client("POST", limits).body == Json{{"reset", false}});
  CHECK(client("POST", limits, {{"user_id", "another"}}).status == 404);
  const auto sign_in = client("POST", challenge_path, {{"channels", {"voice", "sms"}}});
  CHECK(sign_in.body["channel"] == "voice");
  CHECK(wrong(client("POST", challenge_path, {{"channels", {"pigeon"}}})) == Codes{"invalid_channels"});
  CHECK(wrong(client("POST", challenge_path, {{"sms_values", {{"app", 1}}}})) ==
        Codes{"sms_values_must_be_texts"});
  CHECK(client("POST", "/mfa/sms/limits/reset", {{"phone_number", "+14155550123"}}).body ==
        Json{{"reset", true}});
  CHECK(code_of(client("POST", "/mfa/sms/limits/reset", {{"phone_number", "x"}})) == "invalid_phone_number");
  CHECK(client("POST", "/mfa/sms/budgets/reset", {{"which", "GB"}}).status == 200);
  CHECK(client("POST", "/mfa/sms/budgets/reset", {{"which", "Atlantis"}}).status == 422);

  // A message that the provider did not take is no reason to send another by itself.
  host->messages.sms.fail_next();
  const auto not_sent = client("POST", challenge_path);
  CHECK(not_sent.status == 422);
  CHECK(code_of(not_sent) == "sms_not_sent");

  // One that did not arrive, says the provider later.
  host->clock.advance(1h);
  const auto lost = client("POST", challenge_path);
  const std::string message(host->messages.sms.last().id);
  CHECK(client("POST", "/mfa/messages/" + message + "/report", {{"report", "undelivered"}}).body ==
        Json{{"known", true}});
  CHECK(client("POST", "/mfa/challenges/" + std::string(lost.body["id"]) + "/verify", {{"code", code()}})
            .status == 404);
  CHECK(client("POST", "/mfa/messages/unknown/report", {{"report", "delivered"}}).body ==
        Json{{"known", false}});
  CHECK(wrong(client("POST", "/mfa/messages/x/report", {{"report", "eaten"}})) == Codes{"invalid_report"});
}

TEST_CASE("No code is sent again for a factor that was locked meanwhile") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited, {}, {.failures_before_lockout = 2});
  HttpApiClient client{*host};
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const std::string factor = "/mfa/factors/" + std::string(phone.body["id"]);
  const auto asked = client("POST", factor + "/challenge", {{"purpose", "confirm_enrollment"}});
  REQUIRE(asked.status == 201);
  const std::string path = "/mfa/challenges/" + std::string(asked.body["id"]);
  const std::string wrong_code = other_code(std::string(host->messages.sms.last().code));
  for (int i = 0; i < 2; ++i)
    CHECK(client("POST", path + "/confirm", {{"code", wrong_code}}).body["confirmed"] == false);
  CHECK(client("GET", factor).body["locked"] == true);
  host->clock.advance(30s);
  const auto refused = client("POST", path + "/resend");
  CHECK(refused.status == 403);
  CHECK(code_of(refused) == "factor_locked_out");
  CHECK(client("POST", factor + "/unlock", {{"by_operator", true}}).status == 204);
  CHECK(client("POST", path + "/resend").status == 200);
}

TEST_CASE("A code that was asked for a session is sent again for that session alone") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const auto phone =
      client("POST", "/mfa/users/u_1/factors", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  const auto asked = client("POST", "/mfa/factors/" + std::string(phone.body["id"]) + "/challenge",
                            {{"purpose", "confirm_enrollment"}, {"binding", "session 1"}});
  REQUIRE(asked.status == 201);
  host->clock.advance(30s);
  const std::string resend = "/mfa/challenges/" + std::string(asked.body["id"]) + "/resend";
  CHECK(client("POST", resend).status == 404);
  CHECK(client("POST", resend, {{"binding", "session 2"}}).status == 404);
  CHECK(client("POST", resend, {{"binding", "session 1"}}).status == 200);
}

TEST_CASE("Codes reach a mailbox, or are the host's to deliver") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  const auto email =
      client("POST", "/mfa/users/u_1/factors", {{"type", "email"}, {"address", "alan@example.com"}});
  const std::string challenge_path = "/mfa/factors/" + std::string(email.body["id"]) + "/challenge";
  const auto without_text = client("POST", challenge_path,
                                   {{"purpose", "confirm_enrollment"},
                                    {"email_template", {{"subject", "Foo"}, {"html", "<p>{{code}}</p>"}}}});
  CHECK(code_of(without_text) == "invalid_email_template");
  CHECK(host->messages.email.messages().empty());
  const auto asked = client("POST", challenge_path,
                            {{"purpose", "confirm_enrollment"},
                             {"email_template", {{"subject", "Foo"}, {"text", "Hello {{name}}: {{code}}"}}},
                             {"email_values", {{"name", "Alan"}}}});
  REQUIRE(asked.status == 201);
  const std::string text(host->messages.email.last().text);
  CHECK(text.starts_with("Hello Alan: "));
  CHECK(client("POST", "/mfa/challenges/" + std::string(asked.body["id"]) + "/confirm",
               {{"code", text.substr(12)}})
            .body["confirmed"] == true);

  const auto generic = client("POST", "/mfa/users/u_2/factors", {{"type", "generic_otp"}});
  const auto drawn = client("POST", "/mfa/factors/" + std::string(generic.body["id"]) + "/challenge",
                            {{"purpose", "confirm_enrollment"}});
  CHECK(client("POST", "/mfa/challenges/" + std::string(drawn.body["id"]) + "/confirm",
               {{"code", drawn.body["code"]}})
            .body["confirmed"] == true);
}

TEST_CASE("A security key is registered and signs in, for its user, and for whoever comes") {
  const bool awaited = GENERATE(false, true);
  const auto host = whole_host(awaited);
  HttpApiClient client{*host};
  SoftwareAuthenticator authenticator;
  authenticator.flags |= SoftwareAuthenticator::user_verified;
  const auto enrolled =
      client("POST", "/mfa/users/u_1/factors",
             {{"type", "webauthn"},
              {"user", "alan@example.org"},
              {"display_name", "Alan"},
              {"resident_key", "required"},
              {"user_verification", "required"},
              {"attachment", "cross-platform"},
              {"hints", {"security-key"}},
              {"extensions",
               {{"credential_properties", true}, {"prf", true}, {"prf_inputs", {{"first", "AAAA"}}}}}});
  REQUIRE(enrolled.status == 201);
  const Json& options = enrolled.body["webauthn"]["creation_options"];
  CHECK(options["rp"]["id"] == "example.org");
  CHECK(options["user"]["name"] == "alan@example.org");
  CHECK(options["authenticatorSelection"]["residentKey"] == "required");
  CHECK(options["extensions"]["prf"]["eval"]["first"] == "AAAA");
  const std::string id = enrolled.body["id"];
  const std::string handle = enrolled.body["webauthn"]["user_handle"];
  const auto asked = client("POST", "/mfa/factors/" + id + "/challenge", {{"purpose", "confirm_enrollment"}});
  CHECK(asked.body["webauthn_options"] == options);
  const std::string confirm = "/mfa/challenges/" + std::string(asked.body["id"]) + "/confirm";
  SoftwareAuthenticator phisher;
  phisher.origin = "https://example.org.evil.example";
  const auto phished =
      client("POST", confirm, {{"response", Json::parse(phisher.create(options.dump()).json())}});
  CHECK(phished.body["status"] == "wrong_origin");
  Json created = Json::parse(authenticator.create(options.dump()).json());
  created["clientExtensionResults"] = {{"credProps", {{"rk", true}}}};
  const auto confirmed = client("POST", confirm, {{"response", created}});
  CHECK(confirmed.body["confirmed"] == true);
  CHECK(confirmed.body["webauthn"]["resident_key"] == true);
  const Json factor = client("GET", "/mfa/factors/" + id).body;
  CHECK(factor["state"] == "verified");
  CHECK(factor["webauthn"]["credential_id"] == created["id"]);

  const auto sign_in = [&](const Answered& challenge) {
    REQUIRE(challenge.status == 201);
    ++authenticator.sign_count;
    const std::string response = authenticator.get(challenge.body["webauthn_options"].dump()).json();
    return client("POST", "/mfa/challenges/" + std::string(challenge.body["id"]) + "/verify",
                  {{"response", Json::parse(response)}});
  };
  const auto by_factor = sign_in(client(
      "POST", "/mfa/factors/" + id + "/challenge",
      {{"webauthn_hints", {"security-key"}}, {"webauthn_extensions", {{"prf", {{"first", "AAAA"}}}}}}));
  CHECK(by_factor.body["valid"] == true);
  CHECK(by_factor.body["assurance"] == Json{{"factors", 2}, {"phishing_resistant", true}});
  CHECK(
      sign_in(client("POST", "/mfa/users/u_1/challenge", {{"required", {{"factors", 2}}}})).body["user_id"] ==
      "u_1");
  authenticator.user_handle = mfa::detail::base64url_decode(handle);
  const auto passkey = client("POST", "/mfa/passkeys/challenge", {{"conditional", true}});
  CHECK(passkey.body["authentication_factor_id"] == "");
  CHECK(client("GET", "/mfa/challenges/" + std::string(passkey.body["id"])).status == 200);
  const auto by_passkey = sign_in(passkey);
  CHECK(by_passkey.body["valid"] == true);
  CHECK(by_passkey.body["user_id"] == "u_1");

  const auto accepted = client("GET", "/mfa/users/u_1/accepted_credentials");
  CHECK(accepted.body["data"] == Json::array({{{"rpId", "example.org"},
                                               {"userId", handle},
                                               {"allAcceptedCredentialIds", Json::array({created["id"]})}}}));
  CHECK(client("GET", "/mfa/users/u_2/accepted_credentials").body["data"] == Json::array());

  CHECK(client("POST", "/mfa/users/nobody/challenge").status == 404);
  // It is one factor whose enrolment is confirmed.
  for (const char* const path : {"/mfa/users/u_1/challenge", "/mfa/passkeys/challenge"}) {
    const auto refused = client("POST", path, {{"purpose", "confirm_enrollment"}});
    CHECK(wrong(refused) == Codes{"invalid_purpose"});
    CHECK(refused.body["errors"][0]["field"] == "purpose");
    CHECK(client("POST", path, {{"purpose", "step_up"}}).status == 201);
  }
  // One that was registered by a touch alone.
  SoftwareAuthenticator touched;
  touched.credential_id = "another credential, of 32 bytes..";
  const auto weak = client("POST", "/mfa/users/u_2/factors", {{"type", "webauthn"}});
  const auto ask_weak = client("POST", "/mfa/factors/" + std::string(weak.body["id"]) + "/challenge",
                               {{"purpose", "confirm_enrollment"}});
  CHECK(client("POST", "/mfa/challenges/" + std::string(ask_weak.body["id"]) + "/confirm",
               {{"response", Json::parse(touched.create(ask_weak.body["webauthn_options"].dump()).json())}})
            .body["confirmed"] == true);
  const auto too_weak = client("POST", "/mfa/users/u_2/challenge", {{"required", {{"factors", 2}}}});
  CHECK(too_weak.status == 403);
  CHECK(code_of(too_weak) == "insufficient_assurance");

  // A further key: whoever holds the session could make the answer by himself.
  const auto further =
      client("POST", "/mfa/users/u_2/factors", {{"type", "webauthn"}, {"by_operator", true}});
  const std::string further_path = "/mfa/factors/" + std::string(further.body["id"]) + "/challenge";
  CHECK(client("POST", further_path, {{"purpose", "confirm_enrollment"}}).status == 403);
  CHECK(client("POST", further_path, {{"purpose", "confirm_enrollment"}, {"by_operator", true}}).status ==
        201);

  CHECK(wrong(client("POST", "/mfa/users/u_1/factors",
                     {{"type", "webauthn"},
                      {"hints", {"telepathy"}},
                      {"extensions", {{"prf_inputs", {{"first", "="}}}}}})) ==
        Codes{"invalid_hints", "invalid_first"});
  CHECK(wrong(client("POST", "/mfa/passkeys/challenge",
                     {{"webauthn_extensions", {{"prf_by_credential", {1}}}}})) ==
        Codes{"invalid_prf_by_credential"});
  const auto without = http_api_host(awaited);
  HttpApiClient to_no_party{*without};
  CHECK(code_of(to_no_party("POST", "/mfa/passkeys/challenge")) == "no_relying_party");
  CHECK(code_of(to_no_party("GET", "/mfa/users/u_1/accepted_credentials")) == "no_relying_party");
}
