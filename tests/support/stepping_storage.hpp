#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::test {

/// What a storage holds, as plain values that a search can copy.
struct World {
  std::map<std::string, storage::FactorRecord, std::less<>> factors;
  std::map<std::string, storage::ChallengeRecord, std::less<>> challenges;
  std::map<std::string, storage::CounterRecord, std::less<>> counters;
  bool compares_versions = true; ///< false: a broken storage, to see that the checks notice one

  bool commit(const storage::Batch& batch) {
    const auto version = [](const auto& table, const std::string& id) {
      const auto row = table.find(id);
      return row == table.end() ? 0 : row->second.version;
    };
    bool unmoved = true;
    for (const auto& record : batch.factors)
      unmoved = unmoved && version(factors, record.id) == record.version;
    for (const auto& record : batch.challenges)
      unmoved = unmoved && version(challenges, record.id) == record.version;
    for (const auto& record : batch.counters)
      unmoved = unmoved && version(counters, record.id) == record.version;
    for (const auto& removal : batch.removals)
      unmoved = unmoved && removal.kind == storage::RecordKind::factor &&
                version(factors, removal.id) == removal.version;
    if (compares_versions && !unmoved) return false;
    const auto write = [](auto& table, auto record) {
      ++record.version;
      table.insert_or_assign(record.id, record);
    };
    for (const auto& record : batch.factors) write(factors, record);
    for (const auto& record : batch.challenges) write(challenges, record);
    for (const auto& record : batch.counters) write(counters, record);
    for (const auto& removal : batch.removals) factors.erase(removal.id);
    return true;
  }
};

/// A storage that stops at each operation. A verb depends only on what its operations return, so it is run
/// from the start each time, with the results so far; at the first operation that has none, it leaves by
/// `Stop`.
template <bool joined_find> class SteppingStorage {
 public:
  static constexpr bool ephemeral = true;

  struct Lost {}; ///< a commit that throws
  using Result = std::variant<std::optional<storage::FactorRecord>, std::optional<storage::ChallengeRecord>,
                              std::optional<storage::CounterRecord>,
                              std::optional<storage::ChallengeWithFactor>, bool, Lost>;
  /// The operation to carry out next: a find, or a commit of the batch.
  struct Operation {
    std::function<Result(const World&)> find;
    std::optional<storage::Batch> batch;
  };
  struct Stop {
    Operation operation;
  };

  /// Begins a run with these results.
  void replay(const std::vector<Result>& results) {
    results_ = &results;
    next_ = 0;
  }

  std::optional<storage::FactorRecord> find_factor(std::string_view id) {
    return step<std::optional<storage::FactorRecord>>(
        [id = std::string(id)](const World& world) -> Result { return look_up(world.factors, id); });
  }
  std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) {
    return step<std::optional<storage::ChallengeRecord>>(
        [id = std::string(id)](const World& world) -> Result { return look_up(world.challenges, id); });
  }
  std::optional<storage::CounterRecord> find_counter(std::string_view id) {
    return step<std::optional<storage::CounterRecord>>(
        [id = std::string(id)](const World& world) -> Result { return look_up(world.counters, id); });
  }
  std::optional<storage::ChallengeWithFactor>
  find_challenge_with_factor(std::string_view id) requires joined_find {
    return step<std::optional<storage::ChallengeWithFactor>>(
        [id = std::string(id)](const World& world) -> Result {
          auto challenge = look_up(world.challenges, id);
          if (!challenge) return std::optional<storage::ChallengeWithFactor>();
          auto factor = look_up(world.factors, challenge->factor_id);
          return std::optional(storage::ChallengeWithFactor{*std::move(challenge), std::move(factor)});
        });
  }
  std::vector<storage::FactorRecord> list_factors(std::string_view) { return {}; }

  bool commit(const storage::Batch& batch) {
    if (next_ == results_->size()) throw Stop{{{}, batch}};
    const Result& result = (*results_)[next_++];
    if (std::holds_alternative<Lost>(result)) throw Error(errc::storage_failure, "the answer was lost");
    return std::get<bool>(result);
  }

 private:
  template <class Table>
  static std::optional<typename Table::mapped_type> look_up(const Table& table, std::string_view id) {
    const auto row = table.find(id);
    return row == table.end() ? std::nullopt : std::optional(row->second);
  }

  template <class T> T step(std::function<Result(const World&)> find) {
    if (next_ == results_->size()) throw Stop{{std::move(find), {}}};
    return std::get<T>((*results_)[next_++]);
  }

  const std::vector<Result>* results_ = nullptr;
  std::size_t next_ = 0;
};

} // namespace mfa::test
