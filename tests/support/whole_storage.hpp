#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/memory.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite.hpp>

#include "temporary_directory.hpp"

namespace mfa::test {

/// Everything that a storage holds.
struct Contents {
  std::vector<storage::FactorRecord> factors;
  std::vector<storage::ChallengeRecord> challenges;
  std::vector<storage::CounterRecord> counters;

  bool operator==(const Contents&) const = default;
};

/// A storage whose whole contents can be read: it notes the id of every record that a commit names, and only
/// commits change a storage.
template <class StoragePolicy> class WholeStorage : public StoragePolicy {
 public:
  static constexpr bool ephemeral = true;

  using StoragePolicy::StoragePolicy;

  bool commit(const storage::Batch& batch) {
    for (const auto& factor : batch.factors) factor_ids_.insert(factor.id);
    for (const auto& challenge : batch.challenges) challenge_ids_.insert(challenge.id);
    for (const auto& counter : batch.counters) counter_ids_.insert(counter.id);
    return StoragePolicy::commit(batch);
  }

  [[nodiscard]] Contents contents() const {
    Contents all;
    for (const auto& id : factor_ids_)
      if (auto factor = this->find_factor(id)) all.factors.push_back(*std::move(factor));
    for (const auto& id : challenge_ids_)
      if (auto challenge = this->find_challenge(id)) all.challenges.push_back(*std::move(challenge));
    for (const auto& id : counter_ids_)
      if (auto counter = this->find_counter(id)) all.counters.push_back(*std::move(counter));
    return all;
  }

 private:
  std::set<std::string> factor_ids_;
  std::set<std::string> challenge_ids_;
  std::set<std::string> counter_ids_;
};

/// A SQLite storage in a file of its own.
class TemporarySqlite : TemporaryDirectory, public storage::Sqlite {
 public:
  TemporarySqlite() : storage::Sqlite(path() + "/mfa.db", {.synchronous = storage::Synchronous::off}) {}
};

} // namespace mfa::test
