// A million random verbs with a moving clock, on memory and on SQLite, get the answers that the plain rules
// of support/plain_rules.hpp give, and leave behind what they say. A failure prints the shortest sequence of
// verbs that it can find. MFA_TEST_SEED takes the seed that a run printed, MFA_TEST_VERBS another number of
// verbs.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <optional>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/call_sequence.hpp"
#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/rules_player.hpp"
#include "support/shrink.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::Change;
using mfa::test::Player;
using mfa::test::Sequence;
using mfa::test::Tally;

namespace {

/// An empty storage.
struct OnMemory {
  mfa::storage::Memory storage;
};

struct OnSqlite {
  mfa::test::TemporaryDirectory directory;
  mfa::storage::Sqlite storage{directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off}};
};

struct Disagreement {
  Sequence shortest;
  std::string difference;
};

/// Plays random sequences until so many verbs were played, or one of them differs; shortens that one.
template <class On>
std::optional<Disagreement> search(std::uint64_t seed, std::uint64_t verbs, Tally& tally,
                                   const Change& change = {}) {
  constexpr std::size_t length = 100;
  On on;
  mfa::test::SequenceSource source(seed);
  while (tally.verbs < verbs) {
    Sequence sequence = source.draw(length);
    const auto [difference, calls] = Player(on.storage, sequence, change).play(tally);
    if (difference.empty()) continue;
    sequence.calls.resize(std::min(calls + 1, length)); // an exception ends the call after these
    const auto differs = [&](const Sequence& candidate) {
      On anew;
      Tally ignored;
      return Player(anew.storage, candidate, change).play(ignored).first;
    };
    Disagreement found{.shortest = mfa::test::shrink(
                           sequence, [&](const Sequence& candidate) { return !differs(candidate).empty(); }),
                       .difference = {}};
    found.difference = differs(found.shortest);
    return found;
  }
  return std::nullopt;
}

std::string text(const Disagreement& disagreement) {
  std::string text_of;
  for (const auto& line : describe(disagreement.shortest)) text_of += "  " + line + "\n";
  return text_of + "  " + disagreement.difference + "\n";
}

/// Every answer that these verbs can give.
constexpr std::array every_answer{"valid",
                                  "wrong_code",
                                  "code_already_used",
                                  "malformed_code",
                                  "expired",
                                  "already_verified",
                                  "superseded",
                                  "too_many_attempts",
                                  "delayed",
                                  "locked_out",
                                  "entity not found",
                                  "SMS rate limited",
                                  "SMS not sent",
                                  "email rate limited",
                                  "message not delivered",
                                  "factor not verified",
                                  "factor locked out",
                                  "wrong purpose",
                                  "authorization required",
                                  "enrollment expired",
                                  "last factor",
                                  "user delayed",
                                  "challenge over",
                                  "insufficient assurance",
                                  "duplicate secret",
                                  "invalid argument",
                                  "device trusted",
                                  "device not trusted",
                                  "clock that is off",
                                  "wrong_challenge",
                                  "wrong_signature",
                                  "cloned_authenticator",
                                  "insufficient_assurance",
                                  "seal broken",
                                  "totp imported",
                                  "totp already_there",
                                  "hotp imported",
                                  "hotp already_there",
                                  "recovery_codes imported",
                                  "recovery_codes already_there",
                                  "recovery_codes refused",
                                  "webauthn imported",
                                  "webauthn already_there",
                                  "webauthn refused"};

template <class On> void agrees_with_the_rules(const char* where) {
  const auto seed = mfa::test::from_environment("MFA_TEST_SEED", std::random_device{}());
  const auto verbs = mfa::test::how_much("MFA_TEST_VERBS", 300'000, 1'000'000);
  Tally tally;
  const auto begin = std::chrono::steady_clock::now();
  const auto disagreement = search<On>(seed, verbs, tally);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%llu verbs on %s in %.1f s, seed %llu:", static_cast<unsigned long long>(tally.verbs), where,
              took.count(), static_cast<unsigned long long>(seed));
  for (const auto& [answer, count] : tally.answers)
    std::printf(" %s %llu,", answer.c_str(), static_cast<unsigned long long>(count));
  std::printf("\n");
  INFO("seed " << seed);
  if (disagreement) FAIL("the shortest sequence found:\n" << text(*disagreement));
  for (const char* answer : every_answer) {
    CAPTURE(answer);
    const std::string_view name = answer;
    const bool rare = // tens in a million
        name == "wrong_challenge" || name == "cloned_authenticator" || name == "insufficient_assurance";
    CHECK(
        (verbs < (rare ? 1'000'000 : 100'000) || tally.answers[answer] >= verbs / (rare ? 100'000 : 20'000)));
  }
}

/// A storage that loses writes.
template <auto lose> struct Losing {
  struct Storage : mfa::storage::Memory {
    bool commit(mfa::storage::Batch batch) {
      lose(batch);
      return mfa::storage::Memory::commit(std::move(batch));
    }
  };
  Storage storage;
};

constexpr auto lose_new_versions = [](auto& records) {
  std::erase_if(records, [](const auto& record) { return record.version != 0; });
};
constexpr auto lose_factors = [](mfa::storage::Batch& batch) { lose_new_versions(batch.factors); };
constexpr auto lose_challenges = [](mfa::storage::Batch& batch) { lose_new_versions(batch.challenges); };
constexpr auto lose_counters = [](mfa::storage::Batch& batch) { batch.counters.clear(); };
constexpr auto lose_removals = [](mfa::storage::Batch& batch) { batch.removals.clear(); };

template <class On = OnMemory>
void is_found(const char* what, std::size_t most_calls, const Change& change = {}) {
  Tally tally;
  const auto found = search<On>(10, 1'000'000, tally, change);
  INFO(what);
  REQUIRE(found.has_value());
  std::printf("%s: found after %llu verbs\n%s", what, static_cast<unsigned long long>(tally.verbs),
              text(*found).c_str());
  CHECK(found->shortest.calls.size() <= most_calls);
}

} // namespace

TEST_CASE("A million random verbs on memory agree with the rules") {
  agrees_with_the_rules<OnMemory>("memory");
}

TEST_CASE("A million random verbs on SQLite agree with the rules") {
  agrees_with_the_rules<OnSqlite>("SQLite");
}

TEST_CASE("A rule that differs is found, and shown in few verbs") {
  using mfa::Options;
  using namespace std::chrono_literals;
  is_found("authorizations that last 1 s longer", 5,
           [](Options& options) { options.authorization_lifetime += 1s; });
  is_found("one open challenge more", 5, [](Options& options) {
    options.open_challenges_a_user = std::min(options.open_challenges_a_user + 1, 100U);
  });
  is_found("one unverified factor more", 3, [](Options& options) { ++options.unverified_factors_a_user; });
  is_found("enrolments that last 1 s longer", 3, [](Options& options) { options.enrollment_lifetime += 1s; });
  is_found("challenges that last 1 s longer", 4, [](Options& options) { options.challenge_lifetime += 1s; });
  is_found("one message an hour more to a user", 11,
           [](Options& options) { ++options.sends_a_user_an_hour; });
  is_found("one wrong code a day more of a user", 30,
           [](Options& options) { ++options.wrong_codes_a_user_a_day; });
  is_found("unverified factors that sign in", 2,
           [](Options& options) { options.unverified_factors_sign_in = true; });
  is_found("one more step of drift", 5, [](Options& options) { ++options.totp_drift_steps; });
  is_found("one more step of drift that is learnt", 5,
           [](Options& options) { ++options.totp_learned_drift_steps; });
  is_found("one attempt more", 2, [](Options& options) { ++options.attempts_a_challenge; });
  is_found("a first delay of 2 s", 7, [](Options& options) { options.first_delay = 2s; });
  is_found("delays that do not grow", 8,
           [](Options& options) { options.longest_delay = options.first_delay; });
  is_found("a lock one wrong code later", 13, [](Options& options) {
    options.failures_before_lockout = std::min(options.failures_before_lockout + 1, 100U);
  });
  is_found("a new code where the same is to be sent again", 3,
           [](Options& options) { options.resend_same_code = !options.resend_same_code; });
  is_found("codes that live 30 s", 2, [](Options& options) { options.sms_code_lifetime = 30s; });
  is_found("one message an hour more", 7, [](Options& options) { ++options.sms_sends_an_hour; });
  is_found("e-mails that live 30 s", 2, [](Options& options) { options.email_code_lifetime = 30s; });
  is_found("one e-mail an hour more", 8, [](Options& options) { ++options.email_sends_an_hour; });
  is_found("tokens that are 3 counters further ahead", 4,
           [](Options& options) { options.hotp_look_ahead += 3; });
  is_found("tokens that are resynchronised 50 counters further", 4,
           [](Options& options) { options.hotp_resynchronization_window += 50; });
  is_found("challenges kept for 1 s more", 4, [](Options& options) { options.challenge_retention += 1s; });
}

TEST_CASE("A storage that loses writes is found, and shown in few verbs") {
  is_found<Losing<lose_factors>>("lost factors", 3);
  is_found<Losing<lose_challenges>>("lost challenges", 3);
  is_found<Losing<lose_counters>>("lost counters", 3);
  is_found<Losing<lose_removals>>("lost removals", 5); // of three open challenges
}
