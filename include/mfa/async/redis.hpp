#pragma once

#include <cstddef>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/async/loop.hpp>
#include <mfa/async/redis/pipelines.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/records.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/requests.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::async {

/// `storage::Redis` for hosts with an event loop: the same keys, options, errors and promises, but what waits
/// for the server suspends a coroutine and no thread. Usable from every thread that runs the loop.
///
/// Requests share connections: they are sent as they come, and answered in that order. So
/// `RedisOptions::max_connections` does not limit how many are under way.
///
/// What is passed to a function must live until its task has ended. A task may be destroyed wherever it is
/// suspended: a commit may then have happened, or happen yet; no other task is disturbed. Tasks may be
/// destroyed after the storage. Neither may be after the loop.
template <template <class> class Task, Loop Loop> class Redis {
 public:
  /// As that of `storage::Redis`, which blocks until the server is known to be usable: to be called before
  /// the loop has other work. Connections are made later, without blocking; but hiredis looks up the name of
  /// a host with a call that blocks, so that `RedisOptions::host` had better be an address.
  explicit Redis(Loop loop, const storage::RedisOptions& options = storage::RedisOptions())
      : state_(mfa::detail::make_at_home<State>(std::move(loop), options)) {}

  /// What was found, when it was opened, of why the server may forget what was committed; none with
  /// `RedisDurability::required`.
  [[nodiscard]] const std::vector<storage::RedisWeakness>& weaknesses() const& noexcept {
    return state_->site().opened.weaknesses;
  }
  [[nodiscard]] std::vector<storage::RedisWeakness> weaknesses() && {
    return state_->site().opened.weaknesses;
  }

  [[nodiscard]] Task<std::optional<storage::FactorRecord>> find_factor(std::string_view id) const {
    return find("factor", id, mfa::detail::redis::factor_of);
  }

  [[nodiscard]] Task<std::optional<storage::ChallengeRecord>> find_challenge(std::string_view id) const {
    return find("challenge", id, mfa::detail::redis::challenge_of);
  }

  [[nodiscard]] Task<std::optional<storage::CounterRecord>> find_counter(std::string_view id) const {
    return find("counter", id, mfa::detail::redis::counter_of);
  }

  [[nodiscard]] Task<std::optional<storage::ChallengeWithFactor>>
  find_challenge_with_factor(std::string_view id) const {
    return state_->ask(
        mfa::detail::redis::find_challenge_with_factor(keys(), scripts(), id),
        [id](const Reply& reply) { return mfa::detail::redis::found_challenge_with_factor(reply, id); });
  }

  /// Oldest first; none for an empty `user_id`.
  [[nodiscard]] Task<std::vector<storage::FactorRecord>> list_factors(std::string_view user_id) const {
    return list_factors(user_id, {}, std::numeric_limits<std::size_t>::max());
  }

  /// Those whose ids come after `after_id`, which need not exist, at most `limit`.
  [[nodiscard]] Task<std::vector<storage::FactorRecord>>
  list_factors(std::string_view user_id, std::string_view after_id, std::size_t limit) const {
    return list(keys().of("user", user_id), after_id, limit, mfa::detail::redis::factor_of);
  }

  /// Of all users, in the order of their ids: those after `after_id`, which need not exist, at most `limit`.
  [[nodiscard]] Task<std::vector<storage::FactorRecord>> scan_factors(std::string_view after_id,
                                                                      std::size_t limit) const {
    return list(keys().factors, after_id, limit, mfa::detail::redis::factor_if_readable);
  }

  [[nodiscard]] Task<bool> commit(const storage::Batch& batch) {
    auto request = mfa::detail::redis::commit(keys(), scripts(), batch);
    if (!request) return not_committed();
    return state_->ask(*std::move(request), [](const Reply& reply) { return reply.integer() == 1; });
  }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many. Those
  /// that have expired in the server already are not counted.
  [[nodiscard]] Task<std::size_t> purge(Time now, std::size_t limit) { return purge(*state_, now, limit); }

 private:
  using Reply = mfa::detail::redis::Reply;
  using State = mfa::detail::redis::Pipelines<Task, Loop>;

  [[nodiscard]] const mfa::detail::redis::Keys& keys() const noexcept { return state_->site().keys; }
  [[nodiscard]] const mfa::detail::redis::Scripts& scripts() const noexcept {
    return state_->site().opened.scripts;
  }

  template <class Record>
  Task<std::optional<Record>> find(std::string_view kind, std::string_view id,
                                   Record (*record_of)(std::string_view id, std::string_view bytes)) const {
    return state_->ask(mfa::detail::redis::find(keys(), kind, id), [id, record_of](const Reply& reply) {
      return mfa::detail::redis::found(reply, id, record_of);
    });
  }

  // NOLINTNEXTLINE(performance-unnecessary-value-param): ids are moved on, which clang-tidy does not see
  Task<std::vector<storage::FactorRecord>> list(std::string ids, std::string_view after_id, std::size_t limit,
                                                mfa::detail::redis::ReadFactor read_factor) const {
    return state_->ask(
        mfa::detail::redis::list_factors(keys(), scripts(), std::move(ids), after_id, limit),
        [read_factor](const Reply& reply) { return mfa::detail::redis::listed_factors(reply, read_factor); });
  }

  static Task<bool> not_committed() { co_return false; }

  static Task<std::size_t> purge(State& state, Time now, std::size_t limit) {
    mfa::detail::redis::Purge purge(state.site().keys, state.site().opened.scripts, now, limit);
    while (purge.goes_on()) {
      mfa::detail::redis::Request request = purge.next();
      const auto step = [&](const Reply& reply) {
        purge.answered(reply);
        return purge.removed();
      };
      (void)co_await state.ask(std::move(request), step);
    }
    co_return purge.removed();
  }

  mfa::detail::OwnedAtHome<State> state_;
};

} // namespace mfa::async
