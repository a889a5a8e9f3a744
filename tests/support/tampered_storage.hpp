#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::test {

/// A record of any table. No two tables have an id in common.
using AnyRecord = std::variant<storage::FactorRecord, storage::ChallengeRecord, storage::CounterRecord>;

[[nodiscard]] inline const std::string& id_of(const AnyRecord& record) {
  return std::visit([](const auto& of_a_kind) -> const std::string& { return of_a_kind.id; }, record);
}

[[nodiscard]] inline storage::RecordKind table_of(const AnyRecord& record) {
  return static_cast<storage::RecordKind>(record.index());
}

[[nodiscard]] inline AnyRecord with_version(AnyRecord record, std::uint64_t version) {
  std::visit([&](auto& of_a_kind) { of_a_kind.version = version; }, record);
  return record;
}

[[nodiscard]] inline std::uint64_t version_of(const AnyRecord& record) {
  return std::visit([](const auto& of_a_kind) { return of_a_kind.version; }, record);
}

/// One write of somebody who may write to the storage: what lies under the id from then on, or nothing.
struct Change {
  storage::RecordKind table{};
  std::string id;
  std::optional<AnyRecord> to;
};

/// A storage in whose records somebody else reads and writes, by the functions that every storage has. It
/// notes what each verb read and wrote, and every version that a record ever had.
template <class StoragePolicy> class TamperedStorage : public StoragePolicy {
 public:
  static constexpr bool ephemeral = true;

  using StoragePolicy::StoragePolicy;

  // --- what the verbs call

  [[nodiscard]] std::optional<storage::FactorRecord> find_factor(std::string_view id) const {
    note_read(id);
    return StoragePolicy::find_factor(id);
  }

  [[nodiscard]] std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) const {
    note_read(id);
    return StoragePolicy::find_challenge(id);
  }

  [[nodiscard]] std::optional<storage::CounterRecord> find_counter(std::string_view id) const {
    note_read(id);
    return StoragePolicy::find_counter(id);
  }

  [[nodiscard]] std::optional<storage::ChallengeWithFactor> find_challenge_with_factor(
      std::string_view id) const requires storage::FindsChallengeWithFactor<StoragePolicy> {
    note_read(id);
    auto found = StoragePolicy::find_challenge_with_factor(id);
    if (found) note_read(found->challenge.factor_id);
    return found;
  }

  [[nodiscard]] std::vector<storage::FactorRecord> list_factors(std::string_view user_id) const {
    if (reads_ != nullptr) lists_ = true;
    return StoragePolicy::list_factors(user_id);
  }
  using StoragePolicy::list_factors;

  bool commit(const storage::Batch& batch) {
    if (!StoragePolicy::commit(batch)) return false;
    for (const auto& factor : batch.factors) note_write(factor.id, factor);
    for (const auto& challenge : batch.challenges) note_write(challenge.id, challenge);
    for (const auto& counter : batch.counters) note_write(counter.id, counter);
    for (const auto& removal : batch.removals) note_write(removal.id, std::nullopt);
    return true;
  }

  // --- what the other calls

  [[nodiscard]] std::optional<AnyRecord> read(storage::RecordKind table, std::string_view id) const {
    const auto any = [](auto found) {
      return found ? std::optional<AnyRecord>(*std::move(found)) : std::nullopt;
    };
    switch (table) {
    case storage::RecordKind::factor: return any(StoragePolicy::find_factor(id));
    case storage::RecordKind::challenge: return any(StoragePolicy::find_challenge(id));
    case storage::RecordKind::counter: return any(StoragePolicy::find_counter(id));
    }
    return std::nullopt;
  }

  /// False if the storage does not take it.
  bool write(const Change& change) {
    std::optional<AnyRecord> now;
    std::uint64_t version = 0;
    try {
      now = read(change.table, change.id);
      if (!now && !change.to) return true;
      if (now) version = version_of(*now);
    } catch (const Error&) { // what lies there is none of the storage's, but this wrote it
      version = last_version_.at(change.id);
    }
    storage::Batch batch;
    if (!change.to)
      batch.removals.push_back({change.table, change.id, version});
    else if (now && with_version(*now, 0) == with_version(*change.to, 0))
      return true;
    else
      std::visit(
          [&](auto record) {
            record.version = version;
            add(batch, std::move(record));
          },
          *change.to);
    last_version_[change.id] = version + 1;
    return StoragePolicy::commit(batch);
  }

  /// What the verbs read between these two is added to `reads`.
  void trace(std::set<std::string, std::less<>>* reads) const {
    reads_ = reads;
    lists_ = false;
  }
  /// Whether they listed a user's factors.
  [[nodiscard]] bool listed() const noexcept { return lists_; }

  /// The ids that verbs wrote since this was called last.
  [[nodiscard]] std::vector<std::string> take_written() { return std::exchange(written_, {}); }

  /// All versions of each record in their order, each with the number of the commit that wrote it; nothing
  /// for a removal. Verbs add to it until `end_history`.
  struct Version {
    std::size_t commit;
    std::optional<AnyRecord> record;
  };
  [[nodiscard]] const std::map<std::string, std::vector<Version>, std::less<>>& history() const noexcept {
    return history_;
  }
  void end_history() noexcept { keeps_history_ = false; }

 private:
  static void add(storage::Batch& batch, storage::FactorRecord record) {
    batch.factors.push_back(std::move(record));
  }
  static void add(storage::Batch& batch, storage::ChallengeRecord record) {
    batch.challenges.push_back(std::move(record));
  }
  static void add(storage::Batch& batch, storage::CounterRecord record) {
    batch.counters.push_back(std::move(record));
  }

  void note_read(std::string_view id) const {
    if (reads_ != nullptr) reads_->insert(std::string(id));
  }

  void note_write(const std::string& id, std::optional<AnyRecord> record) {
    written_.push_back(id);
    if (!keeps_history_) return;
    history_[id].push_back({++commits_, std::move(record)});
  }

  mutable std::set<std::string, std::less<>>* reads_ = nullptr;
  mutable bool lists_ = false;
  bool keeps_history_ = true;
  std::size_t commits_ = 0;
  std::map<std::string, std::uint64_t> last_version_;
  std::vector<std::string> written_;
  std::map<std::string, std::vector<Version>, std::less<>> history_;
};

} // namespace mfa::test
