#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/storage/record.hpp>

#include "faulty_storage.hpp"

namespace mfa::test {

inline constexpr auto all = static_cast<std::size_t>(-1);

// --- how a fault looks at a batch

template <class Found> std::uint64_t version_of(const Found& found) { return found ? found->version : 0; }

inline std::uint64_t stored_version(AnyStorage& sound, const storage::FactorRecord& record) {
  return version_of(sound.find_factor(record.id));
}
inline std::uint64_t stored_version(AnyStorage& sound, const storage::ChallengeRecord& record) {
  return version_of(sound.find_challenge(record.id));
}
inline std::uint64_t stored_version(AnyStorage& sound, const storage::CounterRecord& record) {
  return version_of(sound.find_counter(record.id));
}
inline std::uint64_t stored_version(AnyStorage& sound, const storage::Removal& removal) {
  switch (removal.kind) {
  case storage::RecordKind::factor: return version_of(sound.find_factor(removal.id));
  case storage::RecordKind::challenge: return version_of(sound.find_challenge(removal.id));
  case storage::RecordKind::counter: return version_of(sound.find_counter(removal.id));
  }
  return 0;
}

template <class Use> void for_each_record(storage::Batch& batch, Use use) {
  for (auto& record : batch.factors) use(record);
  for (auto& record : batch.challenges) use(record);
  for (auto& record : batch.counters) use(record);
}

// --- faults

/// Takes a write for one of the stored version where `wrongly(named, stored)`.
template <class Wrongly> Faults takes_version(Wrongly wrongly) {
  return {.commit = [wrongly](AnyStorage& sound, storage::Batch batch) {
    for_each_record(batch, [&](auto& record) {
      const auto stored = stored_version(sound, record);
      if (wrongly(record.version, stored)) record.version = stored;
    });
    return sound.commit(batch);
  }};
}

/// Changes factors before they are written.
template <class Change> Faults changes_written_factors(Change change) {
  return {.commit = [change](AnyStorage& sound, storage::Batch batch) {
    for (auto& record : batch.factors) change(sound, record);
    return sound.commit(batch);
  }};
}

/// Takes counters for one another whose ids `fold` makes the same, as a collation or a short column does.
template <class Fold> Faults folds_counter_ids(Fold fold) {
  return {.find_counter =
              [fold](AnyStorage& sound, std::string_view id) {
                auto found = sound.find_counter(fold(std::string(id)));
                if (found) found->id = id;
                return found;
              },
          .commit =
              [fold](AnyStorage& sound, storage::Batch batch) {
                for (auto& counter : batch.counters) counter.id = fold(counter.id);
                for (auto& removal : batch.removals)
                  if (removal.kind == storage::RecordKind::counter) removal.id = fold(removal.id);
                return sound.commit(batch);
              }};
}

inline std::string in_lower_case(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// As MariaDB compares by default, by utf8mb4_bin too.
inline std::string without_spaces_at_the_end(std::string text) {
  while (text.ends_with(' ')) text.pop_back();
  return text;
}

/// As a collation does that knows the basic plane alone.
inline std::string without_other_planes(std::string text) {
  for (std::size_t i = 0; i < text.size(); ++i)
    if (static_cast<unsigned char>(text[i]) >= 0xf0) text.replace(i, 4, "?");
  return text;
}

/// As a collation does for which accents are marks of no weight.
inline std::string without_combining_marks(std::string text) {
  for (std::size_t i = 0; i + 1 < text.size();)
    if (static_cast<unsigned char>(text[i]) == 0xcc)
      text.erase(i, 2);
    else
      ++i;
  return text;
}

/// Leaves the writes in conflict out, and writes the rest.
template <class Write> Faults writes_the_rest(std::vector<Write> storage::Batch::*writes) {
  return {.commit = [writes](AnyStorage& sound, storage::Batch batch) {
    const auto left_out = std::erase_if(
        batch.*writes, [&](const Write& write) { return stored_version(sound, write) != write.version; });
    return sound.commit(batch) && left_out == 0;
  }};
}

inline bool unmoved(AnyStorage& sound, storage::Batch& batch) {
  bool all_are = true;
  const auto compare = [&](const auto& write) {
    all_are = all_are && stored_version(sound, write) == write.version;
  };
  for_each_record(batch, compare);
  for (const auto& removal : batch.removals) compare(removal);
  return all_are;
}

/// Compares versions, and writes a little later, whatever is stored by then.
inline bool check_then_write(AnyStorage& sound, storage::Batch batch) {
  if (!unmoved(sound, batch)) return false;
  std::this_thread::sleep_for(std::chrono::microseconds(100));
  for (bool written = false; !written;) {
    for_each_record(batch, [&](auto& record) { record.version = stored_version(sound, record); });
    std::erase_if(batch.removals,
                  [&](auto& removal) { return (removal.version = stored_version(sound, removal)) == 0; });
    written = sound.commit(batch);
  }
  return true;
}

/// The same of the writes to one table alone.
template <class Write> Faults checks_then_writes(std::vector<Write> storage::Batch::*writes) {
  return {.commit = [writes](AnyStorage& sound, storage::Batch batch) {
    if ((batch.*writes).empty()) return sound.commit(batch);
    if (!unmoved(sound, batch)) return false;
    std::this_thread::sleep_for(std::chrono::microseconds(100));
    for (;;) {
      for (auto& write : batch.*writes) write.version = stored_version(sound, write);
      if (sound.commit(batch)) return true;
      auto others = batch;
      (others.*writes).clear();
      if (!unmoved(sound, others)) return false;
    }
  }};
}

/// Compares all versions first, and then has a transaction for each table.
inline bool write_by_table(AnyStorage& sound, storage::Batch batch) {
  if (!unmoved(sound, batch)) return false;
  std::this_thread::sleep_for(std::chrono::microseconds(100));
  return sound.commit({batch.factors, {}, {}, {}}) && sound.commit({{}, batch.challenges, {}, {}}) &&
         sound.commit({{}, {}, batch.counters, {}}) && sound.commit({{}, {}, {}, batch.removals});
}

/// Shows what a transaction has written before it knows whether it commits.
inline Faults reads_uncommitted() {
  struct Written {
    std::mutex mutex;
    std::map<std::string, storage::CounterRecord> counters;
  };
  const auto written = std::make_shared<Written>();
  return {.find_counter = [written](AnyStorage& sound,
                                    std::string_view id) -> std::optional<storage::CounterRecord> {
            {
              const std::lock_guard lock(written->mutex);
              const auto found = written->counters.find(std::string(id));
              if (found != written->counters.end()) return found->second;
            }
            return sound.find_counter(id);
          },
          .commit =
              [written](AnyStorage& sound, const storage::Batch& batch) {
                for (const auto& counter : batch.counters) {
                  const std::lock_guard lock(written->mutex);
                  written->counters[counter.id] = counter;
                  ++written->counters[counter.id].version;
                }
                std::this_thread::sleep_for(std::chrono::microseconds(100));
                const bool committed = sound.commit(batch);
                const std::lock_guard lock(written->mutex);
                for (const auto& counter : batch.counters) written->counters.erase(counter.id);
                return committed;
              }};
}

/// Keeps the ids of a user's factors in one value, which a commit reads and then writes.
inline Faults lists_by_one_value() {
  using Ids = std::set<std::string>;
  struct Index {
    std::mutex mutex;
    std::map<std::string, Ids> users;

    Ids read(const std::string& user) {
      const std::lock_guard lock(mutex);
      return users[user];
    }
    void write(const std::string& user, Ids ids) {
      const std::lock_guard lock(mutex);
      users[user] = std::move(ids);
    }
  };
  const auto index = std::make_shared<Index>();
  return {.list_factors =
              [index](AnyStorage& sound, std::string_view user_id) {
                std::vector<storage::FactorRecord> factors;
                for (const auto& id : index->read(std::string(user_id)))
                  if (auto found = sound.find_factor(id)) factors.push_back(*std::move(found));
                return factors;
              },
          .commit =
              [index](AnyStorage& sound, const storage::Batch& batch) {
                if (!sound.commit(batch)) return false;
                for (const auto& factor : batch.factors) {
                  Ids ids = index->read(factor.user_id);
                  std::this_thread::sleep_for(std::chrono::microseconds(100));
                  ids.insert(factor.id);
                  index->write(factor.user_id, std::move(ids));
                }
                return true;
              }};
}

/// Lets a counter expire at the time that it was first written with.
inline Faults expires_by_first_time() {
  struct Expiry {
    std::mutex mutex;
    std::map<std::string, Time> times;
  };
  const auto expiry = std::make_shared<Expiry>();
  return {.find_counter = [expiry](AnyStorage& sound,
                                   std::string_view id) -> std::optional<storage::CounterRecord> {
            const Time now = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now());
            const std::lock_guard lock(expiry->mutex);
            const auto first = expiry->times.find(std::string(id));
            if (first != expiry->times.end() && first->second <= now) return std::nullopt;
            return sound.find_counter(id);
          },
          .commit =
              [expiry](AnyStorage& sound, const storage::Batch& batch) {
                const std::lock_guard lock(expiry->mutex);
                for (const auto& counter : batch.counters)
                  expiry->times.try_emplace(counter.id, counter.purge_at);
                return sound.commit(batch);
              }};
}

/// Looks for what is due, and removes it a little later, whatever it says by then.
inline std::size_t find_then_purge(AnyStorage& sound, std::vector<std::string> counters, Time now) {
  std::erase_if(counters, [&](const std::string& id) {
    const auto found = sound.find_counter(id);
    return !found || found->purge_at > now;
  });
  std::this_thread::sleep_for(std::chrono::microseconds(100));
  std::size_t removed = 0;
  for (const auto& id : counters)
    for (bool gone = false; !gone;) {
      const auto found = sound.find_counter(id);
      if (!found) break;
      gone = sound.commit({{}, {}, {}, {{storage::RecordKind::counter, id, found->version}}});
      removed += gone ? 1U : 0U;
    }
  return removed;
}

/// Answers before anything is written, and writes in a thread of its own.
class WriteBehind {
 public:
  explicit WriteBehind(AnyStorage& sound) : sound_(sound), thread_([this] { work(); }) {}
  WriteBehind(const WriteBehind&) = delete;
  WriteBehind& operator=(const WriteBehind&) = delete;
  ~WriteBehind() {
    {
      const std::lock_guard lock(mutex_);
      ended_ = true;
    }
    changed_.notify_one();
    thread_.join();
  }

  void add(storage::Batch batch) {
    {
      const std::lock_guard lock(mutex_);
      batches_.push_back(std::move(batch));
    }
    changed_.notify_one();
  }

 private:
  void work() {
    for (std::unique_lock lock(mutex_);;) {
      changed_.wait(lock, [this] { return ended_ || !batches_.empty(); });
      if (batches_.empty()) return;
      const auto batch = std::move(batches_.front());
      batches_.pop_front();
      lock.unlock();
      (void)sound_.commit(batch);
      lock.lock();
    }
  }

  AnyStorage& sound_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<storage::Batch> batches_;
  bool ended_ = false;
  std::thread thread_;
};

/// Takes the lock of each record in the order of the batch, as a database locks rows, and tells a deadlock as
/// one.
inline Faults locks_in_batch_order() {
  struct Rows {
    std::mutex mutex;
    std::set<std::string> locked;

    void lock(const std::string& id) {
      const auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(50);
      while (!try_lock(id)) {
        if (std::chrono::steady_clock::now() > deadline) throw std::runtime_error("deadlock detected");
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    }
    bool try_lock(const std::string& id) {
      const std::lock_guard guard(mutex);
      return locked.insert(id).second;
    }
    void unlock(const std::string& id) {
      const std::lock_guard guard(mutex);
      locked.erase(id);
    }
  };
  return {.commit = [rows = std::make_shared<Rows>()](AnyStorage& sound, storage::Batch batch) {
    std::vector<std::string> held;
    bool written = false;
    std::exception_ptr thrown;
    try {
      for_each_record(batch, [&](const auto& record) {
        rows->lock(record.id);
        held.push_back(record.id);
        std::this_thread::sleep_for(std::chrono::microseconds(200));
      });
      written = sound.commit(batch);
    } catch (...) {
      thrown = std::current_exception();
    }
    for (const auto& id : held) rows->unlock(id);
    if (thrown) std::rethrow_exception(thrown);
    return written;
  }};
}

/// Answers finds of a factor from a cache.
class Cache {
 public:
  explicit Cache(std::chrono::steady_clock::duration lifetime) : lifetime_(lifetime) {}

  std::optional<storage::FactorRecord> find(AnyStorage& sound, std::string_view id) {
    const std::lock_guard lock(mutex_);
    auto& entry = entries_[std::string(id)];
    const auto now = std::chrono::steady_clock::now();
    if (!entry.record || now - entry.since > lifetime_) entry = {sound.find_factor(id), now};
    return entry.record;
  }

  void forget() {
    const std::lock_guard lock(mutex_);
    entries_.clear();
  }

 private:
  struct Entry {
    std::optional<storage::FactorRecord> record;
    std::chrono::steady_clock::time_point since;
  };
  std::chrono::steady_clock::duration lifetime_;
  std::mutex mutex_;
  std::map<std::string, Entry> entries_;
};

/// A cache that only this instance's own commits end.
inline Faults caches_finds() {
  const auto cache = std::make_shared<Cache>(std::chrono::hours(1));
  return {.find_factor = [cache](AnyStorage& sound, std::string_view id) { return cache->find(sound, id); },
          .commit =
              [cache](AnyStorage& sound, const storage::Batch& batch) {
                cache->forget();
                return sound.commit(batch);
              }};
}

/// Lists factors from a memory of its own, which `remember` keeps.
template <class Remember> Faults lists_from_memory(Remember remember) {
  const auto memory = std::make_shared<std::map<std::string, storage::FactorRecord>>();
  return {.list_factors =
              [memory](AnyStorage&, std::string_view user_id) {
                std::vector<storage::FactorRecord> factors;
                for (const auto& [id, factor] : *memory)
                  if (factor.user_id == user_id) factors.push_back(factor);
                return factors;
              },
          .commit =
              [memory, remember](AnyStorage& sound, const storage::Batch& batch) {
                if (!sound.commit(batch)) return false;
                for (storage::FactorRecord factor : batch.factors) {
                  ++factor.version;
                  remember(*memory, factor);
                }
                return true;
              }};
}

/// Those of all factors that `belongs`, after an id.
template <class Belongs>
std::vector<storage::FactorRecord> page(AnyStorage& sound, std::size_t limit, Belongs belongs) {
  auto factors = sound.scan_factors("", all);
  std::erase_if(factors, [&](const auto& factor) { return !belongs(factor); });
  if (factors.size() > limit) factors.resize(limit);
  return factors;
}

/// Lists the factors of all users whose ids `fold` makes the same.
template <class Fold> Faults folds_user_ids(Fold fold) {
  return {.list_factors = [fold](AnyStorage& sound, std::string_view user_id) {
    const std::string folded = fold(std::string(user_id));
    if (folded.empty()) return std::vector<storage::FactorRecord>();
    return page(sound, all, [&](const auto& factor) { return fold(factor.user_id) == folded; });
  }};
}

} // namespace mfa::test
