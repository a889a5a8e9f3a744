// purge_expired works through everything that is due in bounded batches, while users go on logging in.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <string>
#include <thread>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using namespace std::chrono_literals;

TEST_CASE("Users log in while 30,000 old challenges are purged, and nothing else goes") {
  const mfa::test::TemporaryDirectory directory;
  mfa::storage::Sqlite storage(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off});
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = mfa::KeyRing::generate()}};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
  REQUIRE(enrolled.factor.confirm(mfa::otp::totp(secret, clock.now())).confirmed());

  constexpr std::size_t due = 30'000;
  const auto template_id = enrolled.factor.challenge().id();
  mfa::storage::Batch batch;
  for (std::size_t i = 0; i < due; ++i) {
    auto challenge = storage.find_challenge(template_id).value();
    challenge.id = mfa::detail::ulid(mfa::Time{}, mfa::detail::challenge_id_prefix);
    challenge.version = 0;
    batch.challenges.push_back(std::move(challenge));
  }
  REQUIRE(storage.commit(batch));
  clock.advance(24h * 31);
  const std::string recent = enrolled.factor.challenge().id();

  std::atomic<bool> purged = false;
  std::atomic<std::size_t> removed = 0;
  std::atomic<int> failed = 0;
  std::size_t logins = 0;
  {
    std::jthread purge([&] {
      try {
        removed = verifier.purge_expired();
      } catch (...) {
        ++failed;
      }
      purged = true;
    });
    while (!purged) {
      clock.advance(30s);
      const auto challenge = enrolled.factor.challenge();
      logins += challenge.verify(mfa::otp::totp(secret, clock.now())).valid() ? 1 : 100'000;
    }
  }
  INFO(logins << " logins meanwhile");
  CHECK(failed == 0);
  CHECK(removed == due + 2); // with the one that all are like, and that of the enrolment
  CHECK(logins > 0);
  CHECK(logins < 100'000); // every one was valid
  CHECK(storage.find_challenge(recent));
  CHECK(storage.find_factor(enrolled.factor.id()));
}
