#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "catch.hpp"
#include "hostile_scene.hpp"
#include "tampered_storage.hpp"

namespace mfa::test::hostile {

/// What the attacker wrote before his attempts.
struct Edit {
  std::string what;
  std::vector<Change> changes;
  bool crosses = false; ///< brings contents of another record
};

/// That an attempt was granted after an edit which is not without it.
struct Gain {
  std::string edit;
  std::string probe;
  std::string gain;
  Outcome outcome;
};

/// Edits records, attempts everything that reads them, and puts the records back.
template <class StoragePolicy> class Attack {
 public:
  /// See `Scene`.
  template <class... Arguments>
  explicit Attack(bool retired, Arguments&&... arguments)
      : scene(retired, std::forward<Arguments>(arguments)...) {
    for (const auto& [id, versions] : scene.storage.history())
      if (auto record = scene.storage.read(table_of_id(id), id)) sound_.emplace(id, *std::move(record));
    for (std::size_t i = 0; i < scene.probes.size(); ++i) {
      Probe& probe = scene.probes[i];
      scene.storage.trace(&probe.reads);
      probe.honest = probe.attempt();
      probe.lists = scene.storage.listed();
      scene.storage.trace(nullptr);
      restore();
      for (const std::string& id : probe.reads) readers_[id].push_back(i);
      if (probe.lists) listers_.push_back(i);
    }
  }

  Scene<StoragePolicy> scene;

  [[nodiscard]] const std::map<std::string, AnyRecord, std::less<>>& sound() const noexcept { return sound_; }

  [[nodiscard]] std::string name_of(const std::string& id) const {
    const auto found = scene.names.find(id);
    return found == scene.names.end() ? "counter " + id : found->second;
  }

  /// Of what sort a record is that is there, or was.
  [[nodiscard]] std::string sort_of(const std::string& id) const {
    for (const auto& version : scene.storage.history().find(id)->second)
      if (version.record)
        if (const auto* factor = std::get_if<storage::FactorRecord>(&*version.record))
          return "factor `" + std::string(to_string(factor->type)) + "`";
    if (scene.passkey_challenges.contains(id)) return "passkey challenge";
    for (const auto& [prefix, sort] :
         {std::pair<std::string_view, const char*>("auth_challenge_", "challenge"),
          {"sms_sends_", "count of messages"},
          {"sms_budget_", "count of messages"}, // to more numbers than one
          {"email_sends_", "count of e-mails"},
          {"generic_otp_codes_", "count of codes"},
          {"trusted_devices_", "trusted devices"},
          {"webauthn_credential_", "claim to a credential"},
          {"user_", "user's record"},
          {"options", "record of the options"}})
      if (id.starts_with(prefix)) return sort;
    return id;
  }

  std::size_t edits = 0;    ///< that were tried
  std::size_t refused = 0;  ///< that the storage did not take
  std::size_t attempts = 0; ///< sign-ins and the like

  /// What follows an edit.
  struct How {
    bool used = false;           ///< attempts also after the host, an operator or a user has used the record,
    bool scanned = false;        ///< and after a verb that goes through all records
    bool beyond_removal = false; ///< what is gained by removing the edited counters as well is left out
  };

  /// What is gained by an edit.
  std::vector<Gain> attempt(const Edit& edit, const How& how) {
    beyond_removal_ = how.beyond_removal;
    std::vector<Gain> gains;
    for (const Change& change : edit.changes) target_[change.id] = change.to;
    if (put(edit)) {
      ++edits;
      attempt_all(edit, "", {}, gains);
      if (how.used) use(edit, how.scanned, gains);
    } else {
      ++refused;
    }
    std::vector<std::string> changed;
    for (const auto& [id, to] : target_) changed.push_back(id);
    target_.clear();
    restore(changed);
    return gains;
  }

 private:
  static storage::RecordKind table_of_id(std::string_view id) {
    return id.starts_with("auth_factor_")      ? storage::RecordKind::factor
           : id.starts_with("auth_challenge_") ? storage::RecordKind::challenge
                                               : storage::RecordKind::counter;
  }

  bool put(const Edit& edit) {
    try {
      return std::ranges::all_of(edit.changes,
                                 [&](const Change& change) { return scene.storage.write(change); });
    } catch (const Error&) {
      return false; // what no such storage holds
    }
  }

  [[nodiscard]] std::optional<AnyRecord> wanted(const std::string& id) const {
    if (const auto edited = target_.find(id); edited != target_.end()) return edited->second;
    if (const auto kept = sound_.find(id); kept != sound_.end()) return kept->second;
    return std::nullopt;
  }

  [[nodiscard]] bool is_gone(const std::string& id) const {
    try {
      return !scene.storage.read(table_of_id(id), id);
    } catch (const Error&) {
      return false;
    }
  }

  /// Puts back what verbs wrote, and these.
  void restore(std::vector<std::string> ids = {}) {
    for (std::string& id : scene.storage.take_written()) ids.push_back(std::move(id));
    if (ids.empty()) return;
    for (const std::string& id : std::vector<std::string>(ids)) // with which its challenges may be gone
      if (table_of_id(id) == storage::RecordKind::factor && is_gone(id))
        for (const auto& [other, record] : sound_)
          if (const auto* challenge = std::get_if<storage::ChallengeRecord>(&record);
              challenge != nullptr && challenge->factor_id == id)
            ids.push_back(other);
    std::ranges::sort(ids, {}, [](const std::string& id) { return table_of_id(id); });
    for (const std::string& id : ids) {
      bool written = false;
      try {
        written = scene.storage.write({table_of_id(id), id, wanted(id)});
      } catch (const Error& error) {
        UNSCOPED_INFO(error.what());
      }
      if (!written && !target_.contains(id)) FAIL("cannot restore " << id);
    }
  }

  std::vector<std::size_t> readers_of(const std::set<std::string>& ids, bool factors) const {
    std::set<std::size_t> found;
    for (const std::string& id : ids)
      if (const auto readers = readers_.find(id); readers != readers_.end())
        found.insert(readers->second.begin(), readers->second.end());
    if (factors) found.insert(listers_.begin(), listers_.end());
    return {found.begin(), found.end()};
  }

  /// `honest`: what the attempts come to on records that were used alike and not edited.
  void attempt_all(const Edit& edit, const std::string& how, const std::vector<std::string>& also,
                   std::vector<Gain>& gains, const std::string& use = "") {
    std::set<std::string> ids(also.begin(), also.end());
    bool factors = false;
    for (const Change& change : edit.changes) {
      ids.insert(change.id);
      factors = factors || change.table == storage::RecordKind::factor;
      if (!change.to || sound_.contains(change.id)) continue;
      // A record that was not there.
      auto made = change.table == storage::RecordKind::challenge ? scene.probes_of_challenge(change.id)
                  : change.table == storage::RecordKind::factor  ? scene.probes_of_factor(change.id)
                                                                 : std::vector<Probe>();
      for (const Probe& probe : made) judge(edit, how, probe, probe.honest, gains);
    }
    for (const std::size_t i : readers_of(ids, factors)) {
      const Probe& probe = scene.probes[i];
      if (probe.crosses && !edit.crosses) continue;
      judge(edit, how, probe, use.empty() ? probe.honest : honest_after(use, edit, i), gains);
    }
  }

  void judge(const Edit& edit, const std::string& how, const Probe& probe, const Outcome& honest,
             std::vector<Gain>& gains) {
    ++attempts;
    const Outcome outcome = probe.attempt();
    restore();
    if (!outcome.gains_over(honest)) return;
    if (beyond_removal_ && gains_by_removal(edit, probe, outcome)) return;
    const bool as_another = !probe.right && outcome.user_id != scene.attacker.user_id;
    gains.push_back(
        {edit.what + how, probe.name, as_another ? "a sign-in as another user" : probe.gain, outcome});
  }

  /// Whether the attempt comes to the same if the counters that were edited are removed, and nothing else is
  /// changed: one that was made unreadable may count as one that is gone.
  bool gains_by_removal(const Edit& edit, const Probe& probe, const Outcome& outcome) {
    std::vector<std::string> changed;
    for (const auto& [id, to] : target_) changed.push_back(id);
    const auto edited = std::exchange(target_, {});
    for (const Change& change : edit.changes)
      if (change.table == storage::RecordKind::counter) target_[change.id] = std::nullopt;
    bool alike = false;
    if (!target_.empty()) {
      restore(changed);
      alike = probe.attempt() == outcome;
    }
    target_ = edited;
    restore(changed);
    return alike;
  }

  /// Has the host, its operators and users act on what was edited; if that wrote anything, tries again.
  void use(const Edit& edit, bool scanned, std::vector<Gain>& gains) {
    for (const auto& use : scene.uses) {
      if (use.scans && !scanned) continue;
      const auto before = target_;
      for (const Change& change : edit.changes) use.act(change.id);
      const std::vector<std::string> written = scene.storage.take_written();
      const bool matters =
          use.scans ? std::ranges::any_of(edit.changes,
                                          [&](const Change& change) {
                                            return std::ranges::find(written, change.id) != written.end();
                                          })
                    : !written.empty();
      if (matters) {
        for (const std::string& id : written) target_[id] = scene.storage.read(table_of_id(id), id);
        scene.use_rotated(use.rotates);
        attempt_all(edit, ", then " + use.name, written, gains, use.name);
        scene.use_rotated(false);
      }
      std::vector<std::string> changed = written;
      target_ = before;
      restore(changed);
    }
  }

  /// Of the probe, after the same use of the sound records.
  const Outcome& honest_after(const std::string& use, const Edit& edit, std::size_t probe) {
    std::string key = use;
    for (const Change& change : edit.changes) key += ' ' + change.id;
    auto& known = honest_after_[key];
    if (const auto found = known.find(probe); found != known.end()) return found->second;
    const auto edited = std::exchange(target_, {});
    std::vector<std::string> changed;
    for (const auto& [id, to] : edited) changed.push_back(id);
    restore(changed);
    const auto acting =
        std::ranges::find_if(scene.uses, [&](const auto& candidate) { return candidate.name == use; });
    for (const Change& change : edit.changes) acting->act(change.id);
    const Outcome outcome = scene.probes[probe].attempt();
    restore();
    target_ = edited;
    restore(changed);
    return known[probe] = outcome;
  }

  bool beyond_removal_ = false;
  std::map<std::string, AnyRecord, std::less<>> sound_;                 ///< as the verbs left them
  std::map<std::string, std::optional<AnyRecord>, std::less<>> target_; ///< what was edited
  std::map<std::string, std::vector<std::size_t>, std::less<>> readers_;
  std::vector<std::size_t> listers_;
  std::map<std::string, std::map<std::size_t, Outcome>> honest_after_;
};

} // namespace mfa::test::hostile
