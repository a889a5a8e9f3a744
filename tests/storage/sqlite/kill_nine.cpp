// A process that is killed (SIGKILL) at any moment of enrolment, challenge and verification leaves a SQLite
// file that opens, has every factor that was returned and every attempt that was told of, and accepts no
// accepted code again. Each verb was stored whole or not at all. 200 kills; MFA_TEST_SEED takes the seed that
// was printed.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>
#include <random>
#include <sstream>
#include <string>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/environment.hpp"
#include "support/sqlite_file.hpp"

using mfa::test::Channel;
using mfa::test::ChildProcess;
using namespace std::chrono_literals;

namespace {

constexpr int kills = 200;
constexpr int kills_a_file = 10;

using Verifier = mfa::Verifier<mfa::storage::Sqlite, mfa::testing::ManualClock>;

std::int64_t seconds_of(const mfa::testing::ManualClock& clock) {
  return std::chrono::floor<std::chrono::seconds>(clock.now()).time_since_epoch().count();
}

mfa::testing::ManualClock::time_point time_of(std::int64_t seconds) {
  return mfa::testing::ManualClock::time_point{std::chrono::seconds(seconds)};
}

mfa::Options options_with(const mfa::KeyRing& keys) {
  return {.key_ring = keys, .attempts_a_challenge = 10, .failures_before_delay = 10};
}

/// The child: goes on for ever with new factors, challenges, wrong codes and right ones, with the durable
/// defaults. Says what it is about to do ("enrol", "challenge", "wrong" and "right" with ids and time) and
/// then "told" with what it was told.
void work(const std::string& file, const mfa::KeyRing& keys, std::int64_t start, const Channel& parent) {
  mfa::storage::Sqlite storage(file);
  mfa::testing::ManualClock clock(time_of(start));
  Verifier verifier{storage, clock, options_with(keys)};
  for (;;) {
    parent.send("enrol");
    const auto enrolled =
        verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .qr_code = {.scale = 1}});
    const std::string& factor = enrolled.factor.id();
    parent.send("told " + factor + ' ' + enrolled.totp.secret.str());
    const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
    for (int i = 0; i < 3; ++i) {
      parent.send("challenge");
      const bool confirming = i == 0;
      const auto challenge =
          confirming ? enrolled.factor.challenge_enrollment() : enrolled.factor.challenge();
      parent.send("told " + challenge.id());
      const auto try_code = [&](const char* verb, const std::string& code) {
        parent.send(std::string(verb) + ' ' + challenge.id() + ' ' + factor + ' ' + code + ' ' +
                    std::to_string(seconds_of(clock)));
        const auto tell = [&](const auto& answer) {
          parent.send("told " + std::string(to_string(answer.status())) + ' ' +
                      std::to_string(answer.challenge().attempts_left()));
        };
        if (confirming)
          tell(challenge.confirm(code));
        else
          tell(challenge.verify(code));
      };
      const auto shown = [&](std::chrono::seconds off) { return mfa::otp::totp(secret, clock.now() + off); };
      const std::string right = shown(0s);
      std::string wrong = "000000";
      while (wrong == shown(-30s) || wrong == right || wrong == shown(30s)) ++wrong.back();
      try_code("wrong", wrong);
      try_code("right", right);
      clock.advance(1min);
    }
  }
}

/// What the parent heard of one child.
struct Heard {
  struct Attempt {
    std::string challenge;
    std::string factor;
    std::string code;
    std::int64_t at = 0;
    std::optional<std::string> told = {}; ///< the status, unless the kill came first
    unsigned attempts_left = 10;
  };

  std::map<std::string, std::string> secrets; ///< of the factors that were returned, by id
  std::vector<std::string> challenges;
  std::vector<Attempt> attempts;
  std::string under_way; ///< the verb that the kill met
  std::uint64_t verbs = 0;

  void hear(const std::string& message) {
    std::istringstream words(message);
    std::string verb;
    words >> verb;
    if (verb != "told") {
      under_way = verb;
      if (verb != "wrong" && verb != "right") return;
      Attempt& attempt = attempts.emplace_back();
      words >> attempt.challenge >> attempt.factor >> attempt.code >> attempt.at;
      return;
    }
    ++verbs;
    std::string first;
    words >> first;
    if (under_way == "enrol") words >> secrets[first];
    if (under_way == "challenge") challenges.push_back(first);
    if (under_way == "wrong" || under_way == "right") {
      attempts.back().told = first;
      words >> attempts.back().attempts_left;
    }
    under_way.clear();
  }
};

/// Lets a child work for a while and kills it.
Heard kill_at_work(const std::string& file, const mfa::KeyRing& keys, std::int64_t start,
                   std::chrono::microseconds after) {
  ChildProcess child([&](const Channel& parent) { work(file, keys, start, parent); });
  Heard heard;
  const auto hear = [&](const std::string& message) { heard.hear(message); };
  REQUIRE(child.hear_for(after, hear)); // it does not end by itself
  child.kill_and_hear(hear);
  return heard;
}

/// Each attempt, told of or not, is stored whole or not at all, and no verdict that left is missing.
void check_attempts(Verifier& verifier, const Heard& heard) {
  std::map<std::string, unsigned> failures; // told of since the factor's last valid one
  for (std::size_t i = 0; i < heard.attempts.size(); ++i) {
    const Heard::Attempt& attempt = heard.attempts[i];
    CAPTURE(attempt.challenge, attempt.told.value_or("under way"));
    const bool right = attempt.told == "valid";
    const auto challenge = verifier.get_challenge(attempt.challenge, mfa::any_user);
    const auto factor = verifier.get_factor(attempt.factor, mfa::any_user);
    const bool last = i + 1 == heard.attempts.size();
    if (attempt.told) {
      CHECK((*attempt.told == "valid" || *attempt.told == "wrong_code"));
      CHECK(challenge.attempts_left() <= attempt.attempts_left);
      if (right) CHECK(challenge.state() == mfa::ChallengeState::verified);
      if (right) CHECK(factor.verified());
      failures[attempt.factor] = right ? 0 : failures[attempt.factor] + 1;
      if (last) CHECK(factor.failures() == failures[attempt.factor]);
      continue;
    }
    CHECK(last);
    const auto at = std::chrono::floor<std::chrono::milliseconds>(time_of(attempt.at));
    const bool accepted = challenge.state() == mfa::ChallengeState::verified;
    CHECK(accepted == (factor.last_used_at() == std::optional<mfa::Time>(at)));
    const unsigned wrong = 10 - challenge.attempts_left();
    if (!accepted) CHECK(factor.failures() == wrong);
    if (accepted) CHECK(factor.failures() == 0);
  }
}

/// Every code that was accepted is refused, at the very time at which it was right; and every factor that was
/// returned can still be used, at a later time.
void check_codes(Verifier& verifier, mfa::testing::ManualClock& clock, const Heard& heard,
                 mfa::testing::ManualClock::time_point after) {
  for (const Heard::Attempt& attempt : heard.attempts) {
    if (attempt.told != "valid") continue;
    CAPTURE(attempt.factor, attempt.at);
    clock.set(time_of(attempt.at));
    verifier.unlock_factor(attempt.factor, mfa::any_user, mfa::by_operator);
    const auto challenge = verifier.challenge_factor(attempt.factor, mfa::any_user);
    CHECK(challenge.verify(attempt.code).status() == mfa::Status::code_already_used);
  }
  clock.set(after);
  for (const auto& [factor, secret] : heard.secrets) {
    CAPTURE(factor);
    verifier.unlock_factor(factor, mfa::any_user, mfa::by_operator);
    const auto code = mfa::otp::totp(mfa::otp::base32_decode(secret), clock.now());
    if (verifier.get_factor(factor, mfa::any_user).verified())
      CHECK(verifier.challenge_factor(factor, mfa::any_user).verify(code).valid());
    else
      CHECK(verifier.confirm_enrollment(factor, code).confirmed());
  }
}

} // namespace

TEST_CASE("200 kills leave a file that opens, with all that was told, and no code is accepted twice") {
  const auto seed = mfa::test::from_environment("MFA_TEST_SEED", std::random_device{}());
  std::mt19937_64 random(seed);
  const auto keys = mfa::KeyRing::generate();
  std::map<std::string, int> under_way;
  std::uint64_t verbs = 0;
  std::uint64_t accepted = 0;
  std::optional<mfa::test::SqliteFile> database;
  std::vector<std::string> earlier; // factors in the same file
  mfa::testing::ManualClock clock;
  for (int kill = 0; kill < kills; ++kill) {
    if (kill % kills_a_file == 0) {
      database.emplace();
      earlier.clear();
    }
    const std::string& file = database->path;
    CAPTURE(seed, kill);
    clock.advance(24h * 365 / kills);
    const auto start = seconds_of(clock);
    const Heard heard = kill_at_work(file, keys, start, std::chrono::microseconds(random() % 120'000));
    ++under_way[heard.under_way.empty() && heard.verbs == 0 ? "opening" : heard.under_way];
    verbs += heard.verbs;
    accepted += static_cast<std::uint64_t>(
        std::ranges::count(heard.attempts, std::optional<std::string>("valid"), &Heard::Attempt::told));

    // This is another process than the killed one. It may be quick, for it is not killed.
    {
      mfa::storage::Sqlite storage(file, mfa::test::quick);
      Verifier verifier{storage, clock, options_with(keys)};
      for (const auto& [factor, secret] : heard.secrets) earlier.push_back(factor);
      for (const std::string& factor : earlier) CHECK_NOTHROW(verifier.get_factor(factor, mfa::any_user));
      for (const std::string& challenge : heard.challenges)
        CHECK_NOTHROW(verifier.get_challenge(challenge, mfa::any_user));
      check_attempts(verifier, heard);
      mfa::testing::ManualClock then;
      Verifier later{storage, then, options_with(keys)};
      check_codes(later, then, heard, clock.now() + 24h);
    }
    CHECK(mfa::test::HostConnection(file).ask("PRAGMA integrity_check") == "ok");
  }
  std::printf("%d kills, seed %llu, after %llu verbs, %llu of them accepted codes; the kill met:", kills,
              static_cast<unsigned long long>(seed), static_cast<unsigned long long>(verbs),
              static_cast<unsigned long long>(accepted));
  for (const auto& [verb, count] : under_way)
    std::printf(" %d %s,", count, verb.empty() ? "between verbs" : verb.c_str());
  std::printf("\n");
  CHECK(accepted > 0);
  for (const char* verb : {"enrol", "challenge", "wrong", "right"}) {
    CAPTURE(verb);
    CHECK(under_way[verb] > 0);
  }
}
