// However many processes on one SQLite file verify one right code at once, on one challenge or each on its
// own of one factor, exactly one is told that it is valid.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <random>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include <unistd.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::Channel;
using mfa::test::ChildProcess;

namespace {

constexpr int rounds = 1000;
constexpr std::size_t processes = 4;

/// Lets the others read before it writes, and counts the commits that found a version moved: how often the
/// processes really met.
struct RacingSqlite : mfa::storage::Sqlite {
  using Sqlite::Sqlite;
  std::chrono::microseconds pause{0};
  std::uint64_t lost = 0;

  bool commit(const mfa::storage::Batch& batch) {
    std::this_thread::sleep_for(pause);
    const bool won = Sqlite::commit(batch);
    lost += won ? 0 : 1;
    return won;
  }
};

RacingSqlite open(const std::string& file) {
  return RacingSqlite(file, {.synchronous = mfa::storage::Synchronous::off});
}

/// The child: for each "<time in s> <challenge id> <code>", says "ready", waits for a message, verifies, and
/// says the status and how many of its commits have lost so far.
void verify_as_told(const std::string& file, const mfa::KeyRing& keys, const Channel& parent) {
  RacingSqlite storage = open(file);
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = keys}};
  std::minstd_rand random(static_cast<unsigned>(::getpid()));
  while (const auto told = parent.receive()) {
    std::int64_t seconds = 0;
    std::string challenge_id;
    std::string code;
    std::istringstream(*told) >> seconds >> challenge_id >> code;
    clock.set(std::chrono::system_clock::time_point{std::chrono::seconds(seconds)});
    parent.send("ready");
    (void)parent.receive();
    storage.pause = std::chrono::microseconds(random() % 300);
    std::string answer;
    try {
      answer = to_string(verifier.verify_challenge(challenge_id, code).status());
    } catch (const std::exception& error) {
      answer = error.what();
      std::ranges::replace(answer, ' ', '_');
    }
    parent.send(answer + ' ' + std::to_string(storage.lost));
  }
}

/// Has the processes verify a code at once, in each of `rounds` rounds with a fresh step of one factor;
/// returns in how many exactly one answer was `valid` and one challenge is verified, and no answer an error.
int rounds_with_one_valid(bool one_challenge) {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/mfa.db";
  const auto keys = mfa::KeyRing::generate();
  std::vector<ChildProcess> children;
  for (std::size_t i = 0; i < processes; ++i)
    children.emplace_back([&](const Channel& parent) { verify_as_told(file, keys, parent); });

  RacingSqlite storage = open(file);
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = keys}};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
  int good_rounds = 0;
  std::vector<std::uint64_t> lost(processes);
  for (int round = 0; round < rounds; ++round) {
    clock.advance(std::chrono::hours(1)); // past every delay that the losers began
    const std::string shared = enrolled.factor.challenge().id();
    std::vector<std::string> challenges(processes, shared);
    for (std::size_t i = 1; !one_challenge && i < processes; ++i)
      challenges[i] = enrolled.factor.challenge().id();
    const auto seconds = std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch().count();
    for (std::size_t i = 0; i < processes; ++i)
      children[i].channel().send(std::to_string(seconds) + ' ' + challenges[i] + ' ' +
                                 mfa::otp::totp(secret, clock.now()));
    for (const ChildProcess& child : children) REQUIRE(child.channel().receive() == "ready");
    for (const ChildProcess& child : children) child.channel().send("go");
    int valid = 0;
    bool ordinary = true;
    for (std::size_t i = 0; i < processes; ++i) {
      const auto answer = children[i].channel().receive();
      REQUIRE(answer.has_value());
      std::string status;
      std::istringstream(*answer) >> status >> lost[i];
      valid += status == "valid" ? 1 : 0;
      const bool late = status == "already_verified" || status == "code_already_used";
      ordinary = ordinary && (status == "valid" || late);
      if (status != "valid" && !late) UNSCOPED_INFO(status);
    }
    const auto verified = [&](const std::string& id) {
      return verifier.get_challenge(id).state() == mfa::ChallengeState::verified;
    };
    const auto expected = one_challenge ? static_cast<std::ptrdiff_t>(processes) : 1;
    const bool stored = std::ranges::count_if(challenges, verified) == expected;
    good_rounds += valid == 1 && ordinary && stored ? 1 : 0;
    verifier.unlock_factor(enrolled.factor.id());
  }
  std::uint64_t met = 0;
  for (const auto count : lost) met += count;
  std::printf("%d rounds of %zu processes on %s; %llu commits lost a race and began anew\n", rounds,
              processes, one_challenge ? "one challenge" : "a challenge each",
              static_cast<unsigned long long>(met));
  CHECK(met > 0);
  return good_rounds;
}

} // namespace

TEST_CASE("4 processes, one challenge, SQLite: one is valid, a thousand times") {
  CHECK(rounds_with_one_valid(true) == rounds);
}

TEST_CASE("4 processes, a challenge each of one factor, SQLite: one is valid, a thousand times") {
  CHECK(rounds_with_one_valid(false) == rounds);
}
