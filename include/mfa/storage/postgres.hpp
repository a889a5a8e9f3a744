#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/conversation.hpp>
#include <mfa/storage/pool.hpp>
#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/database.hpp>
#include <mfa/storage/postgres/operations.hpp>
#include <mfa/storage/postgres/options.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::storage {

/// Factors and challenges in a PostgreSQL database (12 or later), for any number of threads, processes and
/// machines. Connect to the primary: of several hosts in the connection string, the one that takes writes is
/// used.
///
/// Connections are made when they are needed, kept, and replaced when they end. An operation on a kept
/// connection that turns out to have ended is tried on another if it only reads or was not sent; nothing else
/// is ever tried twice.
///
/// In a forked process it throws, and leaves the parent's connections alone: open one there. Moved from, it
/// can only be assigned to or destroyed.
///
/// Functions throw `Error`: `errc::storage_failure` if the server cannot be reached, does not answer in time
/// or refuses, `errc::storage_schema` if the schema is not ours or of a later release, `errc::corrupt_record`
/// for contents that this library did not write. It is usable again as soon as the cause is gone. If `commit`
/// throws, the writes may have happened or not, but all or none.
class Postgres {
 public:
  /// `connection` is a connection string or URI of libpq. Connects, and throws if that fails;
  /// `errc::invalid_argument` if it, or an option, cannot be used. No message holds its password.
  explicit Postgres(std::string connection, PostgresOptions options = PostgresOptions())
      : state_(detail::make_at_home<State>(std::move(connection), std::move(options))) {}

  [[nodiscard]] std::optional<FactorRecord> find_factor(std::string_view id) const {
    return detail::block_on(state_->operations.find_factor(id));
  }

  [[nodiscard]] std::optional<ChallengeRecord> find_challenge(std::string_view id) const {
    return detail::block_on(state_->operations.find_challenge(id));
  }

  [[nodiscard]] std::optional<CounterRecord> find_counter(std::string_view id) const {
    return detail::block_on(state_->operations.find_counter(id));
  }

  [[nodiscard]] std::optional<ChallengeWithFactor> find_challenge_with_factor(std::string_view id) const {
    return detail::block_on(state_->operations.find_challenge_with_factor(id));
  }

  /// None for an empty `user_id`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return detail::block_on(state_->operations.list_factors(user_id));
  }

  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                       std::size_t limit) const {
    return detail::block_on(state_->operations.list_factors(user_id, after_id, limit));
  }

  [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) const {
    return detail::block_on(state_->operations.scan_factors(after_id, limit));
  }

  /// One round trip.
  [[nodiscard]] bool commit(const Batch& batch) { return detail::block_on(state_->operations.commit(batch)); }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many. Those
  /// that are being written at the moment are left for the next call.
  std::size_t purge(Time now, std::size_t limit) {
    return detail::block_on(state_->operations.purge(now, limit));
  }

 private:
  using Connection = detail::postgres::Connection;

  struct State {
    State(std::string connection, PostgresOptions options)
        : database(std::move(connection), std::move(options)),
          connections(database.max_connections(), "storage::Postgres") {
      (void)connections.lease(database.timeouts().connect, [this] { return database.open(); });
    }

    /// A connection that had not ended a moment ago, as `Operations` wants it. Waits in this thread.
    detail::Conversation<detail::Pool<Connection>::Lease> lease(bool& is_new) {
      for (;;) {
        is_new = false;
        auto connection = connections.lease(database.timeouts().connect, [&] {
          is_new = true;
          return database.connect();
        });
        if (!connection) throw database.all_are_lent("threads");
        if (is_new || connection->is_alive()) co_return connection;
      }
    }

    detail::postgres::Database database;
    detail::Pool<Connection> connections;
    detail::postgres::Operations<State> operations{*this, database.statements()};
  };

  detail::OwnedAtHome<State> state_;
};

} // namespace mfa::storage
