// What a user is told whose authenticator's clock is off, and what a guesser gains by it: nothing.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::Status;
using mfa::Verification;
using mfa::test::Host;
using namespace std::chrono_literals;

namespace {

constexpr int an_hour = 120; // steps

struct User {
  explicit User(const mfa::Options& options = {}) : host(options) {
    const auto enrolled = host.enroll_verified_totp();
    id = enrolled.factor.id();
    secret = enrolled.totp.secret;
    host.clock.advance(2h);
  }

  Verification verify(const std::string& code, bool hints = true) {
    mfa::VerifyOptions said;
    said.hint_clock_skew_after_password = hints;
    return host.verifier.verify_challenge(host.verifier.challenge_factor(id, mfa::any_user).id(), code, said);
  }

  Verification verify(int steps, bool hints = true) { return verify(host.code(secret, steps), hints); }

  Host host;
  std::string id;
  std::string secret;
};

using Skew = std::optional<std::chrono::seconds>;

} // namespace

TEST_CASE("A user is told by how much his clock is off, up to an hour") {
  const int steps = GENERATE(-an_hour, -14, -2, 2, 14, an_hour);
  CAPTURE(steps);
  User user;
  const auto verification = user.verify(steps);
  CHECK(verification.status() == Status::wrong_code);
  CHECK(verification.clock_skew() == Skew(steps * 30s));
  CHECK(verification.attempts_left() == 4);
  CHECK(user.host.verifier.get_factor(user.id, mfa::any_user).failures() == 1);
}

TEST_CASE("Nothing is told unless it is asked for, beyond an hour, and of codes that are none") {
  User user;
  CHECK(user.verify(14, false).clock_skew() == std::nullopt);
  CHECK(user.verify(an_hour + 1).clock_skew() == std::nullopt);
  CHECK(user.verify(-an_hour - 1).clock_skew() == std::nullopt);
  CHECK(user.verify(std::string("12")).clock_skew() == std::nullopt);
  CHECK(user.verify(0).clock_skew() == std::nullopt);
  CHECK(user.verify(0).status() == Status::code_already_used);
  CHECK(user.verify(0).clock_skew() == std::nullopt);
}

TEST_CASE("What was told before its time is never accepted") {
  User user;
  const auto told = user.host.code(user.secret, 14);
  REQUIRE(user.verify(told).clock_skew() == Skew(420s));
  user.host.clock.advance(13 * 30s);
  CHECK(user.verify(told).status() == Status::code_already_used);
  user.host.clock.advance(30s);
  CHECK(user.verify(told, false).status() == Status::code_already_used);
  CHECK(user.verify(1).status() == Status::valid);
  CHECK(user.verify(told).status() == Status::code_already_used);
}

TEST_CASE("What was told is no half of two consecutive codes") {
  User user({.totp_learned_drift_steps = 60});
  const int steps = GENERATE(-14, 14);
  REQUIRE(user.verify(steps).clock_skew() == Skew(steps * 30s));
  const auto pair = [&](int first) {
    return user.verify(user.host.code(user.secret, first) + user.host.code(user.secret, first + 1)).status();
  };
  CHECK(pair(steps) == Status::code_already_used);
  CHECK(pair(steps - 1) == Status::code_already_used);
  CHECK(pair(steps + 1) == Status::valid);
}

TEST_CASE("What was told is accepted by no factor that comes after") {
  User user;
  REQUIRE(user.verify(14).clock_skew() == Skew(420s));
  user.host.verifier.delete_factor(user.id, mfa::any_user, mfa::by_operator);
  const auto anew = user.host.verifier.enroll_factor(
      mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .secret = user.secret});
  user.host.clock.advance(14 * 30s);
  CHECK(anew.factor.confirm(user.host.code(user.secret)).status() == Status::code_already_used);
  CHECK(anew.factor.confirm(user.host.code(user.secret, 1)).confirmed());
}

TEST_CASE("Nor is what was told of an enrolment that nobody confirmed") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string secret(enrolled.totp.secret.view());
  mfa::VerifyOptions said;
  said.hint_clock_skew_after_password = true;
  REQUIRE(enrolled.factor.confirm(host.code(secret, 14), said).clock_skew() == Skew(420s));
  host.verifier.delete_factor(enrolled.factor.id(), mfa::any_user, mfa::by_operator);
  const auto anew = host.verifier.enroll_factor(
      mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .secret = secret});
  host.clock.advance(14 * 30s);
  CHECK(anew.factor.confirm(host.code(secret)).status() == Status::code_already_used);
}

TEST_CASE("Nor is what was told of two factors before it, under two keys") {
  const auto former = mfa::key_from_hex("91b7e4d20c6a5f38e2d19b07c4a6538f77d41b2a8c6e19d4f03b7a20f1e2d3c4");
  const auto next = mfa::key_from_hex("0f5a9c3be77d41b2a8c6e19d4f03b7a20f1e2d3c4b5a69788796a5b4c3d2e1f0");
  User user({.key_ring = mfa::KeyRing("former", former), .failures_before_delay = 10});
  const auto tell_five = [&] {
    for (int steps = 10; steps < 15; ++steps) REQUIRE(user.verify(steps).clock_skew() == Skew(steps * 30s));
  };
  const auto enroll_anew = [&] {
    user.host.verifier.delete_factor(user.id, mfa::any_user, mfa::by_operator);
    auto anew = user.host.verifier.enroll_factor(
        mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .secret = user.secret});
    user.id = anew.factor.id();
    return anew;
  };
  tell_five();
  REQUIRE(enroll_anew().factor.confirm(user.host.code(user.secret)).confirmed());
  user.host.verifier.replace_key_ring(mfa::KeyRing("next", next).add_further("former", former));
  user.host.clock.advance((14 + an_hour + 2) * 30s);
  tell_five();
  const auto last = enroll_anew();
  user.host.clock.advance(14 * 30s);
  CHECK(last.factor.confirm(user.host.code(user.secret)).status() == Status::code_already_used);
}

TEST_CASE("Five times and no more, until they are over") {
  User user({.attempts_a_challenge = 10, .failures_before_delay = 10});
  for (int steps = 10; steps < 15; ++steps) REQUIRE(user.verify(steps).clock_skew() == Skew(steps * 30s));
  CHECK(user.verify(15).clock_skew() == std::nullopt);
  CHECK(user.verify(14).clock_skew() == std::nullopt);
  user.host.clock.advance((14 + an_hour + 1) * 30s); // the fourth and the fifth can be told still
  CHECK(user.verify(14).clock_skew() == Skew(420s));
}

TEST_CASE("A clock that goes back takes no code that was told of the past") {
  User user;
  const auto told = user.host.code(user.secret, -14);
  REQUIRE(user.verify(told).clock_skew() == Skew(-420s));
  REQUIRE(user.verify(20).clock_skew() == Skew(600s)); // which forgets none that may come again
  user.host.clock.advance(-14 * 30s);
  CHECK(user.verify(told).status() == Status::code_already_used);
}

TEST_CASE("Of an enrolment that is confirmed it is told too, and no used code is") {
  Host host;
  const auto enrolled = host.enroll_totp();
  mfa::VerifyOptions said;
  said.hint_clock_skew_after_password = true;
  const auto told = enrolled.factor.confirm(host.code(enrolled.totp.secret, -20), said);
  CHECK(told.status() == Status::wrong_code);
  CHECK(told.clock_skew() == Skew(-600s));
  REQUIRE(enrolled.factor.confirm(host.code(enrolled.totp.secret), said).confirmed());
  const auto old = host.verifier.verify_challenge(enrolled.factor.challenge().id(),
                                                  host.code(enrolled.totp.secret, -21), said);
  CHECK(old.status() == Status::wrong_code);
  CHECK(old.clock_skew() == std::nullopt); // of before the last that was used
}

TEST_CASE("Other kinds are told nothing") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = "alan"});
  mfa::VerifyOptions said;
  said.hint_clock_skew_after_password = true;
  CHECK(enrolled.factor.confirm("000000", said).clock_skew() == std::nullopt);
}
