// A host can require how much a verification shows, and how long ago it was.
#include <chrono>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using mfa::Assurance;
using mfa::Status;
using mfa::test::Host;
using namespace std::chrono_literals;

TEST_CASE("What is required is met by the same or more, for each of its parts") {
  struct Row {
    Assurance shown, required;
    bool met;
  };
  const Row rows[] = {
      {{1, false}, {1, false}, true}, {{1, false}, {2, false}, false}, {{1, false}, {1, true}, false},
      {{2, false}, {1, false}, true}, {{2, false}, {2, true}, false},  {{1, true}, {1, true}, true},
      {{1, true}, {2, false}, false}, {{1, true}, {2, true}, false},   {{2, true}, {2, true}, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.shown.factors, row.shown.phishing_resistant, row.required.factors,
            row.required.phishing_resistant);
    CHECK(row.shown.meets(row.required) == row.met);
  }
}

TEST_CASE("A valid verification says how the user was authenticated, any other says nothing") {
  Host host;
  const auto totp = host.enroll_verified_totp();
  const auto amr = [](const mfa::Verification& verification) {
    return std::vector<std::string_view>(verification.amr().begin(), verification.amr().end());
  };
  const auto challenge = totp.factor.challenge();
  const auto wrong = challenge.verify(host.wrong_code(totp.totp.secret));
  CHECK(amr(wrong).empty());
  CHECK_FALSE(wrong.assurance().has_value());
  const auto right = challenge.verify(host.code(totp.totp.secret));
  CHECK(amr(right) == std::vector<std::string_view>{"otp"});
  CHECK(right.assurance() == Assurance{});

  const auto phone = host.enroll_sms("+14155550123", "u_43").factor;
  REQUIRE(phone.challenge_enrollment().confirm(host.sms.last().body).confirmed());
  host.clock.advance(30s);
  const auto sent = phone.challenge();
  CHECK(amr(sent.verify(host.sms.last().body)) == std::vector<std::string_view>{"sms"});
}

TEST_CASE("A verification is fresh for a while, whatever the clock does") {
  const mfa::Time verified_at{std::chrono::seconds(1'767'225'600)};
  CHECK(mfa::is_fresh(verified_at, 5min, verified_at));
  CHECK(mfa::is_fresh(verified_at, 5min, verified_at + 5min - 1ms));
  CHECK_FALSE(mfa::is_fresh(verified_at, 5min, verified_at + 5min));
  CHECK(mfa::is_fresh(verified_at, 5min, verified_at - 1s)); // another node's clock
  CHECK_FALSE(mfa::is_fresh(verified_at, 5min, verified_at - 1h));
  CHECK_FALSE(mfa::is_fresh(verified_at, 0s, verified_at));
}
