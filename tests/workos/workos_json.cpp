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
                                            "user_id", "locked", "totp"});
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
                                            "authentication_factor_id", "attempts_left", "purpose", "state"});
  CHECK(totp["purpose"] == "confirm_enrollment");
  const auto sms = mfa::workos::json(host.enroll_sms().factor.challenge_enrollment());
  CHECK(sms["object"] == "authentication_challenge");
  CHECK(sms["expires_at"] == "2026-01-01T00:10:00.000Z");
  CHECK(sms.dump().find(host.sms.last().body) == std::string::npos);
}

TEST_CASE(
    "A verification is printed with its challenge, whether it is valid, and all else that is known of it") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const auto challenge = enrolled.factor.challenge();
  const auto wrong = mfa::workos::json(challenge.verify(host.wrong_code(enrolled.totp.secret)));
  CHECK(keys(wrong) == std::set<std::string>{"challenge", "valid", "status", "factor_id", "factor_type",
                                             "attempts_left", "factor_locked", "purpose"});
  CHECK(wrong["valid"] == false);
  CHECK(wrong["status"] == "wrong_code");
  CHECK(wrong["challenge"]["attempts_left"] == 4);
  const auto right = mfa::workos::json(challenge.verify(host.code(enrolled.totp.secret)));
  CHECK(right["valid"] == true);
  CHECK(right["user_id"] == "u_42");
  CHECK(right["amr"] == nlohmann::ordered_json{"otp"});
  CHECK(right["assurance"] == nlohmann::ordered_json{{"factors", 1}, {"phishing_resistant", false}});
  CHECK(right["verified_at"] == "2026-01-01T00:00:30.000Z");
}

TEST_CASE("A time is read as it is written, and nothing else") {
  using mfa::workos::iso8601;
  using mfa::workos::read_iso8601;
  for (const char* const text :
       {"1970-01-01T00:00:00.000Z", "2026-02-28T23:59:59.999Z", "9999-12-31T00:00:00.001Z"})
    CHECK(iso8601(read_iso8601(text).value()) == text);
  CHECK(iso8601(read_iso8601("2026-01-01T00:00:00Z").value()) == "2026-01-01T00:00:00.000Z");
  for (const char* const text :
       {"", "2026-01-01", "2026-02-29T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T00:60:00Z",
        "2026-01-01T00:00:60Z", "1969-12-31T23:59:59Z", "2026-01-01T00:00:00", "2026-01-01T00:00:00+00:00",
        "2026-01-01 00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-01T00:00:00.00Z", "20a6-01-01T00:00:00Z"})
    CHECK_FALSE(read_iso8601(text).has_value());
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
