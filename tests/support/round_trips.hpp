#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "catch.hpp"
#include "loopback_proxy.hpp"

namespace mfa::test {

/// Runs each verb on a storage that has been used before, and checks how many round trips it took.
template <class StoragePolicy> void check_round_trips(StoragePolicy& storage, const LoopbackProxy& proxy) {
  testing::ManualClock clock;
  testing::RecordingSms sms;
  Verifier verifier{storage, clock, sms,
                    Options{.key_ring = KeyRing::generate(),
                            .sms_template = "{{code}}",
                            .sms_allowed_country_codes = {"1"}}};
  const auto round_trips_of = [&](auto verb) {
    const std::uint64_t before = proxy.turns();
    verb();
    return proxy.turns() - before;
  };
  const Totp totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"};
  (void)verifier.enroll_factor(totp); // whatever the storage does with its first commit
  (void)verifier.list_factors("u_42");

  std::string factor_id;
  crypto::SecretBytes secret;
  CHECK(round_trips_of([&] {
          const auto enrolled = verifier.enroll_factor(totp);
          factor_id = enrolled.factor.id();
          secret = otp::base32_decode(enrolled.totp.secret);
        }) == 3); // the user's record and factors, and the commit
  // The factor twice and the user's record, for the challenge; and the challenge, the user's record and
  // factors and the commit, for the answer.
  std::optional<Confirmation> shown;
  CHECK(round_trips_of([&] {
          shown = verifier.confirm_enrollment(factor_id, otp::totp(secret, clock.now()));
          CHECK(shown->confirmed());
        }) == 8);
  clock.advance(std::chrono::seconds(30));
  std::string challenge_id;
  CHECK(round_trips_of([&] { challenge_id = verifier.challenge_factor(factor_id, "u_42").id(); }) == 3);
  const auto verify = [&](const std::string& code) {
    return verifier.verify_challenge(challenge_id, code).status();
  };
  const std::string right = otp::totp(secret, clock.now());
  std::string wrong = right;
  wrong[0] = wrong[0] == '9' ? '0' : static_cast<char>(wrong[0] + 1);
  CHECK(round_trips_of([&] { CHECK(verify(wrong) != Status::valid); }) == 3); // the user's record too
  CHECK(round_trips_of([&] { CHECK(verify(right) == Status::valid); }) == 2);
  CHECK(round_trips_of([&] { CHECK(verify(right) == Status::already_verified); }) == 1);

  std::string sms_factor_id;
  CHECK(round_trips_of([&] {
          sms_factor_id =
              verifier.enroll_factor(Sms{.phone_number = "+14155550123", .user_id = "u_42"}, *shown)
                  .factor.id();
        }) == 4);                        // and the challenge that was verified, with its factor
  for (int send = 0; send < 2; ++send) { // the first makes a record that the second finds
    CHECK(round_trips_of([&] { challenge_id = verifier.challenge_enrollment(sms_factor_id, "u_42").id(); }) ==
          7); // the factor, what bounds its user, its number, neighbours, country and all, and the commit
    clock.advance(std::chrono::minutes(1));
  }
  REQUIRE(verifier.confirm_enrollment(challenge_id, sms.last().body).confirmed());
  CHECK(round_trips_of([&] { challenge_id = verifier.challenge_factor(sms_factor_id, "u_42").id(); }) == 5);
  const std::string first = sms.last().body;
  clock.advance(std::chrono::minutes(1));
  // The challenge with its factor, what bounds its user, what counts its number's messages and those of its
  // neighbours' numbers, and the commit.
  CHECK(round_trips_of([&] { (void)verifier.resend_challenge(challenge_id, "u_42"); }) == 5);
  const std::string second = sms.last().body;
  clock.advance(std::chrono::minutes(1));
  sms.fail_next();
  CHECK(round_trips_of([&] { CHECK_THROWS_AS(verifier.resend_challenge(challenge_id, "u_42"), Error); }) ==
        9); // and what takes the code back that was not sent, and the message off its neighbours' count
  if (first != second) CHECK(round_trips_of([&] { CHECK(verify(first) == Status::wrong_code); }) == 3);
  // The challenge with its factor, what is counted of its neighbours' numbers, and the commit.
  CHECK(round_trips_of([&] { CHECK(verify(second) == Status::valid); }) == 3);

  CHECK(round_trips_of([&] { CHECK(verifier.get_factor(factor_id, mfa::any_user).id() == factor_id); }) == 1);
  CHECK(round_trips_of([&] { CHECK(verifier.list_factors("u_42").size() == 3); }) == 1);
  // The factor, what bounds its user, the devices that it vouched for, his other factors, and the commit.
  CHECK(round_trips_of([&] { verifier.delete_factor(factor_id, mfa::any_user, mfa::by_operator); }) == 5);

  storage::Batch many;
  for (const char* id : {"auth_factor_a", "auth_factor_b", "auth_factor_c"})
    many.factors.emplace_back().id = id;
  for (auto& factor : many.factors) factor.type = FactorType::totp;
  CHECK(round_trips_of([&] { CHECK(storage.commit(many)); }) == 1);
}

} // namespace mfa::test
