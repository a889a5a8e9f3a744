#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/storage/memory.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/sqlite.hpp>

#include "forwarding_storage.hpp"

namespace mfa::test {

/// A storage in memory or in a file.
class AnyStorage : public ForwardingStorage<AnyStorage, storage::Memory> {
 public:
  AnyStorage() = default;
  explicit AnyStorage(storage::Sqlite in_a_file) : storage_(std::move(in_a_file)) {}

  auto around(std::string_view, auto call) { return std::visit(call, storage_); }

 private:
  std::variant<storage::Memory, storage::Sqlite> storage_;
};

/// What is wrong with a storage: each function given stands in for the sound one, which it may call.
struct Faults {
  std::function<std::optional<storage::FactorRecord>(AnyStorage&, std::string_view)> find_factor =
      &AnyStorage::find_factor;
  std::function<std::optional<storage::ChallengeRecord>(AnyStorage&, std::string_view)> find_challenge =
      &AnyStorage::find_challenge;
  std::function<std::optional<storage::CounterRecord>(AnyStorage&, std::string_view)> find_counter =
      &AnyStorage::find_counter;
  std::function<std::optional<storage::ChallengeWithFactor>(AnyStorage&, std::string_view)>
      find_challenge_with_factor = &AnyStorage::find_challenge_with_factor;
  std::function<std::vector<storage::FactorRecord>(AnyStorage&, std::string_view)> list_factors =
      [](AnyStorage& sound, std::string_view user_id) { return sound.list_factors(user_id); };
  std::function<std::vector<storage::FactorRecord>(AnyStorage&, std::string_view, std::string_view,
                                                   std::size_t)>
      page_factors = [](AnyStorage& sound, std::string_view user_id, std::string_view after_id,
                        std::size_t limit) { return sound.list_factors(user_id, after_id, limit); };
  std::function<std::vector<storage::FactorRecord>(AnyStorage&, std::string_view, std::size_t)> scan_factors =
      &AnyStorage::scan_factors;
  std::function<bool(AnyStorage&, storage::Batch)> commit = &AnyStorage::commit;
  std::function<std::size_t(AnyStorage&, Time, std::size_t)> purge = &AnyStorage::purge;
};

/// A storage with faults.
class FaultyStorage {
 public:
  FaultyStorage(std::shared_ptr<AnyStorage> sound, Faults faults)
      : sound_(std::move(sound)), faults_(std::move(faults)) {}

  auto find_factor(std::string_view id) { return faults_.find_factor(*sound_, id); }
  auto find_challenge(std::string_view id) { return faults_.find_challenge(*sound_, id); }
  auto find_counter(std::string_view id) { return faults_.find_counter(*sound_, id); }
  auto find_challenge_with_factor(std::string_view id) {
    return faults_.find_challenge_with_factor(*sound_, id);
  }
  auto list_factors(std::string_view user_id) { return faults_.list_factors(*sound_, user_id); }
  auto list_factors(std::string_view user_id, std::string_view after_id, std::size_t limit) {
    return faults_.page_factors(*sound_, user_id, after_id, limit);
  }
  auto scan_factors(std::string_view after_id, std::size_t limit) {
    return faults_.scan_factors(*sound_, after_id, limit);
  }
  bool commit(const storage::Batch& batch) { return faults_.commit(*sound_, batch); }
  std::size_t purge(Time now, std::size_t limit) { return faults_.purge(*sound_, now, limit); }

 private:
  std::shared_ptr<AnyStorage> sound_;
  Faults faults_;
};

} // namespace mfa::test
