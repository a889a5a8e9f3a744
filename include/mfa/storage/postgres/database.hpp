#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/options.hpp>
#include <mfa/storage/postgres/pooler.hpp>
#include <mfa/storage/postgres/schema.hpp>
#include <mfa/storage/postgres/statements.hpp>

namespace mfa::detail::postgres {

/// A database, and how each connection to it is made.
class Database {
 public:
  /// Throws `errc::invalid_argument` for what cannot be used.
  Database(std::string connection, storage::PostgresOptions given)
      : conninfo_(std::move(connection)), options_(std::move(given)),
        statements_(quoted_schema(options_.schema_name)) {
    using namespace std::chrono_literals;
    check_conninfo(conninfo_);
    // Zero would stand for no limit.
    timeouts_.connect = std::clamp<std::chrono::seconds>(options_.connect_timeout, 2s, 24h);
    timeouts_.statement = std::clamp<std::chrono::milliseconds>(options_.statement_timeout, 1ms, 24h);
    timeouts_.lock = std::clamp<std::chrono::milliseconds>(options_.lock_timeout, 1ms, 24h);
  }
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  /// The first connection, after which the database has the schema and is known to be usable. Blocks.
  std::unique_ptr<Connection> open() {
    auto first = std::make_unique<Connection>(conninfo_, timeouts_);
    require_session(*first, conninfo_, timeouts_);
    block_on(first->set_up());
    require_closed(*first, statements_.schema);
    if (options_.schema == storage::Schema::migrate) migrate(*first, statements_.schema);
    block_on(prepare(*first));
    name_ = first->storage();
    servers_ = first->servers();
    return first;
  }

  /// Another connection. Blocks.
  [[nodiscard]] std::unique_ptr<Connection> connect() const {
    auto connection = std::make_unique<Connection>(conninfo_, timeouts_);
    block_on(set_up(*connection));
    return connection;
  }

  /// Another connection.
  Conversation<std::unique_ptr<Connection>> connecting() const {
    auto connection = co_await Connection::connect(conninfo_, timeouts_, servers_, begin_with_);
    co_await set_up(*connection);
    co_return connection;
  }

  /// What to throw when none came free in time.
  [[nodiscard]] Error all_are_lent(const char* to_whom) const {
    return Error(errc::storage_failure,
                 "cannot use " + name_ + ": for " + std::to_string(timeouts_.connect.count()) + " s other " +
                     to_whom +
                     " had every connection. Raise PostgresOptions::max_connections, or find what keeps the "
                     "server busy.");
  }

  [[nodiscard]] const Statements& statements() const noexcept { return statements_; }
  [[nodiscard]] const Timeouts& timeouts() const noexcept { return timeouts_; }
  [[nodiscard]] std::size_t max_connections() const noexcept { return options_.max_connections; }

 private:
  Conversation<void> set_up(Connection& connection) const {
    co_await connection.set_up();
    co_await prepare(connection);
  }

  Conversation<void> prepare(Connection& connection) const {
    co_await verify_schema(connection, statements_.schema);
    const auto all = statements_.all();
    co_await connection.prepare(all);
  }

  const std::string conninfo_;
  const storage::PostgresOptions options_;
  const Statements statements_;
  Timeouts timeouts_{};
  std::string name_;
  std::vector<Server> servers_;
  mutable std::atomic<std::size_t> begin_with_ = 0; ///< of these
};

} // namespace mfa::detail::postgres
