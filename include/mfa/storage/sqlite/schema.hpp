#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <thread>

#include <sqlite3.h>

#include <mfa/error.hpp>
#include <mfa/storage/sqlite/connection.hpp>

namespace mfa::detail::sqlite {

/// What leads from each version of our tables to the next, the first from none to 1. Append only: files that
/// were written by earlier releases depend on every one of them. All tables are named mfa_* and the version
/// is kept among them, so that they can live in a database that the host uses for more.
inline constexpr std::array<const char*, 1> migrations{
    R"sql(
CREATE TABLE mfa_schema (
  version INTEGER NOT NULL -- of the mfa_ tables; the migrations of mfa/storage/sqlite/schema.hpp
) STRICT;

-- ANY: text, or the same bytes as a BLOB where they hold a NUL. Times are milliseconds since 1970 in UTC.
CREATE TABLE mfa_factors (
  id ANY PRIMARY KEY,
  version INTEGER NOT NULL,
  type INTEGER NOT NULL,  -- mfa::FactorType
  state INTEGER NOT NULL, -- mfa::FactorState
  user_id ANY NOT NULL,
  friendly_name ANY NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  last_used_at INTEGER,
  failures INTEGER NOT NULL,
  last_failure_at INTEGER,
  parameters BLOB NOT NULL,
  sealed BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mfa_factors_by_user ON mfa_factors (user_id, id) WHERE user_id <> '';

CREATE TABLE mfa_challenges (
  id ANY PRIMARY KEY,
  version INTEGER NOT NULL,
  factor_id ANY NOT NULL, -- whose factor may be gone
  state INTEGER NOT NULL, -- mfa::ChallengeState
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  expires_at INTEGER,
  purge_at INTEGER NOT NULL,
  attempts_left INTEGER NOT NULL,
  answer BLOB NOT NULL,
  binding BLOB NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mfa_challenges_by_purge ON mfa_challenges (purge_at);

CREATE TABLE mfa_counters (
  id ANY PRIMARY KEY,
  version INTEGER NOT NULL,
  data BLOB NOT NULL,
  purge_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX mfa_counters_by_purge ON mfa_counters (purge_at);
)sql",
};

using Migrations = std::span<const char* const>;

[[noreturn]] inline void fail_schema(const Connection& connection, const std::string& why) {
  throw Error(errc::storage_schema, "cannot use the SQLite database '" + connection.file() + "': " + why);
}

/// The single value that a query answers with, or 0 if it has no row.
inline std::int64_t ask_integer(Connection& connection, const char* sql) {
  Statement statement(connection, "read", sql);
  Run run(statement);
  return run.step() ? run.integer(0) : 0;
}

inline std::string encoding(Connection& connection) {
  Statement statement(connection, "read", "PRAGMA encoding");
  Run run(statement);
  return run.step() ? run.text(0) : std::string();
}

/// The version of our tables in the file, 0 if there are none. Throws if this release cannot use it.
inline std::size_t schema_version(Connection& connection, Migrations known = migrations) {
  if (ask_integer(connection, "SELECT count(*) FROM sqlite_master WHERE name = 'mfa_schema'") == 0) return 0;
  if (ask_integer(connection, "SELECT count(*) FROM mfa_schema") != 1) {
    fail_schema(connection,
                "its table mfa_schema does not hold one version. Restore the file from a backup.");
  }
  const auto version = ask_integer(connection, "SELECT version FROM mfa_schema");
  if (version < 1) {
    fail_schema(connection, "its table mfa_schema names version " + std::to_string(version) +
                                ", which never was. Restore the file from a backup.");
  }
  if (static_cast<std::uint64_t>(version) > known.size()) {
    fail_schema(connection, "its mfa_ tables have version " + std::to_string(version) +
                                " and this release of mfa knows versions up to " +
                                std::to_string(known.size()) +
                                ". Use the release that wrote it, or a later one.");
  }
  return static_cast<std::size_t>(version);
}

/// Brings the tables to the newest known version, from any earlier one or from none, all or nothing. Of
/// several processes that do so at once, one does and the others find it done.
inline void migrate(Connection& connection, Migrations known = migrations) {
  const char* const purpose = "create the mfa_ tables of";
  if (schema_version(connection, known) == known.size()) return;
  Transaction::Statements statements(connection);
  Transaction transaction(statements);
  for (auto version = schema_version(connection, known); version < known.size(); ++version) {
    connection.execute(purpose, known[version]);
  }
  connection.execute(purpose, "DELETE FROM mfa_schema");
  const auto insert = "INSERT INTO mfa_schema (version) VALUES (" + std::to_string(known.size()) + ")";
  connection.execute(purpose, insert.c_str());
  transaction.commit();
}

/// Turns the write-ahead log on, which a database remembers. SQLite does not wait for the exclusive lock that
/// it needs here, so we do.
inline void use_write_ahead_log(Connection& connection) {
  const auto deadline = std::chrono::steady_clock::now() + connection.busy_timeout();
  for (;;) {
    Statement statement(connection, "set the journal mode of", "PRAGMA journal_mode = WAL");
    Run run(statement);
    const int result = sqlite3_step(statement.handle());
    if ((result & 0xff) == SQLITE_BUSY && std::chrono::steady_clock::now() < deadline) {
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      continue;
    }
    if (result != SQLITE_ROW) statement.fail(result);
    if (const auto mode = run.text(0); mode != "wal") {
      fail_schema(connection, "it cannot have a write-ahead log, only journal mode '" + mode +
                                  "'. Put the file on a local disk.");
    }
    return;
  }
}

/// Makes the file one that this release can use, or throws. Tables that it cannot use are left as they were.
inline void prepare_file(Connection& connection) {
  if (sqlite3_db_readonly(connection.handle(), "main") != 0) connection.fail(SQLITE_READONLY, "write to");
  if (const auto name = encoding(connection); name != "UTF-8") {
    fail_schema(connection, "it keeps text as " + name + ", which changes bytes that are not valid text. " +
                                "Give the path of another file.");
  }
  migrate(connection);
  use_write_ahead_log(connection);
}

} // namespace mfa::detail::sqlite
