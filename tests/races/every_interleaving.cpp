// In every order of the finds and commits of concurrent verbs, with a fault at any commit, the real code
// behaves as if the verbs had come one after the other: no code is accepted twice, no verdict leaves beyond
// the budget, no attempt is uncounted. The number of orders tried is printed. Orders that come to the same
// point - the same commits written, by verbs that had read the same - go on alike from there, so what follows
// is run once and counted for each of them.
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/stepping_storage.hpp"

using mfa::Status;
using mfa::test::SteppingStorage;
using mfa::test::World;

namespace {

enum class Verb { verify, remove, unlock, challenge_again };

/// What one of the concurrent callers does.
struct Action {
  Verb verb;
  std::size_t challenge = 0; ///< verify: which
  bool right = false;        ///< verify: with the right code
};

struct Scenario {
  const char* name;
  mfa::FactorType type;
  std::size_t challenges;
  unsigned attempts_a_challenge;
  unsigned failures_before_delay;
  std::vector<Action> actions;
};

/// What came out of a verb.
struct Outcome {
  enum { running, crashed, threw, done } end = running;
  std::optional<Status> status;   ///< of a verify that was done
  std::optional<mfa::errc> error; ///< of a verb that threw
};

/// A commit that was written.
struct Written {
  std::size_t actor;
  std::string seen; ///< what its batch was decided on, as Progress::seen
};

template <bool joined_find> class Search {
  using Storage = SteppingStorage<joined_find>;
  using Verifier = mfa::Verifier<Storage, mfa::testing::ManualClock, mfa::testing::RecordingSms>;

 public:
  Search(Scenario scenario, bool compares_versions) : scenario_(std::move(scenario)) {
    const mfa::Options options{.key_ring = mfa::KeyRing::unsealed(), // its cost is not of interest here
                               .sms_template = "{{code}}",
                               .sms_send_interval = std::chrono::seconds(0),
                               .attempts_a_challenge = scenario_.attempts_a_challenge,
                               .failures_before_delay = scenario_.failures_before_delay};
    prepare(options);
    start_.compares_versions = compares_versions;
    for (std::size_t i = 0; i < scenario_.actions.size(); ++i)
      actors_.push_back(std::make_unique<Actor>(clock_, sms_, options));
  }

  /// Tries every order, with at most one fault in each, and stops at the first that cannot be explained.
  void run() {
    std::vector<Progress> progress(scenario_.actions.size());
    for (std::size_t i = 0; i < progress.size(); ++i) advance(i, progress[i]);
    orders = explore(start_, progress, {}, false, "");
  }

  std::uint64_t orders = 0;
  std::size_t points = 0;  ///< different ones, each run
  std::string unexplained; ///< the order that could not be explained, and why

 private:
  struct Actor {
    Actor(mfa::testing::ManualClock& clock, mfa::testing::RecordingSms& sms, const mfa::Options& options)
        : verifier(storage, clock, sms, options) {}
    Storage storage;
    Verifier verifier;
  };

  /// How far a verb has come: the results of its operations so far, and what it wants next or has answered.
  struct Progress {
    std::vector<typename Storage::Result> results;
    typename Storage::Operation next;
    Outcome outcome;
    std::string seen; ///< how many commits had been written at each of its finds since it last began anew
  };

  void prepare(const mfa::Options& options) {
    mfa::storage::Memory memory;
    mfa::Verifier verifier{memory, clock_, sms_, options};
    if (scenario_.type == mfa::FactorType::totp) {
      const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
      factor_id_ = enrolled.factor.id();
      right_code_ = mfa::otp::totp(mfa::otp::base32_decode(enrolled.totp.secret), clock_.now());
    } else {
      factor_id_ = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"}).factor.id();
    }
    for (std::size_t i = 0; i < scenario_.challenges; ++i) {
      challenge_ids_.push_back(verifier.challenge_factor(factor_id_).id());
      start_.challenges[challenge_ids_.back()] = *memory.find_challenge(challenge_ids_.back());
    }
    if (scenario_.type == mfa::FactorType::sms) right_code_ = sms_.last().body;
    wrong_code_ = mfa::test::Host::other_code(right_code_);
    start_.factors[factor_id_] = *memory.find_factor(factor_id_);
  }

  /// Runs a verb to its next operation, or to its end.
  void advance(std::size_t actor, Progress& progress) {
    const Action& action = scenario_.actions[actor];
    actors_[actor]->storage.replay(progress.results);
    Verifier& verifier = actors_[actor]->verifier;
    try {
      switch (action.verb) {
      case Verb::verify:
        progress.outcome.status =
            verifier
                .verify_challenge(challenge_ids_[action.challenge], action.right ? right_code_ : wrong_code_)
                .status();
        break;
      case Verb::remove: verifier.delete_factor(factor_id_); break;
      case Verb::unlock: verifier.unlock_factor(factor_id_); break;
      case Verb::challenge_again: (void)verifier.challenge_factor(factor_id_); break;
      }
      progress.outcome.end = Outcome::done;
    } catch (typename Storage::Stop& stop) {
      progress.next = std::move(stop.operation);
    } catch (const mfa::Error& error) {
      progress.outcome.end = Outcome::threw;
      progress.outcome.error = error.code();
    }
  }

  /// All that decides how things go on and what is checked in the end.
  static std::string point(const std::vector<Progress>& progress, const std::vector<Written>& written,
                           bool faulty) {
    std::string key(faulty ? "!" : "");
    for (const auto& [actor, seen] : written) key.append(std::to_string(actor)).append(seen).append("|");
    for (const Progress& one : progress) {
      key.append("#").append(std::to_string(one.outcome.end)).append(one.seen);
      if (one.outcome.status) key.append(to_string(*one.outcome.status));
      if (one.outcome.error) key.append(std::to_string(static_cast<int>(*one.outcome.error)));
    }
    return key;
  }

  /// How many orders there are from here on.
  std::uint64_t explore(const World& world, const std::vector<Progress>& progress,
                        const std::vector<Written>& written, bool faulty, const std::string& order) {
    const std::string key = point(progress, written, faulty);
    if (const auto known = known_.find(key); known != known_.end()) return known->second;
    ++points;
    std::uint64_t count = 0;
    bool ended = true;
    for (std::size_t i = 0; i < progress.size() && unexplained.empty(); ++i) {
      if (progress[i].outcome.end != Outcome::running) continue;
      ended = false;
      const std::string step = order + ' ' + std::to_string(i);
      if (!progress[i].next.batch) {
        auto after = progress;
        after[i].results.push_back(progress[i].next.find(world));
        after[i].seen.append(",").append(std::to_string(written.size()));
        advance(i, after[i]);
        count += explore(world, after, written, faulty, step + ":find");
        continue;
      }
      enum Fault { none, fails, answer_lost, crash_before, crash_after };
      for (const Fault fault : {none, fails, answer_lost, crash_before, crash_after}) {
        if (fault != none && faulty) continue;
        static constexpr const char* names[] = {":commit", ":commit-fails", ":commit-answer-lost",
                                                ":crash-before-commit", ":crash-after-commit"};
        World changed = world;
        auto after = progress;
        auto history = written;
        const bool reaches = fault != fails && fault != crash_before;
        const bool done = reaches && changed.commit(*progress[i].next.batch);
        if (done) history.push_back({i, progress[i].seen});
        if (fault == crash_before || fault == crash_after) {
          after[i].outcome.end = Outcome::crashed;
        } else {
          if (fault == none)
            after[i].results.emplace_back(done);
          else
            after[i].results.emplace_back(typename Storage::Lost{});
          after[i].seen.clear();
          after[i].next = {};
          advance(i, after[i]);
        }
        count += explore(changed, after, history, faulty || fault != none, step + names[fault]);
      }
    }
    if (ended && unexplained.empty()) {
      count = 1;
      if (const std::string why = contradiction(world, progress, written); !why.empty())
        unexplained = why + " in" + order;
    }
    known_.emplace(key, count);
    return count;
  }

  /// Replays the commits that were written one after the other by the plain rules; empty if that explains
  /// every answer and what is stored in the end.
  std::string contradiction(const World& world, const std::vector<Progress>& progress,
                            const std::vector<Written>& written) const {
    struct Challenge {
      unsigned attempts_left;
      bool verified = false;
      bool superseded = false;
    };
    std::vector<Challenge> challenges(scenario_.challenges, Challenge{scenario_.attempts_a_challenge});
    bool code_used = false;
    bool removed = false;
    bool was_delayed = false;
    unsigned failures = 0;
    std::map<std::size_t, Status> verdicts; // what each actor's commit amounts to
    for (const auto& [actor, seen] : written) {
      const Action& action = scenario_.actions[actor];
      if (removed) return "a commit after the factor was removed";
      if (action.verb == Verb::remove) removed = true;
      if (action.verb == Verb::unlock) failures = 0;
      if (action.verb == Verb::challenge_again)
        for (Challenge& challenge : challenges) challenge.superseded = true;
      if (action.verb != Verb::verify) continue;
      Challenge& challenge = challenges[action.challenge];
      if (verdicts.contains(actor)) return "one attempt was counted twice";
      if (challenge.verified || challenge.attempts_left == 0 || challenge.superseded)
        return "an attempt on a challenge that was over";
      if (failures >= scenario_.failures_before_delay) return "an attempt during a delay";
      if (action.right && !code_used) {
        verdicts[actor] = Status::valid;
        challenge.verified = code_used = true;
        failures = 0;
      } else {
        verdicts[actor] = action.right ? Status::code_already_used : Status::wrong_code;
        --challenge.attempts_left;
        ++failures;
        was_delayed = was_delayed || failures >= scenario_.failures_before_delay;
      }
    }
    for (std::size_t i = 0; i < progress.size(); ++i) {
      const Outcome& outcome = progress[i].outcome;
      if (outcome.error == mfa::errc::entity_not_found && !removed) return "not found, but not removed";
      if (outcome.error == mfa::errc::storage_conflict) return "a verb gave up";
      if (!outcome.status) continue;
      const Challenge& challenge = challenges[scenario_.actions[i].challenge];
      switch (*outcome.status) {
      case Status::valid:
      case Status::wrong_code:
      case Status::code_already_used:
        if (!verdicts.contains(i)) return "a verdict without a commit";
        if (verdicts.at(i) != *outcome.status) return "a verdict that its commit does not explain";
        continue;
      case Status::already_verified:
        if (!challenge.verified) return "already_verified, but it is not";
        break;
      case Status::too_many_attempts:
        if (challenge.attempts_left != 0) return "too_many_attempts, but some are left";
        break;
      case Status::superseded:
        if (!challenge.superseded) return "superseded, but it is not";
        break;
      case Status::delayed:
        if (!was_delayed) return "delayed, but never so many failures";
        break;
      default: return "an answer that nothing explains";
      }
      if (verdicts.contains(i)) return "an attempt was counted that says it was not";
    }
    const auto factor = world.factors.find(factor_id_);
    if ((factor == world.factors.end()) != removed) return "the factor is there or not, against its history";
    if (!removed && factor->second.failures != failures) return "failures uncounted on the factor";
    for (std::size_t i = 0; i < challenges.size(); ++i) {
      const auto& stored = world.challenges.at(challenge_ids_[i]);
      if (stored.attempts_left != challenges[i].attempts_left) return "attempts uncounted on a challenge";
      if ((stored.state == mfa::ChallengeState::verified) != challenges[i].verified)
        return "a challenge in a wrong state";
    }
    return "";
  }

  Scenario scenario_;
  mfa::testing::ManualClock clock_;
  mfa::testing::RecordingSms sms_;
  std::string factor_id_;
  std::vector<std::string> challenge_ids_;
  std::string right_code_;
  std::string wrong_code_;
  World start_;
  std::vector<std::unique_ptr<Actor>> actors_;
  std::unordered_map<std::string, std::uint64_t> known_; ///< orders from a point
};

constexpr auto totp = mfa::FactorType::totp;
constexpr Action right(std::size_t challenge) { return {Verb::verify, challenge, true}; }
constexpr Action wrong(std::size_t challenge) { return {Verb::verify, challenge, false}; }
constexpr Action remove_factor{Verb::remove};
constexpr Action unlock{Verb::unlock};

const std::vector<Scenario>& scenarios_of_four() {
  static const std::vector<Scenario> scenarios{
      {"one code on one challenge", totp, 1, 5, 5, {right(0), right(0), right(0)}},
      {"one code on four challenges", totp, 4, 5, 5, {right(0), right(1), right(2), right(3)}},
      {"guesses and the right code beyond a challenge's budget",
       totp,
       1,
       2,
       5,
       {wrong(0), wrong(0), wrong(0), right(0)}},
      {"guesses over challenges beyond the factor's budget",
       totp,
       4,
       5,
       2,
       {wrong(0), wrong(1), wrong(2), right(3)}},
      {"a removal among them", totp, 2, 5, 5, {right(0), wrong(0), right(1), remove_factor}},
      {"an unlock among them", totp, 2, 5, 1, {wrong(0), wrong(1), right(1), unlock}},
      {"a removal and an unlock", totp, 1, 2, 5, {right(0), wrong(0), unlock, remove_factor}},
  };
  return scenarios;
}

const std::vector<Scenario>& scenarios_of_three() {
  static const std::vector<Scenario> scenarios{
      {"one code on one challenge, separate finds", totp, 1, 5, 5, {right(0), right(0)}},
      {"one code on three challenges, separate finds", totp, 3, 5, 5, {right(0), right(1), right(2)}},
      {"guesses beyond a challenge's budget, separate finds", totp, 1, 1, 5, {wrong(0), wrong(0), right(0)}},
      {"guesses beyond the factor's budget, separate finds", totp, 3, 5, 1, {wrong(0), wrong(1), right(2)}},
      {"a removal, separate finds", totp, 1, 5, 5, {right(0), wrong(0), remove_factor}},
      {"an unlock, separate finds", totp, 2, 5, 1, {wrong(0), right(1), unlock}},
      {"a new SMS challenge, separate finds",
       mfa::FactorType::sms,
       1,
       5,
       5,
       {right(0), wrong(0), {Verb::challenge_again}}},
  };
  return scenarios;
}

template <bool joined_find> std::uint64_t try_all(const std::vector<Scenario>& scenarios) {
  std::uint64_t total = 0;
  for (const Scenario& scenario : scenarios) {
    Search<joined_find> search(scenario, true);
    search.run();
    std::printf("%12llu orders through %7zu points: %s\n", static_cast<unsigned long long>(search.orders),
                search.points, scenario.name);
    INFO(scenario.name);
    CHECK(search.unexplained == "");
    CHECK(search.orders > 10);
    total += search.orders;
  }
  return total;
}

} // namespace

TEST_CASE(
    "Every order of four verbs, with a fault at any commit, is explained by some order of whole verbs") {
  const std::uint64_t orders = try_all<true>(scenarios_of_four());
  std::printf("%12llu orders in all with one read a verification\n", static_cast<unsigned long long>(orders));
}

TEST_CASE("Every order of three verbs that read twice is explained likewise") {
  const std::uint64_t orders = try_all<false>(scenarios_of_three());
  std::printf("%12llu orders in all with two reads a verification\n",
              static_cast<unsigned long long>(orders));
}

TEST_CASE("A storage that does not compare versions is found out, in each scenario") {
  for (const Scenario& scenario : scenarios_of_four()) {
    Search<true> search(scenario, false);
    search.run();
    INFO(scenario.name);
    CHECK(search.unexplained != "");
  }
}
