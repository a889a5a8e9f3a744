#pragma once

#include <cstddef>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis/client.hpp>
#include <mfa/storage/redis/opening.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/records.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/requests.hpp>

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
  [[nodiscard]] const std::vector<RedisWeakness>& weaknesses() const& noexcept {
    return state_->opened.weaknesses;
  }
  [[nodiscard]] std::vector<RedisWeakness> weaknesses() && noexcept {
    return std::move(state_->opened.weaknesses);
  }

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
        ask(detail::redis::find_challenge_with_factor(state_->keys, state_->opened.scripts, id));
    return detail::redis::found_challenge_with_factor(reply, id);
  }

  /// Oldest first; none for an empty `user_id`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return list_factors(user_id, {}, std::numeric_limits<std::size_t>::max());
  }

  /// Those whose ids come after `after_id`, which need not exist, at most `limit`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                       std::size_t limit) const {
    return list(state_->keys.of("user", user_id), after_id, limit, detail::redis::factor_of);
  }

  /// Of all users, in the order of their ids: those after `after_id`, which need not exist, at most `limit`.
  [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) const {
    return list(state_->keys.factors, after_id, limit, detail::redis::factor_if_readable);
  }

  [[nodiscard]] bool commit(const Batch& batch) {
    const auto request = detail::redis::commit(state_->keys, state_->opened.scripts, batch);
    return request && ask(*request).integer() == 1;
  }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many. Those
  /// that have expired in the server already are not counted.
  std::size_t purge(Time now, std::size_t limit) {
    detail::redis::Purge purge(state_->keys, state_->opened.scripts, now, limit);
    while (purge.goes_on()) purge.answered(ask(purge.next()));
    return purge.removed();
  }

 private:
  struct State {
    explicit State(RedisOptions options)
        : keys(options.key_prefix), client(std::move(options)), opened(detail::redis::open(client, keys)) {}

    detail::redis::Keys keys;
    detail::redis::Client client;
    detail::redis::Opened opened;
  };

  [[nodiscard]] detail::redis::Reply ask(const detail::redis::Request& request) const {
    return state_->client.ask(request);
  }

  template <class Record>
  std::optional<Record> find(std::string_view kind, std::string_view id,
                             Record (*record_of)(std::string_view id, std::string_view bytes)) const {
    return detail::redis::found(ask(detail::redis::find(state_->keys, kind, id)), id, record_of);
  }

  [[nodiscard]] std::vector<FactorRecord> list(std::string ids, std::string_view after_id, std::size_t limit,
                                               detail::redis::ReadFactor read) const {
    const auto reply = ask(
        detail::redis::list_factors(state_->keys, state_->opened.scripts, std::move(ids), after_id, limit));
    return detail::redis::listed_factors(reply, read);
  }

  detail::OwnedAtHome<State> state_;
};

} // namespace mfa::storage
