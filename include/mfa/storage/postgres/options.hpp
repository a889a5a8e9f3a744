#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/storage/postgres/schema.hpp>

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

} // namespace mfa::storage
