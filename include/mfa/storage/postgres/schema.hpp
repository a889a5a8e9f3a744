#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/error.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/postgres/connection.hpp>
#include <mfa/storage/postgres/values.hpp>
#include <mfa/types.hpp>

namespace mfa::detail::postgres {

/// What leads from each version of our schema to the next, the first from none to 1. Append only: databases
/// that earlier releases wrote depend on every one of them. @schema@ stands for the schema's quoted name.
///
/// A host may run them with a search path on which another role has put functions, types or operators that
/// fit better than PostgreSQL's own (CVE-2018-1058). What can name its schema does, beside the search path
/// that `migration_sql` sets: tools take a transaction apart.
inline constexpr std::array<const char*, 1> migrations{
    R"sql(
CREATE TABLE @schema@.schema_version (
  version integer NOT NULL -- of this schema; the migrations of mfa/storage/postgres/schema.hpp
);

-- Ids are text, which is UTF-8, in bytea, which takes any byte and compares by bytes: SET bytea_output = escape
-- shows it. fields: all else, packed (mfa/storage/record_fields.hpp), as the server takes, writes and returns one
-- value sooner than ten. Times are milliseconds since 1970 in UTC. The room in each page keeps a changed row
-- beside its old one.
CREATE TABLE @schema@.factors (
  id pg_catalog.bytea PRIMARY KEY,
  version bigint NOT NULL,
  user_id pg_catalog.bytea NOT NULL,
  fields pg_catalog.bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX factors_by_user ON @schema@.factors (user_id, id) WHERE user_id OPERATOR(pg_catalog.<>) '';

CREATE TABLE @schema@.challenges (
  id pg_catalog.bytea PRIMARY KEY,
  version bigint NOT NULL,
  factor_id pg_catalog.bytea NOT NULL, -- whose factor may be gone
  purge_at bigint NOT NULL,
  fields pg_catalog.bytea NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX challenges_by_purge ON @schema@.challenges (purge_at);

CREATE TABLE @schema@.counters (
  id pg_catalog.bytea PRIMARY KEY,
  version bigint NOT NULL,
  data pg_catalog.bytea NOT NULL,
  purge_at bigint NOT NULL
) WITH (fillfactor = 80);
CREATE INDEX counters_by_purge ON @schema@.counters (purge_at);

-- Writes up to one record of each kind, all or none: false if a version had moved. A record without an id is
-- none; one without its fields or data is to be removed. The first write that finds its version moved ends it,
-- with nothing written; a later one has to undo the first, which only an error can, and so has every one when
-- must_write says that the transaction has written before. All callers lock in the same order.
CREATE FUNCTION @schema@.commit(
  must_write boolean,
  factor_id pg_catalog.bytea, factor_version bigint, factor_user_id pg_catalog.bytea,
  factor_fields pg_catalog.bytea,
  challenge_id pg_catalog.bytea, challenge_version bigint, challenge_factor_id pg_catalog.bytea,
  challenge_purge_at bigint, challenge_fields pg_catalog.bytea,
  counter_id pg_catalog.bytea, counter_version bigint, counter_data pg_catalog.bytea, counter_purge_at bigint
) RETURNS boolean LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $mfa$
#variable_conflict use_column
BEGIN
  IF factor_id IS NOT NULL THEN
    IF factor_fields IS NULL THEN
      DELETE FROM @schema@.factors WHERE id = factor_id AND version = factor_version;
    ELSIF factor_version = 0 THEN
      INSERT INTO @schema@.factors (id, version, user_id, fields)
      VALUES (factor_id, 1, factor_user_id, factor_fields)
      ON CONFLICT (id) DO NOTHING;
    ELSE
      UPDATE @schema@.factors SET version = version + 1, user_id = factor_user_id, fields = factor_fields
      WHERE id = factor_id AND version = factor_version;
    END IF;
    IF NOT FOUND THEN
      IF must_write THEN RAISE EXCEPTION 'a version had moved' USING ERRCODE = 'MF001'; END IF;
      RETURN false;
    END IF;
    must_write := true;
  END IF;

  IF challenge_id IS NOT NULL THEN
    IF challenge_fields IS NULL THEN
      DELETE FROM @schema@.challenges WHERE id = challenge_id AND version = challenge_version;
    ELSIF challenge_version = 0 THEN
      INSERT INTO @schema@.challenges (id, version, factor_id, purge_at, fields)
      VALUES (challenge_id, 1, challenge_factor_id, challenge_purge_at, challenge_fields)
      ON CONFLICT (id) DO NOTHING;
    ELSE
      UPDATE @schema@.challenges SET
        version = version + 1, factor_id = challenge_factor_id, purge_at = challenge_purge_at,
        fields = challenge_fields
      WHERE id = challenge_id AND version = challenge_version;
    END IF;
    IF NOT FOUND THEN
      IF must_write THEN RAISE EXCEPTION 'a version had moved' USING ERRCODE = 'MF001'; END IF;
      RETURN false;
    END IF;
    must_write := true;
  END IF;

  IF counter_id IS NOT NULL THEN
    IF counter_data IS NULL THEN
      DELETE FROM @schema@.counters WHERE id = counter_id AND version = counter_version;
    ELSIF counter_version = 0 THEN
      INSERT INTO @schema@.counters (id, version, data, purge_at)
      VALUES (counter_id, 1, counter_data, counter_purge_at)
      ON CONFLICT (id) DO NOTHING;
    ELSE
      UPDATE @schema@.counters SET version = version + 1, data = counter_data, purge_at = counter_purge_at
      WHERE id = counter_id AND version = counter_version;
    END IF;
    IF NOT FOUND THEN
      IF must_write THEN RAISE EXCEPTION 'a version had moved' USING ERRCODE = 'MF001'; END IF;
      RETURN false;
    END IF;
  END IF;
  RETURN true;
END
$mfa$;
)sql",
};

/// The view, which is made anew after the migrations, and so names the kinds of factor that the release
/// knows.
inline std::string view_sql() {
  std::string names;
  for (const std::string_view name : factor_type_names) (names += names.empty() ? "" : ",") += name;
  return R"sql(
-- For the host's own queries. The first bytes of a factor's fields are their format, its type and its state.
CREATE OR REPLACE VIEW @schema@.enrolled_factors AS SELECT
  pg_catalog.convert_from(id, 'UTF8') AS id,
  pg_catalog.convert_from(user_id, 'UTF8') AS user_id,
  ('{)sql" +
         names +
         R"sql(}'::pg_catalog.text[])[pg_catalog.get_byte(fields, 1)] AS type,
  ('{unverified,verified}'::pg_catalog.text[])[pg_catalog.get_byte(fields, 2)] AS state
FROM @schema@.factors;
)sql";
}

using Migrations = std::span<const char* const>;

/// The name as SQL writes it. Throws `errc::invalid_argument` for a name that cannot be a schema's.
inline std::string quoted_schema(std::string_view name) {
  constexpr std::size_t longest = 63; // bytes; the server would cut a longer one off
  const auto is_odd = [](char c) { return static_cast<unsigned char>(c) < ' ' || c == '$' || c == '\\'; };
  bool refused = name.empty() || name.size() > longest || name.starts_with("pg_");
  std::string quoted = "\"";
  for (const char c : name) {
    refused = refused || is_odd(c);
    quoted.append(c == '"' ? 2 : 1, c);
  }
  if (refused)
    throw Error(errc::invalid_argument,
                "the name of a schema for storage::Postgres has 1 to 63 bytes without '$', '\\' and "
                "control characters, and does not begin with pg_");
  return quoted + '"';
}

/// The text with the schema's name in it.
inline std::string with_schema(std::string_view sql, std::string_view quoted) {
  constexpr std::string_view placeholder = "@schema@";
  std::string result;
  for (std::size_t start = 0;;) {
    const auto found = sql.find(placeholder, start);
    result += sql.substr(start, found - start);
    if (found == std::string_view::npos) return result;
    result += quoted;
    start = found + placeholder.size();
  }
}

/// The SQL, without a transaction around it, that leads from a version to the newest known one.
inline std::string migration_sql(std::string_view quoted, std::size_t from, Migrations known = migrations) {
  std::string sql = "SET LOCAL search_path = pg_catalog, pg_temp;\n";
  for (std::size_t version = from; version < known.size(); ++version) sql += known[version];
  sql += view_sql();
  sql += "DELETE FROM @schema@.schema_version;\nINSERT INTO @schema@.schema_version (version) VALUES (" +
         std::to_string(known.size()) + ");\n";
  return with_schema(sql, quoted);
}

[[noreturn]] inline void fail_schema(const Connection& connection, std::string_view quoted,
                                     const std::string& why) {
  throw Error(errc::storage_schema,
              "cannot use the schema " + std::string(quoted) + " of " + connection.storage() + ": " + why);
}

/// A text without backslashes as an SQL literal.
inline std::string literal(std::string_view text) {
  std::string result = "'";
  for (const char c : text) result.append(c == '\'' ? 2 : 1, c);
  return result + "'";
}

/// Whether the database has the schema and, if one is named, a table in it. By a query: functions as
/// to_regclass go by what was so when the transaction began.
inline Conversation<bool> exists(Connection& connection, std::string_view quoted,
                                 std::string_view table = {}) {
  std::string sql = "SELECT pg_catalog.count(*) > 0 FROM pg_catalog.pg_namespace AS n";
  if (!table.empty())
    sql += " JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname = " + literal(table);
  sql += " WHERE n.nspname = (pg_catalog.parse_ident(" + literal(quoted) + "::pg_catalog.text))[1]";
  const Result found = co_await connection.execute("read the schema of", sql);
  co_return Row(connection.storage(), found, 0).bytes(0) == "t";
}

/// Throws if every role may create functions in the schema, which could pass for ours. Blocks.
inline void require_closed(Connection& connection, std::string_view quoted) {
  const Result open = block_on(connection.execute(
      "read the privileges of",
      "SELECT FROM pg_catalog.pg_namespace WHERE nspname = (pg_catalog.parse_ident(" + literal(quoted) +
          "::pg_catalog.text))[1]"
          " AND pg_catalog.has_schema_privilege('public', oid, 'CREATE')"));
  if (open.rows() != 0)
    fail_schema(
        connection, quoted,
        "every role may create functions in it, which would run as this one. REVOKE CREATE ON SCHEMA " +
            std::string(quoted) + " FROM PUBLIC, or name another schema.");
}

/// The version of our schema in the database, 0 if there is none. Throws if this release cannot use it.
inline Conversation<std::size_t> schema_version(Connection& connection, std::string_view quoted,
                                                Migrations known = migrations) {
  constexpr const char* purpose = "read the schema of";
  if (!co_await exists(connection, quoted, "schema_version")) co_return 0;
  const Result versions =
      co_await connection.execute(purpose, "SELECT version FROM " + std::string(quoted) + ".schema_version");
  if (versions.rows() != 1)
    fail_schema(connection, quoted,
                "its table schema_version does not hold one version. Restore it from a backup.");
  const std::string text = Row(connection.storage(), versions, 0).bytes(0);
  for (std::size_t version = 1; version <= known.size(); ++version)
    if (text == std::to_string(version)) co_return version;
  fail_schema(connection, quoted,
              "it has version " + text + " and this release of mfa knows versions up to " +
                  std::to_string(known.size()) + ". Use the release that wrote it, or a later one.");
}

/// Whether the view is that of a release with fewer kinds of factor, and this role may replace it. Blocks.
inline bool lacks_kinds(Connection& connection, std::string_view quoted) {
  const Result found = block_on(
      connection.execute("read the schema of",
                         "SELECT pg_catalog.count(*) > 0 FROM pg_catalog.pg_class AS c"
                         " JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace,"
                         " pg_catalog.translate(pg_catalog.pg_get_viewdef(c.oid), '{}', ',,') AS names"
                         " WHERE n.nspname = (pg_catalog.parse_ident(" +
                             literal(quoted) +
                             "::pg_catalog.text))[1] AND c.relname = 'enrolled_factors' AND c.relkind = 'v'"
                             " AND pg_catalog.pg_has_role(c.relowner, 'USAGE')"
                             " AND pg_catalog.strpos(names, " +
                             literal("," + std::string(factor_type_names.front()) + ",") +
                             ") > 0 AND pg_catalog.strpos(names, " +
                             literal("," + std::string(factor_type_names.back()) + ",") + ") = 0"));
  return Row(connection.storage(), found, 0).bytes(0) == "t";
}

/// Brings the schema to the newest known version, from any earlier one or from none, all or nothing. Of
/// several processes that do so at once, one does and the others find it done. A connection on which it
/// failed is of no more use. Blocks.
inline void migrate(Connection& connection, std::string_view quoted, Migrations known = migrations) {
  constexpr const char* purpose = "create the tables of";
  constexpr std::chrono::hours patience(
      24); // for indexes of large tables; the lock is not waited for as long
  const auto version = [&] { return block_on(schema_version(connection, quoted, known)); };
  const auto execute = [&](std::string sql, std::optional<std::chrono::milliseconds> at_most = {}) {
    (void)block_on(connection.execute(purpose, std::move(sql), at_most));
  };
  if (version() == known.size() && !lacks_kinds(connection, quoted)) return;
  execute("BEGIN");
  execute("SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = '1min';"
          "SELECT pg_catalog.pg_advisory_xact_lock(pg_catalog.hashtextextended(" +
              literal("mfa schema " + std::string(quoted)) + "::pg_catalog.text, 0::bigint))",
          patience);
  if (const auto is = version(); is < known.size() || lacks_kinds(connection, quoted)) {
    // Creating one that is there needs a privilege that the role may not have.
    if (!block_on(exists(connection, quoted))) execute("CREATE SCHEMA " + std::string(quoted));
    execute(migration_sql(quoted, is, known), patience);
  }
  execute("COMMIT");
}

/// Throws unless the schema is there in the newest known version.
inline Conversation<void> verify_schema(Connection& connection, std::string_view quoted,
                                        Migrations known = migrations) {
  const std::size_t version = co_await schema_version(connection, quoted, known);
  if (version == known.size()) co_return;
  const std::string is = version == 0 ? "it is not there" : "it has version " + std::to_string(version);
  fail_schema(
      connection, quoted,
      is + " and this release of mfa needs version " + std::to_string(known.size()) +
          ". Run what mfa::storage::postgres_schema_sql returns, or let PostgresOptions::schema create "
          "and migrate it.");
}

} // namespace mfa::detail::postgres
