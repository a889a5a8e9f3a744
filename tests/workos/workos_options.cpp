// What a host sets of the API, by its options, by those of its verifier and by the transports that it has.
#include <chrono>
#include <string>
#include <string_view>

#include <mfa/channel.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/voice/concept.hpp>

#include "support/catch.hpp"
#include "support/forwarding_storage.hpp"
#include "support/workos_host.hpp"

using mfa::test::answered;
using mfa::test::api_key;
using mfa::test::ask;
using mfa::test::Json;
using mfa::test::workos_host;
using namespace std::chrono_literals;

namespace {

std::string text(const Json& json) { return json.get<std::string>(); }

} // namespace

TEST_CASE(
    "With WorkOS's semantics, by an option of the verifier, an unverified factor signs in at any time") {
  const auto host = workos_host(false, {.totp_issuer = "Foo"}, {.unverified_factors_sign_in = true});
  const auto enrolled = ask(*host, "POST", "/user_management/users/u_1/auth_factors", {{"type", "totp"}});
  const std::string id = text(enrolled.body["authentication_factor"]["id"]);
  host->clock.advance(24h);
  const auto challenge = ask(*host, "POST", "/auth/factors/" + id + "/challenge");
  CHECK(ask(*host, "POST", "/auth/challenges/" + text(challenge.body["id"]) + "/verify",
            {{"code", host->code(text(enrolled.body["authentication_factor"]["totp"]["secret"]))}})
            .body["valid"] == true);
}

TEST_CASE("What a host sets of the API") {
  const auto host = workos_host(
      false, {.totp_issuer = "Foo",
              .totp_user = [](std::string_view user_id) { return std::string(user_id) + "@example.com"; },
              .accept_short_secrets = false,
              .mask_phone_numbers = true});
  const std::string path = "/user_management/users/u_1/auth_factors";
  const auto enrolled = ask(*host, "POST", path, {{"type", "totp"}});
  CHECK(enrolled.body["authentication_factor"]["totp"]["user"] == "u_1@example.com");
  CHECK(ask(*host, "POST", path, {{"type", "totp"}, {"totp_secret", "JBSWY3DPEHPK3PXP"}}).body["code"] ==
        "invalid_secret");
  CHECK(ask(*host, "POST", path, {{"type", "sms"}}).body["errors"][0]["code"] == "invalid_type");
  const auto sms =
      ask(*host, "POST", "/auth/factors/enroll", {{"type", "sms"}, {"phone_number", "+14155550123"}});
  CHECK(ask(*host, "GET", "/auth/factors/" + text(sms.body["id"])).body["sms"]["phone_number"] ==
        "+*******0123");

  mfa::storage::Memory storage;
  const mfa::Verifier verifier{storage};
  const mfa::workos::Api without_sms(verifier, {api_key});
  const auto answer = answered(without_sms.handle(mfa::test::request_with_key(
      "POST", "/auth/factors/enroll", R"({"type":"sms","phone_number":"+14155550123"})")));
  CHECK(answer.status == 422);
  CHECK(answer.body["code"] == "sms_not_available");
  const auto grant = answered(without_sms.handle(mfa::test::request_with_key(
      "POST", "/user_management/authenticate", R"({"grant_type":"urn:workos:oauth:grant-type:mfa-totp"})")));
  CHECK(grant.body["error"] == "unsupported_grant_type");
}

namespace {

struct EverySender {
  mfa::testing::RecordingSms sms;
  mfa::testing::RecordingEmail email;
  int calls = 0;

  void send(const mfa::SmsMessage& message) { sms.send(message); }
  void send(const mfa::EmailMessage& message) { email.send(message); }
  void send(const mfa::VoiceMessage&) { ++calls; }
};

} // namespace

TEST_CASE("Where settings chose nobody to send by, what would be sent is refused before anything begins") {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  EverySender sender;
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  options.sms_channels = {mfa::Channel::sms, mfa::Channel::voice};
  const mfa::Verifier verifier{storage, clock, sender, options};
  const mfa::workos::Api with(verifier, {api_key});
  const mfa::workos::Api without(verifier, {api_key},
                                 {.unavailable_channels = {mfa::Channel::sms, mfa::Channel::email}});
  const auto post = [](const auto& api, const std::string& target, const Json& body = Json::object()) {
    return answered(api.handle(mfa::test::request_with_key("POST", target, body.dump())));
  };
  const Json phone{{"type", "sms"}, {"phone_number", "+14155550123"}};
  const Json mailbox{{"type", "email"}, {"address", "alan@example.com"}};
  const Json confirm{{"purpose", "confirm_enrollment"}};
  const std::string sms = text(post(with, "/mfa/users/u_1/factors", phone).body["id"]);
  const std::string email = text(post(with, "/mfa/users/u_1/factors", mailbox).body["id"]);
  Json bound = confirm;
  bound["binding"] = "session 1";
  const std::string asked = text(post(with, "/mfa/factors/" + sms + "/challenge", bound).body["id"]);
  CHECK(sender.sms.messages().size() == 1);
  clock.advance(1min);

  const auto refused = [&](const std::string& target, const Json& body = Json::object()) {
    const auto answer = post(without, target, body);
    CHECK(answer.status == 422);
    return text(answer.body["code"]);
  };
  CHECK(refused("/auth/factors/enroll", phone) == "sms_not_available");
  CHECK(refused("/auth/factors/" + sms + "/challenge") == "sms_not_available");
  CHECK(refused("/mfa/users/u_1/factors", phone) == "sms_not_available");
  CHECK(refused("/mfa/users/u_1/factors", mailbox) == "email_not_available");
  CHECK(refused("/mfa/factors/" + sms + "/challenge", confirm) == "sms_not_available");
  CHECK(refused("/mfa/factors/" + email + "/challenge", confirm) == "email_not_available");
  const std::string resend = "/mfa/challenges/" + asked + "/resend";
  CHECK(refused(resend, {{"binding", "session 1"}}) == "sms_not_available");
  for (const Json& other : {Json::object(), Json{{"binding", "session 2"}},
                            Json{{"binding", "session 1"}, {"user_id", "another"}}})
    CHECK(post(without, resend, other).status == 404);
  CHECK(post(without, "/mfa/challenges/unknown/resend", {{"binding", "session 1"}}).status == 404);
  CHECK(post(without, "/mfa/factors/" + sms + "/challenge", {{"user_id", "another"}}).status == 404);
  CHECK(sender.sms.messages().size() == 1);
  CHECK(sender.email.messages().empty());
  // What there is is used.
  CHECK(post(without, resend, {{"channel", "voice"}, {"binding", "session 1"}}).status == 200);
  Json by_call = confirm;
  by_call["channels"] = {"sms", "voice"};
  clock.advance(2min);
  CHECK(post(without, "/mfa/factors/" + sms + "/challenge", by_call).status == 201);
  CHECK(sender.calls >= 1);
}

namespace {

struct Caller {
  int calls = 0;

  void send(const mfa::VoiceMessage&) { ++calls; }
};

struct CountingMemory : mfa::test::ForwardingStorage<CountingMemory, mfa::storage::Memory> {
  mfa::storage::Memory memory;
  int requests = 0;

  template <class Call> auto around(std::string_view, Call call) {
    ++requests;
    return call(memory);
  }
};

} // namespace

TEST_CASE("A host that only calls is asked for calls, and reads no more for what it does not send") {
  CountingMemory storage;
  mfa::testing::ManualClock clock;
  EverySender every;
  mfa::Options options;
  options.key_ring = mfa::KeyRing::generate();
  options.sms_allowed_country_codes = {"1"};
  const mfa::Verifier where_enrolled{storage.memory, clock, every, options};
  const auto totp_of = [&](const std::string& user) {
    return std::string(
        where_enrolled.enroll_factor(mfa::Totp{.issuer = "Foo", .user = user, .user_id = user}).factor.id());
  };
  const std::string phone(
      where_enrolled.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_1"}).factor.id());
  const std::string by_api = totp_of("u_2");
  const std::string by_verifier = totp_of("u_3");

  options.sms_channels = {mfa::Channel::voice};
  Caller caller;
  const mfa::Verifier verifier{storage, clock, caller, options};
  const bool by_settings = GENERATE(false, true);
  mfa::workos::ApiOptions api_options;
  if (by_settings) api_options.unavailable_channels = {mfa::Channel::sms, mfa::Channel::email};
  const mfa::workos::Api api(verifier, {api_key}, api_options);
  const auto post = [&api](const std::string& target, const Json& body = Json::object()) {
    return answered(api.handle(mfa::test::request_with_key("POST", target, body.dump())));
  };
  const Json confirm{{"purpose", "confirm_enrollment"}};

  CHECK(post("/auth/factors/" + phone + "/challenge").status == 201);
  CHECK(caller.calls == 1);
  clock.advance(2min);
  const auto asked = post("/mfa/factors/" + phone + "/challenge", confirm);
  CHECK(asked.status == 201);
  CHECK(asked.body["channel"] == "voice");
  CHECK(caller.calls == 2);
  clock.advance(2min);
  CHECK(post("/mfa/challenges/" + text(asked.body["id"]) + "/resend").status == 200);
  CHECK(caller.calls == 3);
  CHECK(post("/auth/factors/enroll", {{"type", "sms"}, {"phone_number", "+14155550124"}}).body["code"] ==
        "sms_not_available");
  CHECK(every.sms.messages().empty());

  storage.requests = 0;
  (void)verifier.challenge_enrollment(by_verifier, mfa::any_user);
  const int needed = storage.requests;
  storage.requests = 0;
  CHECK(post("/mfa/factors/" + by_api + "/challenge", confirm).status == 201);
  CHECK(storage.requests == needed + (by_settings ? 1 : 0));
  storage.requests = 0;
  CHECK(post("/mfa/challenges/unknown/resend").status == 404);
  CHECK(post("/mfa/challenges/" + text(asked.body["id"]) + "/resend", {{"binding", std::string(4097, 'b')}})
            .status == 422);
  CHECK(storage.requests == 0); // before their form is looked at
}
