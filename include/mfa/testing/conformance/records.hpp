#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/random.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/expect.hpp>
#include <mfa/verbs/ids.hpp>

namespace mfa::testing::conformance {

constexpr Time at(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

/// For records that nothing may purge or expire while the checks run: in the year 2200.
inline constexpr Time not_soon = at(7'258'118'400'000);

/// Makes a user of this id, or of another, in the host's own tables, and returns the id.
using MakeUser = std::function<std::string(const std::string& user_id)>;

/// Ids and users that nothing else in the storage has. Ids of one kind come in their order.
class Ids {
 public:
  explicit Ids(MakeUser make_user = {}) : make_user_(std::move(make_user)) {}

  std::string factor() { return factors_.emplace_back(next(detail::factor_id_prefix)); }
  std::string challenge() { return challenges_.emplace_back(next(detail::challenge_id_prefix)); }
  std::string counter() { return counter("sms_sends_" + std::string(38, '0') + next(std::string_view())); }
  std::string user() { return user(next("u_")); }

  /// These, which are the check's own.
  std::string counter(std::string id) { return counters_.emplace_back(std::move(id)); }

  /// This user, or another if the host's users are not called so.
  std::string user(const std::string& wished) {
    if (!make_user_) return wished;
    try {
      return make_user_(wished);
    } catch (const std::exception& error) {
      throw Broken("ConformanceOptions::make_user threw, for the user id " + shown(wished) + ": " +
                   error.what());
    }
  }

  /// Text that no other begins with.
  std::string unique(std::string_view prefix) { return next(prefix); }

  /// Ids of one kind that differ in one character each, in their order.
  std::vector<std::string> alike_factors() { return alike(factors_, detail::factor_id_prefix); }
  std::vector<std::string> alike_challenges() { return alike(challenges_, detail::challenge_id_prefix); }

  /// Stands before every factor of these ids, and is of none.
  [[nodiscard]] std::string before_factors() const {
    return std::string(detail::factor_id_prefix) + run_ + std::string(10, '0');
  }
  [[nodiscard]] bool is_factor(std::string_view id) const {
    return id.starts_with(std::string(detail::factor_id_prefix) + run_);
  }

  /// Removes what is left under these ids, as far as the storage lets it.
  template <class Storage> void remove_from(Storage& storage) const {
    const auto remove = [&storage](storage::RecordKind kind, const auto& found) {
      if (!found) return;
      storage::Batch batch; // one for each, since a broken storage may take several ids for one
      batch.removals.push_back({kind, found->id, found->version});
      (void)storage.commit(std::move(batch));
    };
    for (const auto& id : challenges_) remove(storage::RecordKind::challenge, storage.find_challenge(id));
    for (const auto& id : factors_) remove(storage::RecordKind::factor, storage.find_factor(id));
    for (const auto& id : counters_) remove(storage::RecordKind::counter, storage.find_counter(id));
  }

 private:
  static constexpr std::size_t number_size = 10;

  std::string next(std::string_view prefix) {
    const std::string number = std::to_string(++count_);
    return std::string(prefix) + run_ + std::string(number_size - number.size(), '0') + number;
  }

  /// Others have digits alone where these have letters.
  std::vector<std::string> alike(std::vector<std::string>& ids, std::string_view prefix) {
    const std::string base = next(prefix);
    std::vector<std::string> made{base};
    for (const std::size_t place : {base.size() - 1, base.size() - number_size})
      for (const char c : detail::ulid_alphabet)
        if (c > '9') {
          made.push_back(base);
          made.back()[place] = c;
        }
    std::ranges::sort(made);
    ids.insert(ids.end(), made.begin(), made.end());
    return made;
  }

  MakeUser make_user_;
  std::string run_ =
      std::string("0").append(crypto::random_digits(8, {})).append(crypto::random_digits(7, {}));
  std::size_t count_ = 0;
  std::vector<std::string> factors_;
  std::vector<std::string> challenges_;
  std::vector<std::string> counters_;
};

inline storage::FactorRecord factor(std::string id, std::string user_id = {}) {
  storage::FactorRecord record;
  record.id = std::move(id);
  record.type = FactorType::totp;
  record.user_id = std::move(user_id);
  return record;
}

inline storage::ChallengeRecord challenge(std::string id, std::string factor_id, Time purge_at = not_soon) {
  storage::ChallengeRecord record;
  record.id = std::move(id);
  record.factor_id = std::move(factor_id);
  record.purge_at = purge_at;
  return record;
}

inline storage::CounterRecord counter(std::string id, Time purge_at = not_soon) {
  storage::CounterRecord record;
  record.id = std::move(id);
  record.purge_at = purge_at;
  return record;
}

inline void add(storage::Batch& batch, storage::FactorRecord record) {
  batch.factors.push_back(std::move(record));
}
inline void add(storage::Batch& batch, storage::ChallengeRecord record) {
  batch.challenges.push_back(std::move(record));
}
inline void add(storage::Batch& batch, storage::CounterRecord record) {
  batch.counters.push_back(std::move(record));
}
inline void add(storage::Batch& batch, storage::Removal removal) {
  batch.removals.push_back(std::move(removal));
}

template <class... Writes> storage::Batch batch_of(const Writes&... writes) {
  storage::Batch batch;
  (add(batch, writes), ...);
  return batch;
}

template <class Record> Record at_version(Record record, std::uint64_t version) {
  record.version = version;
  return record;
}

/// As the `Verifier` does: as a temporary, which a storage may take over.
template <class Storage, class... Writes> bool commit(Storage& storage, const Writes&... writes) {
  return storage.commit(batch_of(writes...));
}

/// Commits what must be taken, and counts the versions up as the storage promises to.
template <class Storage, class... Records> void write(Storage& storage, Records&... records) {
  expect(commit(storage, records...), "commit takes a batch that names the stored versions", "false");
  (++records.version, ...);
}

template <class Storage>
std::optional<storage::FactorRecord> find_again(Storage& storage, const storage::FactorRecord& record) {
  return storage.find_factor(record.id);
}
template <class Storage>
std::optional<storage::ChallengeRecord> find_again(Storage& storage, const storage::ChallengeRecord& record) {
  return storage.find_challenge(record.id);
}
template <class Storage>
std::optional<storage::CounterRecord> find_again(Storage& storage, const storage::CounterRecord& record) {
  return storage.find_counter(record.id);
}

/// The record as it is stored now.
template <class Storage, class Record> Record found_in(Storage& storage, const Record& record) {
  auto found = find_again(storage, record);
  expect(found.has_value(), "the record " + record.id + ", which is stored", "nothing");
  return *std::move(found);
}

inline storage::Removal removal_of(const storage::FactorRecord& record) {
  return {storage::RecordKind::factor, record.id, record.version};
}
inline storage::Removal removal_of(const storage::ChallengeRecord& record) {
  return {storage::RecordKind::challenge, record.id, record.version};
}
inline storage::Removal removal_of(const storage::CounterRecord& record) {
  return {storage::RecordKind::counter, record.id, record.version};
}

/// That every record is stored as given.
template <class Storage, class... Records>
void expect_stored(Storage& storage, const std::string& when, const Records&... records) {
  (expect_found(records, find_again(storage, records), when), ...);
}

/// A new record of each kind, the challenge of the factor: not stored yet.
struct OfEachKind {
  explicit OfEachKind(Ids& ids)
      : factor(conformance::factor(ids.factor(), ids.user())),
        challenge(conformance::challenge(ids.challenge(), factor.id)),
        counter(conformance::counter(ids.counter())) {}

  storage::FactorRecord factor;
  storage::ChallengeRecord challenge;
  storage::CounterRecord counter;

  /// Calls `use` with each.
  template <class Use> void for_each(Use use) {
    use(factor);
    use(challenge);
    use(counter);
  }
};

} // namespace mfa::testing::conformance
