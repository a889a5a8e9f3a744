// Tokens whose clocks run on their own: an independent one (oathtool) shows the codes, its clock is followed
// as far as the host says and no further, and it opens to guessers and to used codes no more than any other.
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/program.hpp"

using mfa::Status;
using mfa::test::Host;
using namespace std::chrono_literals;

namespace {

/// A token that its user has confirmed, and whose clock is `off` by some steps.
struct Token {
  explicit Token(mfa::Options options = {.totp_learned_drift_steps = 20}) : host(std::move(options)) {
    const auto enrolled = host.enroll_verified_totp();
    id = enrolled.factor.id();
    secret = enrolled.totp.secret;
  }

  [[nodiscard]] std::string shown(int more = 0) const { return host.code(secret, off + more); }

  Status verify(const std::string& code) {
    return host.verifier.verify_challenge(host.verifier.challenge_factor(id, mfa::any_user).id(), code)
        .status();
  }

  /// After so many steps of time.
  Status later(int steps, const std::string& code) {
    host.clock.advance(steps * 30s);
    return verify(code);
  }

  [[nodiscard]] std::chrono::seconds drift() {
    return host.verifier.get_factor(id, mfa::any_user).totp()->clock_drift;
  }

  Host host;
  std::string id;
  std::string secret;
  int off = 0;
};

/// What oathtool shows for this secret at this time.
std::string independent_code(const std::string& secret, std::chrono::system_clock::time_point time) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
  const auto output =
      mfa::test::output_of("oathtool --totp --base32 --now=@" + std::to_string(seconds) + ' ' + secret);
  return output.substr(0, output.find('\n'));
}

} // namespace

TEST_CASE("A token that gains or loses a step a year is followed") {
  Host host({.totp_learned_drift_steps = 20});
  const auto enrolled = host.enroll_verified_totp();
  const int direction = GENERATE(1, -1);
  for (int off = direction; off != 21 * direction; off += direction) {
    CAPTURE(off);
    host.clock.advance(std::chrono::hours(24 * 365));
    const auto code = independent_code(enrolled.totp.secret, host.clock.now() + off * 30s);
    CHECK(enrolled.factor.challenge().verify(code).valid());
    CHECK(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user).totp()->clock_drift == off * 30s);
  }
}

TEST_CASE("A token found by two consecutive codes is followed from there") {
  Host host({.totp_learned_drift_steps = 20});
  const auto enrolled = host.enroll_verified_totp();
  const int off = GENERATE(-19, -7, 2, 19, 20);
  CAPTURE(off);
  host.clock.advance(std::chrono::hours(24 * 365 * 5));
  const auto code = [&](int more) {
    return independent_code(enrolled.totp.secret, host.clock.now() + (off + more) * 30s);
  };
  const auto verify = [&](const std::string& answer) {
    return enrolled.factor.challenge().verify(answer).status();
  };
  CHECK(verify(code(0)) == Status::wrong_code);
  CHECK(verify(code(-1) + ' ' + code(0)) == Status::valid);
  CHECK(verify(code(0)) == Status::code_already_used);
  CHECK(verify(code(-1) + code(0)) == Status::wrong_code);
  CHECK(verify(code(1)) == Status::valid);
  host.clock.advance(30s);
  CHECK(verify(code(1)) == Status::valid);
}

TEST_CASE("Unless the host asks for it, no drift is learnt and no two codes are taken") {
  Token token((mfa::Options()));
  token.off = 1;
  CHECK(token.verify(token.shown()) == Status::valid);
  CHECK(token.drift() == 0s);
  token.off = 2;
  token.host.clock.advance(300s);
  CHECK(token.verify(token.shown()) == Status::wrong_code);
  CHECK(token.verify(token.shown() + token.shown(1)) == Status::malformed_code);
}

TEST_CASE("A token is followed as far as the host says") {
  Token token({.totp_learned_drift_steps = 3});
  for (token.off = 1; token.off <= 4; ++token.off) {
    CAPTURE(token.off);
    token.host.clock.advance(24h);
    CHECK(token.verify(token.shown()) == Status::valid); // the fourth is a step from what is learnt
    CHECK(token.drift() == std::min(token.off, 3) * 30s);
  }
  token.host.clock.advance(24h);
  CHECK(token.verify(token.shown()) == Status::wrong_code); // now five
  for (const int off : {-3, 4}) {
    token.off = off;
    token.host.clock.advance(24h);
    CAPTURE(off);
    CHECK(token.verify(token.shown(-1) + token.shown()) == Status::wrong_code);
  }
  for (const int off : {-2, 3}) {
    token.off = off;
    token.host.clock.advance(24h);
    CAPTURE(off);
    CHECK(token.verify(token.shown(-1) + token.shown()) == Status::valid);
  }
}

TEST_CASE("As many codes are right for a token that drifts as for another") {
  const unsigned around = GENERATE(0U, 1U, 2U);
  Token token({.totp_drift_steps = around, .totp_learned_drift_steps = 20, .failures_before_delay = 10});
  token.off = -9;
  token.host.clock.advance(1h);
  REQUIRE(token.verify(token.shown(-1) + token.shown()) == Status::valid);
  token.host.clock.advance(1h);
  int right = 0;
  for (int step = -14; step <= 14; ++step) {
    CAPTURE(step);
    auto copy = token.host.storage.find_factor(token.id);
    const auto status = token.verify(token.shown(step));
    right += status == Status::valid ? 1 : 0;
    CHECK((status == Status::valid) == (std::abs(step) <= static_cast<int>(around)));
    copy->version = token.host.storage.find_factor(token.id)->version; // as it was
    mfa::storage::Batch batch;
    batch.factors.push_back(*std::move(copy));
    REQUIRE(token.host.storage.commit(std::move(batch)));
  }
  CHECK(right == static_cast<int>(2 * around + 1));
}

TEST_CASE("What is right by the server's clock is wrong for a token that is further on") {
  Token token;
  for (int step = 1; step <= 3; ++step) {
    token.host.clock.advance(20 * 30s);
    token.off = step;
    REQUIRE(token.verify(token.shown()) == Status::valid);
  }
  token.host.clock.advance(20 * 30s);
  token.off = 0;
  for (const int around : {-1, 0, 1}) CHECK(token.verify(token.shown(around)) == Status::wrong_code);
}

TEST_CASE("No code is accepted twice, whichever way the drift is learnt") {
  Token token;
  token.off = 1;
  const auto early = token.shown(-1);
  REQUIRE(token.verify(token.shown()) == Status::valid); // of the step to come
  CHECK(token.verify(token.shown()) == Status::code_already_used);
  CHECK(token.verify(early) == Status::code_already_used); // an earlier step
  token.off = -15;
  CHECK(token.verify(token.shown(-1) + token.shown()) == Status::wrong_code); // two of before the last
  token.host.clock.advance(14 * 30s);
  const auto used = token.host.code(token.secret, -13);
  CHECK(token.verify(used + token.host.code(token.secret, -12)) == Status::wrong_code);
  CHECK(token.verify(token.host.code(token.secret, 0) + token.host.code(token.secret, 1)) == Status::valid);
}

TEST_CASE("Two codes that do not follow one another, or in the other order, are wrong and counted") {
  Token token;
  token.host.clock.advance(1h);
  const auto challenge = token.host.verifier.challenge_factor(token.id, mfa::any_user);
  const auto wrong = [&](const std::string& code) {
    return token.host.verifier.verify_challenge(challenge.id(), code);
  };
  CHECK(wrong(token.shown(5) + token.shown(7)).status() == Status::wrong_code);
  CHECK(wrong(token.shown(6) + token.shown(5)).status() == Status::wrong_code);
  CHECK(wrong(token.shown(5) + token.shown(5)).status() == Status::wrong_code);
  CHECK(wrong(token.shown(5) + Host::other_code(token.shown(6))).attempts_left() == 1);
}

TEST_CASE("A lower option bounds a drift that was learnt before") {
  const auto keys = mfa::KeyRing::generate();
  Token token({.key_ring = keys, .totp_learned_drift_steps = 20});
  token.off = 15;
  token.host.clock.advance(1h);
  REQUIRE(token.verify(token.shown(-1) + token.shown()) == Status::valid);
  token.host.clock.advance(1h);
  mfa::Verifier stricter(
      token.host.storage, token.host.clock, token.host.sms,
      mfa::Options{.key_ring = keys, .totp_learned_drift_steps = 3, .sms_allowed_country_codes = {"1"}});
  const auto verify = [&](int steps) {
    const auto challenge = stricter.challenge_factor(token.id, mfa::any_user);
    return stricter.verify_challenge(challenge.id(), token.host.code(token.secret, steps)).status();
  };
  CHECK(verify(15) == Status::wrong_code);
  CHECK(verify(5) == Status::wrong_code);
  CHECK(verify(4) == Status::valid);
}

TEST_CASE("Unlocking frees no step that a token which is ahead has reached") {
  Token token;
  token.off = 15;
  token.host.clock.advance(1h);
  REQUIRE(token.verify(token.shown(-1) + token.shown()) == Status::valid);
  token.host.clock.advance(48h);
  REQUIRE(token.verify(token.shown()) == Status::valid);
  token.host.clock.advance(-48h);
  token.host.verifier.unlock_factor(token.id, mfa::any_user, mfa::by_operator);
  CHECK(token.verify(token.shown()) == Status::code_already_used);
  token.host.clock.advance(60s);
  CHECK(token.verify(token.shown()) == Status::valid);
}

TEST_CASE("The observer is told of a token that was found again") {
  std::vector<mfa::EventType> events;
  Token token({.totp_learned_drift_steps = 20,
               .observer = [&](const mfa::Event& event) { events.push_back(event.type); }});
  token.off = 9;
  token.host.clock.advance(1h);
  REQUIRE(token.verify(token.shown(-1) + token.shown()) == Status::valid);
  CHECK(events.back() == mfa::EventType::token_resynchronized);
}

TEST_CASE("The codes of RFC 6238 are followed at a drift") {
  // Appendix B, SHA-1: the first at 59 s, the second at 1111111109 s, the third, a step later, two seconds
  // on.
  Host host({.totp_learned_drift_steps = 20});
  host.clock.set(std::chrono::system_clock::time_point(std::chrono::seconds(1111111109 + 570)));
  const auto enrolled = host.verifier.enroll_factor(mfa::Totp{
      .issuer = "Foo Corp", .user = "alan", .secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ", .digits = 8});
  CHECK(enrolled.factor.confirm("07081804 14050471").confirmed()); // 19 and 18 steps behind
  CHECK(enrolled.factor.totp()->clock_drift == 0s);                // as it was when it was enrolled
  CHECK(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user).totp()->clock_drift == -540s);
}
