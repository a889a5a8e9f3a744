// The JSON of <mfa/workos/json.hpp> has WorkOS's fields and no secret.
#include <set>
#include <string>

#include <mfa/workos/json.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::test::Host;

namespace {

std::set<std::string> keys(const nlohmann::ordered_json& json) {
  std::set<std::string> names;
  for (const auto& [name, value] : json.items()) names.insert(name);
  return names;
}

} // namespace

TEST_CASE("A TOTP factor is printed with WorkOS's fields and without its secret") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto json = mfa::workos::json(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user));
  CHECK(keys(json) == std::set<std::string>{"object", "id", "created_at", "updated_at", "type", "state",
                                            "user_id", "totp"});
  CHECK(json["object"] == "authentication_factor");
  CHECK(json["id"] == enrolled.factor.id());
  CHECK(json["created_at"] == "2026-01-01T00:00:00.000Z");
  CHECK(json["type"] == "totp");
  CHECK(json["state"] == "unverified");
  CHECK(json["totp"] == nlohmann::ordered_json{{"issuer", "Foo Corp"}, {"user", "alan.turing@example.com"}});
  CHECK(json.dump().find(enrolled.totp.secret) == std::string::npos);
}

TEST_CASE("An SMS factor is printed with its number masked") {
  Host host;
  const auto json = mfa::workos::json(host.enroll_sms("+14155550123").factor);
  CHECK(json["sms"] == nlohmann::ordered_json{{"phone_number", "+*******0123"}});
}

TEST_CASE("A challenge is printed with its end, and without its code") {
  Host host;
  const auto totp = mfa::workos::json(host.enroll_totp().factor.challenge_enrollment());
  CHECK(keys(totp) == std::set<std::string>{"object", "id", "created_at", "updated_at", "expires_at",
                                            "authentication_factor_id", "attempts_left"});
  const auto sms = mfa::workos::json(host.enroll_sms().factor.challenge_enrollment());
  CHECK(sms["object"] == "authentication_challenge");
  CHECK(sms["expires_at"] == "2026-01-01T00:10:00.000Z");
  CHECK(sms.dump().find(host.sms.last().body) == std::string::npos);
}

TEST_CASE("A verification is printed with its challenge and whether it is valid") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const auto challenge = enrolled.factor.challenge();
  const auto wrong = mfa::workos::json(challenge.verify(host.wrong_code(enrolled.totp.secret)));
  CHECK(keys(wrong) == std::set<std::string>{"challenge", "valid"});
  CHECK(wrong["valid"] == false);
  CHECK(wrong["challenge"]["attempts_left"] == 4);
  CHECK(mfa::workos::json(challenge.verify(host.code(enrolled.totp.secret)))["valid"] == true);
}

TEST_CASE("With WorkOS's semantics, by an option, any factor is challenged, and its first verification "
          "confirms it") {
  Host host({.unverified_factors_sign_in = true});
  const auto enrolled = host.enroll_totp();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  const auto verification = challenge.verify(host.code(enrolled.totp.secret));
  CHECK(mfa::workos::json(verification)["valid"] == true);
  CHECK(mfa::workos::json(host.verifier.get_factor(enrolled.factor.id(), "u_42"))["state"] == "verified");
}
