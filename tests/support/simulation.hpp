#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "host.hpp"
#include "ledger.hpp"
#include "plain_world.hpp"
#include "seeded_random.hpp"
#include "simulated_episode.hpp"
#include "simulated_gateways.hpp"
#include "stage.hpp"
#include "stepped_verb.hpp"

namespace mfa::test {

struct SimulationTally {
  std::uint64_t verbs = 0;
  std::uint64_t commits = 0;
  std::uint64_t conflicts = 0; ///< commits that found a version moved
  std::uint64_t lost_answers = 0;
  std::uint64_t lost_requests = 0;
  std::uint64_t late_commits = 0; ///< written when the verb had failed or its node had crashed
  std::uint64_t crashed = 0;      ///< verbs
  std::uint64_t outdated = 0;     ///< verbs that were given what was shown before the password changed
  std::size_t most_in_flight = 0;
  GatewayTally messages;
  std::map<std::string, std::uint64_t> answers;
};

/// Nodes with clocks of their own, one storage behind a network, two gateways for messages, users and
/// guessers, in one thread and in simulated time. All follows from the episode.
class Simulation {
 public:
  Simulation(const Episode& episode, Lie lie)
      : episode_(episode), random_(episode.seed), lie_(lie), nodes_(episode.nodes),
        gateways_(episode.seed, nodes_.size(), now_), options_(observed(episode.options)),
        stage_(options_, ring(episode, 0), nodes_.front().clock) {
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      nodes_[i].clock.world_time = &now_;
      nodes_[i].clock.drift = static_cast<std::int64_t>(i) * 37 - 40;
      nodes_[i].keys = ring(episode, i);
    }
    for (int user = 0; user < simulated_users; ++user) {
      const std::string id = user_id(user);
      factor_ids_[4 * user] = stage_.enroll_totp(4 * user, id);
      factor_ids_[4 * user + 1] = stage_.enroll_generic_otp(4 * user + 1, id);
      factor_ids_[4 * user + 2] = stage_.enroll_recovery_codes(4 * user + 2, id, 4);
      factor_ids_[4 * user + 3] = episode.two_keys // the counter of a number hangs on the key
                                      ? stage_.enroll_totp(4 * user + 3, id)
                                      : stage_.enroll_sms(4 * user + 3, id, "+14155550123");
    }
    further_.assign(simulated_users, none);
    for (int user = 0; user < simulated_users; ++user) register_passkey(user);
    for (const int factor : {2, 6})
      for (const auto& [code, used] : stage_.ledger.rules.factors.at(factor).codes)
        recovery_codes_[factor].push_back(code);
  }

  /// Plays it to its end; empty, or what the rules do not explain.
  std::string play(SimulationTally& tally) {
    tally_ = &tally;
    for (const Step& step : episode_.steps) {
      const std::int64_t at = now_ + step.after.count();
      run_until(at);
      now_ = at;
      if (!wrong_.empty()) return wrong_;
      take(step);
    }
    run_until(INT64_MAX);
    if (wrong_.empty()) wrong_ = stage_.ledger.same(stage_.world);
    return wrong_;
  }

 private:
  struct Clock final : ReadableClock {
    const std::int64_t* world_time = nullptr; ///< in milliseconds
    std::int64_t drift = 0;                   ///< in millionths
    std::int64_t ahead = 0;                   ///< in milliseconds
    std::chrono::system_clock::time_point now() override {
      static const auto start = testing::ManualClock().now();
      const std::int64_t time = world_time == nullptr ? 0 : *world_time;
      return start + std::chrono::milliseconds(time + time * drift / 1'000'000 + ahead);
    }
  };

  struct Node {
    Clock clock;
    std::shared_ptr<const KeyRing> keys;
    std::int64_t cut_off_until = 0;
  };

  struct Flight {
    std::unique_ptr<SteppedVerb> verb;                        ///< null: it has ended, failed or crashed
    std::unique_ptr<SimulatedGateways::Sending> sending = {}; ///< of the verb's message
    Task task;
    Witness witness;
    unsigned node = 0;
    std::uint64_t luck = 0;
    bool busy = false;    ///< the slot is in use
    unsigned request = 0; ///< counts them
    std::optional<Reply> reply;
    unsigned events = 0;   ///< that are to come
    std::size_t shown = 0; ///< how much its user had shown when it began
  };

  struct Event {
    std::int64_t at;
    std::uint64_t order;
    enum Kind { reaches, answered, fails, message_goes_on } kind;
    std::size_t flight;
    unsigned request;
    std::size_t batch; ///< of a commit that reaches the storage

    bool operator>(const Event& other) const { return at != other.at ? at > other.at : order > other.order; }
  };

  struct Sent {
    storage::Batch batch;
    Time now{};
    bool undone = false; ///< the storage answers `false`, as after a deadlock
  };

  struct Device {
    int name;
    std::string id;
    std::string token;
  };

  struct Known { ///< challenge
    int name;
    std::string id;
    std::optional<std::string> binding;
    Purpose purpose;
    std::string action;
    int factor; ///< `none`: it was put to none
  };

  static std::shared_ptr<const KeyRing> ring(const Episode& episode, std::size_t node) {
    static const auto unsealed = std::make_shared<const KeyRing>(KeyRing::unsealed());
    if (!episode.two_keys) return unsealed;
    static const std::array<std::shared_ptr<const KeyRing>, 2> rings = [] {
      const auto key = [](unsigned char first) {
        crypto::SecretBytes bytes;
        for (unsigned i = 0; i < 32; ++i) bytes.push_back(static_cast<unsigned char>(first + 7 * i * i));
        return bytes;
      };
      KeyRing a("a", key(1));
      a.add_further("b", key(2));
      KeyRing b("b", key(2));
      b.add_further("a", key(1));
      return std::array{std::make_shared<const KeyRing>(std::move(a)),
                        std::make_shared<const KeyRing>(std::move(b))};
    }();
    return rings[node % 2];
  }

  /// A user's, and what an attacker who copied it has.
  struct Passkey {
    int factor;
    int user;
    std::string handle;
    std::string credential;
    std::string key;
    bool counts; ///< how often it signed
    std::uint32_t signatures = 0;
    bool registered = false; ///< as far as its user was told
  };

  struct Accepted {
    std::string answer;
    Known challenge;
  };

  static std::string user_id(int user) { return "u_" + std::to_string(user); }
  static int user_of(const std::string& user_id) { return user_id.back() - '0'; }
  static bool is_recovery(int factor) { return factor < simulated_factors && factor % 4 == 2; }

  /// The passkey that a user has from the beginning.
  void register_passkey(int user) {
    const int factor = simulated_factors + user;
    const int confirmation = -2 - user;
    const Told enrolled = stage_.run({.does = Does::enroll,
                                      .factor = factor,
                                      .owner = user_id(user),
                                      .by_operator = true,
                                      .enrolls_passkey = true});
    factor_ids_[factor] = enrolled.id;
    const Passkey& passkey = own(factor, user, enrolled.secret);
    Task task{.does = Does::challenge, .factor = factor, .challenge = confirmation, .factor_id = enrolled.id};
    task.purpose = Purpose::confirm_enrollment;
    task.by_operator = true;
    const Told asked = stage_.run(task);
    task.does = Does::verify;
    task.challenge_id = asked.id;
    PasskeyAnswer answer = answer_of(passkey);
    answer.challenge = bytes_in(asked.secret);
    task.code = answer.text();
    stage_.run(task);
    passkeys_[place_of(user, 0)] = passkey;
    passkeys_[place_of(user, 0)]->registered = true;
    passkeys_[place_of(user, 1)].reset(); // the further one is to come
  }

  static std::size_t place_of(int user, int which) {
    return static_cast<std::size_t>(user * passkeys_a_user + which);
  }

  static std::string bytes_in(const std::string& options) {
    return options.substr(0, PasskeyAnswer::challenge_size);
  }

  /// One that the user is about to register, and from now on his latest.
  const Passkey& own(int factor, int user, const std::string& creation_options) {
    const std::string number = std::to_string(factor);
    passkeys_[place_of(user, 1)] = Passkey{.factor = factor,
                                           .user = user,
                                           .handle = creation_options.substr(PasskeyAnswer::challenge_size),
                                           .credential = "passkey " + number,
                                           .key = "key " + number,
                                           .counts = factor % 2 == 0};
    return *passkeys_[place_of(user, 1)];
  }

  /// But for what it signs.
  static PasskeyAnswer answer_of(const Passkey& passkey) {
    return {.credential = passkey.credential,
            .signer = passkey.key,
            .count = passkey.signatures,
            .pin = passkey.factor % 5 != 0, // some never ask for one
            .handle = passkey.handle};
  }

  // --- what steps do

  void take(const Step& step) {
    Node& node = nodes_[step.node % nodes_.size()];
    switch (step.happens) {
    case Happens::jump:
      node.clock.ahead = std::clamp<std::int64_t>(step.by.count(), -farthest, farthest);
      return;
    case Happens::cut_off: node.cut_off_until = now_ + step.by.count(); return;
    case Happens::crash:
      for (std::size_t i = 0; i < flights_.size(); ++i)
        if (flights_[i].verb && &nodes_[flights_[i].node] == &node) {
          flights_[i].sending.reset();
          flights_[i].verb.reset();
          ++tally_->crashed;
          release(i);
        }
      gateways_.crash(static_cast<std::size_t>(&node - nodes_.data()));
      return;
    case Happens::call: call(step); return;
    }
  }

  void call(const Step& step) {
    const auto [user, factor] = whom(step);
    const std::string owner = user_id(user);
    const bool further = step.factor >= simulated_factors;
    const bool of_passkey = step.factor >= first_passkey;
    const bool put_to_no_factor =
        of_passkey && step.put_to != PutTo::factor &&
        (step.does == Does::challenge || step.does == Does::verify || step.does == Does::look_at_challenge);
    if (factor < 0 && step.does != Does::enroll && !put_to_no_factor) return;
    Task task{.does = step.does, .factor = factor};
    if (factor >= 0) task.factor_id = factor_ids_.at(factor);
    if (step.names_user) task.user_id = owner;
    switch (step.does) {
    case Does::challenge:
      task.challenge = step.name;
      if (step.bound) task.binding = "session";
      task.purpose = purpose(step, put_to_no_factor ? none : factor);
      if (task.purpose == Purpose::action) task.action = "pay";
      if (put_to_no_factor) {
        task.does = step.put_to == PutTo::user ? Does::challenge_user : Does::challenge_passkey;
        if (step.put_to == PutTo::user) task.owner = owner;
        task.conditional = step.put_to == PutTo::whoever_comes_by_autofill;
        task.factor = none;
        task.factor_id.clear();
        task.user_id.clear();
      } else if (of_passkey) {
        show(step, user, task);
      }
      break;
    case Does::verify:
    case Does::resend:
    case Does::look_at_challenge: {
      const auto& known = put_to_no_factor ? asked_[step.put_to == PutTo::user ? user : simulated_users]
                                           : challenges_[factor];
      if (known.empty()) return;
      const Known& challenge = known[known.size() - 1 - step.back % known.size()];
      task.put_to_no_factor = put_to_no_factor;
      if (put_to_no_factor) {
        task.factor = none;
        task.factor_id.clear();
      }
      task.challenge = challenge.name;
      task.challenge_id = challenge.id;
      if (step.does == Does::look_at_challenge) {
        task.user_id.clear();
        break;
      }
      task.binding = step.bound && step.back % 7 == 0 ? "another session" : challenge.binding;
      if (step.does == Does::resend) break;
      task.purpose = step.purpose == 7 ? Purpose::step_up : challenge.purpose;
      task.action = task.purpose == Purpose::action ? challenge.action : "";
      if (of_passkey)
        answer_by_passkey(step, user, challenge, task);
      else
        task.code = typed(step, factor, challenge.name);
      break;
    }
    case Does::enroll:
      task.owner = owner;
      task.enrolls_passkey = of_passkey;
      task.factor = step.name + simulated_factors + simulated_users;
      task.factor_id.clear();
      task.user_id.clear();
      show(step, user, task);
      break;
    case Does::remove:
      task.refuse_last = (step.says & 1) != 0;
      task.take_recovery_codes = (step.says & 2) != 0;
      show(step, user, task);
      break;
    case Does::unlock: show(step, user, task); break;
    case Does::rename: task.code = "name " + std::to_string(step.name); break;
    case Does::reset:
      task.owner = owner;
      if ((step.says & 1) == 0) {
        task.factor_id.clear();
        task.factor = none;
      } else if (const auto& known = devices_[owner]; (step.says & 2) != 0 && !known.empty()) {
        task.device = known.back().name;
        task.code = known.back().token;
      }
      show(step, user, task);
      break;
    case Does::regenerate:
      if (further || factor % 4 != 2) return;
      show(step, user, task);
      break;
    case Does::remember:
      task.device = step.name;
      task.owner = owner;
      show(step, user, task);
      break;
    case Does::check_device:
    case Does::revoke_device: {
      const auto& known = devices_[owner];
      if (known.empty()) return;
      const Device& device = known[known.size() - 1 - step.back % known.size()];
      task.device = device.name;
      task.device_id = device.id;
      task.code = device.token;
      task.owner = owner;
      break;
    }
    case Does::revoke_devices:
      task.owner = owner;
      if (const auto& known = devices_[owner]; step.says == 1 && !known.empty()) {
        task.but_this = true;
        task.device = known.back().name;
        task.code = known.back().token;
      }
      break;
    case Does::password_changed:
    case Does::list: task.owner = owner; break;
    case Does::purge: // at a quiet moment: see docs/design.md
      if (in_flight_ > 0) return;
      break;
    default: break;
    }
    begin(step, std::move(task));
  }

  struct Whom {
    int user;
    int factor; ///< `none`: it is not enrolled
  };
  [[nodiscard]] Whom whom(const Step& step) const {
    if (step.factor < simulated_factors) return {step.factor / 4, step.factor};
    if (step.factor < first_passkey) {
      const int user = step.factor - simulated_factors;
      return {user, further_[static_cast<std::size_t>(user)]};
    }
    const int place = step.factor - first_passkey;
    const auto& passkey = passkeys_[static_cast<std::size_t>(place)];
    return {place / passkeys_a_user, passkey ? passkey->factor : none};
  }

  /// What a passkey answers, or who attacks in its place: to this challenge, or as the fault says.
  void answer_by_passkey(const Step& step, int user, const Known& challenge, Task& task) {
    const int other_user = (user + 1) % simulated_users;
    const Fault fault = step.fault;
    auto& place = passkeys_[static_cast<std::size_t>(step.factor - first_passkey)];
    const bool registers = task.purpose == Purpose::confirm_enrollment;
    auto& at_hand = fault == Fault::passkey_of_another && !registers ? passkeys_[place_of(other_user, 0)]
                    : place                                          ? place
                                                                     : passkeys_[place_of(user, 0)];
    Passkey& passkey = *at_hand;
    if (passkey.counts && fault != Fault::cloned) ++passkey.signatures;
    PasskeyAnswer answer = answer_of(passkey);
    answer.challenge = bytes_in(delivered_[challenge.name].second);
    // Whoever registers may say that a credential is his; and nothing looks at its key before.
    task.attacks = fault >= Fault::of_another && !registers;
    const auto accepted = accepted_answers_.find(passkey.credential);
    switch (fault) {
    case Fault::none:
    case Fault::cloned:
    case Fault::count: break;
    case Fault::no_pin: answer.pin = false; break;
    case Fault::no_handle: answer.handle.clear(); break; // refused until a record says whose it is
    case Fault::replayed:
    case Fault::replayed_whole:
      if (accepted == accepted_answers_.end()) break;
      answer = *PasskeyAnswer::read(accepted->second.answer);
      task.attacks = true;
      if (fault == Fault::replayed) break;
      answer_whole_again(accepted->second.challenge, task);
      break;
    case Fault::of_another:
      answer.challenge = bytes_in(delivered_[another(step, challenge.name)].second);
      task.attacks = answer.challenge != bytes_in(delivered_[challenge.name].second);
      break;
    case Fault::another_credential:
      answer.credential = another_credential(step, passkey);
      task.attacks = task.attacks && passkey.registered; // or it may be registered as that one meanwhile
      break;
    case Fault::another_handle: answer.handle = passkeys_[place_of(other_user, 0)]->handle; break;
    case Fault::passkey_of_another: // who may come, too
      task.attacks = task.attacks && step.put_to < PutTo::whoever_comes;
      break;
    case Fault::phished:
      answer.origin = "https://examp1e.org";
      task.attacks = true;
      break;
    case Fault::forged:
      if (!registers) answer.signer = "the attacker's key";
      break;
    case Fault::unknown:
      if (!registers) answer.credential = "passkey of nobody";
      break;
    case Fault::no_answer:
      task.code = "{}";
      task.attacks = true;
      return;
    case Fault::edited_id:
      task.challenge_id = edited(challenge.id, step.luck);
      task.challenge = none;
      task.attacks = true;
      break;
    case Fault::part_of_id: // as good as the whole once there is a record
      task.challenge_id = challenge.id.substr(0, challenge.id.find('.'));
      task.of_record = true;
      task.attacks = false;
      break;
    }
    task.code = answer.text();
  }

  void answer_whole_again(const Known& challenge, Task& task) const {
    task.challenge = challenge.name;
    task.challenge_id = challenge.id;
    task.binding = challenge.binding;
    task.purpose = challenge.purpose;
    task.action = challenge.action;
    task.put_to_no_factor = challenge.id.find('.') != std::string::npos;
    task.factor = task.put_to_no_factor ? none : challenge.factor;
    task.factor_id = task.put_to_no_factor ? std::string() : factor_ids_.at(challenge.factor);
  }

  /// A challenge that was delivered before this one, if one was.
  [[nodiscard]] int another(const Step& step, int name) const {
    auto found = delivered_.find(name);
    for (unsigned back = 0; back <= step.back % 4 && found != delivered_.begin(); ++back) --found;
    return found->second.second.size() < PasskeyAnswer::challenge_size ? name : found->first;
  }

  [[nodiscard]] std::string another_credential(const Step& step, const Passkey& passkey) const {
    for (std::size_t i = 0; i < passkeys_.size(); ++i) {
      const auto& other = passkeys_[(i + step.back) % passkeys_.size()];
      if (other && other->credential != passkey.credential) return other->credential;
    }
    return passkey.credential;
  }

  /// The id with one character changed, left out or added, or with the rest of another's.
  [[nodiscard]] std::string edited(std::string id, std::uint64_t luck) const {
    const std::size_t at = luck / 8 % id.size();
    switch (luck % 4) {
    case 0: id[at] = id[at] == 'A' ? 'B' : 'A'; return id;
    case 1: return id.erase(at, 1);
    case 2: return id.insert(at, "A");
    default: break;
    }
    for (const auto& [whose, known] : asked_)
      for (const Known& other : known)
        if (other.id != id && other.id.find('.') != std::string::npos)
          return id.substr(0, id.find('.')) + other.id.substr(other.id.find('.'));
    return id + ".";
  }

  /// What the factor is asked for: mostly what it can be.
  [[nodiscard]] Purpose purpose(const Step& step, int factor) const {
    if (step.purpose == 1) return Purpose::confirm_enrollment;
    if (step.purpose == 2) return Purpose::action;
    if (step.purpose == 3) return Purpose::step_up;
    const auto known = stage_.ledger.rules.factors.find(factor);
    const bool unverified =
        known != stage_.ledger.rules.factors.end() && known->second.view.state != FactorState::verified;
    return unverified ? Purpose::confirm_enrollment : Purpose::sign_in;
  }

  /// What allows a change: an operator, nothing, or one of the user's last verifications.
  void show(const Step& step, int user, Task& task) const {
    const auto known = verified_.find(user);
    task.by_operator = step.shows < 3;
    if (step.shows < 4 || known == verified_.end()) return;
    const auto& all = known->second;
    const auto& [name, id] = all[all.size() - 1 - step.back % all.size()];
    task.shown = name;
    task.shown_id = id;
    task.outdated = outdated_.contains(name);
  }

  /// What the user, or who guesses, types.
  std::string typed(const Step& step, int factor, int challenge) {
    std::string code = "000000";
    const auto& rules = stage_.ledger.rules;
    const auto known = rules.factors.find(factor);
    if (known != rules.factors.end() && known->second.view.type == FactorType::totp) {
      const std::int64_t start =
          testing::ManualClock().now().time_since_epoch() / std::chrono::milliseconds(1);
      const std::int64_t showed = (start + now_) / 30'000 + step.steps_off;
      code = otp::hotp(known->second.secret, static_cast<std::uint64_t>(showed));
    } else if (is_recovery(factor)) {
      const auto& codes = recovery_codes_[factor];
      code = codes.empty() || step.typed == Typed::wrong ? "0000-0000-0000" : codes[step.back % codes.size()];
      return code;
    } else if (const auto delivered = delivered_.find(challenge);
               delivered != delivered_.end() && delivered->second.first <= now_) {
      code = delivered->second.second;
    }
    switch (step.typed) {
    case Typed::shown: return code;
    case Typed::spaced: return " " + code.substr(0, 3) + " - " + code.substr(3);
    case Typed::again: return accepted_.contains(factor) ? accepted_[factor] : code;
    case Typed::wrong: return Host::other_code(code);
    case Typed::two: // of HOTP, which is not simulated
    case Typed::no_code: return "12345";
    }
    return code;
  }

  // --- verbs in flight

  void begin(const Step& step, Task task) {
    std::size_t slot = 0;
    if (free_.empty()) {
      slot = flights_.size();
      flights_.emplace_back();
    } else {
      slot = free_.back();
      free_.pop_back();
    }
    ++in_flight_;
    tally_->most_in_flight = std::max(tally_->most_in_flight, in_flight_);
    Flight& flight = flights_[slot];
    flight.busy = true;
    static const Witness nothing_seen;
    flight.witness = nothing_seen;
    flight.node = step.node % static_cast<unsigned>(nodes_.size());
    flight.luck = step.does == Does::purge ? 0 : step.luck;
    flight.task = task;
    const auto verified = task.owner.empty() ? verified_.end() : verified_.find(user_of(task.owner));
    flight.shown = verified == verified_.end() ? 0 : verified->second.size();
    if (task.outdated) ++tally_->outdated;
    Node& node = nodes_[flight.node];
    flight.verb =
        std::make_unique<SteppedVerb>(std::move(task), step.name % 4 != 0, options_, node.keys, node.clock);
    ask(slot);
  }

  bool chance(Flight& flight, unsigned of_thousand) {
    return flight.luck != 0 && next_random(flight.luck) % 1000 < of_thousand;
  }

  std::int64_t delay(Flight& flight) {
    if (flight.luck == 0) return 0;
    const std::uint64_t drawn = next_random(flight.luck);
    if (drawn % 1000 < 940) return static_cast<std::int64_t>(drawn >> 32) % 4;
    if (drawn % 1000 < 995) return static_cast<std::int64_t>(drawn >> 32) % 300;
    return static_cast<std::int64_t>(drawn >> 32) % 60'000;
  }

  void schedule(std::int64_t at, Event::Kind kind, std::size_t slot, std::size_t batch = 0) {
    ++flights_[slot].events;
    events_.push({at, next_order_++, kind, slot, flights_[slot].request, batch});
  }

  /// The verb's next request goes out, or it has ended.
  void ask(std::size_t slot) {
    Flight& flight = flights_[slot];
    if (flight.verb->done()) return end(slot);
    verbs::Request& request = flight.verb->request();
    flight.witness.now = flight.verb->read_at();
    ++flight.request;
    flight.reply.reset();
    if (auto* const send = verbs::as<verbs::Send>(request)) return send_sms(slot, *send);

    const bool cut_off = nodes_[flight.node].cut_off_until > now_;
    const bool never_reaches = (cut_off && chance(flight, 500)) || chance(flight, 10);
    const bool never_answered = cut_off || chance(flight, 10);
    const std::int64_t reaches = now_ + delay(flight);
    const std::int64_t answered = reaches + delay(flight);
    constexpr std::int64_t patience = 5'000;
    if (!never_reaches) {
      std::size_t batch = 0;
      if (const auto* const commit = verbs::as<verbs::Commit>(request)) {
        batch = sent_.size();
        if (free_batches_.empty()) {
          sent_.emplace_back();
        } else {
          batch = free_batches_.back();
          free_batches_.pop_back();
        }
        sent_[batch] = {*commit->batch, flight.witness.now, chance(flight, 5)};
      }
      schedule(reaches, Event::reaches, slot, batch);
    }
    if (never_reaches || never_answered || answered > now_ + patience) {
      schedule(now_ + patience, Event::fails, slot);
      ++(never_reaches ? tally_->lost_requests : tally_->lost_answers);
    } else {
      schedule(answered, Event::answered, slot);
    }
  }

  void send_sms(std::size_t slot, const verbs::Send& send) {
    Flight& flight = flights_[slot];
    const SmsMessage& message = *send.message.get_if<SmsMessage>();
    explained(stage_.ledger.send(flight.task, flight.witness, message), flight.task);
    const bool lost = chance(flight, 100); // on its way to the user
    const std::int64_t takes = 10 * delay(flight);
    flight.sending = gateways_.send(flight.node, message, flight.luck,
                                    [this, lost, takes, name = flight.task.challenge, body = message.body] {
                                      if (!lost) delivered_[name] = {now_ + takes, std::string(body)};
                                    });
    carry_on(slot);
  }

  /// The message waits for something, or it has ended.
  void carry_on(std::size_t slot) {
    Flight& flight = flights_[slot];
    if (!flight.sending->done()) return schedule(now_ + flight.sending->wait(), Event::message_goes_on, slot);
    const std::exception_ptr thrown = flight.sending->failure();
    flight.sending.reset();
    gateways_.end(verbs::as<verbs::Send>(flight.verb->request())->message.get_if<SmsMessage>()->id, thrown,
                  tally_->messages);
    flight.witness.send_failed = thrown && delivery_failure(thrown) != DeliveryFailure::unclear;
    flight.witness.send_again_after = retry_after_of(thrown);
    flight.reply = thrown ? Reply(thrown) : Reply(true);
    schedule(now_, Event::answered, slot);
  }

  void run_until(std::int64_t at) {
    while (!events_.empty() && events_.top().at <= at && wrong_.empty()) {
      const Event event = events_.top();
      events_.pop();
      now_ = event.at;
      --flights_[event.flight].events;
      happen(event);
      if (!gateways_.wrong().empty()) explained(gateways_.wrong(), flights_[event.flight].task);
      if (flights_[event.flight].events == 0) release(event.flight);
    }
  }

  void happen(const Event& event) {
    Flight& flight = flights_[event.flight];
    const bool waits = flight.verb && flight.request == event.request;
    switch (event.kind) {
    case Event::reaches:
      if (event.batch != 0) return commit(event, waits);
      if (!waits) return;
      if (const auto* const purge = verbs::as<verbs::Purge>(flight.verb->request())) {
        const std::size_t purged = stage_.world.purge(purge->now);
        explained(stage_.ledger.purge(purge->now, purged), flight.task);
        flight.reply = purged;
        return;
      }
      stage_.ledger.read(flight.task, flight.witness, flight.verb->request());
      flight.reply = look(stage_.world, flight.verb->request());
      return;
    case Event::answered:
      if (!waits) return;
      give(flight.verb->request(), *std::move(flight.reply));
      flight.verb->go_on();
      return ask(event.flight);
    case Event::message_goes_on:
      if (!waits) return;
      flight.sending->go_on();
      return carry_on(event.flight);
    case Event::fails:
      if (!waits) return;
      flight.witness.lost = true;
      give(flight.verb->request(), lost_);
      flight.verb->go_on();
      return ask(event.flight);
    }
  }

  void commit(const Event& event, bool waits) {
    Flight& flight = flights_[event.flight];
    Sent& sent = sent_[event.batch];
    PlainWorld::Committed done;
    if (!sent.undone) {
      done = stage_.world.commit(sent.batch, lie_);
      if (done.written) {
        ++tally_->commits;
        if (!waits) ++tally_->late_commits;
        flight.witness.now = sent.now;
        explained(stage_.ledger.commit(flight.task, flight.witness, sent.batch, stage_.world), flight.task);
      } else {
        ++tally_->conflicts;
      }
    }
    free_batches_.push_back(event.batch);
    if (waits) flight.reply = done.answer;
  }

  void end(std::size_t slot) {
    Flight& flight = flights_[slot];
    flight.witness.now = flight.verb->read_at();
    const Told told = flight.verb->take();
    flight.verb.reset();
    ++tally_->verbs;
    count(told.answer);
    explained(stage_.ledger.end(flight.task, flight.witness, told), flight.task);
    remember(flight.task, told);
    if (flight.task.does == Does::password_changed && !told.answer.error)
      for (std::size_t i = 0; i < flight.shown; ++i)
        outdated_.insert(verified_[user_of(flight.task.owner)][i].first);
    if (flight.events == 0) release(slot);
  }

  /// Of a verb that is over, when nothing of it is under way any more.
  void release(std::size_t slot) {
    Flight& flight = flights_[slot];
    if (flight.verb || flight.events != 0 || !flight.busy) return;
    flight.busy = false;
    free_.push_back(slot);
    --in_flight_;
  }

  void count(const Answer& answer) {
    if (answer.error)
      ++tally_->answers[make_error_code(*answer.error).message()];
    else if (answer.status)
      ++tally_->answers[std::string(to_string(*answer.status))];
    else
      ++tally_->answers["done"];
  }

  /// What the callers learn of an answer; and what no answer may tell twice.
  void remember(const Task& task, const Told& told) {
    if (told.answer.error) return;
    // An unverified factor is deleted by anybody, and a first one confirmed.
    if (task.outdated && task.does != Does::remove && task.does != Does::challenge)
      explained("what was shown before the password changed allows it", task);
    switch (task.does) {
    case Does::challenge_user:
    case Does::challenge_passkey:
      asked_[task.does == Does::challenge_user ? user_of(task.owner) : simulated_users].push_back(
          {task.challenge, told.id, task.binding, task.purpose, task.action, none});
      delivered_[task.challenge] = {now_, told.secret};
      break;
    case Does::challenge:
      challenges_[task.factor].push_back(
          {task.challenge, told.id, task.binding, task.purpose, task.action, task.factor});
      if (!told.secret.empty()) delivered_[task.challenge] = {now_, told.secret};
      break;
    case Does::resend:
      if (!told.secret.empty()) delivered_[task.challenge] = {now_, told.secret};
      break;
    case Does::verify:
      if (told.answer.status != Status::valid) break;
      if (task.attacks) explained("an attack is accepted", task);
      if (const auto answer = PasskeyAnswer::read(task.code)) take_in(*answer, task);
      accepted_[task.factor] = task.code;
      verified_[user_of(told.answer.user_id)].emplace_back(task.challenge, task.challenge_id);
      if (!valid_challenges_.insert(task.challenge).second) explained("a challenge is valid twice", task);
      if (is_recovery(task.factor) && !valid_codes_.insert(task.code).second)
        explained("a recovery code is valid twice", task);
      break;
    case Does::enroll:
      factor_ids_[task.factor] = told.id;
      if (task.enrolls_passkey) {
        const int user = user_of(task.owner);
        const std::string handle = own(task.factor, user, told.secret).handle;
        if (handle != passkeys_[place_of(user, 0)]->handle)
          explained("a user is known to authenticators by two handles", task);
        break;
      }
      further_[static_cast<std::size_t>(user_of(task.owner))] = task.factor;
      break;
    case Does::regenerate: recovery_codes_[task.factor] = told.codes; break;
    case Does::remember: devices_[task.owner].push_back({task.device, told.id, told.secret}); break;
    default: break;
    }
  }

  /// An accepted answer of a passkey.
  void take_in(const PasskeyAnswer& answer, const Task& task) {
    const Known challenge{task.challenge, task.challenge_id, task.binding,
                          task.purpose,   task.action,       task.factor};
    if (task.purpose == Purpose::confirm_enrollment) { // as whoever registered it says
      for (auto& passkey : passkeys_)
        if (passkey && passkey->factor == task.factor) {
          passkey->credential = answer.credential;
          passkey->key = answer.signer;
          passkey->registered = true;
        }
    } else if (!task.of_record) {
      accepted_answers_[answer.credential] = {task.code, challenge};
    }
  }

  void explained(const std::string& wrong, const Task& task) {
    if (wrong.empty() || !wrong_.empty()) return;
    static constexpr std::array names{"verify",
                                      "challenge",
                                      "enrol",
                                      "delete",
                                      "unlock",
                                      "regenerate",
                                      "reseal",
                                      "remember",
                                      "check a device",
                                      "revoke",
                                      "revoke all",
                                      "change the password",
                                      "get a factor",
                                      "get challenge",
                                      "list",
                                      "purge",
                                      "reset",
                                      "rename",
                                      "send again",
                                      "challenge the user",
                                      "challenge whoever comes"};
    wrong_ = std::string(names[static_cast<std::size_t>(task.does)]) + " on factor " +
             std::to_string(task.factor) + ": " + wrong;
  }

  static constexpr int none = -1;                     ///< factor
  static constexpr std::int64_t farthest = 3'600'000; ///< ms that clocks are from right

  Options observed(Options options) {
    options.observer = [this](const mfa::Event& event) { gateways_.hear(event); };
    return options;
  }

  const Episode& episode_;
  SeededRandom random_;
  Lie lie_;
  std::int64_t now_ = 0; ///< ms since the world began
  std::vector<Node> nodes_;
  SimulatedGateways gateways_;
  Options options_;
  Stage stage_;
  SimulationTally* tally_ = nullptr;
  std::string wrong_;
  const Reply lost_ = std::make_exception_ptr(Error(errc::storage_failure, "the storage does not answer"));

  std::vector<Flight> flights_;
  std::vector<std::size_t> free_;
  std::size_t in_flight_ = 0;
  std::vector<Sent> sent_ = std::vector<Sent>(1); ///< the first is none
  std::vector<std::size_t> free_batches_;
  std::priority_queue<Event, std::vector<Event>, std::greater<>> events_;
  std::uint64_t next_order_ = 0;

  // What the callers know.
  std::map<int, std::string> factor_ids_;
  std::vector<int> further_;                                         ///< by user; -1: none
  std::map<int, std::vector<std::pair<int, std::string>>> verified_; ///< challenges, by user
  std::map<int, std::vector<Known>> challenges_;                     ///< by factor
  std::map<int, std::vector<Known>> asked_; ///< by user; after the last: whoever comes
  std::array<std::optional<Passkey>, std::size_t{passkeys_a_user} * simulated_users> passkeys_;
  std::map<std::string, Accepted> accepted_answers_;              ///< by credential: the last
  std::map<int, std::pair<std::int64_t, std::string>> delivered_; ///< by challenge: from when on, which code
  std::map<int, std::vector<std::string>> recovery_codes_;        ///< by factor
  std::map<int, std::string> accepted_;                           ///< by factor: the last code that was
  std::map<std::string, std::vector<Device>> devices_;            ///< by user
  std::set<int> outdated_; ///< challenges that were answered before a password changed
  std::set<int> valid_challenges_;
  std::set<std::string> valid_codes_;
};

} // namespace mfa::test
