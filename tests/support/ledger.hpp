#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/decision/challenge.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/mfa.hpp>
#include <mfa/verbs/devices.hpp>
#include <mfa/verbs/request.hpp>

#include "edited_record.hpp"
#include "plain_rules.hpp"
#include "plain_world.hpp"
#include "stepped_verb.hpp"
#include "views.hpp"

namespace mfa::test {

/// What the plain rules knew at each read of a verb in flight, and what they said of its commit.
struct Witness {
  Time now{}; ///< what the verb last read of its clock
  std::optional<PlainRules::Factor> factor = {};
  std::optional<PlainRules::Challenge> challenge = {};
  std::optional<std::vector<Time>> sends = {};
  std::optional<PlainRules::Devices> devices = {};
  bool user_read = false;
  std::optional<PlainRules::User> user = {};
  std::optional<Answer> listed = {};
  std::map<int, PlainRules::Factor> of_user = {};     ///< as listed
  std::optional<PlainRules::Challenge> shown_by = {}; ///< of two reads, the first
  bool shown_half = false;                            ///< the second is to come
  std::optional<PlainRules::Shown> shown = {};        ///< what allows it
  bool claim_seen = false;
  /// Of a challenge that is put to no factor: the one that the record or else the credential's claim names.
  std::optional<int> named = {};
  std::optional<Answer> by_commit = {};
  unsigned send = 0;        ///< resend: which of the challenge's this is; 0: none yet
  unsigned send_before = 0; ///< and whose code counted before
  unsigned sets = 0;        ///< regenerate: `PlainRules::Factor::sets` of the new one
  bool send_failed = false; ///< the gateway took no message
  std::optional<std::chrono::seconds> send_again_after = {}; ///< as the gateway said
  bool lost = false;                                         ///< the storage threw
  std::uint64_t ended = 0; ///< password_changed: the generation that it began; 0: none yet
};

/// Explains a history of verbs that run at once by the plain rules, which know one caller at a time: what a
/// verb commits happens when it is written, and its answer is the one that the rules give there, with the
/// time that the verb had read. What ends without a commit answers what the rules give of all that it read,
/// and there they must change nothing. So every answer is checked, whole. After each commit, what is stored
/// is what the rules hold. All functions return an empty text, or what cannot be explained.
class Ledger {
 public:
  /// `keys` open whatever is stored.
  Ledger(const Options& given, std::shared_ptr<const KeyRing> keys)
      : rules(given), options_(&given), keys_(std::move(keys)) {}
  Ledger(const Ledger&) = default;

  PlainRules rules;
  std::map<std::string, int, std::less<>> factor_names; ///< by id
  std::map<std::string, int, std::less<>> challenge_names;
  /// By user: no device is remembered any more by what was shown in a generation before this one.
  std::map<std::string, std::uint64_t> trust_ended;

  /// The verb's request to read is answered now.
  void read(const Task& task, Witness& witness, verbs::Request& request) const {
    using verbs::Asks;
    switch (request.asks) {
    case Asks::challenge_with_factor: {
      const auto& find = static_cast<const verbs::FindChallengeWithFactor&>(request);
      if (find.id == stored_part(task.shown_id)) return read_shown(task, witness, entry_of_shown(task));
      read_challenge(task, witness);
      witness.factor = entry(rules.factors, factor_of(task, witness));
      break;
    }
    case Asks::challenge: {
      const auto& find = static_cast<const verbs::FindChallenge&>(request);
      if (task.does == Does::reset && witness.shown) break; // one that may be open, to be removed
      if (find.id == stored_part(task.shown_id) && looks_at_shown(task, witness)) {
        witness.shown_by = entry_of_shown(task);
        witness.shown_half = true;
      } else if (find.id == stored_part(task.challenge_id)) { // else one that goes for another
        read_challenge(task, witness);
      }
      break;
    }
    case Asks::factor:
      if (witness.shown_half) return read_shown(task, witness, witness.shown_by);
      if (task.does == Does::enroll) break; // whether the new one's id is there
      if (task.does != Does::verify && task.does != Does::resend) begin_round(witness);
      witness.factor = entry(rules.factors, factor_of(task, witness));
      break;
    case Asks::counter: {
      const std::string_view id = static_cast<const verbs::FindCounter&>(request).id;
      if (id.starts_with("user_") || id.starts_with("no_user_")) {
        if (task.does == Does::enroll || task.does == Does::reset || task.does == Does::password_changed)
          begin_round(witness);
        witness.user_read = true;
        witness.user = entry(rules.users, user_of(task, witness.factor));
      } else if (id.starts_with("trusted_devices_")) {
        if (task.does == Does::remember || task.does == Does::password_changed) begin_round(witness);
        witness.devices = entry(rules.devices, devices_of(task, witness.factor));
      } else if (id.starts_with("webauthn_credential_")) {
        if (task.does != Does::verify) break;
        const auto claim = entry(rules.claims, credential_of(task));
        if (task.put_to_no_factor && !witness.challenge) witness.named = claim;
        if (!task.put_to_no_factor) witness.claim_seen = witness.claim_seen || claim;
      } else if (witness.factor) {
        witness.sends = entry(rules.sends, PlainRules::sends_of(task.factor, *witness.factor));
      }
      break;
    }
    case Asks::factors_of_user: {
      const std::string user_id(static_cast<const verbs::ListFactors&>(request).user_id);
      witness.listed = list(user_id);
      witness.of_user.clear();
      for (const auto& [name, factor] : rules.factors)
        if (factor.view.user_id == user_id) witness.of_user.emplace(name, factor);
      break;
    }
    default: break;
    }
  }

  /// A batch of the verb is written. `world` is what is stored now.
  std::string commit(const Task& task, Witness& witness, const storage::Batch& batch,
                     const PlainWorld& world) {
    rules.now = witness.now;
    if (task.does == Does::reseal) return after_reseal(batch, world);
    if (task.does == Does::password_changed && std::ranges::any_of(batch.counters, is_of_a_user))
      return end_what_was_shown(task, witness, batch, world);
    if (task.does == Does::challenge && batch.challenges.empty() && batch.counters.empty()) {
      if (!witness.send_failed) return "a challenge was withdrawn though its message went";
      rules.challenges.erase(task.challenge);
      return batch.removals.empty() ? "" : same_challenge(batch.removals.front().id, task.challenge, world);
    }
    if (task.does == Does::resend && witness.send != 0) {
      if (!witness.send_failed) return "a code counts no more though its message went";
      if (!rules.take_back(task.challenge, witness.send, witness.send_before))
        return "a code is taken back that did not count";
      return same_challenge(task.challenge_id, task.challenge, world);
    }
    if (witness.by_commit) return "a verb committed twice";
    if (task.does == Does::remove && witness.factor && !knows_all_factors(witness))
      return "a factor is deleted by what its user had before or after";
    if (task.does == Does::remember && witness.shown && witness.shown->factor &&
        !rules.factors.contains(*witness.shown->factor))
      return "a device is remembered by a factor that is gone";
    if (task.does == Does::remember && witness.shown && witness.shown->good &&
        rests_on_what_ended(task, witness))
      return "a device is remembered by what was shown before the trust in all ended";
    // What is read and not committed may have changed since: then the verb happens when it read that.
    const bool resends = task.does == Does::resend;
    const bool decides = task.does == Does::verify || task.does == Does::challenge || resends;
    const bool no_factor = decides && batch.factors.empty();
    const bool no_challenge = (task.does == Does::verify || resends) && batch.challenges.empty();
    const std::string user = user_of(task, witness.factor);
    const bool no_user = witness.user_read && std::ranges::none_of(batch.counters, is_of_a_user);
    const int name = factor_of(task, witness);
    const auto factor_now = entry(rules.factors, name);
    const auto challenge_now = entry(rules.challenges, task.challenge);
    if (challenge_now) witness.send_before = challenge_now->counts;
    const auto user_now = entry(rules.users, user);
    if (no_factor) put(rules.factors, name, witness.factor);
    if (no_challenge) put(rules.challenges, task.challenge, witness.challenge);
    if (no_user) put(rules.users, user, witness.user);
    const auto [answer, changed] = play_to(rules, task, witness);
    if (no_factor && entry(rules.factors, name) != witness.factor)
      return "a change of the factor is not committed";
    if (no_challenge && entry(rules.challenges, task.challenge) != witness.challenge)
      return "a change of the challenge is not committed";
    if (no_user && entry(rules.users, user) != witness.user)
      return "a change of what is bounded for the user is not committed";
    if (no_factor) put(rules.factors, name, factor_now);
    if (no_challenge) put(rules.challenges, task.challenge, challenge_now);
    if (no_user) put(rules.users, user, user_now);
    if (resends && !answer.error) witness.send = rules.challenges.at(task.challenge).sends;
    const bool goes_on = resends && answer.error && !batch.challenges.empty(); // and finds it over
    if (!goes_on) witness.by_commit = answer;
    if (!changed) return "something was committed where the rules change nothing and say: " + text(answer);
    return after(task, witness, batch, world);
  }

  /// The verb asks for its message to be sent.
  std::string send(const Task& task, const Witness& witness, const SmsMessage& message) {
    if (!witness.by_commit || witness.by_commit->error) return "a message without a committed challenge";
    const unsigned send = std::max(witness.send, 1U);
    if (send > 1 && message.id != task.challenge_id + '.' + std::to_string(send))
      return "two messages have one id, or one has none of its challenge's";
    rules.tell_code(task.challenge, send, message.body);
    return "";
  }

  std::string purge(Time now, std::size_t purged) {
    rules.now = now;
    const Answer expected = rules.purge();
    std::erase_if(trust_ended, [&](const auto& of) { return !rules.users.contains(of.first); });
    if (expected.purged == purged) return "";
    return std::to_string(purged) + " records purged; the rules say: " + std::to_string(expected.purged);
  }

  /// The verb has ended.
  std::string end(const Task& task, const Witness& witness, const Told& told) {
    if (told.answer.error == errc::storage_failure && witness.lost) return "";
    if (task.does == Does::purge || task.does == Does::reseal)
      return told.answer.error ? "it ends with: " + text(told.answer) : std::string();
    Answer expected;
    if (witness.by_commit) {
      expected = *witness.by_commit;
      if (witness.send_failed) {
        expected = {.error = errc::sms_not_sent, .retry_after = witness.send_again_after};
        if (!witness.lost && witness.send != 0 && rules.counts_unsent(task.challenge, witness.send))
          return "a code counts that was not sent";
        if (!witness.lost && witness.send == 0 && rules.challenges.contains(task.challenge))
          return "a challenge lives though its message was not sent";
      }
    } else if (task.does == Does::list) {
      expected = witness.listed.value_or(Answer());
    } else {
      PlainRules then = as_read(task, witness);
      auto [answer, changed] = play_to(then, task, witness);
      if (changed && !answer.error)
        return "an answer without its commit: " + text(told.answer) + "; the rules say: " + text(answer);
      if (const auto put_to_no_factor = then.asked.find(task.challenge);
          asks_for_passkey(task) && put_to_no_factor != then.asked.end()) {
        put_to_no_factor->second.challenge.code = told.secret;
        rules.asked.insert(*put_to_no_factor);
      }
      expected = std::move(answer);
    }
    if (task.does == Does::password_changed && witness.ended != 0) end_trust(task.owner, witness.ended);
    if (told.answer != expected)
      return "the answer is: " + text(told.answer) + "; the rules say: " + text(expected);
    if (told.answer.status == Status::valid) {
      const auto answered = factor_names.find(told.factor_id);
      if (answered == factor_names.end() || answered->second != factor_of(task, witness))
        return "another factor is said to have answered";
    }
    learn(task, witness, told);
    return "";
  }

  /// Compares all that is stored.
  [[nodiscard]] std::string same(const PlainWorld& world) const {
    for (const auto& [id, name] : factor_names)
      if (auto wrong = same_factor(id, name, world); !wrong.empty()) return wrong;
    for (const auto& [id, name] : challenge_names)
      if (auto wrong = same_challenge(id, name, world); !wrong.empty()) return wrong;
    if (world.factors.size() != rules.factors.size()) return "factors that the rules do not know";
    return same_claims(world);
  }

 private:
  /// Whether the verb has looked at the factors that its user has now, verified or not.
  [[nodiscard]] bool knows_all_factors(const Witness& witness) const {
    const auto states = [&](const std::map<int, PlainRules::Factor>& all) {
      std::map<int, FactorState> found;
      for (const auto& [name, factor] : all)
        if (factor.view.user_id == witness.factor->view.user_id) found.emplace(name, factor.view.state);
      return found;
    };
    return witness.factor->view.user_id.empty() || states(witness.of_user) == states(rules.factors);
  }

  /// The first half of a changed password is written; the second is about the devices.
  std::string end_what_was_shown(const Task& task, Witness& witness, const storage::Batch& batch,
                                 const PlainWorld& world) {
    if (witness.ended != 0) return "what was shown is ended twice";
    if (!rules.end_what_was_shown(task.owner)) return "what nobody has shown is ended";
    witness.ended = rules.users.at(task.owner).generation;
    auto wrong = same_user(batch, world);
    return wrong.empty() ? same(world) : wrong; // challenges have gone with it
  }

  void end_trust(const std::string& owner, std::uint64_t generation) {
    if (rules.users.contains(owner)) trust_ended[owner] = std::max(trust_ended[owner], generation);
  }

  /// Whether what allows the task was shown before the trust in all devices of its user ended.
  [[nodiscard]] bool rests_on_what_ended(const Task& task, const Witness& witness) const {
    const auto ended = entry(trust_ended, task.owner);
    return ended && !task.by_operator && (witness.user ? witness.user->generation : 0) < *ended;
  }

  static std::string_view stored_part(std::string_view challenge_id) {
    return mfa::detail::stored_part_of(challenge_id);
  }

  static bool asks_for_passkey(const Task& task) {
    return task.does == Does::challenge_user || task.does == Does::challenge_passkey;
  }

  /// Which factor the task is about, as far as the verb knows.
  static int factor_of(const Task& task, const Witness& witness) {
    return witness.named.value_or(task.factor);
  }

  /// The credential that an answer names; none if it is none of a passkey.
  static std::string credential_of(const Task& task) {
    const auto answer = PasskeyAnswer::read(task.code);
    return answer ? answer->credential : std::string();
  }

  void read_challenge(const Task& task, Witness& witness) const {
    begin_round(witness);
    witness.challenge = entry(rules.challenges, task.challenge);
    witness.factor.reset();
    witness.named.reset();
    if (task.put_to_no_factor && witness.challenge) witness.named = witness.challenge->factor;
  }

  /// What a round before had read says nothing any more.
  static void begin_round(Witness& witness) {
    witness.sends.reset();
    witness.devices.reset();
    witness.user_read = false;
    witness.user.reset();
    witness.shown.reset();
    witness.of_user.clear();
  }

  /// Whether the challenge that allows the task is read for that, and not as one that goes for another.
  static bool looks_at_shown(const Task& task, const Witness& witness) {
    const bool needed =
        task.does != Does::challenge || std::ranges::any_of(witness.of_user, [](const auto& one) {
          return one.second.view.state == FactorState::verified;
        });
    return needed && !witness.shown;
  }

  [[nodiscard]] std::optional<PlainRules::Challenge> entry_of_shown(const Task& task) const {
    return task.shown ? entry(rules.challenges, *task.shown) : std::nullopt;
  }

  /// Both are read on which the verb rests that somebody may do this.
  void read_shown(const Task& task, Witness& witness,
                  const std::optional<PlainRules::Challenge>& challenge) const {
    witness.shown_half = false;
    witness.shown = PlainRules::Shown{.given = true};
    if (!challenge) return;
    const auto factor = rules.factors.find(challenge->factor);
    witness.shown =
        rules.shown(*challenge, factor == rules.factors.end() ? nullptr : &factor->second,
                    devices_of(task, witness.factor), witness.user.value_or(PlainRules::User()), witness.now);
  }

  /// Whose bounds the task falls under.
  static std::string user_of(const Task& task, const std::optional<PlainRules::Factor>& factor) {
    if (task.does == Does::enroll || task.does == Does::reset || task.does == Does::remember ||
        task.does == Does::password_changed)
      return task.owner;
    return factor ? PlainRules::user_of(task.factor, *factor) : std::string();
  }

  /// Whose devices, and whose second factors, the task is about.
  static std::string devices_of(const Task& task, const std::optional<PlainRules::Factor>& factor) {
    return task.owner.empty() && factor ? factor->view.user_id : task.owner;
  }

  static bool is_of_a_user(const storage::CounterRecord& counter) {
    return counter.id.starts_with("user_") || counter.id.starts_with("no_user_");
  }

  /// What somebody shows who is to do this.
  static PlainRules::Shown shown(const Task& task, const Witness& witness) {
    if (task.by_operator) return PlainRules::by_operator;
    if (!task.shown) return PlainRules::nothing;
    return witness.shown.value_or(PlainRules::Shown{.given = true});
  }

  template <class Key, class Value>
  static std::optional<Value> entry(const std::map<Key, Value>& entries, const Key& key) {
    const auto found = entries.find(key);
    return found == entries.end() ? std::nullopt : std::optional(found->second);
  }

  template <class Key, class Value>
  static void put(std::map<Key, Value>& entries, const Key& key, const std::optional<Value>& value) {
    if (value)
      entries.insert_or_assign(key, *value);
    else
      entries.erase(key);
  }

  struct Played {
    Answer answer;
    bool changed;
  };

  Played play_to(PlainRules& to, const Task& task, const Witness& witness) const {
    to.now = witness.now;
    const int name = factor_of(task, witness);
    const auto factor = entry(to.factors, name);
    const auto challenge = entry(to.challenges, task.challenge);
    const std::string owner = devices_of(task, factor);
    const auto devices = entry(to.devices, owner);
    const std::string user_name = user_of(task, factor);
    const auto user = entry(to.users, user_name);
    const PlainRules::Shown by = shown(task, witness);
    Answer answer;
    bool counted = false;
    switch (task.does) {
    case Does::verify: {
      VerifyOptions said;
      said.purpose = task.purpose;
      said.action = task.action;
      said.binding = task.binding;
      said.user = whose(task.user_id);
      // A factor that had the credential when the verb looked may be gone since.
      const std::string credential = credential_of(task);
      const bool claimed = witness.claim_seen && to.claims.emplace(credential, none_of_ours).second;
      answer = to.verify(task.challenge, task.code, said);
      if (claimed) to.claims.erase(credential);
      break;
    }
    case Does::challenge: {
      ChallengeOptions said;
      said.purpose = task.purpose;
      said.action = task.action;
      said.binding = task.binding;
      const std::string key = factor ? PlainRules::sends_of(task.factor, *factor) : std::string();
      const auto sends = entry(to.sends, key);
      answer = to.challenge(task.challenge, task.factor, said, task.user_id, true, "", by, &witness.of_user);
      counted = sends != entry(to.sends, key);
      break;
    }
    case Does::resend: {
      const std::string key = factor ? PlainRules::sends_of(task.factor, *factor) : std::string();
      const auto sends = entry(to.sends, key);
      answer = to.resend(task.challenge, task.binding, task.user_id);
      counted = sends != entry(to.sends, key);
      break;
    }
    case Does::challenge_user:
    case Does::challenge_passkey: {
      ChallengeOptions said;
      said.purpose = task.purpose;
      said.action = task.action;
      said.binding = task.binding;
      said.conditional = task.conditional;
      answer = to.challenge_passkey(task.challenge, task.owner, said);
      break;
    }
    case Does::enroll:
      answer =
          to.enroll(task.factor,
                    {.view = {.type = task.enrolls_passkey ? FactorType::webauthn : FactorType::generic_otp,
                              .user_id = task.owner}},
                    by);
      break;
    case Does::remove: {
      // By what was listed: recovery codes may be used since.
      answer = to.remove(task.factor, task.user_id, by, said_of(task), &witness.of_user);
      return {answer, !answer.error};
    }
    case Does::reset: answer = reset(to, task, by); return {answer, !answer.error};
    case Does::rename: answer = to.rename(task.factor, task.user_id, task.code); break;
    case Does::unlock: answer = to.unlock(task.factor, task.user_id, by); return {answer, !answer.error};
    case Does::regenerate:
      answer = to.regenerate(task.factor, task.user_id, by);
      return {answer, !answer.error};
    case Does::remember: answer = to.remember(task.device, task.owner, by, device_lifetime); break;
    case Does::check_device: answer = to.check_device(task.device, task.owner); break;
    case Does::revoke_device: answer = to.revoke(task.device, task.owner); break;
    case Does::revoke_devices:
      answer = to.revoke(std::nullopt, task.owner, task.but_this ? std::optional(task.device) : std::nullopt);
      break;
    case Does::password_changed: // which writes the list even where it stays as it is
      answer = to.end_trust(task.owner, witness.ended != 0);
      if (witness.ended != 0) return {answer, true};
      break;
    case Does::look_at_factor: answer = to.get_factor(task.factor, task.user_id); break;
    case Does::look_at_challenge: answer = to.get_challenge(task.challenge); break;
    case Does::list:
    case Does::purge:
    case Does::reseal: break;
    }
    const bool changed = counted || factor != entry(to.factors, name) ||
                         challenge != entry(to.challenges, task.challenge) ||
                         devices != entry(to.devices, owner) || user != entry(to.users, user_name);
    return {answer, changed};
  }

  static Answer reset(PlainRules& to, const Task& task, const PlainRules::Shown& by) {
    return to.reset(task.owner, by, task.factor_id.empty() ? std::nullopt : std::optional(task.factor),
                    task.code.empty() ? std::nullopt : std::optional(task.device), task.shown);
  }

  /// The rules of a world that holds what the verb read.
  [[nodiscard]] PlainRules as_read(const Task& task, const Witness& witness) const {
    PlainRules then(*options_);
    then.factors = witness.of_user;
    if (task.does != Does::reset) put(then.factors, factor_of(task, witness), witness.factor);
    if (const auto put_to_no_factor = rules.asked.find(task.challenge);
        put_to_no_factor != rules.asked.end() && !task.of_record) {
      then.asked.insert(*put_to_no_factor);
      if (witness.named && !witness.challenge) then.claims.emplace(credential_of(task), *witness.named);
    }
    if (witness.challenge) then.challenges.emplace(task.challenge, *witness.challenge);
    if (witness.sends) then.sends.emplace(PlainRules::sends_of(task.factor, *witness.factor), *witness.sends);
    if (witness.devices) then.devices.emplace(devices_of(task, witness.factor), *witness.devices);
    if (witness.user) then.users.emplace(user_of(task, witness.factor), *witness.user);
    return then;
  }

  [[nodiscard]] Answer list(const std::string& owner) const {
    Answer answer;
    for (const auto& [id, name] : factor_names)
      if (const auto factor = rules.factors.find(name);
          factor != rules.factors.end() && factor->second.view.user_id == owner)
        answer.factors.push_back(factor->second.view);
    return answer;
  }

  void learn(const Task& task, const Witness& witness, const Told& told) {
    if (task.does == Does::challenge && !told.secret.empty()) {
      if (const auto made = rules.challenges.find(task.challenge); made != rules.challenges.end())
        made->second.code = told.secret.substr(0, PasskeyAnswer::challenge_size);
    }
    if (task.does == Does::resend && !told.secret.empty())
      rules.tell_code(task.challenge, witness.send, told.secret);
    if (task.enrolls_passkey && !told.answer.error) {
      if (const auto enrolled = rules.factors.find(task.factor); enrolled != rules.factors.end())
        enrolled->second.handle = told.secret.substr(PasskeyAnswer::challenge_size);
    }
    if (task.does == Does::regenerate && !told.answer.error) {
      const auto factor = rules.factors.find(task.factor);
      if (factor == rules.factors.end() || factor->second.sets != witness.sets) return;
      for (std::string code : told.codes) {
        std::erase(code, '-');
        factor->second.codes.emplace(std::move(code), false);
      }
    }
  }

  /// What the commit must have left behind.
  std::string after(const Task& task, Witness& witness, const storage::Batch& batch,
                    const PlainWorld& world) {
    switch (task.does) {
    case Does::verify: {
      const std::string id = batch.factors.empty() ? task.factor_id : batch.factors.front().id;
      const std::string challenge_id(stored_part(task.challenge_id));
      challenge_names[challenge_id] = task.challenge;
      auto wrong = id.empty() ? std::string() : same_factor(id, factor_of(task, witness), world);
      if (wrong.empty()) wrong = same_challenge(challenge_id, task.challenge, world);
      if (wrong.empty()) wrong = same_user(batch, world);
      return wrong.empty() ? same_claims(world) : wrong;
    }
    case Does::challenge:
    case Does::resend: {
      if (!batch.challenges.empty()) challenge_names[batch.challenges.front().id] = task.challenge;
      auto wrong = same_factor(task.factor_id, task.factor, world);
      if (wrong.empty() && !batch.challenges.empty())
        wrong = same_challenge(batch.challenges.front().id, task.challenge, world);
      if (wrong.empty()) wrong = same_user(batch, world);
      return wrong.empty() ? same_sends(task, batch, world) : wrong;
    }
    case Does::enroll: {
      if (batch.factors.size() != 1) return "not one factor is enrolled";
      const std::string& id = batch.factors.front().id;
      factor_names[id] = task.factor;
      auto wrong = same_factor(id, task.factor, world);
      if (wrong.empty()) wrong = same_user(batch, world);
      return wrong.empty() ? same(world) : wrong; // others may have gone for it
    }
    case Does::regenerate:
      witness.sets = rules.factors.at(task.factor).sets;
      return same_factor(task.factor_id, task.factor, world);
    case Does::unlock:
    case Does::rename: return same_factor(task.factor_id, task.factor, world);
    case Does::remove:
    case Does::reset: {
      if (task.does == Does::reset) end_trust(task.owner, rules.users.at(task.owner).generation);
      auto wrong = same_user(batch, world);
      for (const storage::CounterRecord& counter : batch.counters)
        if (wrong.empty() && counter.id.starts_with(devices_prefix))
          wrong = same_devices(counter.id.substr(devices_prefix.size()), world);
      return wrong.empty() ? same(world) : wrong; // others may have gone with it
    }
    default: return same_devices(task.owner, world);
    }
  }

  std::string after_reseal(const storage::Batch& batch, const PlainWorld& world) const {
    for (const storage::FactorRecord& factor : batch.factors) {
      const auto name = factor_names.find(factor.id);
      if (name == factor_names.end()) return "a factor was resealed that the rules do not know";
      if (auto wrong = same_factor(factor.id, name->second, world); !wrong.empty()) return wrong;
    }
    return "";
  }

  [[nodiscard]] std::string same_factor(const std::string& id, int name, const PlainWorld& world) const {
    const auto stored = world.factors.find(id);
    const auto known = rules.factors.find(name);
    const bool there = stored != world.factors.end();
    if (there != (known != rules.factors.end()))
      return there ? "a factor is stored that was deleted" : "a factor is gone that nobody deleted";
    if (!there) return "";
    const storage::FactorRecord& record = stored->second;
    const FactorView seen{record.type,       record.state,        record.user_id,  record.created_at,
                          record.updated_at, record.last_used_at, record.failures, record.friendly_name};
    if (seen == known->second.view) return "";
    return "stored is: " + text(Answer{.factors = {seen}}) +
           "; the rules say: " + text(Answer{.factors = {known->second.view}});
  }

  [[nodiscard]] std::string same_challenge(const std::string& id, int name, const PlainWorld& world) const {
    const auto stored = world.challenges.find(id);
    const auto known = rules.challenges.find(name);
    const bool there = stored != world.challenges.end();
    if (there != (known != rules.challenges.end()))
      return there ? "a challenge is stored that the rules do not have" : "a challenge is not stored";
    if (!there) return "";
    storage::ChallengeRecord record = opened(stored->second, *keys_);
    const decision::ChallengeTerms terms = decision::take_terms(record);
    const ChallengeView seen{terms.purpose,     record.state,      record.created_at,
                             record.updated_at, record.expires_at, record.attempts_left};
    if (terms.generation != known->second.generation) return "what a challenge allows ends at another time";
    if (seen == known->second.view) return "";
    return "stored is: " + text(Answer{.challenge = seen}) +
           "; the rules say: " + text(Answer{.challenge = known->second.view});
  }

  /// Times of sends and of devices, from the lowest.
  [[nodiscard]] std::vector<Time> times(const storage::CounterRecord& sealed) const {
    const storage::CounterRecord counter = opened(sealed, *keys_);
    detail::FieldReader fields(counter.data, 1, "counter", counter.id);
    std::vector<Time> read(fields.number_up_to(1000));
    for (Time& time : read) time = Time(std::chrono::milliseconds(fields.number_up_to(100'000'000'000'000)));
    return read;
  }

  [[nodiscard]] std::string same_sends(const Task& task, const storage::Batch& batch,
                                       const PlainWorld& world) const {
    const auto factor = rules.factors.find(task.factor);
    if (factor == rules.factors.end()) return "";
    const auto known = rules.sends.find(PlainRules::sends_of(task.factor, factor->second));
    std::vector<Time> stored;
    if (std::ranges::all_of(batch.counters, is_of_a_user)) return "";
    for (const storage::CounterRecord& counter : batch.counters)
      if (const auto row = world.counters.find(counter.id);
          row != world.counters.end() && !is_of_a_user(counter))
        stored = times(row->second);
    std::vector<Time> expected = known == rules.sends.end() ? std::vector<Time>() : known->second;
    std::ranges::sort(expected);
    return stored == expected ? ""
                              : std::to_string(stored.size()) +
                                    " codes are counted; the rules say: " + std::to_string(expected.size()) +
                                    ", or at other times";
  }

  [[nodiscard]] std::string same_devices(const std::string& owner, const PlainWorld& world) const {
    std::vector<std::pair<Time, Time>> stored;
    if (const auto row = world.counters.find(verbs::devices_record_id(owner)); row != world.counters.end())
      for (const auto& device : verbs::decode_devices(opened(row->second, *keys_)))
        stored.emplace_back(device.device.remembered_at, device.device.expires_at);
    std::vector<std::pair<Time, Time>> expected;
    if (const auto known = rules.devices.find(owner); known != rules.devices.end())
      for (const auto& device : known->second.all)
        expected.emplace_back(device.remembered_at, device.expires_at);
    return stored == expected
               ? ""
               : std::to_string(stored.size()) +
                     " devices are stored; the rules say: " + std::to_string(expected.size()) + ", or others";
  }

  /// What is bounded for the user whom the batch is about.
  [[nodiscard]] std::string same_user(const storage::Batch& batch, const PlainWorld& world) const {
    const auto committed = std::ranges::find_if(batch.counters, is_of_a_user);
    if (committed == batch.counters.end()) return "";
    const std::string& id = committed->id;
    std::string user_name = id.substr(id.starts_with("user_") ? 5 : 8);
    if (const auto factor = factor_names.find(user_name); factor != factor_names.end())
      user_name = "factor " + std::to_string(factor->second);
    const auto known = rules.users.find(user_name);
    const auto row = world.counters.find(id);
    const bool there = row != world.counters.end();
    if (there != (known != rules.users.end())) return "what is bounded for a user is there, or is not";
    if (!there) return "";
    const decision::UserRecord stored = decision::decode_user(opened(row->second, *keys_));
    const PlainRules::User& user = known->second;
    const auto named = [](const auto& names, const std::string& of) {
      const auto found = names.find(of);
      return found == names.end() ? none_of_ours : found->second;
    };
    const auto same_open = [&](const auto& open, const PlainRules::User::Open& expected) {
      return named(challenge_names, open.id) == expected.challenge && open.created_at == expected.from &&
             open.ends_at == expected.until &&
             (open.device_id == decision::put_to_no_factor) == expected.put_to_no_factor;
    };
    const auto same_enrollment = [&](const auto& enrollment, const PlainRules::User::Enrollment& expected) {
      return named(factor_names, enrollment.factor_id) == expected.factor &&
             enrollment.created_at == expected.from && enrollment.ends_at == expected.until &&
             enrollment.authorized == expected.authorized;
    };
    // In whichever order: factors that go at once go in that of their ids, which the rules do not know.
    std::vector<std::pair<std::uint64_t, Time>> stored_used;
    std::vector<std::pair<std::uint64_t, Time>> used_by_rules;
    for (const auto& used : stored.used_secrets) stored_used.emplace_back(used.next, used.until);
    for (const auto& used : user.used) used_by_rules.emplace_back(used.first_unused_step, used.until);
    std::ranges::sort(stored_used);
    std::ranges::sort(used_by_rules);
    const bool same = std::ranges::equal(stored.challenges, user.open, same_open) &&
                      std::ranges::equal(stored.enrollments, user.enrollments, same_enrollment) &&
                      stored.handle.empty() != user.has_handle && stored.generation == user.generation &&
                      stored_used == used_by_rules && stored.sends == user.sends &&
                      stored.wrong_codes == user.wrong_codes;
    if (same) return "";
    const auto told = [](const auto& of, std::size_t open, std::size_t used) {
      return std::to_string(open) + " open challenges, " + std::to_string(of.enrollments.size()) +
             " enrolments, " + std::to_string(used) + " used secrets, " + std::to_string(of.sends.size()) +
             " sends and " + std::to_string(of.wrong_codes.size()) + " wrong codes";
    };
    return "of a user are stored " + told(stored, stored.challenges.size(), stored.used_secrets.size()) +
           "; the rules say: " + told(user, user.open.size(), user.used.size()) + ", or others";
  }

  [[nodiscard]] std::string same_claims(const PlainWorld& world) const {
    std::size_t stored = 0;
    for (const auto& [id, counter] : world.counters) stored += id.starts_with("webauthn_credential_") ? 1 : 0;
    return stored == rules.claims.size() ? "" : "a credential is claimed by none of the factors, or by two";
  }

  static constexpr int none_of_ours = -1;
  static constexpr std::string_view devices_prefix = "trusted_devices_";

  const Options* options_;
  std::shared_ptr<const KeyRing> keys_;
};

} // namespace mfa::test
