// In a simulated world of nodes whose clocks drift and jump, a storage that delays, loses, undoes and is cut
// off, two gateways that fail, throttle, lose and are down for minutes behind decorators, and callers that do
// the same thing at the same time, every answer is the one that the plain rules give, whole: status, attempts
// left, times, waits, whose it is. What a verb commits happens when the storage writes it, with the time that
// the verb had read, even if the verb has failed or crashed meanwhile; what ends without a commit answers
// what the rules give of all that it read. After each commit what is stored is what the rules hold. Each
// message is sent once at most, and no caller and no event tells of it otherwise than it was. So no code is
// accepted twice, no attempt is uncounted, no budget exceeded, no verdict told before its commit, and nothing
// deleted or revoked comes back. All follows from one seed, in one thread: MFA_TEST_SEED sets it, and the
// seed that a failure prints plays that failure first. MFA_SIMULATED_VERBS sets how many verbs are run.
#define OPENSSL_SUPPRESS_DEPRECATED // random bytes that come again
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

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/simulation.hpp"

using namespace mfa::test;

namespace {

constexpr std::size_t episode_length = 600;

std::string wrong_in(const Episode& episode, SimulationTally& tally, Lie lie) {
  return Simulation(episode, lie).play(tally);
}

struct Failure {
  std::uint64_t seed = 0;
  Episode shortest;
  std::string wrong;
};

std::string text(const Failure& failure) {
  std::string all =
      "MFA_TEST_SEED=" + std::to_string(failure.seed) + " plays it again. The shortest found:\n";
  for (const std::string& line : describe(failure.shortest)) all += "  " + line + "\n";
  return all + "  " + failure.wrong;
}

/// The first episode that the rules do not explain, in so many verbs.
std::optional<Failure> search(std::uint64_t seed, std::uint64_t verbs, SimulationTally& tally,
                              Lie lie = Lie::none) {
  for (std::uint64_t state = seed; tally.verbs < verbs; seed = next_random(state)) {
    const Episode episode = EpisodeSource(seed).draw(episode_length);
    if (wrong_in(episode, tally, lie).empty()) continue;
    Failure failure{.seed = seed, .shortest = {}, .wrong = {}};
    SimulationTally ignored;
    failure.shortest =
        shrink(episode, [&](const Episode& candidate) { return !wrong_in(candidate, ignored, lie).empty(); });
    failure.wrong = wrong_in(failure.shortest, ignored, lie);
    return failure;
  }
  return std::nullopt;
}

unsigned long long shown(std::uint64_t number) { return number; }

} // namespace

TEST_CASE("Every answer of a simulated world is explained by the plain rules") {
  const auto seed = mfa::test::from_environment("MFA_TEST_SEED", std::random_device{}());
  const auto verbs = mfa::test::from_environment("MFA_SIMULATED_VERBS", 10'000'000);
  SimulationTally tally;
  const auto begin = std::chrono::steady_clock::now();
  const auto failure = search(seed, verbs, tally);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf(
      "%llu verbs in %.1f s, seed %llu, at most %zu in flight: %llu commits, %llu conflicts, %llu "
      "requests and "
      "%llu answers lost, %llu commits after their verb had failed, %llu verbs crashed, %llu given what was "
      "shown before the password changed\n",
      shown(tally.verbs), took.count(), shown(seed), tally.most_in_flight, shown(tally.commits),
      shown(tally.conflicts), shown(tally.lost_requests), shown(tally.lost_answers),
      shown(tally.late_commits), shown(tally.crashed), shown(tally.outdated));
  for (const auto& [answer, count] : tally.answers) std::printf(" %s %llu,", answer.c_str(), shown(count));
  std::printf("\n");
  const GatewayTally& messages = tally.messages;
  std::printf(
      "messages: %llu taken, of which %llu by the second gateway and %llu after a wait, %llu unclear, "
      "of which %llu had been sent, %llu refused; a gateway was spared %llu times\n",
      shown(messages.taken), shown(messages.by_second), shown(messages.later), shown(messages.unclear),
      shown(messages.unclear_sent), shown(messages.refused), shown(messages.spared));
  INFO("seed " << seed);
  if (failure) FAIL(text(*failure));
  for (const char* answer : {"valid",
                             "wrong_code",
                             "code_already_used",
                             "malformed_code",
                             "wrong_challenge",
                             "wrong_origin",
                             "wrong_credential",
                             "wrong_signature",
                             "unknown_credential",
                             "cloned_authenticator",
                             "already_registered",
                             "insufficient_assurance",
                             "expired",
                             "already_verified",
                             "superseded",
                             "too_many_attempts",
                             "delayed",
                             "locked_out",
                             "entity not found",
                             "SMS rate limited",
                             "SMS not sent",
                             "factor locked out",
                             "factor not verified",
                             "wrong purpose",
                             "authorization required",
                             "enrollment expired",
                             "user delayed",
                             "challenge over",
                             "invalid argument",
                             "storage failure",
                             "done"}) {
    CAPTURE(answer);
    const std::string_view name = answer;
    const bool rare = name == "already_registered" || name == "user delayed"; // a few in a million
    const std::uint64_t least = rare ? verbs / 3'000'000 : verbs < 1'000'000 ? 5 : 20;
    CHECK((verbs < (rare ? 3'000'000 : 200'000) || tally.answers[answer] >= least));
  }
  CHECK((verbs < 100'000 ||
         (tally.conflicts > 1000 && tally.late_commits > 50 && tally.crashed > 100 && tally.outdated > 20)));
  CHECK((verbs < 100'000 || (messages.taken > 500 && messages.by_second > 50 && messages.later > 5 &&
                             messages.unclear_sent > 5 && messages.unclear > messages.unclear_sent &&
                             messages.refused > 20 && (verbs < 3'000'000 || messages.spared > 5))));
}

TEST_CASE("A storage that lies is found out, and shown in few steps that play again") {
  for (const Lie lie : {Lie::no_versions, Lie::no_factor_versions, Lie::no_counter_versions,
                        Lie::no_challenge, Lie::no_factor, Lie::no_counter, Lie::no_removal, Lie::half,
                        Lie::true_without_writing, Lie::false_after_writing}) {
    const char* const name = text_of(lie);
    INFO(name);
    SimulationTally tally;
    const auto failure = search(1, 1'000'000, tally, lie);
    REQUIRE(failure);
    std::printf("%s: found after %llu verbs. %s\n", name, shown(tally.verbs), text(*failure).c_str());
    CHECK(failure->shortest.steps.size() <= 6);
    SimulationTally again;
    CHECK(wrong_in(failure->shortest, again, lie) == failure->wrong);
    SimulationTally from_seed;
    CHECK(search(failure->seed, 1, from_seed, lie)->wrong == failure->wrong);
  }
}
