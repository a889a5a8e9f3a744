#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include <mfa/fwd.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::storage {

/// Factors and challenges in the memory of the process, which end with it: for tests, and for hosts that load
/// their factors anew. Usable from many threads: a commit locks only the shards (of `shard_count`, 1 to 32)
/// that its records live in. Moved from, it can only be assigned to or destroyed. A template, so that only
/// files that use it spend the time to compile its maps; use it as `Memory`.
template <std::size_t shard_count> class BasicMemory {
  // Whoever locks more than 64 mutexes at once ends ThreadSanitizer, and a commit may lock all shards.
  static_assert(shard_count >= 1 && shard_count <= 32, "mfa: a Memory has 1 to 32 shards");

 public:
  static constexpr bool ephemeral = true;

  [[nodiscard]] std::optional<FactorRecord> find_factor(std::string_view id) const {
    return find(&Shard::factors, id);
  }

  [[nodiscard]] std::optional<ChallengeRecord> find_challenge(std::string_view id) const {
    return find(&Shard::challenges, id);
  }

  [[nodiscard]] std::optional<CounterRecord> find_counter(std::string_view id) const {
    return find(&Shard::counters, id);
  }

  [[nodiscard]] std::optional<ChallengeWithFactor> find_challenge_with_factor(std::string_view id) const {
    auto challenge = find_challenge(id);
    if (!challenge) return std::nullopt;
    auto factor = find_factor(challenge->factor_id);
    return ChallengeWithFactor{*std::move(challenge), std::move(factor)};
  }

  /// Oldest first; none for an empty `user_id`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return list_factors(user_id, {}, std::numeric_limits<std::size_t>::max());
  }

  /// Those after this id, at most `limit`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                       std::size_t limit) const {
    std::vector<std::string> ids;
    {
      const Hashed user_key(user_id);
      UserShard& shard = user_shard_of(user_key);
      const std::lock_guard lock(shard.mutex);
      if (const auto user = shard.factor_ids.find(user_key); user != shard.factor_ids.end())
        ids = user->second;
    }
    std::sort(ids.begin(), ids.end());
    std::vector<FactorRecord> factors;
    for (auto id = std::upper_bound(ids.begin(), ids.end(), after_id);
         id != ids.end() && factors.size() < limit; ++id)
      if (auto factor = find_factor(*id); factor && factor->user_id == user_id)
        factors.push_back(*std::move(factor));
    return factors;
  }

  /// All users' factors after this id in the order of ids, at most `limit`. Looks at every id in each call.
  [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) const {
    std::vector<FactorRecord> first; // a heap, with the largest id on top
    if (limit == 0) return first;
    const auto by_id = [](const FactorRecord& a, const FactorRecord& b) { return a.id < b.id; };
    for (Shard& shard : state_->shards) {
      const std::lock_guard lock(shard.mutex);
      for (const auto& [id, factor] : shard.factors) {
        if (id <= after_id || (first.size() == limit && id >= first.front().id)) continue;
        if (first.size() == limit) {
          std::pop_heap(first.begin(), first.end(), by_id);
          first.pop_back();
        }
        first.push_back(factor);
        std::push_heap(first.begin(), first.end(), by_id);
      }
    }
    std::sort_heap(first.begin(), first.end(), by_id);
    return first;
  }

  [[nodiscard]] bool commit(const Batch& batch) { return commit(Batch(batch)); }

  [[nodiscard]] bool commit(Batch&& batch) {
    const Locks locks(*state_, batch);
    const auto unmoved = [&](const auto& record) {
      const Hashed id(record.id);
      return version_of(records_like(record, shard_of(id)), id) == record.version;
    };
    const auto unmoved_removal = [&](const Removal& removal) {
      return removal.version != 0 && stored_version(removal) == removal.version;
    };
    for (const FactorRecord& factor : batch.factors)
      if (!unmoved(factor)) return false;
    for (const ChallengeRecord& challenge : batch.challenges)
      if (!unmoved(challenge)) return false;
    for (const CounterRecord& counter : batch.counters)
      if (!unmoved(counter)) return false;
    for (const Removal& removal : batch.removals)
      if (!unmoved_removal(removal)) return false;
    for (FactorRecord& factor : batch.factors) write(std::move(factor));
    for (ChallengeRecord& challenge : batch.challenges) write(std::move(challenge));
    for (CounterRecord& counter : batch.counters) write(std::move(counter));
    for (const Removal& removal : batch.removals) remove(removal);
    return true;
  }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many.
  std::size_t purge(Time now, std::size_t limit) {
    std::size_t removed = 0;
    const auto purge_map = [&](auto& records) {
      for (auto record = records.begin(); record != records.end() && removed < limit;) {
        if (record->second.purge_at > now) {
          ++record;
        } else {
          record = records.erase(record);
          ++removed;
        }
      }
    };
    // The next call goes on where this one ends, and does not search the same shards again.
    for (std::size_t i = 0; i < shard_count && removed < limit; ++i) {
      Shard& shard = state_->shards[state_->purge_shard.load() % shard_count];
      const std::lock_guard lock(shard.mutex);
      purge_map(shard.challenges);
      purge_map(shard.counters);
      if (removed < limit) ++state_->purge_shard;
    }
    return removed;
  }

 private:
  /// A text whose hash is computed once, for its shard and for the map.
  struct Hashed {
    std::string_view text;
    std::size_t hash;

    explicit Hashed(std::string_view given) noexcept
        : text(given), hash(std::hash<std::string_view>{}(given)) {}
    friend bool operator==(const Hashed& a, const std::string& b) noexcept { return a.text == b; }
  };
  struct TextHash {
    using is_transparent = void;
    // Not noexcept, at which libstdc++ would compute the hash of what it passes by instead of keeping it.
    std::size_t operator()(const std::string& text) const { return Hashed(text).hash; }
    std::size_t operator()(const Hashed& text) const { return text.hash; }
  };
  template <class T> using ByText = std::unordered_map<std::string, T, TextHash, std::equal_to<>>;

  struct alignas(64) Shard {
    std::mutex mutex;
    ByText<FactorRecord> factors;
    ByText<ChallengeRecord> challenges;
    ByText<CounterRecord> counters;
  };

  /// Which factors a user has. Locked after a `Shard`, never before one.
  struct alignas(64) UserShard {
    std::mutex mutex;
    ByText<std::vector<std::string>> factor_ids;
  };

  struct State {
    std::array<Shard, shard_count> shards;
    std::array<UserShard, shard_count> users;
    std::atomic<std::size_t> purge_shard{0};
  };

  [[nodiscard]] Shard& shard_of(const Hashed& id) const { return state_->shards[id.hash % shard_count]; }
  [[nodiscard]] UserShard& user_shard_of(const Hashed& id) const {
    return state_->users[id.hash % shard_count];
  }

  /// Holds the shards of a batch, locked in their order so that two commits cannot wait for each other.
  class Locks {
   public:
    Locks(State& state, const Batch& batch) : state_(state) {
      const auto add = [this](const auto& record) {
        mask_ |= std::uint32_t{1} << Hashed(record.id).hash % shard_count;
      };
      for (const auto& record : batch.factors) add(record);
      for (const auto& record : batch.challenges) add(record);
      for (const auto& record : batch.counters) add(record);
      for (const auto& record : batch.removals) add(record);
      for_each_shard([](Shard& shard) { shard.mutex.lock(); });
    }
    ~Locks() {
      for_each_shard([](Shard& shard) { shard.mutex.unlock(); });
    }
    Locks(const Locks&) = delete;
    Locks& operator=(const Locks&) = delete;

   private:
    template <class Use> void for_each_shard(Use use) {
      for (std::uint32_t rest = mask_; rest != 0; rest &= rest - 1)
        use(state_.shards[static_cast<std::size_t>(std::countr_zero(rest))]);
    }

    State& state_;
    std::uint32_t mask_ = 0;
  };

  template <class Records>
  std::optional<typename Records::mapped_type> find(Records Shard::*records, std::string_view id) const {
    const Hashed key(id);
    Shard& shard = shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto found = (shard.*records).find(key);
    return found == (shard.*records).end() ? std::nullopt : std::optional(found->second);
  }

  static auto& records_like(const FactorRecord&, Shard& shard) { return shard.factors; }
  static auto& records_like(const ChallengeRecord&, Shard& shard) { return shard.challenges; }
  static auto& records_like(const CounterRecord&, Shard& shard) { return shard.counters; }

  template <class Records> static std::uint64_t version_of(const Records& records, const Hashed& id) {
    const auto found = records.find(id);
    return found == records.end() ? 0 : found->second.version;
  }

  std::uint64_t stored_version(const Removal& removal) const {
    const Hashed id(removal.id);
    const Shard& shard = shard_of(id);
    switch (removal.kind) {
    case RecordKind::factor: return version_of(shard.factors, id);
    case RecordKind::challenge: return version_of(shard.challenges, id);
    case RecordKind::counter: return version_of(shard.counters, id);
    }
    return 0;
  }

  template <class Record> void write(Record&& record) {
    const Hashed key(record.id);
    auto& records = records_like(record, shard_of(key));
    const auto found = records.find(key);
    const bool is_new = found == records.end();
    if constexpr (std::is_same_v<Record, FactorRecord>) {
      const bool changes_user = !is_new && found->second.user_id != record.user_id;
      if (changes_user) unlist(found->second.user_id, record.id);
      if (is_new || changes_user) list(record.user_id, record.id);
    }
    ++record.version;
    if (is_new) {
      std::string id = record.id;
      records.emplace(std::move(id), std::forward<Record>(record));
    } else {
      found->second = std::forward<Record>(record);
    }
  }

  void remove(const Removal& removal) {
    const Hashed id(removal.id);
    Shard& shard = shard_of(id);
    switch (removal.kind) {
    case RecordKind::factor: {
      const auto found = shard.factors.find(id);
      unlist(found->second.user_id, removal.id);
      shard.factors.erase(found);
      return;
    }
    case RecordKind::challenge: shard.challenges.erase(shard.challenges.find(id)); return;
    case RecordKind::counter: shard.counters.erase(shard.counters.find(id)); return;
    }
  }

  void list(const std::string& user_id, const std::string& factor_id) {
    if (user_id.empty()) return;
    UserShard& shard = user_shard_of(Hashed(user_id));
    const std::lock_guard lock(shard.mutex);
    shard.factor_ids[user_id].push_back(factor_id);
  }

  void unlist(const std::string& user_id, std::string_view factor_id) {
    const Hashed key(user_id);
    UserShard& shard = user_shard_of(key);
    const std::lock_guard lock(shard.mutex);
    const auto user = shard.factor_ids.find(key);
    if (user == shard.factor_ids.end()) return;
    std::erase(user->second, factor_id);
    if (user->second.empty()) shard.factor_ids.erase(user);
  }

  std::unique_ptr<State> state_ = std::make_unique<State>();
};

} // namespace mfa::storage
