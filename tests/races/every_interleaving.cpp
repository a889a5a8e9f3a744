// In every order of the requests of verbs that run at once, with faults at any of them, the real code behaves
// as if the verbs had come one after the other: each answer is the one that the plain rules give at the
// verb's commit, or at its reads if nothing changed, and what is stored after each commit is what the rules
// hold. So no code is accepted twice, no verdict leaves before its commit, no attempt is uncounted, no budget
// exceeded, and nothing deleted comes back. A verb is a coroutine that a driver steps from request to
// request. As its frame cannot be copied, it is run anew with the answers that it had: what it does follows
// from these alone, its random bytes being seeded. Orders that come to the same point - the same records, the
// same rules, every verb where it was - go on alike from there, so what follows is run once and counted for
// each of them. Reading the clock, which stands still for each verb, is no step. MFA_TEST_FAULTS sets how
// many faults an order may have: 1 if it is not set, and none in six large scenarios but with MFA_LONG.
#define OPENSSL_SUPPRESS_DEPRECATED // random bytes that come again
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/host.hpp"
#include "support/ledger.hpp"
#include "support/no_sms_budgets.hpp"
#include "support/plain_passkeys.hpp"
#include "support/seeded_random.hpp"
#include "support/stage.hpp"
#include "support/stepped_verb.hpp"
#include "support/world_text.hpp"

using mfa::Options;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

struct FixedClock final : ReadableClock {
  std::chrono::system_clock::time_point at = mfa::testing::ManualClock().now();
  std::chrono::system_clock::time_point now() override { return at; }
};

/// One of the verbs that run at once.
struct Actor {
  Task task;
  std::chrono::milliseconds clock_ahead{0};
  std::shared_ptr<const mfa::KeyRing> keys = {}; ///< the stage's, if none
};

struct Scenario {
  std::string name;
  Options options;
  std::shared_ptr<const mfa::KeyRing> keys;
  std::function<std::vector<Actor>(Stage&)> set_up;
  bool finds_both = true;
};

enum class Fault : unsigned { none, throws, answers_false, answer_lost, crash, crash_after, count };

constexpr const char* name_of(Fault fault) {
  constexpr const char* names[]{
      "", ":fails and throws", ":false, not done", ":done, answer lost", ":crash before", ":crash after"};
  return names[static_cast<unsigned>(fault)];
}

class Search {
 public:
  Search(const Scenario& scenario, unsigned most_faults, Lie lie = Lie::none)
      : options_(scenario.options), keys_(scenario.keys), finds_both_(scenario.finds_both),
        most_faults_(most_faults), lie_(lie), random_(1) {
    Stage stage(options_, keys_, clock_);
    actors_ = scenario.set_up(stage);
    if (actors_.size() > most_actors) throw std::logic_error("a search of so many verbs");
    clocks_.resize(actors_.size());
    for (std::size_t i = 0; i < actors_.size(); ++i) clocks_[i].at += actors_[i].clock_ahead;
    witnesses_.emplace_back();
    nodes_.resize(2); // `ended`, and one that is not used
    State start{};
    start.ground = ground_of({stage.world, stage.ledger});
    for (std::size_t i = 0; i < actors_.size(); ++i) {
      roots_.push_back(new_node({.actor = i}));
      start.verbs[i].node = roots_.back();
      auto verb = at(roots_.back());
      note(roots_.back(), *verb);
    }
    start_ = start;
  }

  /// Tries every order and stops at the first that cannot be explained.
  void run() { orders = explore(start_); }

  double orders = 0;
  std::size_t points = 0;  ///< different ones, each run
  std::string unexplained; ///< the order that could not be explained, and why

 private:
  static constexpr std::size_t most_actors = 6;
  static constexpr std::uint32_t ended = 0;

  struct Ground {
    PlainWorld world;
    Ledger ledger;
  };

  /// How far a verb has come: what it was answered so far, as a way from its root.
  struct Node {
    std::size_t actor = 0;
    std::uint32_t parent = ended;
    Reply reply = {};
    std::optional<mfa::verbs::Asks> asks = {}; ///< none: it is done
    std::map<std::string, std::uint32_t> next = {};
  };

  struct Place {
    std::uint32_t node = ended;
    std::uint32_t witness = 0;
    bool operator==(const Place&) const = default;
  };

  struct State {
    std::uint32_t ground = 0;
    std::uint32_t faults = 0;
    std::array<Place, most_actors> verbs{};
    bool operator==(const State&) const = default;
  };

  struct Move {
    std::uint32_t ground;
    Place verb;
    Fault fault;
    bool operator==(const Move&) const = default;
  };

  struct Moved {
    std::uint32_t ground = 0;
    Place verb = {};
    std::string wrong = {};
  };

  struct Hash {
    static std::size_t mix(std::size_t seed, std::size_t value) {
      return (seed ^ value) * 0x9E3779B97F4A7C15 ^ (seed >> 29);
    }
    std::size_t operator()(const State& state) const {
      std::size_t hash = mix(state.ground, state.faults);
      for (const Place& verb : state.verbs) hash = mix(mix(hash, verb.node), verb.witness);
      return hash;
    }
    std::size_t operator()(const Move& move) const {
      return mix(mix(mix(move.ground, move.verb.node), move.verb.witness),
                 static_cast<std::size_t>(move.fault));
    }
  };

  std::uint32_t new_node(Node node) {
    nodes_.push_back(std::move(node));
    return static_cast<std::uint32_t>(nodes_.size() - 1);
  }

  /// The verb, run anew up to here.
  std::unique_ptr<SteppedVerb> at(std::uint32_t node) {
    std::vector<std::uint32_t> way;
    for (; nodes_[node].parent != ended; node = nodes_[node].parent) way.push_back(node);
    const std::size_t actor = nodes_[node].actor;
    SeededRandom::begin(1000 + actor);
    const Actor& acts = actors_[actor];
    auto verb = std::make_unique<SteppedVerb>(acts.task, finds_both_, options_, acts.keys ? acts.keys : keys_,
                                              clocks_[actor]);
    for (auto step = way.rbegin(); step != way.rend(); ++step) {
      give(verb->request(), nodes_[*step].reply);
      verb->go_on();
    }
    return verb;
  }

  void note(std::uint32_t node, const SteppedVerb& verb) {
    if (!verb.done()) nodes_[node].asks = verb.request().asks;
  }

  std::uint32_t ground_of(const Ground& ground) {
    const auto [known, is_new] = known_grounds_.emplace(text_of(ground.world) + text_of(ground.ledger),
                                                        static_cast<std::uint32_t>(grounds_.size()));
    if (is_new) grounds_.push_back(ground);
    return known->second;
  }

  std::uint32_t witness_of(const Witness& witness) {
    const auto [known, is_new] =
        known_witnesses_.emplace(text_of(witness), static_cast<std::uint32_t>(witnesses_.size()));
    if (is_new) witnesses_.push_back(witness);
    return known->second;
  }

  static Reply lost() {
    return std::make_exception_ptr(mfa::Error(mfa::errc::storage_failure, "the storage fails"));
  }

  /// Faults that a request can meet.
  static bool can_be(mfa::verbs::Asks asks, Fault fault) {
    if (asks == mfa::verbs::Asks::commit) return true;
    if (asks == mfa::verbs::Asks::send || asks == mfa::verbs::Asks::purge)
      return fault != Fault::answers_false && fault != Fault::answer_lost;
    return fault == Fault::none || fault == Fault::throws || fault == Fault::crash;
  }

  const Moved& move(const Move& asked) {
    if (const auto known = moves_.find(asked); known != moves_.end()) return known->second;
    return moves_.emplace(asked, moved(asked)).first->second;
  }

  /// Answers the request that a verb waits for, and runs it to its next.
  Moved moved(const Move& asked) {
    const auto [ground_id, place, fault] = asked;
    if (fault == Fault::crash) return {ground_id, {}, {}};
    const auto verb = at(place.node);
    const Task& task = verb->task;
    Ground ground = grounds_[ground_id];
    Witness witness = witnesses_[place.witness];
    witness.now = verb->read_at();
    std::string wrong;
    Reply reply = lost();
    mfa::verbs::Request& request = verb->request();
    if (const auto* const commit = mfa::verbs::as<mfa::verbs::Commit>(request)) {
      bool answer = false;
      if (fault != Fault::throws && fault != Fault::answers_false) {
        const auto done = ground.world.commit(*commit->batch, lie_);
        if (done.written) wrong = ground.ledger.commit(task, witness, *commit->batch, ground.world);
        answer = done.answer;
      }
      if (fault == Fault::none || fault == Fault::answers_false) reply = answer;
    } else if (const auto* const send = mfa::verbs::as<mfa::verbs::Send>(request)) {
      wrong = ground.ledger.send(task, witness, *send->message.get_if<mfa::SmsMessage>());
      if (fault == Fault::throws)
        witness.send_failed = true;
      else
        reply = true;
    } else if (const auto* const purge = mfa::verbs::as<mfa::verbs::Purge>(request)) {
      if (fault != Fault::throws) {
        const std::size_t purged = ground.world.purge(purge->now);
        wrong = ground.ledger.purge(purge->now, purged);
        reply = purged;
      }
    } else if (fault == Fault::none) {
      ground.ledger.read(task, witness, request);
      reply = look(ground.world, request);
    }
    if (!wrong.empty() || fault == Fault::crash_after) return {ground_of(ground), {}, std::move(wrong)};
    if (std::holds_alternative<std::exception_ptr>(reply) && request.asks != mfa::verbs::Asks::send)
      witness.lost = true;

    const auto [known, is_new] = nodes_[place.node].next.emplace(text_of(reply), ended);
    std::uint32_t& next = known->second;
    give(request, reply);
    verb->go_on();
    if (is_new) {
      const std::uint32_t made =
          new_node({.actor = nodes_[place.node].actor, .parent = place.node, .reply = std::move(reply)});
      nodes_[place.node].next[known->first] = made;
      note(made, *verb);
      return finish(ground, witness, made, *verb);
    }
    return finish(ground, witness, next, *verb);
  }

  Moved finish(Ground& ground, Witness& witness, std::uint32_t node, SteppedVerb& verb) {
    if (!verb.done()) return {ground_of(ground), {node, witness_of(witness)}, {}};
    witness.now = verb.read_at();
    std::string wrong = ground.ledger.end(verb.task, witness, verb.take());
    return {ground_of(ground), {}, std::move(wrong)};
  }

  /// How many orders there are from here on.
  double explore(const State& state) {
    if (const auto known = known_.find(state); known != known_.end()) return known->second;
    ++points;
    double count = 0;
    bool over = true;
    for (std::size_t i = 0; i < actors_.size() && unexplained.empty(); ++i) {
      const Place verb = state.verbs[i];
      if (verb.node == ended) continue;
      over = false;
      const mfa::verbs::Asks asks = *nodes_[verb.node].asks;
      for (unsigned f = 0; f < static_cast<unsigned>(Fault::count) && unexplained.empty(); ++f) {
        const auto fault = static_cast<Fault>(f);
        if (fault != Fault::none && (state.faults >= most_faults_ || !can_be(asks, fault))) continue;
        const Moved& after = move({state.ground, verb, fault});
        way_.push_back(std::to_string(i) + step_name(asks) + name_of(fault));
        if (!after.wrong.empty()) {
          unexplained = after.wrong + "\n in";
          for (const std::string& step : way_) unexplained += ' ' + step;
        } else {
          State next = state;
          next.ground = after.ground;
          next.verbs[i] = after.verb;
          next.faults += fault == Fault::none ? 0 : 1;
          count += explore(next);
        }
        way_.pop_back();
      }
    }
    if (over) {
      count = 1;
      if (const std::string wrong = grounds_[state.ground].ledger.same(grounds_[state.ground].world);
          !wrong.empty() && unexplained.empty()) {
        unexplained = wrong + "\n in the end of";
        for (const std::string& step : way_) unexplained += ' ' + step;
      }
    }
    known_.emplace(state, count);
    return count;
  }

  static const char* step_name(mfa::verbs::Asks asks) {
    switch (asks) {
    case mfa::verbs::Asks::commit: return ":commit";
    case mfa::verbs::Asks::send: return ":send";
    case mfa::verbs::Asks::purge: return ":purge";
    default: return ":find";
    }
  }

  Options options_;
  std::shared_ptr<const mfa::KeyRing> keys_;
  bool finds_both_;
  unsigned most_faults_;
  Lie lie_;
  SeededRandom random_;
  FixedClock clock_;
  std::vector<Actor> actors_;
  std::vector<FixedClock> clocks_;
  std::vector<Ground> grounds_;
  std::vector<Witness> witnesses_;
  std::deque<Node> nodes_;
  std::vector<std::uint32_t> roots_;
  std::unordered_map<std::string, std::uint32_t> known_grounds_;
  std::unordered_map<std::string, std::uint32_t> known_witnesses_;
  std::unordered_map<Move, Moved, Hash> moves_;
  std::unordered_map<State, double, Hash> known_; ///< orders from a point
  std::vector<std::string> way_;
  State start_;
};

// --- what verbs do

constexpr int first_name = 100; ///< of what verbs make

/// A stage with one factor, and the verbs that are to run on it.
class Cast {
 public:
  explicit Cast(Stage& stage) : stage_(stage) {}

  // Factors are verified, or as it says.

  int totp(mfa::FactorState state = mfa::FactorState::verified) {
    ids_.push_back(stage_.enroll_totp(factors_, "u", state));
    return factors_++;
  }
  int sms(const std::string& phone_number = "+14155550123") {
    ids_.push_back(stage_.enroll_sms(factors_, "u", phone_number));
    return factors_++;
  }
  int generic_otp() {
    ids_.push_back(stage_.enroll_generic_otp(factors_, "u"));
    return factors_++;
  }
  int recovery_codes(unsigned count) {
    ids_.push_back(stage_.enroll_recovery_codes(factors_, "u", count));
    return factors_++;
  }
  /// Not verified yet.
  int webauthn(const std::string& user_id) {
    ids_.push_back(stage_.enroll_webauthn(factors_, user_id));
    return factors_++;
  }
  /// Of a user who has shown another, or an operator has.
  int enrolled_by_operator() {
    Actor actor = enroll();
    actor.task.factor = factors_;
    ids_.push_back(stage_.run(actor.task).id);
    return factors_++;
  }

  int challenge(int factor, mfa::Purpose purpose = mfa::Purpose::sign_in) {
    const int name = static_cast<int>(challenges_.size());
    const Told told = stage_.run({.does = Does::challenge,
                                  .factor = factor,
                                  .challenge = name,
                                  .factor_id = ids_[static_cast<std::size_t>(factor)],
                                  .purpose = purpose});
    challenges_.push_back({told.id, factor, purpose});
    return name;
  }
  int confirmation(int factor) { return challenge(factor, mfa::Purpose::confirm_enrollment); }

  /// A challenge of this factor that was answered rightly.
  int shown(int factor) {
    const int name = challenge(factor);
    (void)stage_.run(right(name).task);
    return name;
  }

  int device() { return device(remember()); }
  int device(Actor actor) {
    const int name = static_cast<int>(devices_.size());
    actor.task.device = name;
    devices_.push_back(stage_.run(actor.task));
    return name;
  }

  /// What the user would type.
  std::string code(int challenge) const {
    const auto& rules = stage_.ledger.rules;
    const auto& made = rules.challenges.at(challenge);
    const auto& factor = rules.factors.at(made.factor);
    switch (factor.view.type) {
    case mfa::FactorType::totp:
      return mfa::otp::hotp(
          factor.secret, static_cast<std::uint64_t>(rules.now.time_since_epoch() / std::chrono::seconds(30)));
    case mfa::FactorType::recovery_codes: return factor.codes.begin()->first;
    case mfa::FactorType::webauthn:
      return PasskeyAnswer{.credential = "a passkey", .challenge = made.code}.text();
    default: return made.code;
    }
  }

  Actor right(int challenge) const { return attempt(challenge, code(challenge)); }
  Actor wrong(int challenge) const {
    const auto type = stage_.ledger.rules.factors.at(challenges_[at(challenge)].factor).view.type;
    if (type == mfa::FactorType::webauthn) {
      PasskeyAnswer phished = *PasskeyAnswer::read(code(challenge));
      phished.origin = "https://examp1e.org";
      return attempt(challenge, phished.text());
    }
    return attempt(challenge, Host::other_code(code(challenge)));
  }
  Actor attempt(int challenge, const std::string& code) const {
    const auto& [id, factor, purpose] = challenges_[at(challenge)];
    Actor actor{.task = {.does = Does::verify, .factor = factor, .challenge = challenge}};
    actor.task.factor_id = ids_[at(factor)];
    actor.task.challenge_id = id;
    actor.task.code = code;
    actor.task.purpose = purpose;
    return actor;
  }
  /// By an operator, where somebody must have shown something.
  Actor on_factor(Does does, int factor) {
    return {.task = {.does = does,
                     .factor = factor,
                     .challenge = names_++,
                     .factor_id = ids_[at(factor)],
                     .by_operator = true}};
  }
  Actor resend(int challenge) const {
    Actor actor = attempt(challenge, {});
    actor.task.does = Does::resend;
    return actor;
  }
  Actor enroll() {
    return {.task = {.does = Does::enroll, .factor = names_++, .owner = "u", .by_operator = true}};
  }
  /// The same by what the verification on this challenge allows.
  Actor by(int challenge, Actor actor) const {
    actor.task.by_operator = false;
    actor.task.shown = challenge;
    actor.task.shown_id = challenges_[at(challenge)].id;
    return actor;
  }
  /// The same by somebody who shows nothing.
  static Actor by_nobody(Actor actor) {
    actor.task.by_operator = false;
    return actor;
  }
  /// To what is named, or to nothing.
  Actor reset() {
    return {.task = {.does = Does::reset, .factor = nobodys, .owner = "u", .by_operator = true}};
  }
  Actor reset(int kept) {
    Actor actor = reset();
    actor.task.factor = kept;
    actor.task.factor_id = ids_[at(kept)];
    return actor;
  }
  Actor reset(int kept, int kept_device) {
    Actor actor = reset(kept);
    actor.task.device = kept_device;
    actor.task.code = devices_[at(kept_device)].secret;
    return actor;
  }
  static Actor new_password() { return {.task = {.does = Does::password_changed, .owner = "u"}}; }
  Actor named(int factor, const std::string& name) {
    Actor actor = on_factor(Does::rename, factor);
    actor.task.code = name;
    return actor;
  }
  Actor on_device(Does does, int device) {
    const Told& told = devices_[at(device)];
    return {
        .task = {.does = does, .device = device, .device_id = told.id, .code = told.secret, .owner = "u"}};
  }
  Actor remember() {
    return {.task = {.does = Does::remember, .device = names_++, .owner = "u", .by_operator = true}};
  }

  [[nodiscard]] std::vector<std::string> codes(int factor) const {
    std::vector<std::string> all;
    for (const auto& [code, used] : stage_.ledger.rules.factors.at(factor).codes) all.push_back(code);
    return all;
  }

 private:
  static constexpr int nobodys = -1; ///< factor

  static std::size_t at(int name) { return static_cast<std::size_t>(name); }

  Stage& stage_;
  int factors_ = 0;
  int names_ = first_name;
  std::vector<std::string> ids_;
  struct Made {
    std::string id;
    int factor;
    mfa::Purpose purpose;
  };
  std::vector<Made> challenges_;
  std::vector<Told> devices_;
};

Actor ahead(Actor actor, std::chrono::milliseconds by) {
  actor.clock_ahead = by;
  return actor;
}

Options small_options(unsigned attempts = 5, unsigned before_delay = 5) {
  Options options;
  options.sms_template = code_only;
  options.sms_budgets = no_sms_budgets;
  options.sms_send_interval = options.generic_otp_interval = 0s;
  options.attempts_a_challenge = attempts;
  options.failures_before_delay = before_delay;
  options.webauthn = std::make_shared<PlainRelyingParty>();
  return options;
}

mfa::crypto::SecretBytes key_of(unsigned char byte) {
  mfa::crypto::SecretBytes key;
  for (unsigned i = 0; i < 32; ++i) key.push_back(static_cast<unsigned char>(byte + 7 * i * i));
  return key;
}

std::vector<Scenario> scenarios() {
  const auto unsealed = std::make_shared<const mfa::KeyRing>(mfa::KeyRing::unsealed());
  std::vector<Scenario> all;
  const auto add = [&](std::string name, Options options, auto set_up, bool finds_both = true,
                       std::shared_ptr<const mfa::KeyRing> keys = {}) {
    all.push_back({std::move(name), std::move(options), keys ? keys : unsealed,
                   [set_up](Stage& stage) {
                     Cast cast(stage);
                     return set_up(cast);
                   },
                   finds_both});
  };
  using Actors = std::vector<Actor>;
  add("two first factors, one more, and what a password alone can do to them", small_options(),
      [](Cast& cast) -> Actors {
        const int f = cast.totp(mfa::FactorState::unverified);
        const int g = cast.totp(mfa::FactorState::unverified);
        const int c = cast.confirmation(f);
        return {cast.right(c), cast.right(cast.confirmation(g)), Cast::by_nobody(cast.enroll()),
                Cast::by_nobody(cast.on_factor(Does::remove, f))};
      });
  Options one_enrollment = small_options();
  one_enrollment.unverified_factors_a_user = 1;
  add("enrolments beyond those that may wait, one of them confirmed meanwhile", one_enrollment,
      [](Cast& cast) -> Actors {
        const int f = cast.enrolled_by_operator();
        return {cast.right(cast.confirmation(f)), Cast::by_nobody(cast.enroll()), cast.enroll()};
      });
  add("an enrolment of which a clock ahead says that it is over", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.enrolled_by_operator();
    const int c = cast.confirmation(f);
    return {cast.right(c), ahead(cast.enroll(), 11min), ahead(cast.on_factor(Does::challenge, f), 11min),
            cast.wrong(c)};
  });
  add("what one verification allows, while its factor is deleted", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int g = cast.recovery_codes(2);
    const int c = cast.shown(f);
    return {cast.by(c, cast.remember()), cast.by(c, cast.on_factor(Does::regenerate, g)),
            cast.by(c, cast.enroll()), cast.on_factor(Does::remove, f)};
  });
  for (const bool finds_both : {true, false})
    add(
        std::string(
            "the last two factors deleted by what the other has shown, with the devices they vouch for") +
            (finds_both ? "" : ", two reads each"),
        small_options(),
        [finds_both](Cast& cast) -> Actors {
          const int f = cast.totp();
          const int g = cast.totp();
          const int by_f = cast.shown(f);
          const int by_g = cast.shown(g);
          const int a = cast.device();
          (void)cast.device(cast.by(by_f, cast.remember()));
          Actors actors{cast.by(by_g, cast.on_factor(Does::remove, f)),
                        cast.by(by_f, cast.on_factor(Does::remove, g)), cast.by(by_f, cast.remember())};
          if (finds_both) actors.push_back(cast.on_device(Does::check_device, a));
          return actors;
        },
        finds_both);
  for (const bool by_users : {true, false})
    add(std::string("the last two factors deleted at once, but not the last, and a further one confirmed, ") +
            (by_users ? "by what the other has shown" : "by operators"),
        small_options(), [by_users](Cast& cast) -> Actors {
          const int f = cast.totp();
          const int g = cast.totp();
          const int by_f = cast.shown(f);
          const int by_g = cast.shown(g);
          const int h = cast.enrolled_by_operator();
          Actors actors{cast.on_factor(Does::remove, f), cast.on_factor(Does::remove, g),
                        cast.right(cast.confirmation(h))};
          if (by_users) actors = {cast.by(by_g, actors[0]), cast.by(by_f, actors[1]), actors[2]};
          actors[0].task.refuse_last = actors[1].task.refuse_last = true;
          return actors;
        });
  add("the last factor deleted with its recovery codes, of which one is used and further ones are drawn",
      small_options(), [](Cast& cast) -> Actors {
        const int f = cast.totp();
        const int g = cast.recovery_codes(2);
        const int by_f = cast.shown(f);
        Actor last = cast.on_factor(Does::remove, f);
        last.task.take_recovery_codes = true;
        return {last, cast.right(cast.challenge(g)), cast.by(by_f, cast.on_factor(Does::regenerate, g)),
                cast.by(by_f, cast.enroll())};
      });
  add("factors renamed, deleted and verified", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int c = cast.challenge(f);
    return {cast.named(f, "a key"), cast.named(f, "another"), cast.right(c), cast.on_factor(Does::remove, f)};
  });
  for (const bool finds_both : {true, false}) {
    const std::string reads = finds_both ? "" : ", two reads each";
    add(
        "a reset among what a user enrols, confirms and remembers" + reads, small_options(),
        [](Cast& cast) -> Actors {
          const int f = cast.totp();
          const int by_f = cast.shown(f);
          const int g = cast.enrolled_by_operator();
          return {cast.reset(), cast.by(by_f, cast.enroll()), cast.right(cast.confirmation(g)),
                  cast.by(by_f, cast.remember())};
        },
        finds_both);
    add(
        "a reset to one factor and one device, among sign-ins by that factor" + reads, small_options(),
        [finds_both](Cast& cast) -> Actors {
          const int f = cast.totp();
          const int g = cast.totp();
          const int a = cast.device();
          const int by_f = cast.shown(f);
          const int c = cast.challenge(f);
          Actors actors{cast.by(by_f, cast.reset(f, a)), cast.right(c), cast.wrong(cast.challenge(g))};
          if (finds_both) actors.push_back(cast.on_factor(Does::challenge, f));
          return actors;
        },
        finds_both);
  }
  add("two resets at once, to one factor each, by what the other has shown", small_options(),
      [](Cast& cast) -> Actors {
        const int f = cast.totp();
        const int g = cast.totp();
        const int by_f = cast.shown(f);
        const int by_g = cast.shown(g);
        return {cast.by(by_g, cast.reset(f)), cast.by(by_f, cast.reset(g)),
                cast.by(by_f, cast.on_factor(Does::remove, g))};
      });
  add("a reset among devices that are checked, remembered and revoked but for one", small_options(),
      [](Cast& cast) -> Actors {
        const int f = cast.totp();
        const int a = cast.device();
        const int b = cast.device();
        Actor but_one = cast.on_device(Does::revoke_devices, b);
        but_one.task.but_this = true;
        return {cast.reset(f, a), cast.on_device(Does::check_device, a), cast.remember(), but_one};
      });
  // What was shown has left the list of what may be open: so its generation alone ends what it allows.
  Options few_open = small_options();
  for (const bool finds_both : {true, false}) {
    few_open.open_challenges_a_user = finds_both ? 2 : 1;
    add(
        std::string("the password changes while a session signs in, confirms an enrolment and remembers a "
                    "device") +
            (finds_both ? "" : ", two reads each"),
        few_open,
        [finds_both](Cast& cast) -> Actors {
          const int by_f = cast.shown(cast.totp());
          Actors actors{Cast::new_password(), cast.by(by_f, cast.remember())};
          if (finds_both) actors.push_back(cast.right(cast.confirmation(cast.enrolled_by_operator())));
          actors.push_back(cast.right(cast.challenge(cast.totp())));
          return actors;
        },
        finds_both);
  }
  add("the password changes among what one verification allows", few_open, [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int g = cast.recovery_codes(2);
    const int by_f = cast.shown(f);
    (void)cast.challenge(f);
    return {Cast::new_password(), cast.by(by_f, cast.on_factor(Does::regenerate, g)),
            cast.by(by_f, cast.enroll()), cast.by(by_f, cast.on_factor(Does::remove, f))};
  });
  add("the password changes twice at once, once by a clock ahead, among devices", small_options(),
      [](Cast& cast) -> Actors {
        const int by_f = cast.shown(cast.totp());
        const int a = cast.device();
        return {Cast::new_password(), ahead(Cast::new_password(), 1min), cast.by(by_f, cast.remember()),
                cast.on_device(Does::check_device, a)};
      });
  add("the password changes while what was shown begins what it allows, and a reset ends that too",
      small_options(), [](Cast& cast) -> Actors {
        const int f = cast.totp();
        const int by_f = cast.shown(f);
        return {Cast::new_password(), cast.by(by_f, cast.reset(f)), cast.by(by_f, cast.remember())};
      });
  Options two_open = small_options();
  two_open.open_challenges_a_user = 2;
  add("challenges beyond those that may be open, and an answer to one that must go", two_open,
      [](Cast& cast) -> Actors {
        const int f = cast.totp();
        const int c = cast.challenge(f);
        return {cast.right(c), cast.on_factor(Does::challenge, f), cast.on_factor(Does::challenge, f),
                cast.on_factor(Does::challenge, f)};
      });
  Options guessed = small_options();
  guessed.wrong_codes_a_user_a_day = 2;
  add("guesses over two factors beyond what their user may have wrong", guessed, [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int g = cast.totp();
    const int c = cast.challenge(f);
    return {cast.wrong(c), cast.wrong(cast.challenge(g)), cast.wrong(c), cast.right(cast.challenge(g)),
            cast.on_factor(Does::challenge, g)};
  });
  Options two_sends = small_options();
  two_sends.sends_a_user_an_hour = 2;
  add("messages to two phones beyond the limit of their user", two_sends, [](Cast& cast) -> Actors {
    const int f = cast.sms();
    const int g = cast.sms("+14155550124");
    const int c = cast.challenge(f);
    return {cast.right(c), cast.on_factor(Does::challenge, f), cast.on_factor(Does::challenge, g)};
  });
  for (const bool finds_both : {true, false}) {
    const std::string reads = finds_both ? "" : ", two reads each";
    add(
        "one code on one challenge" + reads, small_options(),
        [finds_both](Cast& cast) -> Actors {
          const int c = cast.challenge(cast.totp());
          Actors actors(finds_both ? 5 : 4, cast.right(c));
          return actors;
        },
        finds_both);
    add(
        "guesses and the right code beyond a challenge's budget" + reads, small_options(2),
        [finds_both](Cast& cast) -> Actors {
          const int c = cast.challenge(cast.totp());
          Actors actors(finds_both ? 4 : 3, cast.wrong(c));
          actors.push_back(cast.right(c));
          return actors;
        },
        finds_both);
    add(
        "guesses over challenges beyond the factor's budget" + reads, small_options(5, 2),
        [finds_both](Cast& cast) -> Actors {
          const int f = cast.totp();
          Actors actors;
          for (int i = 0; i < (finds_both ? 4 : 3); ++i) actors.push_back(cast.wrong(cast.challenge(f)));
          actors.push_back(cast.right(cast.challenge(f)));
          return actors;
        },
        finds_both);
    add(
        "a removal among attempts" + reads, small_options(),
        [finds_both](Cast& cast) -> Actors {
          const int f = cast.totp();
          const int c = cast.challenge(f);
          Actors actors{cast.right(c), cast.wrong(c), cast.right(cast.challenge(f)),
                        cast.on_factor(Does::remove, f)};
          if (finds_both) actors.push_back(cast.on_factor(Does::unlock, f));
          return actors;
        },
        finds_both);
  }
  add("one code on five challenges", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.totp();
    Actors actors;
    for (int i = 0; i < 5; ++i) actors.push_back(cast.right(cast.challenge(f)));
    return actors;
  });
  Options locking = small_options();
  locking.failures_before_lockout = 2;
  add("an unlock among guesses that lock", locking, [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int c = cast.challenge(f);
    return {cast.wrong(c), cast.wrong(cast.challenge(f)), cast.wrong(c), cast.right(c),
            cast.on_factor(Does::unlock, f)};
  });
  add("an unlock among guesses that delay", small_options(5, 1), [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int c = cast.challenge(f);
    return {cast.wrong(c), cast.wrong(cast.challenge(f)), cast.right(c), cast.on_factor(Does::unlock, f)};
  });
  mfa::KeyRing before("a", key_of(1));
  before.add_further("b", key_of(2));
  const auto former = std::make_shared<const mfa::KeyRing>(std::move(before));
  mfa::KeyRing rotated("b", key_of(2));
  rotated.add_further("a", key_of(1));
  const auto both = std::make_shared<const mfa::KeyRing>(std::move(rotated));
  add(
      "new keys among attempts", small_options(2),
      [both](Cast& cast) -> Actors {
        const int f = cast.totp();
        (void)cast.totp();
        const int c = cast.challenge(f);
        Actors actors{cast.right(c),
                      cast.wrong(c),
                      cast.right(cast.challenge(f)),
                      {.task = {.does = Does::reseal}},
                      cast.on_factor(Does::remove, f)};
        for (Actor& actor : actors) actor.keys = both;
        actors[1].keys = {};
        return actors;
      },
      true, former);
  add(
      "new keys among recovery codes", small_options(),
      [both](Cast& cast) -> Actors {
        const int f = cast.recovery_codes(2);
        const int c = cast.challenge(f);
        Actors actors{cast.right(c),
                      cast.right(cast.challenge(f)),
                      {.task = {.does = Does::reseal}},
                      {.task = {.does = Does::reseal}}};
        for (Actor& actor : actors) actor.keys = both;
        return actors;
      },
      true, former);
  add("recovery codes that are regenerated", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.recovery_codes(2);
    const int c = cast.challenge(f);
    const auto codes = cast.codes(f);
    return {cast.attempt(c, codes[0]), cast.attempt(cast.challenge(f), codes[0]),
            cast.on_factor(Does::regenerate, f), cast.on_factor(Does::regenerate, f)};
  });
  add("challenges of a factor that is locked and deleted meanwhile", locking, [](Cast& cast) -> Actors {
    const int f = cast.totp();
    const int c = cast.challenge(f);
    return {cast.wrong(c), cast.wrong(c), cast.on_factor(Does::challenge, f),
            cast.on_factor(Does::challenge, f), cast.on_factor(Does::remove, f)};
  });
  add("recovery codes that are regenerated or deleted", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.recovery_codes(2);
    const int c = cast.challenge(f);
    return {cast.right(c), cast.wrong(c), cast.on_factor(Does::regenerate, f),
            cast.on_factor(Does::unlock, f), cast.on_factor(Does::remove, f)};
  });
  add("devices checked, remembered and revoked", small_options(), [](Cast& cast) -> Actors {
    const int a = cast.device();
    const int b = cast.device();
    return {cast.on_device(Does::check_device, a), cast.on_device(Does::check_device, b), cast.remember(),
            cast.on_device(Does::revoke_device, a), cast.on_device(Does::revoke_devices, b)};
  });
  add("devices remembered and revoked, all of them too", small_options(), [](Cast& cast) -> Actors {
    const int a = cast.device();
    const int b = cast.device();
    return {cast.remember(), cast.remember(), cast.on_device(Does::revoke_device, a),
            cast.on_device(Does::revoke_devices, b), cast.on_device(Does::check_device, b)};
  });
  add("devices of which a clock ahead says that they are over", small_options(), [](Cast& cast) -> Actors {
    const int a = cast.device();
    const int b = cast.device();
    return {cast.on_device(Does::check_device, a), ahead(cast.on_device(Does::check_device, b), 11min),
            cast.remember(), ahead(cast.remember(), 11min), cast.on_device(Does::revoke_device, a)};
  });
  add("one credential for two factors", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.webauthn("u");
    const int g = cast.webauthn("v");
    const int c = cast.confirmation(f);
    const int d = cast.confirmation(g);
    return {cast.right(c), cast.right(d), cast.wrong(d), cast.on_factor(Does::remove, f)};
  });
  Options few = small_options();
  few.sms_sends_an_hour = few.generic_otps_an_hour = 2;
  add("messages beyond the limit, and a code that they supersede", few, [](Cast& cast) -> Actors {
    const int f = cast.sms();
    const int c = cast.challenge(f);
    return {cast.right(c), cast.wrong(c), cast.on_factor(Does::challenge, f),
            cast.on_factor(Does::challenge, f)};
  });
  for (const bool same : {false, true}) {
    const std::string which = same ? "the same code" : "a code";
    Options sends_again = few;
    sends_again.resend_same_code = same;
    add(which + " sent again twice at once, which is beyond the limit, beside an attempt", sends_again,
        [](Cast& cast) -> Actors {
          const int c = cast.challenge(cast.sms());
          return {cast.right(c), cast.resend(c), cast.resend(c)};
        });
    sends_again.sms_sends_an_hour = 3;
    add(which + " sent again twice at once beside an attempt", sends_again, [](Cast& cast) -> Actors {
      const int c = cast.challenge(cast.sms());
      return {cast.right(c), cast.resend(c), cast.resend(c)};
    });
    add(
        which + " sent again while another challenge replaces it, two reads each", sends_again,
        [](Cast& cast) -> Actors {
          const int f = cast.sms();
          const int c = cast.challenge(f);
          return {cast.wrong(c), cast.resend(c), cast.on_factor(Does::challenge, f)};
        },
        false);
  }
  add("a code that is delivered again, of which a clock ahead says that it is over", small_options(),
      [](Cast& cast) -> Actors {
        const int f = cast.generic_otp();
        const int c = cast.challenge(f);
        return {cast.right(c), cast.resend(c), ahead(cast.resend(c), 11min), cast.on_factor(Does::remove, f)};
      });
  add("an enrolment confirmed while its code is sent again", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.enrolled_by_operator();
    const int c = cast.confirmation(f);
    return {cast.right(c), cast.resend(c), ahead(cast.resend(c), 9min)};
  });
  add("codes beyond the limit, and one that they supersede", few, [](Cast& cast) -> Actors {
    const int f = cast.generic_otp();
    const int c = cast.challenge(f);
    return {cast.right(c), cast.on_factor(Does::challenge, f), cast.on_factor(Does::challenge, f),
            cast.on_factor(Does::remove, f)};
  });
  add("a code of which a clock ahead says that it is over", small_options(), [](Cast& cast) -> Actors {
    const int c = cast.challenge(cast.generic_otp());
    return {cast.right(c), cast.wrong(c), ahead(cast.right(c), 10min), ahead(cast.wrong(c), 11min),
            cast.wrong(c)};
  });
  add("a purge among attempts", small_options(), [](Cast& cast) -> Actors {
    const int f = cast.generic_otp();
    const int c = cast.challenge(f);
    return {cast.right(c), cast.wrong(c), ahead({.task = {.does = Does::purge}}, 24h * 31),
            cast.on_factor(Does::challenge, f)};
  });
  return all;
}

/// With one fault, these come through millions of points each, which takes four fifths of the time of all.
constexpr std::array large{"a removal among attempts",
                           "one code on five challenges",
                           "guesses over challenges beyond the factor's budget",
                           "new keys among attempts",
                           "challenges of a factor that is locked and deleted meanwhile",
                           "recovery codes that are regenerated or deleted"};

unsigned most_faults(bool is_large) {
  return static_cast<unsigned>(how_much("MFA_TEST_FAULTS", is_large ? 0 : 1, 1));
}

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

/// The first order of any scenario that cannot be explained.
std::optional<std::string> found(Lie lie) {
  for (const Scenario& scenario : scenarios()) {
    Search search(scenario, 0, lie);
    search.run();
    if (!search.unexplained.empty()) return scenario.name + ": " + search.unexplained;
  }
  return std::nullopt;
}

} // namespace

TEST_CASE(
    "Every order of verbs that run at once, with faults at any request, is explained by the plain rules") {
  double orders = 0;
  std::size_t large_ones = 0;
  const auto begin = std::chrono::steady_clock::now();
  for (const Scenario& scenario : scenarios()) {
    const auto scenario_began = std::chrono::steady_clock::now();
    const bool is_large = std::ranges::find(large, scenario.name) != large.end();
    large_ones += is_large ? 1 : 0;
    Search search(scenario, most_faults(is_large));
    search.run();
    std::printf("%22.0f orders through %8zu points in %5.1f s: %s\n", search.orders, search.points,
                seconds_since(scenario_began), scenario.name.c_str());
    std::fflush(stdout);
    INFO(scenario.name);
    REQUIRE(search.unexplained == "");
    CHECK(search.orders > 100);
    orders += search.orders;
  }
  std::printf("%22.0f orders in all, each with at most %u faults, or %u, in %.1f s\n", orders,
              most_faults(false), most_faults(true), seconds_since(begin));
  CHECK(large_ones == large.size());
}

TEST_CASE("A storage that lies is found out") {
  for (const Lie lie :
       {Lie::no_versions, Lie::no_factor_versions, Lie::no_challenge_versions, Lie::no_counter_versions,
        Lie::no_removal_versions, Lie::no_challenge, Lie::no_factor, Lie::no_counter, Lie::no_removal,
        Lie::half, Lie::true_without_writing, Lie::false_after_writing}) {
    const char* const name = text_of(lie);
    INFO(name);
    const auto order = found(lie);
    std::printf("%s: %s\n", name, order ? order->c_str() : "NOT FOUND");
    CHECK(order);
  }
}
