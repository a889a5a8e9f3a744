// A thousand guesses at once, with the right code among them, get no more verdicts than a guesser gets one
// after the other: on one challenge its attempts, over many challenges of a factor the wrong codes before its
// delay.
#include <algorithm>
#include <array>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <random>
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

using mfa::Status;

namespace {

constexpr std::size_t threads = 20;
constexpr std::size_t guesses = 1000;
constexpr unsigned open_challenges = 100; // the most that a host can allow
constexpr unsigned attempts_a_challenge = 3;
constexpr unsigned failures_before_delay = 7;

/// What the guessers were told, and what is stored afterwards.
struct Told {
  std::array<std::atomic<unsigned>, 256> statuses{};

  [[nodiscard]] unsigned operator[](Status status) const {
    return statuses[static_cast<std::size_t>(status)];
  }
  [[nodiscard]] unsigned wrong() const {
    return (*this)[Status::wrong_code] + (*this)[Status::code_already_used];
  }
};

/// Races 1,000 guesses at a new factor, spread over `challenge_count` challenges; so many of the threads
/// begin with the right code. Checks that each verdict was counted.
template <class Storage>
void race(Storage& storage, std::size_t challenge_count, std::ptrdiff_t right, Told& told) {
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock,
                         mfa::Options{.key_ring = mfa::KeyRing::generate(),
                                      .open_challenges_a_user = open_challenges,
                                      .attempts_a_challenge = attempts_a_challenge,
                                      .failures_before_delay = failures_before_delay}};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto code_in = [&, secret = mfa::otp::base32_decode(enrolled.totp.secret)](int steps) {
    return mfa::otp::totp(secret, clock.now() + steps * std::chrono::seconds(30));
  };
  REQUIRE(enrolled.factor.confirm(code_in(0)).confirmed());
  clock.advance(std::chrono::seconds(30));
  std::vector<std::string> codes(guesses);
  for (std::size_t guess = 0; guess < guesses; ++guess) {
    codes[guess] = std::to_string(100'000 + guess * 97);
    while (codes[guess] == code_in(-1) || codes[guess] == code_in(0) || codes[guess] == code_in(1))
      codes[guess].back() = codes[guess].back() == '9' ? '0' : static_cast<char>(codes[guess].back() + 1);
  }
  std::fill_n(codes.begin(), right, code_in(0));
  static std::mt19937 random(1);
  std::shuffle(codes.begin(), codes.begin() + static_cast<std::ptrdiff_t>(threads), random);
  std::vector<std::string> challenges(challenge_count);
  for (auto& id : challenges) id = enrolled.factor.challenge().id();

  std::atomic<unsigned> thrown{0};
  {
    std::barrier gate(static_cast<std::ptrdiff_t>(threads));
    std::vector<std::jthread> guessers;
    for (std::size_t thread = 0; thread < threads; ++thread)
      guessers.emplace_back([&, thread] {
        gate.arrive_and_wait();
        for (std::size_t guess = thread; guess < guesses; guess += threads) {
          try {
            const auto status =
                verifier.verify_challenge(challenges[guess % challenge_count], codes[guess]).status();
            ++told.statuses[static_cast<std::size_t>(status)];
          } catch (...) {
            ++thrown;
          }
        }
      });
  }
  CHECK(thrown == 0);

  unsigned attempts_used = 0;
  unsigned verified = 0;
  for (const auto& id : challenges) {
    const auto challenge = verifier.get_challenge(id, mfa::any_user);
    attempts_used += attempts_a_challenge - challenge.attempts_left();
    verified += challenge.state() == mfa::ChallengeState::verified ? 1 : 0;
  }
  CHECK(attempts_used == told.wrong());
  CHECK(verified == told[Status::valid]);
  CHECK(verified <= 1);
  const unsigned failures = verifier.get_factor(enrolled.factor.id(), mfa::any_user).failures();
  CHECK(failures <= told.wrong());
  if (verified == 0) CHECK(failures == told.wrong());
}

/// On one challenge, a valid answer ends it, so there are at most `attempts_a_challenge` verdicts. Over many,
/// a valid answer ends the count of wrong codes in a row.
template <class Storage> void race_often(Storage& storage) {
  unsigned valid = 0;
  unsigned wrong = 0;
  for (const std::ptrdiff_t right : {1, 1, 1, 5, 5, 5, 10, 10, 10, 10, 10, 10}) {
    CAPTURE(right);
    Told on_one;
    race(storage, 1, right, on_one);
    CHECK(on_one.wrong() + on_one[Status::valid] <= attempts_a_challenge);
    CHECK(on_one.wrong() + on_one[Status::valid] >= 1);

    Told over_many;
    race(storage, open_challenges, right, over_many);
    const unsigned before_valid = over_many[Status::valid] == 1 ? failures_before_delay - 1 : 0;
    CHECK(over_many.wrong() <= before_valid + failures_before_delay);
    CHECK(over_many.wrong() >= failures_before_delay); // then all are delayed, for the clock stands still
    valid += on_one[Status::valid] + over_many[Status::valid];
    wrong += on_one.wrong() + over_many.wrong();
  }
  std::printf("24 races of 1,000 guesses: %u wrong codes and %u right ones got a verdict\n", wrong, valid);
  CHECK(valid > 0);
}

} // namespace

TEST_CASE("A thousand racing guesses on one challenge and over many, memory: the limits hold") {
  mfa::storage::Memory storage;
  race_often(storage);
}

TEST_CASE("A thousand racing guesses on one challenge and over many, SQLite: the limits hold") {
  const mfa::test::TemporaryDirectory directory;
  mfa::storage::Sqlite storage(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off});
  race_often(storage);
}
