#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis/client.hpp>
#include <mfa/storage/redis/durability.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/records.hpp>
#include <mfa/storage/redis/scripts.hpp>

namespace mfa::storage {

/// Factors and challenges in Redis (6.2 or later) or Valkey, for any number of threads, processes and
/// machines.
///
/// Opening it connects, and refuses a server that may forget what was committed unless
/// `RedisOptions::durability` says otherwise. A commit is one script, which the server runs as one step. All
/// keys of a storage have one hash tag, so in a Redis Cluster they live on one node, which is found and
/// followed. Challenges and counters expire by themselves, a day after they might be purged at the earliest;
/// the server's clock need not agree with the host's. A failover to a replica may lose what was committed
/// last: see docs/redis.md.
///
/// In a forked process it throws, and leaves the parent's connections alone: open one there. Moved from, it
/// can only be assigned to or destroyed.
///
/// Functions throw `Error`: `errc::storage_failure` if the server cannot be reached or refuses,
/// `errc::storage_schema` if keys of our names are not ours, `errc::corrupt_record` for contents that this
/// library did not write. It is usable again as soon as the cause is gone. If `commit` or `purge` throws, the
/// writes may have happened or not; those of a commit all or none.
class Redis {
 public:
  explicit Redis(RedisOptions options = RedisOptions())
      : state_(detail::make_at_home<State>(std::move(options))) {}

  /// What was found, when it was opened, of why the server may forget what was committed; none with
  /// `RedisDurability::required`.
  [[nodiscard]] const std::vector<RedisWeakness>& weaknesses() const& noexcept { return state_->weaknesses; }
  [[nodiscard]] std::vector<RedisWeakness> weaknesses() && noexcept { return std::move(state_->weaknesses); }

  [[nodiscard]] std::optional<FactorRecord> find_factor(std::string_view id) const {
    return find("factor", id, detail::redis::factor_of);
  }

  [[nodiscard]] std::optional<ChallengeRecord> find_challenge(std::string_view id) const {
    return find("challenge", id, detail::redis::challenge_of);
  }

  [[nodiscard]] std::optional<CounterRecord> find_counter(std::string_view id) const {
    return find("counter", id, detail::redis::counter_of);
  }

  [[nodiscard]] std::optional<ChallengeWithFactor> find_challenge_with_factor(std::string_view id) const {
    const auto reply =
        state_->client.run("read a challenge from", state_->find_challenge_with_factor,
                           {key("challenge:", id)}, {state_->factor_prefix}, IfLost::ask_again);
    if (reply.size() != 2) return std::nullopt;
    ChallengeWithFactor found{detail::redis::challenge_of(id, reply[0].text()), std::nullopt};
    if (reply[1].is_text())
      found.factor = detail::redis::factor_of(found.challenge.factor_id, reply[1].text());
    return found;
  }

  /// Oldest first; none for an empty `user_id`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return list(key("user:", user_id), {}, std::numeric_limits<std::int64_t>::max());
  }

  /// Those whose ids come after `after_id`, which need not exist, at most `limit`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                       std::size_t limit) const {
    return list(key("user:", user_id), after_id, limit);
  }

  /// Of all users, in the order of their ids: those after `after_id`, which need not exist, at most `limit`.
  [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) const {
    return list(state_->factors_key, after_id, limit);
  }

  [[nodiscard]] bool commit(const Batch& batch) {
    BatchWords words(*state_);
    for (const auto& factor : batch.factors) words.write("factor:", factor);
    for (const auto& challenge : batch.challenges) words.write("challenge:", challenge);
    for (const auto& counter : batch.counters) words.write("counter:", counter);
    for (const auto& removal : batch.removals) {
      if (removal.version == 0) return false;
      words.remove(removal);
    }
    return words.run().integer() == 1;
  }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many. Those
  /// that have expired in the server already are not counted.
  std::size_t purge(Time now, std::size_t limit) {
    constexpr std::size_t at_once = 200; // since nothing else runs in the server meanwhile
    const auto time = detail::redis::text_of(now);
    std::size_t removed = 0;
    while (removed < limit) {
      const auto wanted = std::min(limit - removed, at_once);
      const auto count = std::to_string(wanted);
      const auto reply = state_->client.run("purge", state_->purge, {state_->purge_key},
                                            {state_->prefix, time, count}, IfLost::fail);
      if (reply.size() != 2) break;
      removed += static_cast<std::size_t>(reply[1].integer());
      if (static_cast<std::size_t>(reply[0].integer()) < wanted) break;
    }
    return removed;
  }

 private:
  using IfLost = detail::redis::IfLost;

  struct State {
    explicit State(RedisOptions options)
        : prefix("{" + options.key_prefix + "}:"), client(std::move(options)) {
      // First that, since in a Redis Cluster it leads to the node that has the keys.
      for (const auto& index : {factors_key, purge_key})
        (void)client.ask("open", std::array<std::string_view, 2>{"ZCARD", index}, IfLost::ask_again);
      const detail::redis::Settings settings(client);
      detail::redis::check_role(client, settings);
      weaknesses = detail::redis::weaknesses_of(settings);
      detail::redis::check_durability(client, weaknesses);
      commit = client.load(detail::redis::scripts::commit);
      find_challenge_with_factor = client.load(detail::redis::scripts::find_challenge_with_factor);
      list_factors = client.load(detail::redis::scripts::list_factors);
      purge = client.load(detail::redis::scripts::purge);
    }

    std::string prefix;
    std::string factor_prefix = prefix + "factor:";
    std::string factors_key = prefix + "factors";
    std::string purge_key = prefix + "purge";
    detail::redis::Client client;
    std::vector<RedisWeakness> weaknesses;
    detail::redis::Script commit;
    detail::redis::Script find_challenge_with_factor;
    detail::redis::Script list_factors;
    detail::redis::Script purge;
  };

  /// The keys and arguments of a commit.
  class BatchWords {
   public:
    explicit BatchWords(State& state) : state_(state) {}

    template <class Record> void write(std::string_view kind, const Record& record) {
      add(kind, record.id, detail::redis::head_of(record, record.version), detail::redis::bytes_of(record));
    }

    void remove(const Removal& removal) {
      const auto purge_at =
          removal.kind == RecordKind::factor ? detail::redis::no_purge_time : std::string_view();
      add(kind_of(removal.kind), removal.id, detail::redis::head(removal.version, purge_at, {}), {});
    }

    [[nodiscard]] detail::redis::Reply run() {
      std::vector<std::string_view> keys(keys_.begin(), keys_.end());
      keys.insert(keys.end(), {state_.factors_key, state_.purge_key});
      const std::vector<std::string_view> arguments(arguments_.begin(), arguments_.end());
      return state_.client.run("write to", state_.commit, keys, arguments, IfLost::fail);
    }

   private:
    static std::string_view kind_of(RecordKind kind) noexcept {
      switch (kind) {
      case RecordKind::factor: return "factor:";
      case RecordKind::challenge: return "challenge:";
      case RecordKind::counter: break;
      }
      return "counter:";
    }

    void add(std::string_view kind, std::string_view id, std::string head, std::string bytes) {
      keys_.push_back(state_.prefix + std::string(kind) + std::string(id));
      arguments_.push_back(std::move(head));
      arguments_.push_back(std::move(bytes));
    }

    State& state_;
    std::vector<std::string> keys_;
    std::vector<std::string> arguments_;
  };

  [[nodiscard]] std::string key(std::string_view kind, std::string_view id) const {
    return state_->prefix + std::string(kind) + std::string(id);
  }

  template <class Record>
  std::optional<Record> find(std::string_view kind, std::string_view id,
                             Record (*record_of)(std::string_view id, std::string_view bytes)) const {
    const auto record_key = state_->prefix + std::string(kind) + ':' + std::string(id);
    const auto reply = state_->client.ask("read from", std::array<std::string_view, 2>{"GET", record_key},
                                          IfLost::ask_again);
    if (!reply.is_text()) return std::nullopt;
    return record_of(id, reply.text());
  }

  [[nodiscard]] std::vector<FactorRecord> list(const std::string& ids, std::string_view after_id,
                                               std::uint64_t limit) const {
    const auto first = after_id.empty() ? "-" : '(' + std::string(after_id);
    const auto count =
        std::to_string(std::min<std::uint64_t>(limit, std::numeric_limits<std::int64_t>::max()));
    const auto reply = state_->client.run("list factors from", state_->list_factors, {ids},
                                          {state_->factor_prefix, first, count}, IfLost::ask_again);
    std::vector<FactorRecord> factors;
    factors.reserve(reply.size() / 2);
    for (std::size_t i = 0; i + 1 < reply.size(); i += 2)
      factors.push_back(detail::redis::factor_of(reply[i].text(), reply[i + 1].text()));
    return factors;
  }

  detail::OwnedAtHome<State> state_;
};

} // namespace mfa::storage
