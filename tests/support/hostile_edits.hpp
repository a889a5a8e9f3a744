#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <limits>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "each_field.hpp"
#include "hostile_attack.hpp"
#include "tampered_storage.hpp"

/// What somebody may write who writes to the storage of an attack.
namespace mfa::test::hostile {

template <class Value> std::string bytes_of_value(const Value& value) {
  if constexpr (std::is_same_v<Value, std::string>)
    return value;
  else if constexpr (std::is_same_v<Value, std::optional<Time>>)
    return value ? std::to_string(value->time_since_epoch().count()) : "none";
  else if constexpr (std::is_same_v<Value, Time>)
    return std::to_string(value.time_since_epoch().count());
  else
    return std::to_string(static_cast<std::uint64_t>(value));
}

/// Not a field that holds an id or text: bytes that only the library reads.
[[nodiscard]] inline bool is_opaque(std::string_view field) {
  return field == "parameters" || field == "sealed" || field == "answer" || field == "binding" ||
         field == "data";
}

/// Calls `visit` with the value of a field.
template <class Record, class Visit> void with_field(Record& record, std::string_view field, Visit visit) {
  for_each_field(record, [&](std::string_view name, auto& value) {
    if (name == field) visit(value);
  });
}

template <class Record> void copy_field(Record& to, const Record& from, std::string_view field) {
  with_field(to, field, [&](auto& value) {
    Record copy = from;
    with_field(copy, field, [&](auto& other) {
      if constexpr (std::is_same_v<decltype(value), decltype(other)>) value = other;
    });
  });
}

/// Every edit of the records of an attack, each made only if it is asked for.
template <class StoragePolicy> class Edits {
 public:
  using Make = std::function<std::optional<Edit>()>;
  using Visit = std::function<void(const std::string& sort, const Make& make)>;

  explicit Edits(const Attack<StoragePolicy>& attack) : attack_(attack) {
    std::set<std::string> opaque;
    for (const auto& [id, versions] : attack_.scene.storage.history())
      for (const auto& version : versions) {
        if (!version.record) continue;
        std::visit(
            [&](auto record) {
              auto& all = std::get<std::vector<decltype(record)>>(versions_);
              record.version = 0;
              if (std::ranges::find(all, record) == all.end()) all.push_back(record);
            },
            *version.record);
      }
    for (const auto& [id, record] : attack_.sound())
      std::visit(
          [&](auto fields) {
            for_each_field(fields, [&](std::string_view field, auto& value) {
              if constexpr (std::is_same_v<decltype(value), std::string&>)
                if (is_opaque(field)) opaque.insert(value);
            });
          },
          record);
    opaque_.assign(opaque.begin(), opaque.end());
  }

  /// Every edit that brings no record back to what it was once. `visit` gets its sort, with the field after a
  /// tab if it is one field that is edited.
  void visit_all(const Visit& visit_edit) const {
    const Visit visit = [&](const std::string& sort, const Make& make) {
      visit_edit(sort, [&]() -> std::optional<Edit> {
        auto edit = make();
        if (edit && brings_back(*edit)) edit.reset();
        return edit;
      });
    };
    for (const auto& [id, record] : attack_.sound())
      std::visit([&](const auto& of_a_kind) { visit_record(of_a_kind, visit); }, record);
    for (auto first = attack_.sound().begin(); first != attack_.sound().end(); ++first)
      for (auto second = std::next(first); second != attack_.sound().end(); ++second)
        if (first->second.index() == second->second.index())
          std::visit(
              [&](const auto& of_a_kind) {
                visit_swaps(of_a_kind, std::get<std::decay_t<decltype(of_a_kind)>>(second->second), visit);
              },
              first->second);
    visit_pointed(visit);
  }

  /// Every record as it was once, alone, with another that has to do with it, and with all others.
  /// `visit` gets what was rolled back.
  void visit_rollbacks(const Visit& visit) const {
    std::set<std::size_t> commits;
    for (const auto& [id, versions] : attack_.scene.storage.history()) {
      for (const auto& version : versions) {
        commits.insert(version.commit);
        if (!is_sound(id, version.record))
          visit(attack_.sort_of(id), [this, &id = id, &version] { return rollback(id, version); });
      }
    }
    for (const auto& [id, record] : attack_.sound())
      if (const auto* challenge = std::get_if<storage::ChallengeRecord>(&record))
        visit_pairs(id, challenge->factor_id, visit);
    constexpr std::size_t recent = 120; // before them, one in so many
    constexpr std::size_t step = 5;
    for (const std::size_t commit : commits)
      if (commit + recent > *commits.rbegin() || commit % step == 0)
        visit("everything", [&, commit] { return rollback_all(commit); });
  }

  /// Every record alone, and some together.
  void visit_deletions(const Visit& visit) const {
    const auto removal = [&](const std::string& id) {
      return Change{table_of(attack_.sound().find(id)->second), id, std::nullopt};
    };
    for (const auto& [id, record] : attack_.sound())
      visit(attack_.sort_of(id), [this, &removal, &id = id]() -> std::optional<Edit> {
        return Edit{attack_.name_of(id) + " deleted", {removal(id)}};
      });
    const auto all = [&](const std::string& what, const auto& chosen) {
      visit(what, [&, chosen]() -> std::optional<Edit> {
        Edit edit{what + " deleted", {}};
        for (const auto& [id, record] : attack_.sound())
          if (chosen(record)) edit.changes.push_back(removal(id));
        return edit;
      });
    };
    all("everything",
        [](const AnyRecord& record) { return table_of(record) == storage::RecordKind::counter; });
    all("everything",
        [](const AnyRecord& record) { return table_of(record) == storage::RecordKind::challenge; });
    for (const std::string& user : {attack_.scene.attacker.user_id, attack_.scene.victim.user_id})
      all("verified factors of a user", [user](const AnyRecord& record) {
        const auto* factor = std::get_if<storage::FactorRecord>(&record);
        return factor != nullptr && factor->user_id == user && factor->state == FactorState::verified;
      });
  }

  /// Fields of one version of a record put into another, and sometimes the same into a second record.
  [[nodiscard]] std::optional<Edit> draw(std::mt19937_64& random) const {
    Edit edit{.what = "", .changes = {}, .crosses = true};
    const std::size_t records = 1 + random() % 2;
    for (std::size_t i = 0; i < records; ++i) {
      auto at = attack_.sound().begin();
      std::advance(at, static_cast<std::ptrdiff_t>(random() % attack_.sound().size()));
      std::visit([&](const auto& of_a_kind) { draw_change(of_a_kind, random, edit); }, at->second);
    }
    return brings_back(edit) ? std::nullopt : std::optional(std::move(edit));
  }

 private:
  using Version = typename TamperedStorage<StoragePolicy>::Version;

  /// But for what the host may edit, and what the library does not decide by.
  static AnyRecord what_counts(AnyRecord record) {
    record = with_version(std::move(record), 0);
    if (auto* factor = std::get_if<storage::FactorRecord>(&record)) {
      factor->friendly_name.clear();
      factor->updated_at = {};
    } else if (auto* challenge = std::get_if<storage::ChallengeRecord>(&record)) {
      challenge->purge_at = {};
    } else {
      std::get<storage::CounterRecord>(record).purge_at = {};
    }
    return record;
  }

  /// Whether a change makes of a record one that it was before: see `visit_rollbacks`.
  [[nodiscard]] bool brings_back(const Edit& edit) const {
    return std::ranges::any_of(edit.changes, [&](const Change& change) {
      const auto versions = attack_.scene.storage.history().find(change.id);
      if (!change.to || versions == attack_.scene.storage.history().end()) return false;
      const AnyRecord edited = what_counts(*change.to);
      if (const auto sound = attack_.sound().find(change.id);
          sound != attack_.sound().end() && edited == what_counts(sound->second))
        return false;
      return std::ranges::any_of(versions->second, [&](const Version& version) {
        return version.record && what_counts(*version.record) == edited;
      });
    });
  }

  /// A challenge pointed at another factor of its kind, which is told that this is its latest.
  void visit_pointed(const Visit& visit) const {
    for (const auto& [id, record] : attack_.sound()) {
      const auto* challenge = std::get_if<storage::ChallengeRecord>(&record);
      const auto of =
          challenge == nullptr ? attack_.sound().end() : attack_.sound().find(challenge->factor_id);
      if (of == attack_.sound().end()) continue;
      const auto& factor = std::get<storage::FactorRecord>(of->second);
      for (const auto& [other_id, other_record] : attack_.sound()) {
        const auto* other = std::get_if<storage::FactorRecord>(&other_record);
        if (other == nullptr || other_id == factor.id || other->type != factor.type) continue;
        visit("a challenge pointed at another factor", [&, challenge, other]() -> std::optional<Edit> {
          auto pointed = *challenge;
          pointed.factor_id = other->id;
          auto told = *other;
          told.parameters = factor.parameters;
          return Edit{.what = attack_.name_of(pointed.id) + " pointed at " + attack_.name_of(other->id),
                      .changes = {change(told.id, told), change(pointed.id, pointed)},
                      .crosses = true};
        });
      }
    }
  }

  [[nodiscard]] bool is_sound(const std::string& id, const std::optional<AnyRecord>& record) const {
    const auto sound = attack_.sound().find(id);
    if (sound == attack_.sound().end()) return !record;
    return record && with_version(*record, 0) == with_version(sound->second, 0);
  }

  [[nodiscard]] std::optional<Edit> rollback(const std::string& id, const Version& version) const {
    if (!version.record) return std::nullopt; // a deletion
    return Edit{attack_.name_of(id) + " rolled back to commit " + std::to_string(version.commit),
                {{table_of(*version.record), id, version.record}},
                true};
  }

  void visit_pairs(const std::string& first, const std::string& second, const Visit& visit) const {
    const auto& history = attack_.scene.storage.history();
    if (!history.contains(second)) return;
    for (const auto& a : history.find(first)->second)
      for (const auto& b : history.find(second)->second)
        if (!is_sound(first, a.record) && !is_sound(second, b.record))
          visit(attack_.sort_of(second), [&]() -> std::optional<Edit> {
            auto edit = rollback(first, a);
            const auto other = rollback(second, b);
            if (!edit || !other) return std::nullopt;
            edit->what += ", " + other->what;
            edit->changes.insert(edit->changes.begin(), other->changes.front());
            return edit;
          });
  }

  [[nodiscard]] std::optional<Edit> rollback_all(std::size_t commit) const {
    Edit edit{"all rolled back to commit " + std::to_string(commit), {}, true};
    for (const auto& [id, versions] : attack_.scene.storage.history()) {
      std::optional<AnyRecord> record;
      for (const auto& version : versions)
        if (version.commit <= commit) record = version.record;
      if (is_sound(id, record)) continue;
      const auto table = record ? table_of(*record) : table_of(*versions.front().record);
      edit.changes.push_back({table, id, record});
    }
    // A challenge comes after its factor, and goes before it.
    std::ranges::stable_sort(edit.changes, {}, [](const Change& change) {
      return change.to ? static_cast<int>(change.table) : -1 - static_cast<int>(change.table);
    });
    return edit;
  }

  template <class Record>
  Edit edit_of(const Record& record, std::string what, Record edited, bool crosses) const {
    return {.what = attack_.name_of(record.id) + ": " + std::move(what),
            .changes = {change(record.id, std::move(edited))},
            .crosses = crosses};
  }

  template <class Record> static Change change(const std::string& id, Record record) {
    record.id = id;
    AnyRecord any = std::move(record);
    const auto table = table_of(any);
    return {table, id, std::move(any)};
  }

  template <class Record> void visit_record(const Record& record, const Visit& visit) const {
    const auto& versions = std::get<std::vector<Record>>(versions_);
    Record fields = record;
    for_each_field(fields, [&](std::string_view field_name, auto& value) {
      const std::string field(field_name);
      if (field == "id" || field == "version") return;
      using Value = std::decay_t<decltype(value)>;
      const auto set = [&](const std::string& what, Value to, bool crosses) {
        if (to == value) return;
        visit("a field set to " + what + '\t' + field, [&, to]() -> std::optional<Edit> {
          Record edited = record;
          with_field(edited, field, [&](auto& changed) {
            if constexpr (std::is_same_v<std::decay_t<decltype(changed)>, Value>) changed = to;
          });
          return edit_of(record, field + " becomes " + what, std::move(edited), crosses);
        });
      };
      std::set<std::string> seen;
      for (const Record& version : versions) {
        Record copy = version;
        with_field(copy, field, [&](auto& other) {
          if constexpr (std::is_same_v<std::decay_t<decltype(other)>, Value>)
            if (seen.insert(bytes_of_value(other)).second) set("one that was seen", other, true);
        });
      }
      visit_edges(field, value, set);
    });
    // The whole record under an id that was not in use.
    for (const Record& version : versions)
      if (version.id == record.id)
        visit("a copy under a new id", [&, version]() -> std::optional<Edit> {
          std::string id = version.id;
          id.back() = id.back() == 'Z' ? 'Y' : 'Z';
          return Edit{.what = attack_.name_of(record.id) + ": copied to a new id",
                      .changes = {change(id, version)},
                      .crosses = true};
        });
  }

  template <class Value, class Set>
  void visit_edges(const std::string& field, const Value& value, const Set& set) const {
    if constexpr (std::is_same_v<Value, std::string>) {
      set("nothing", "", true);
      if (!is_opaque(field)) {
        for (const char* const text : {"u_third", "U_VICTIM", "u_victim ", "u_", "*", "%"})
          set("an edge", text, false);
        return;
      }
      for (const std::string& other : opaque_) set("bytes of another field", other, false);
      for (std::size_t bit = 0; bit < 8 * value.size(); ++bit) {
        std::string flipped = value;
        flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
        set("a flipped bit", std::move(flipped), false);
      }
      for (std::size_t size = 1; size < value.size(); ++size) {
        set("its beginning", value.substr(0, size), false);
        set("its end", value.substr(size), false);
      }
      set("itself and a byte", value + '\0', false);
      set("itself twice", value + value, false);
    } else if constexpr (std::is_enum_v<Value>) {
      for (unsigned number = 0; number <= 8; ++number) set("an edge", static_cast<Value>(number), true);
      set("an edge", static_cast<Value>(255), true);
    } else if constexpr (std::is_same_v<Value, std::uint32_t>) {
      for (const Value number : {Value{0}, Value{1}, Value{2}, value + 1, value - 1, Value{100},
                                 std::numeric_limits<Value>::max() - 1, std::numeric_limits<Value>::max()})
        set("an edge", number, false);
    } else if constexpr (!std::is_same_v<Value, std::uint64_t>) {
      if constexpr (std::is_same_v<Value, std::optional<Time>>) set("none", std::nullopt, false);
      const Time now = std::chrono::floor<std::chrono::milliseconds>(attack_.scene.clock.now());
      for (const auto milliseconds : {1LL, 30'000LL, 3'600'000LL, 86'400'000LL, 40'000'000'000LL})
        for (const Time time :
             {now - std::chrono::milliseconds(milliseconds), now + std::chrono::milliseconds(milliseconds)})
          set("an edge", time, false);
      for (const Time time : {Time{}, now, Time{std::chrono::milliseconds(-1)}, end_of_times,
                              end_of_times - std::chrono::milliseconds(1)})
        set("an edge", time, false);
    }
  }

  template <class Record>
  void visit_swaps(const Record& first, const Record& second, const Visit& visit) const {
    visit("two records swapped", [&]() -> std::optional<Edit> {
      return Edit{.what = attack_.name_of(first.id) + " and " + attack_.name_of(second.id) + " swapped",
                  .changes = {change(first.id, second), change(second.id, first)},
                  .crosses = true};
    });
    Record fields = first;
    for_each_field(fields, [&](std::string_view field_name, auto&) {
      const std::string field(field_name);
      if (field == "id" || field == "version") return;
      visit("a field of two records swapped\t" + field, [&, field]() -> std::optional<Edit> {
        Record a = first;
        Record b = second;
        copy_field(a, second, field);
        copy_field(b, first, field);
        if (a == first) return std::nullopt;
        return Edit{.what = field + " of " + attack_.name_of(first.id) + " and " +
                            attack_.name_of(second.id) + " swapped",
                    .changes = {change(first.id, a), change(second.id, b)},
                    .crosses = true};
      });
    });
  }

  template <class Record> void draw_change(const Record& record, std::mt19937_64& random, Edit& edit) const {
    for (const Change& other : edit.changes)
      if (other.id == record.id) return;
    const auto& versions = std::get<std::vector<Record>>(versions_);
    const Record& donor = versions[random() % versions.size()];
    const Record& second = versions[random() % versions.size()];
    const std::uint64_t chosen = random();
    const std::uint64_t of_second = random() & random();
    Record edited = record;
    std::string fields;
    std::size_t field_number = 0;
    for_each_field(edited, [&](std::string_view field, auto&) {
      if (field == "id" || field == "version") return;
      const std::size_t bit = field_number++;
      if ((chosen >> bit & 1) == 0) return;
      fields += fields.empty() ? "" : ", ";
      fields += field;
    });
    field_number = 0;
    Record fields_of = record;
    for_each_field(fields_of, [&](std::string_view field, auto&) {
      if (field == "id" || field == "version") return;
      const std::size_t bit = field_number++;
      if ((chosen >> bit & 1) == 0) return;
      copy_field(edited, (of_second >> bit & 1) != 0 ? second : donor, field);
    });
    edit.what +=
        (edit.what.empty() ? "" : "; ") + attack_.name_of(record.id) + ": " + fields + " of other records";
    edit.changes.push_back(change(record.id, edited));
  }

  const Attack<StoragePolicy>& attack_;
  std::tuple<std::vector<storage::FactorRecord>, std::vector<storage::ChallengeRecord>,
             std::vector<storage::CounterRecord>>
      versions_;
  std::vector<std::string> opaque_;
};

} // namespace mfa::test::hostile
