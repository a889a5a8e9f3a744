#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/async/carry_on.hpp>
#include <mfa/async/loop.hpp>
#include <mfa/async/pool.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/database.hpp>
#include <mfa/storage/postgres/operations.hpp>
#include <mfa/storage/postgres/options.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::async {

/// `storage::Postgres` for hosts with an event loop: the same tables, options, errors and promises, but what
/// waits for the server, or for a connection that others have, suspends a coroutine and no thread. Usable
/// from every thread that runs the loop.
///
/// What is passed to a function must live until its task has ended. A task may be destroyed wherever it is
/// suspended: its connection is closed if it was in the middle of a request, and a commit may have happened
/// or not. Tasks may outlive the storage, but not the loop.
///
/// Who waits for a connection has its turn in the order of coming, for as long as `connect_timeout`; that it
/// was too long is noticed up to a second later.
template <template <class> class Task, Loop L> class Postgres {
 public:
  /// As that of `storage::Postgres`, which blocks until the database is known to be usable: to be called
  /// before the loop has other work. Later connections are made without blocking, but for looking up the
  /// names of hosts, which libpq does: write `hostaddr` besides, or have a resolver on the machine.
  Postgres(L loop, std::string connection, storage::PostgresOptions options = storage::PostgresOptions())
      : state_(new State(std::move(loop), std::move(connection), std::move(options)),
               mfa::detail::DeleteAtHome()) {}

  Postgres(Postgres&&) noexcept = default;
  Postgres& operator=(Postgres&&) noexcept = default;

  [[nodiscard]] Task<std::optional<storage::FactorRecord>> find_factor(std::string_view id) const {
    return carry_on(state_->operations.find_factor(id));
  }

  [[nodiscard]] Task<std::optional<storage::ChallengeRecord>> find_challenge(std::string_view id) const {
    return carry_on(state_->operations.find_challenge(id));
  }

  [[nodiscard]] Task<std::optional<storage::CounterRecord>> find_counter(std::string_view id) const {
    return carry_on(state_->operations.find_counter(id));
  }

  [[nodiscard]] Task<std::optional<storage::ChallengeWithFactor>>
  find_challenge_with_factor(std::string_view id) const {
    return carry_on(state_->operations.find_challenge_with_factor(id));
  }

  /// None for an empty `user_id`.
  [[nodiscard]] Task<std::vector<storage::FactorRecord>> list_factors(std::string_view user_id) const {
    return carry_on(state_->operations.list_factors(user_id));
  }

  [[nodiscard]] Task<std::vector<storage::FactorRecord>>
  list_factors(std::string_view user_id, std::string_view after_id, std::size_t limit) const {
    return carry_on(state_->operations.list_factors(user_id, after_id, limit));
  }

  [[nodiscard]] Task<std::vector<storage::FactorRecord>> scan_factors(std::string_view after_id,
                                                                      std::size_t limit) const {
    return carry_on(state_->operations.scan_factors(after_id, limit));
  }

  /// One round trip.
  [[nodiscard]] Task<bool> commit(const storage::Batch& batch) {
    return carry_on(state_->operations.commit(batch));
  }

  /// As `storage::Postgres::purge`.
  [[nodiscard]] Task<std::size_t> purge(Time now, std::size_t limit) {
    return carry_on(state_->operations.purge(now, limit));
  }

 private:
  using Connections = detail::Pool<mfa::detail::postgres::Connection>;

  struct State {
    State(L given_loop, std::string connection, storage::PostgresOptions options)
        : loop(std::move(given_loop)), database(std::move(connection), std::move(options)),
          connections(database.max_connections(), "async::Postgres") {
      connections.add(database.open());
    }

    /// A connection that had not ended a moment ago, as `Operations` wants it.
    mfa::detail::Conversation<typename Connections::Lease> lease(bool& is_new) {
      is_new = false;
      auto lease = co_await connections.lease(database.timeouts().connect);
      if (!lease) throw database.all_are_lent("tasks");
      is_new = lease.is_empty() || !lease->is_alive();
      if (is_new) {
        lease.put(nullptr);
        lease.put(co_await database.connecting());
      }
      co_return lease;
    }

    void tell_late() { connections.tell_late(); }

    const L loop;
    mfa::detail::postgres::Database database;
    Connections connections;
    mfa::detail::postgres::Operations<State> operations{*this, database.statements()};
  };

  template <class Result> Task<Result> carry_on(mfa::detail::Conversation<Result> conversation) const {
    return detail::carry_on<Task>(state_, std::move(conversation));
  }

  std::shared_ptr<State> state_;
};

} // namespace mfa::async
