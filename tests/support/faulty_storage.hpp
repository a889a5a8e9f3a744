#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/record.hpp>

namespace mfa::test {

/// A storage with every function that one may offer, whatever its type.
struct AnyStorage {
  virtual ~AnyStorage() = default;
  virtual std::optional<storage::FactorRecord> find_factor(std::string_view id) = 0;
  virtual std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) = 0;
  virtual std::optional<storage::CounterRecord> find_counter(std::string_view id) = 0;
  virtual std::optional<storage::ChallengeWithFactor> find_challenge_with_factor(std::string_view id) = 0;
  virtual std::vector<storage::FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                          std::size_t limit) = 0;
  virtual std::vector<storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) = 0;
  virtual bool commit(const storage::Batch& batch) = 0;
  virtual std::size_t purge(Time now, std::size_t limit) = 0;
};

template <class Storage> class AsAnyStorage final : public AnyStorage {
 public:
  template <class... Arguments>
  explicit AsAnyStorage(Arguments&&... arguments) : storage_(std::forward<Arguments>(arguments)...) {}

  std::optional<storage::FactorRecord> find_factor(std::string_view id) override {
    return storage_.find_factor(id);
  }
  std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) override {
    return storage_.find_challenge(id);
  }
  std::optional<storage::CounterRecord> find_counter(std::string_view id) override {
    return storage_.find_counter(id);
  }
  std::optional<storage::ChallengeWithFactor> find_challenge_with_factor(std::string_view id) override {
    return storage_.find_challenge_with_factor(id);
  }
  std::vector<storage::FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                  std::size_t limit) override {
    return storage_.list_factors(user_id, after_id, limit);
  }
  std::vector<storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) override {
    return storage_.scan_factors(after_id, limit);
  }
  bool commit(const storage::Batch& batch) override { return storage_.commit(batch); }
  std::size_t purge(Time now, std::size_t limit) override { return storage_.purge(now, limit); }

 private:
  Storage storage_;
};

/// What is wrong with a storage: each function given stands in for the sound one, which it may call.
struct Faults {
  std::function<std::optional<storage::FactorRecord>(AnyStorage&, std::string_view)> find_factor = {};
  std::function<std::optional<storage::ChallengeRecord>(AnyStorage&, std::string_view)> find_challenge = {};
  std::function<std::optional<storage::CounterRecord>(AnyStorage&, std::string_view)> find_counter = {};
  std::function<std::optional<storage::ChallengeWithFactor>(AnyStorage&, std::string_view)>
      find_challenge_with_factor = {};
  std::function<std::vector<storage::FactorRecord>(AnyStorage&, std::string_view)> list_factors = {};
  std::function<std::vector<storage::FactorRecord>(AnyStorage&, std::string_view, std::string_view,
                                                   std::size_t)>
      page_factors = {};
  std::function<std::vector<storage::FactorRecord>(AnyStorage&, std::string_view, std::size_t)> scan_factors =
      {};
  std::function<bool(AnyStorage&, storage::Batch)> commit = {};
  std::function<std::size_t(AnyStorage&, Time, std::size_t)> purge = {};
};

/// A storage with faults.
class FaultyStorage {
 public:
  FaultyStorage(std::shared_ptr<AnyStorage> sound, Faults faults)
      : sound_(std::move(sound)), faults_(std::move(faults)) {}

  std::optional<storage::FactorRecord> find_factor(std::string_view id) {
    return faults_.find_factor ? faults_.find_factor(*sound_, id) : sound_->find_factor(id);
  }
  std::optional<storage::ChallengeRecord> find_challenge(std::string_view id) {
    return faults_.find_challenge ? faults_.find_challenge(*sound_, id) : sound_->find_challenge(id);
  }
  std::optional<storage::CounterRecord> find_counter(std::string_view id) {
    return faults_.find_counter ? faults_.find_counter(*sound_, id) : sound_->find_counter(id);
  }
  std::optional<storage::ChallengeWithFactor> find_challenge_with_factor(std::string_view id) {
    return faults_.find_challenge_with_factor ? faults_.find_challenge_with_factor(*sound_, id)
                                              : sound_->find_challenge_with_factor(id);
  }
  std::vector<storage::FactorRecord> list_factors(std::string_view user_id) {
    return faults_.list_factors ? faults_.list_factors(*sound_, user_id)
                                : sound_->list_factors(user_id, "", static_cast<std::size_t>(-1));
  }
  std::vector<storage::FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                  std::size_t limit) {
    return faults_.page_factors ? faults_.page_factors(*sound_, user_id, after_id, limit)
                                : sound_->list_factors(user_id, after_id, limit);
  }
  std::vector<storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) {
    return faults_.scan_factors ? faults_.scan_factors(*sound_, after_id, limit)
                                : sound_->scan_factors(after_id, limit);
  }
  bool commit(const storage::Batch& batch) {
    return faults_.commit ? faults_.commit(*sound_, batch) : sound_->commit(batch);
  }
  std::size_t purge(Time now, std::size_t limit) {
    return faults_.purge ? faults_.purge(*sound_, now, limit) : sound_->purge(now, limit);
  }

 private:
  std::shared_ptr<AnyStorage> sound_;
  Faults faults_;
};

} // namespace mfa::test
