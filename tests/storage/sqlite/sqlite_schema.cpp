// storage::Sqlite keeps its tables in the host's database, brings those of earlier releases up to date, and
// refuses what it cannot use, as it was.
#include <array>
#include <chrono>
#include <string>

#include <sqlite3.h>

#include <mfa/error.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/conformance/records.hpp>

#include "support/catch.hpp"
#include "support/sqlite_file.hpp"

using mfa::Time;
using mfa::storage::FactorRecord;
using mfa::storage::RecordKind;
using mfa::storage::Removal;
using mfa::storage::Sqlite;
using mfa::storage::Synchronous;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;
using namespace std::string_literals;

TEST_CASE("the tables live beside the host's own in one database") {
  const SqliteFile file;
  HostConnection host(file.path);
  host.execute("PRAGMA user_version = 17; PRAGMA application_id = 4711;"
               "CREATE TABLE users (name TEXT); INSERT INTO users VALUES ('alan')");
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f", "u_42")));
  CHECK(storage.find_factor("f"));
  CHECK(host.ask("SELECT name FROM users") == "alan");
  CHECK(host.ask("PRAGMA user_version") == "17");
  CHECK(host.ask("PRAGMA application_id") == "4711");
  CHECK(host.ask("SELECT version FROM mfa_schema") == "1");
  CHECK(host.ask("SELECT id FROM mfa_factors WHERE user_id = 'u_42'") == "f"); // an operator reads plain text
  CHECK(host.ask(
            "SELECT count(*) FROM sqlite_master WHERE name NOT LIKE 'mfa_%' AND name NOT LIKE 'sqlite_%'") ==
        "1");

  host.execute("CREATE TABLE later (x)"); // changes the schema under the prepared statements
  CHECK(storage.find_factor("f"));
  CHECK(commit(storage, factor("g")));
}

TEST_CASE("migrations lead from any earlier version to the newest, all or nothing") {
  using namespace mfa::detail::sqlite;
  const SqliteFile file;
  {
    Sqlite storage(file.path);
    REQUIRE(commit(storage, factor("f", "u_42")));
  }
  const auto migrate_to = [&](Migrations known) {
    Connection connection(file.path, SQLITE_OPEN_READWRITE, 5s);
    migrate(connection, known);
  };
  const std::array next{migrations[0], "ALTER TABLE mfa_factors ADD COLUMN note TEXT",
                        "UPDATE mfa_factors SET note = 'migrated'"};

  SECTION("over several versions") {
    migrate_to(next);
    migrate_to(next); // nothing is left to do
    HostConnection operators(file.path);
    CHECK(operators.ask("SELECT version FROM mfa_schema") == "3");
    CHECK(operators.ask("SELECT note FROM mfa_factors WHERE id = 'f'") == "migrated");
    check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "version 3");
  }
  SECTION("nothing if the last one fails") {
    const std::array failing{next[0], next[1], "UPDATE mfa_factors SET nothing = 1"};
    check_error([&] { migrate_to(failing); }, mfa::errc::storage_schema, file.path, "nothing");
    HostConnection operators(file.path);
    CHECK(operators.ask("SELECT version FROM mfa_schema") == "1");
    CHECK(operators.ask("SELECT count(*) FROM pragma_table_info('mfa_factors') WHERE name = 'note'") == "0");
    CHECK(Sqlite(file.path).find_factor("f"));
  }
}

TEST_CASE("a file of a later release is refused and left as it is") {
  const SqliteFile file;
  { const Sqlite storage(file.path); }
  HostConnection(file.path).execute("UPDATE mfa_schema SET version = 41");
  const auto before = contents(file.path);
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "version 41");
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "up to 1");
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path,
              "Use the release that wrote it");
  CHECK(contents(file.path) == before);
}

TEST_CASE("a file whose tables are not ours is refused and left as it is") {
  const SqliteFile file;
  const auto sql =
      GENERATE(as<std::string>(), "CREATE TABLE mfa_factors (x)", "CREATE TABLE mfa_schema (version)",
               "CREATE TABLE mfa_schema (version); INSERT INTO mfa_schema VALUES (1), (1)",
               "CREATE TABLE mfa_schema (version); INSERT INTO mfa_schema VALUES (0)",
               "CREATE TABLE mfa_schema (version); INSERT INTO mfa_schema VALUES ('one')",
               "CREATE TABLE mfa_schema (x)", "PRAGMA encoding = 'UTF-16'; CREATE TABLE notes (x)");
  INFO(sql);
  HostConnection(file.path).execute(sql);
  const auto before = contents(file.path);
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "ile");
  CHECK(contents(file.path) == before);
}

TEST_CASE("tables that lack a column are refused at opening") {
  const SqliteFile file;
  { const Sqlite storage(file.path); }
  HostConnection(file.path).execute("ALTER TABLE mfa_challenges DROP COLUMN binding");
  check_error([&] { Sqlite storage(file.path); }, mfa::errc::storage_schema, file.path, "binding");
}

TEST_CASE("a stored number that this release does not know is an error and not a guess") {
  const SqliteFile file;
  Sqlite storage(file.path, quick);
  REQUIRE(commit(storage, factor("f", "u_42"), challenge("c", "f")));
  struct Case {
    const char* sql;
    bool in_factor;
    const char* field;
  };
  const auto [sql, in_factor, field] = GENERATE(values<Case>({
      {"UPDATE mfa_factors SET type = 0", true, "type 0"},
      {"UPDATE mfa_factors SET type = 99", true, "type 99"},
      {"UPDATE mfa_factors SET type = 257", true, "type 257"},
      {"UPDATE mfa_factors SET type = -1", true, "type -1"},
      {"UPDATE mfa_factors SET state = 0", true, "state 0"},
      {"UPDATE mfa_factors SET state = 3", true, "state 3"},
      {"UPDATE mfa_factors SET failures = -1", true, "failures -1"},
      {"UPDATE mfa_factors SET failures = 4294967296", true, "failures 4294967296"},
      {"UPDATE mfa_challenges SET state = 0", false, "state 0"},
      {"UPDATE mfa_challenges SET state = 5", false, "state 5"},
      {"UPDATE mfa_challenges SET attempts_left = -1", false, "attempts_left -1"},
  }));
  INFO(sql);
  HostConnection(file.path).execute(sql);
  check_error([&] { (void)storage.find_challenge_with_factor("c"); }, mfa::errc::corrupt_record, file.path,
              field);
  if (in_factor) {
    check_error([&] { (void)storage.find_factor("f"); }, mfa::errc::corrupt_record, file.path, field);
    check_error([&] { (void)storage.list_factors("u_42"); }, mfa::errc::corrupt_record, file.path, field);
    CHECK(storage.find_challenge("c"));
  } else {
    check_error([&] { (void)storage.find_challenge("c"); }, mfa::errc::corrupt_record, file.path, field);
    CHECK(storage.find_factor("f"));
  }
}
