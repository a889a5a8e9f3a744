// How often a verb waits for the server of a networked storage: counted by a proxy before the server.
#include <chrono>
#include <cstdint>
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/catch.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_server.hpp"

using mfa::test::LoopbackProxy;

namespace {

/// Runs each verb on a storage that has been used before, and checks how many round trips it took.
template <class Storage> void check_round_trips(Storage& storage, const LoopbackProxy& proxy) {
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  mfa::Verifier verifier{storage, clock, sms,
                         mfa::Options{.key_ring = mfa::KeyRing::generate(), .sms_template = "{{code}}"}};
  const auto round_trips_of = [&](auto verb) {
    const std::uint64_t before = proxy.turns();
    verb();
    return proxy.turns() - before;
  };
  const mfa::Totp totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"};
  (void)verifier.enroll_factor(totp); // whatever the storage does with its first commit
  (void)verifier.list_factors("u_42");

  std::string factor_id;
  mfa::crypto::SecretBytes secret;
  CHECK(round_trips_of([&] {
          const auto enrolled = verifier.enroll_factor(totp);
          factor_id = enrolled.factor.id();
          secret = mfa::otp::base32_decode(enrolled.totp.secret);
        }) == 1);
  std::string challenge_id;
  CHECK(round_trips_of([&] { challenge_id = verifier.challenge_factor(factor_id).id(); }) == 2);
  const auto verify = [&](const std::string& code) {
    return verifier.verify_challenge(challenge_id, code).status();
  };
  const std::string right = mfa::otp::totp(secret, clock.now());
  std::string wrong = right;
  wrong[0] = wrong[0] == '9' ? '0' : static_cast<char>(wrong[0] + 1);
  CHECK(round_trips_of([&] { CHECK(verify(wrong) != mfa::Status::valid); }) == 2);
  CHECK(round_trips_of([&] { CHECK(verify(right) == mfa::Status::valid); }) == 2);
  CHECK(round_trips_of([&] { CHECK(verify(right) == mfa::Status::already_verified); }) == 1);

  std::string sms_factor_id;
  CHECK(round_trips_of([&] {
          sms_factor_id =
              verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"}).factor.id();
        }) == 1);
  for (int send = 0; send < 2; ++send) { // the first makes a record that the second finds
    CHECK(round_trips_of([&] { challenge_id = verifier.challenge_factor(sms_factor_id).id(); }) == 3);
    clock.advance(std::chrono::minutes(1));
  }
  CHECK(round_trips_of([&] { CHECK(verify(sms.last().body) == mfa::Status::valid); }) == 2);

  CHECK(round_trips_of([&] { CHECK(verifier.get_factor(factor_id).id() == factor_id); }) == 1);
  CHECK(round_trips_of([&] { CHECK(verifier.list_factors("u_42").size() == 3); }) == 1);
  CHECK(round_trips_of([&] { verifier.delete_factor(factor_id); }) == 2);

  mfa::storage::Batch many;
  for (const char* id : {"auth_factor_a", "auth_factor_b", "auth_factor_c"})
    many.factors.emplace_back().id = id;
  for (auto& factor : many.factors) factor.type = mfa::FactorType::totp;
  CHECK(round_trips_of([&] { CHECK(storage.commit(many)); }) == 1);
}

} // namespace

TEST_CASE("Each verb waits for PostgreSQL as often as it must") {
  mfa::test::PostgresServer server;
  LoopbackProxy proxy(server.port());
  mfa::storage::Postgres storage(server.uri(proxy.port()));
  check_round_trips(storage, proxy);
  CHECK(proxy.connections() == 1);
}
