// However many threads verify one right code at once, on one challenge or on many of one factor, exactly one
// is told that it is valid: in each of 250 rounds, or of a thousand with MFA_LONG.
#include <atomic>
#include <barrier>
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
#include "support/environment.hpp"
#include "support/temporary_directory.hpp"

namespace {

const int rounds = static_cast<int>(mfa::test::how_much("MFA_TEST_ROUNDS", 250, 1000));

/// Has `threads` threads verify a code at once, in each of `rounds` rounds with a fresh step of one factor,
/// on one challenge or each on its own; returns in how many rounds exactly one answer was `valid`.
template <class Storage>
int rounds_with_one_valid(Storage& storage, std::size_t threads, bool one_challenge) {
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock,
                         mfa::Options{.key_ring = mfa::KeyRing::generate(),
                                      .open_challenges_a_user = 100,
                                      .wrong_codes_a_user_a_day = 1000}};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
  REQUIRE(enrolled.factor.confirm(mfa::otp::totp(secret, clock.now())).confirmed());
  std::vector<std::string> challenges(threads);
  std::string code;
  std::atomic<int> valid{0};
  std::atomic<int> thrown{0};
  int good_rounds = 0;
  std::barrier gate(static_cast<std::ptrdiff_t>(threads + 1));
  std::vector<std::jthread> running;
  for (std::size_t i = 0; i < threads; ++i)
    running.emplace_back([&, i] {
      for (int round = 0; round < rounds; ++round) {
        gate.arrive_and_wait();
        try {
          valid += verifier.verify_challenge(challenges[i], code).valid() ? 1 : 0;
        } catch (...) {
          ++thrown;
        }
        gate.arrive_and_wait();
      }
    });
  for (int round = 0; round < rounds; ++round) {
    clock.advance(std::chrono::hours(1)); // past every delay that the losers began
    code = mfa::otp::totp(secret, clock.now());
    const std::string shared = enrolled.factor.challenge().id();
    for (auto& id : challenges) id = one_challenge ? shared : enrolled.factor.challenge().id();
    valid = 0;
    gate.arrive_and_wait();
    gate.arrive_and_wait();
    good_rounds += valid == 1 ? 1 : 0;
    verifier.unlock_factor(enrolled.factor.id(), mfa::any_user, mfa::by_operator);
  }
  CHECK(thrown == 0);
  return good_rounds;
}

} // namespace

TEST_CASE("64 threads, one challenge, memory: one is valid in every round") {
  mfa::storage::Memory storage;
  CHECK(rounds_with_one_valid(storage, 64, true) == rounds);
}

TEST_CASE("64 threads, 64 challenges of one factor, memory: one is valid in every round") {
  mfa::storage::Memory storage;
  CHECK(rounds_with_one_valid(storage, 64, false) == rounds);
}

TEST_CASE("64 threads, on one challenge and on 64, SQLite: one is valid in every round") {
  mfa::test::TemporaryDirectory directory;
  mfa::storage::Sqlite storage(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off});
  CHECK(rounds_with_one_valid(storage, 64, true) == rounds);
  CHECK(rounds_with_one_valid(storage, 64, false) == rounds);
}
