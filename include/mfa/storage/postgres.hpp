#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <list>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/pool.hpp>
#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/errors.hpp>
#include <mfa/storage/postgres/pooler.hpp>
#include <mfa/storage/postgres/records.hpp>
#include <mfa/storage/postgres/schema.hpp>
#include <mfa/storage/postgres/statements.hpp>
#include <mfa/storage/postgres/values.hpp>
#include <mfa/storage/process.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::storage {

/// What opening does about the schema, its tables and its function.
enum class Schema {
  migrate,     ///< creates what is missing and brings an earlier release's up to date, once for all nodes
  verify_only, ///< throws unless it is up to date; the host runs `postgres_schema_sql` by itself
};

struct PostgresOptions {
  /// A schema for this storage alone, 1 to 63 bytes.
  std::string schema_name = "mfa";
  Schema schema = Schema::migrate;
  /// Connections at most; further threads wait for one of them.
  std::size_t max_connections = 16;
  /// How long to wait for a new connection, or for one that other threads have; at least 2 s. A
  /// connect_timeout in the connection string goes before.
  std::chrono::seconds connect_timeout{5};
  /// How long the server may work on one operation; an answer that is a second later than that is given up.
  std::chrono::milliseconds statement_timeout{5000};
  /// How long an operation may wait for a lock of another transaction.
  std::chrono::milliseconds lock_timeout{2000};
};

/// The SQL that brings a schema from a version (0: none) to the one that this release needs, for hosts that
/// run their own migrations. It is one transaction. Throws `errc::invalid_argument`.
[[nodiscard]] inline std::string postgres_schema_sql(std::string_view schema_name = "mfa",
                                                     std::size_t from_version = 0) {
  const std::string quoted = detail::postgres::quoted_schema(schema_name);
  if (from_version > detail::postgres::migrations.size())
    throw Error(errc::invalid_argument, "this release of mfa knows no version " +
                                            std::to_string(from_version) +
                                            " of the schema for storage::Postgres");
  return "BEGIN;\nCREATE SCHEMA IF NOT EXISTS " + quoted + ";\n" +
         detail::postgres::migration_sql(quoted, from_version) + "COMMIT;\n";
}

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
    return find(state_->statements.factor, id, detail::postgres::read_factor);
  }

  [[nodiscard]] std::optional<ChallengeRecord> find_challenge(std::string_view id) const {
    return find(state_->statements.challenge, id, detail::postgres::read_challenge);
  }

  [[nodiscard]] std::optional<CounterRecord> find_counter(std::string_view id) const {
    return find(state_->statements.counter, id, detail::postgres::read_counter);
  }

  [[nodiscard]] std::optional<ChallengeWithFactor> find_challenge_with_factor(std::string_view id) const {
    return find(state_->statements.challenge_with_factor, id, detail::postgres::read_challenge_with_factor);
  }

  /// None for an empty `user_id`.
  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id) const {
    return list_factors(user_id, {}, std::numeric_limits<std::size_t>::max());
  }

  [[nodiscard]] std::vector<FactorRecord> list_factors(std::string_view user_id, std::string_view after_id,
                                                       std::size_t limit) const {
    Parameters parameters(3);
    parameters.bind_text(3, user_id);
    return page(state_->statements.factors_of_user, parameters, after_id, limit);
  }

  [[nodiscard]] std::vector<FactorRecord> scan_factors(std::string_view after_id, std::size_t limit) const {
    Parameters parameters(2);
    return page(state_->statements.all_factors, parameters, after_id, limit);
  }

  /// One round trip.
  [[nodiscard]] bool commit(const Batch& batch) {
    const auto calls = calls_of(batch);
    if (calls.empty()) return true;
    const auto connection = state_->lease();
    if (calls.size() == 1) {
      const auto result = connection->run(state_->statements.commit, calls.front().parameters());
      return !undone(*connection, result) &&
             Row(connection->storage(), result, 0).bytes(0) == std::string(1, '\1');
    }
    std::vector<const Parameters*> runs;
    for (const auto& call : calls) runs.push_back(&call.parameters());
    const auto results = connection->run_all(state_->statements.commit, runs);
    return std::none_of(results.begin(), results.end(),
                        [&](const Result& result) { return undone(*connection, result); });
  }

  /// Removes challenges and counters whose `purge_at` has come, at most `limit`, and returns how many. Those
  /// that are being written at the moment are left for the next call.
  std::size_t purge(Time now, std::size_t limit) {
    const auto connection = state_->lease();
    const auto purge = [&](const detail::postgres::Statement& statement, std::size_t most) -> std::size_t {
      if (most == 0) return 0;
      Parameters parameters(2);
      parameters.bind(1, now);
      parameters.bind_limit(2, most);
      const auto result = connection->run(statement, parameters);
      connection->check(result, statement.purpose, statement.writes);
      return result.removed();
    };
    const std::size_t purged = purge(state_->statements.purge_challenges, limit);
    return purged + purge(state_->statements.purge_counters, limit - purged);
  }

 private:
  using CommitCall = detail::postgres::CommitCall;
  using Connection = detail::postgres::Connection;
  using Parameters = detail::postgres::Parameters;
  using Result = detail::postgres::Result;
  using Row = detail::postgres::Row;
  using Lease = detail::Pool<Connection>::Lease;

  struct State {
    State(std::string connection, PostgresOptions given)
        : conninfo(std::move(connection)), options(std::move(given)),
          statements(detail::postgres::quoted_schema(options.schema_name)),
          connections(options.max_connections, "storage::Postgres") {
      using namespace std::chrono_literals;
      detail::postgres::check_conninfo(conninfo);
      // Zero would stand for no limit.
      timeouts.connect = std::clamp<std::chrono::seconds>(options.connect_timeout, 2s, 24h);
      timeouts.statement = std::clamp<std::chrono::milliseconds>(options.statement_timeout, 1ms, 24h);
      timeouts.lock = std::clamp<std::chrono::milliseconds>(options.lock_timeout, 1ms, 24h);
      const auto opened = connections.lease(timeouts.connect, [this] {
        auto first = std::make_unique<Connection>(conninfo, timeouts, detail::postgres::Session::leave);
        detail::postgres::require_session(*first, conninfo, timeouts);
        first->set_up();
        detail::postgres::require_closed(*first, statements.schema);
        if (options.schema == Schema::migrate) detail::postgres::migrate(*first, statements.schema);
        return prepared(std::move(first));
      });
      storage = opened->storage();
    }

    [[nodiscard]] std::unique_ptr<Connection> prepared(std::unique_ptr<Connection> connection) const {
      detail::postgres::verify_schema(*connection, statements.schema);
      connection->prepare(statements.all());
      return connection;
    }

    /// A connection that had not ended a moment ago. `is_new` tells whether it was made for this.
    [[nodiscard]] Lease lease(bool* is_new = nullptr) {
      for (;;) {
        bool made = false;
        auto connection = connections.lease(timeouts.connect, [&] {
          made = true;
          return prepared(std::make_unique<Connection>(conninfo, timeouts));
        });
        if (!connection) {
          throw Error(errc::storage_failure,
                      "cannot use " + storage + ": for " + std::to_string(timeouts.connect.count()) +
                          " s other threads had every connection. Raise PostgresOptions::max_connections, or "
                          "find what keeps the server busy.");
        }
        if (is_new != nullptr) *is_new = made;
        if (made || connection->is_alive()) return connection;
      }
    }

    std::string conninfo;
    PostgresOptions options;
    std::string storage;
    detail::postgres::Timeouts timeouts{};
    detail::postgres::Statements statements;
    detail::Pool<Connection> connections;
  };

  /// What to call for a batch: one call where it has at most one record of each kind, as those of a Verifier
  /// have. Otherwise a call a record, in the order of kind and id in which every batch locks.
  static std::list<CommitCall> calls_of(const Batch& batch) {
    struct Write {
      RecordKind kind;
      std::string_view id;
      std::function<void(CommitCall&)> add;
    };
    std::vector<Write> writes;
    const auto add = [&](RecordKind kind, const auto& record) {
      writes.push_back({kind, record.id, [&record](CommitCall& call) { call.write(record); }});
    };
    for (const FactorRecord& factor : batch.factors) add(RecordKind::factor, factor);
    for (const ChallengeRecord& challenge : batch.challenges) add(RecordKind::challenge, challenge);
    for (const CounterRecord& counter : batch.counters) add(RecordKind::counter, counter);
    for (const Removal& removal : batch.removals)
      writes.push_back({removal.kind, removal.id, [&removal](CommitCall& call) { call.remove(removal); }});
    std::sort(writes.begin(), writes.end(),
              [](const Write& a, const Write& b) { return std::tie(a.kind, a.id) < std::tie(b.kind, b.id); });
    const bool one_of_each =
        std::adjacent_find(writes.begin(), writes.end(),
                           [](const Write& a, const Write& b) { return a.kind == b.kind; }) == writes.end();
    std::list<CommitCall> calls;
    for (const Write& write : writes) {
      if (calls.empty() || !one_of_each) calls.emplace_back(!one_of_each);
      write.add(calls.back());
    }
    return calls;
  }

  /// Whether the server undid the transaction for the sake of another one. Throws for any other error.
  static bool undone(const Connection& connection, const Result& result) {
    const auto state = result.state();
    constexpr std::array<std::string_view, 3> conflicts{detail::postgres::conflict_state,
                                                        "40001",  // serialization_failure
                                                        "40P01"}; // deadlock_detected
    if (std::find(conflicts.begin(), conflicts.end(), state) != conflicts.end()) return true;
    connection.check(result, "commit to", true);
    return false;
  }

  /// `use(connection, result)`. What only reads can be tried again.
  template <class Use>
  auto read(const detail::postgres::Statement& statement, const Parameters& parameters, Use use) const {
    for (;;) {
      bool is_new = false;
      const auto connection = state_->lease(&is_new);
      try {
        const auto result = connection->run(statement, parameters);
        connection->check(result, statement.purpose);
        return use(*connection, result);
      } catch (const detail::postgres::ConnectionLost&) {
        if (is_new) throw;
      }
    }
  }

  template <class Record>
  std::optional<Record> find(const detail::postgres::Statement& statement, std::string_view id,
                             Record (*read_record)(const Row&)) const {
    Parameters parameters(1);
    parameters.bind_text(1, id);
    return read(statement, parameters, [&](const Connection& connection, const Result& result) {
      return result.rows() == 0 ? std::nullopt
                                : std::optional(read_record(Row(connection.storage(), result, 0)));
    });
  }

  std::vector<FactorRecord> page(const detail::postgres::Statement& statement, Parameters& parameters,
                                 std::string_view after_id, std::size_t limit) const {
    parameters.bind_text(1, after_id);
    parameters.bind_limit(2, limit);
    return read(statement, parameters, [&](const Connection& connection, const Result& result) {
      std::vector<FactorRecord> factors;
      factors.reserve(static_cast<std::size_t>(result.rows()));
      for (int row = 0; row < result.rows(); ++row)
        factors.push_back(detail::postgres::read_factor(Row(connection.storage(), result, row)));
      return factors;
    });
  }

  detail::OwnedAtHome<State> state_;
};

} // namespace mfa::storage
