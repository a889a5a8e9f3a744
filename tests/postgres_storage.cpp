// What storage::Postgres promises beyond what every storage does: its schema, its connections, its roles.

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <limits>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/storage/record.hpp>

#include "support/catch.hpp"
#include "support/postgres_server.hpp"

using mfa::Time;
using mfa::storage::Batch;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using mfa::storage::Postgres;
using mfa::storage::PostgresOptions;
using mfa::storage::RecordKind;
using mfa::storage::Removal;
using mfa::storage::Schema;
using namespace std::chrono_literals;
using namespace std::string_literals;

static_assert(mfa::Storage<Postgres>);
static_assert(mfa::storage::FindsChallengeWithFactor<Postgres>);
static_assert(mfa::storage::PagesFactors<Postgres>);
static_assert(mfa::storage::ScansFactors<Postgres>);
static_assert(mfa::storage::Purges<Postgres>);
static_assert(!mfa::storage::Ephemeral<Postgres>, "a database outlives the process, so it needs a key ring");
static_assert(std::is_nothrow_move_constructible_v<Postgres> && std::is_nothrow_move_assignable_v<Postgres>);

namespace {

mfa::test::PostgresServer& server() {
  static mfa::test::PostgresServer instance;
  return instance;
}

/// Options with a schema that no test has used yet.
PostgresOptions new_schema() {
  static int number = 0;
  return {.schema_name = "schema_" + std::to_string(++number)};
}

Time at(std::int64_t milliseconds) { return Time(std::chrono::milliseconds(milliseconds)); }

FactorRecord factor(std::string id, std::string user_id = "u_42") {
  FactorRecord record;
  record.id = std::move(id);
  record.type = mfa::FactorType::totp;
  record.user_id = std::move(user_id);
  return record;
}

ChallengeRecord challenge(std::string id, std::string factor_id, Time purge_at = at(1000)) {
  ChallengeRecord record;
  record.id = std::move(id);
  record.factor_id = std::move(factor_id);
  record.purge_at = purge_at;
  return record;
}

CounterRecord counter(std::string id, std::string data = {}) {
  CounterRecord record;
  record.id = std::move(id);
  record.data = std::move(data);
  record.purge_at = at(1000);
  return record;
}

template <class Record> Record at_version(Record record, std::uint64_t version) {
  record.version = version;
  return record;
}

bool commit(Postgres& storage, FactorRecord record) {
  Batch batch;
  batch.factors.push_back(std::move(record));
  return storage.commit(batch);
}

/// The error that `action` ends with.
template <class Action> mfa::Error error_of(Action action) {
  try {
    action();
  } catch (const mfa::Error& error) {
    return error;
  }
  FAIL("no error was thrown");
  std::abort();
}

/// That `action` fails in the way `code`, with a message that names the database and says what to do.
template <class Action> void check_error(Action action, mfa::errc code, std::string_view remedy) {
  const mfa::Error error = error_of(action);
  const std::string what = error.what();
  INFO(what);
  CHECK(error.code() == code);
  CHECK(what.find("the PostgreSQL database 'postgres' at 127.0.0.1:" + std::to_string(server().port())) !=
        std::string::npos);
  CHECK(what.find(remedy) != std::string::npos);
}

/// Connections that other programs than ours, and ours under this name, have to the server.
std::string connections_named(const std::string& name) {
  return server().execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + name + "'");
}

} // namespace

TEST_CASE("A new database gets its schema, and what was committed is there after a restart") {
  const PostgresOptions options = new_schema();
  auto sealed = factor("f");
  sealed.sealed = "sealed\0bytes"s;
  {
    Postgres storage(server().uri(), options);
    REQUIRE(commit(storage, sealed));
  }
  server().restart();
  Postgres storage(server().uri(), options);
  CHECK(storage.find_factor("f") == at_version(sealed, 1));
  CHECK(server().execute("SELECT version FROM " + options.schema_name + ".schema_version") == "1");
}

TEST_CASE("An operator reads ids and users as text") {
  const PostgresOptions options = new_schema();
  Postgres storage(server().uri(), options);
  REQUIRE(commit(storage, factor("auth_factor_1")));
  CHECK(server().execute("SET bytea_output = escape; SELECT id FROM " + options.schema_name +
                         ".factors WHERE user_id = 'u_42'") == "auth_factor_1");
}

TEST_CASE("Any name that PostgreSQL takes can be a schema's, and two schemas share nothing") {
  const std::string name = GENERATE(as<std::string>(), "public", "mfa", "My Schema", "a\"b", "x'; DROP",
                                    "ümlaut", "select", std::string(63, 'n'));
  INFO(name);
  Postgres storage(server().uri(), {.schema_name = name});
  CHECK(commit(storage, factor("f")));
  Postgres again(server().uri(), {.schema_name = name, .schema = Schema::verify_only});
  CHECK(again.find_factor("f"));
  Postgres other(server().uri(), new_schema());
  CHECK_FALSE(other.find_factor("f"));
}

TEST_CASE("A name that cannot be a schema's is refused") {
  const std::string name = GENERATE(as<std::string>(), "", "pg_mfa", "a$b", "a\0b"s, "line\nbreak",
                                    "back\\slash", std::string(64, 'n'));
  CHECK(error_of([&] { Postgres storage(server().uri(), {.schema_name = name}); }).code() ==
        mfa::errc::invalid_argument);
  CHECK(error_of([&] { (void)mfa::storage::postgres_schema_sql(name); }).code() ==
        mfa::errc::invalid_argument);
}

TEST_CASE("A host that runs its own migrations is given the SQL, and refused until it has run it") {
  PostgresOptions options = new_schema();
  options.schema = Schema::verify_only;
  check_error([&] { Postgres storage(server().uri(), options); }, mfa::errc::storage_schema,
              "Run what mfa::storage::postgres_schema_sql returns");
  CHECK(server().execute("SELECT count(*) FROM pg_namespace WHERE nspname = '" + options.schema_name + "'") ==
        "0");

  server().execute(mfa::storage::postgres_schema_sql(options.schema_name));
  Postgres storage(server().uri(), options);
  CHECK(commit(storage, factor("f")));
  CHECK(storage.find_factor("f"));

  CHECK(error_of([&] { (void)mfa::storage::postgres_schema_sql("mfa", 2); }).code() ==
        mfa::errc::invalid_argument);
}

TEST_CASE("A schema of a later release is refused and left as it is") {
  PostgresOptions options = new_schema();
  { const Postgres storage(server().uri(), options); }
  server().execute("UPDATE " + options.schema_name + ".schema_version SET version = 41");
  options.schema = GENERATE(Schema::migrate, Schema::verify_only);
  const auto open = [&] { const Postgres storage(server().uri(), options); };
  check_error(open, mfa::errc::storage_schema, "version 41");
  check_error(open, mfa::errc::storage_schema, "up to 1");
  check_error(open, mfa::errc::storage_schema, "Use the release that wrote it");
  CHECK(server().execute("SELECT version FROM " + options.schema_name + ".schema_version") == "41");
}

TEST_CASE("A schema that is not ours is refused and left as it is") {
  const PostgresOptions options = new_schema();
  const std::string sql =
      GENERATE(as<std::string>(), "CREATE TABLE factors (x int)", "CREATE TABLE schema_version (version int)",
               "CREATE TABLE schema_version (version int); INSERT INTO schema_version VALUES (1), (1)",
               "CREATE TABLE schema_version (version int); INSERT INTO schema_version VALUES (0)",
               "CREATE TABLE schema_version (version text); INSERT INTO schema_version VALUES ('one')",
               "CREATE TABLE schema_version (x int)", "CREATE VIEW schema_version AS SELECT 1 AS version");
  INFO(sql);
  server().execute("CREATE SCHEMA " + options.schema_name + "; SET search_path = " + options.schema_name +
                   "; " + sql);
  const auto tables = [&] {
    return server().execute("SELECT count(*) FROM pg_class WHERE relnamespace = '" + options.schema_name +
                            "'::regnamespace");
  };
  const std::string before = tables();
  const mfa::Error error = error_of([&] { const Postgres storage(server().uri(), options); });
  INFO(error.what());
  CHECK(error.code() == mfa::errc::storage_schema);
  CHECK(tables() == before);
}

TEST_CASE("Tables that lack a column are refused at opening") {
  const PostgresOptions options = new_schema();
  { const Postgres storage(server().uri(), options); }
  server().execute("ALTER TABLE " + options.schema_name + ".challenges DROP COLUMN fields");
  check_error([&] { const Postgres storage(server().uri(), options); }, mfa::errc::storage_schema, "fields");
}

TEST_CASE("Migrations lead from any earlier version to the newest, all or nothing") {
  using namespace mfa::detail::postgres;
  const PostgresOptions options = new_schema();
  const std::string schema = quoted_schema(options.schema_name);
  {
    Postgres storage(server().uri(), options);
    REQUIRE(commit(storage, factor("f")));
  }
  const auto migrate_to = [&](Migrations known) {
    Connection connection(server().uri(), {.connect = 5s, .statement = 5s, .lock = 5s});
    migrate(connection, schema, known);
  };
  const std::array next{migrations[0], "ALTER TABLE @schema@.factors ADD COLUMN note text;",
                        "UPDATE @schema@.factors SET note = 'migrated';"};

  SECTION("over several versions") {
    migrate_to(next);
    migrate_to(next); // nothing is left to do
    CHECK(server().execute("SELECT version FROM " + schema + ".schema_version") == "3");
    CHECK(server().execute("SELECT note FROM " + schema + ".factors WHERE id = 'f'") == "migrated");
    check_error([&] { const Postgres storage(server().uri(), options); }, mfa::errc::storage_schema,
                "version 3");
  }
  SECTION("from none") {
    server().execute("SET client_min_messages = error; DROP SCHEMA " + schema + " CASCADE");
    migrate_to(next);
    CHECK(server().execute("SELECT version FROM " + schema + ".schema_version") == "3");
  }
  SECTION("nothing if the last one fails") {
    const std::array failing{next[0], next[1], "UPDATE @schema@.factors SET nothing = 1;"};
    check_error([&] { migrate_to(failing); }, mfa::errc::storage_schema, "nothing");
    CHECK(server().execute("SELECT version FROM " + schema + ".schema_version") == "1");
    CHECK(server().execute("SELECT count(*) FROM pg_attribute WHERE attname = 'note' AND attrelid = '" +
                           options.schema_name + ".factors'::regclass") == "0");
    CHECK(Postgres(server().uri(), options).find_factor("f"));
  }
}

TEST_CASE("Of many that open a new database at the same moment all succeed") {
  const PostgresOptions options = new_schema();
  const std::string uri = server().uri();
  std::atomic<int> succeeded = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
      threads.emplace_back([&, i] {
        try {
          Postgres storage(uri, options);
          succeeded += commit(storage, factor("f" + std::to_string(i))) ? 1 : 0;
        } catch (const std::exception&) { // counted as none
        }
      });
  }
  CHECK(succeeded == 8);
}

TEST_CASE("A role with the documented privileges alone can use the schema, and one without is told") {
  PostgresOptions options = new_schema();
  const std::string schema = options.schema_name;
  server().execute(mfa::storage::postgres_schema_sql(schema));
  server().execute("CREATE ROLE clerk_" + schema + " LOGIN");
  const std::string login = "clerk_" + schema;
  options.schema = Schema::verify_only;
  const auto open = [&] { return Postgres(server().uri(0, login), options); };
  check_error(open, mfa::errc::storage_failure, "permission denied for schema");
  server().execute("GRANT USAGE ON SCHEMA " + schema + " TO " + login +
                   "; GRANT SELECT ON ALL TABLES IN SCHEMA " + schema + " TO " + login);
  {
    Postgres storage = open();
    CHECK_FALSE(storage.find_factor("f"));
    check_error([&] { (void)commit(storage, factor("f")); }, mfa::errc::storage_failure,
                "Grant this role what docs/postgres.md lists");
  }
  server().execute("GRANT INSERT, UPDATE, DELETE ON " + schema + ".factors, " + schema + ".challenges, " +
                   schema + ".counters TO " + login);
  Postgres storage = open();
  CHECK(commit(storage, factor("f")));
  CHECK(commit(storage, at_version(factor("f"), 1)));
  CHECK(storage.purge(at(2000), 10) == 0);
}

TEST_CASE("A batch of many records is one transaction: with one conflict anywhere nothing is left") {
  Postgres storage(server().uri(), new_schema());
  Batch old;
  for (int i = 0; i < 50; ++i) {
    old.factors.push_back(factor("f" + std::to_string(i)));
    old.challenges.push_back(challenge("c" + std::to_string(i), "f"));
    old.counters.push_back(counter("n" + std::to_string(i)));
  }
  REQUIRE(storage.commit(old));
  CHECK_FALSE(storage.commit(old));

  Batch next;
  for (int i = 0; i < 50; ++i) {
    next.factors.push_back(at_version(factor("f" + std::to_string(i), "moved"), 1));
    next.factors.push_back(factor("new" + std::to_string(i), "moved"));
    next.challenges.push_back(at_version(challenge("c" + std::to_string(i), "moved"), 1));
    next.removals.push_back({RecordKind::counter, "n" + std::to_string(i), 1});
  }
  const auto place = GENERATE(as<std::size_t>(), 0, 49, 50, 99);
  Batch conflicting = next;
  conflicting.factors[place].version += 1;
  CHECK_FALSE(storage.commit(conflicting));
  conflicting = next;
  conflicting.removals[place / 2].version += 1;
  CHECK_FALSE(storage.commit(conflicting));
  CHECK(storage.list_factors("moved").empty());
  CHECK(storage.find_challenge("c0") == at_version(challenge("c0", "f"), 1));
  CHECK(storage.find_counter("n49"));

  CHECK(storage.commit(next));
  CHECK(storage.list_factors("moved").size() == 100);
  CHECK(storage.find_challenge("c49")->version == 2);
  CHECK_FALSE(storage.find_counter("n0"));
}

TEST_CASE("Of racing batches over the same records in any order one wins, and none fails") {
  Postgres storage(server().uri(), new_schema());
  constexpr int records = 6;
  std::atomic<int> won = 0;
  std::atomic<int> failed = 0;
  constexpr int rounds = 50;
  for (int round = 0; round < rounds; ++round) {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        Batch batch;
        for (int k = 0; k < records; ++k) {
          const std::string id = std::to_string(i % 2 == 0 ? k : records - 1 - k);
          batch.factors.push_back(at_version(factor("f" + id), static_cast<std::uint64_t>(round)));
          batch.challenges.push_back(at_version(challenge("c" + id, "f"), static_cast<std::uint64_t>(round)));
        }
        try {
          won += storage.commit(batch) ? 1 : 0;
        } catch (const mfa::Error&) {
          ++failed;
        }
      });
  }
  CHECK(won == rounds);
  CHECK(failed == 0);
  CHECK(storage.find_factor("f0")->version == rounds);
}

TEST_CASE("A deadlock with a transaction of the host's is a conflict and not an error") {
  const PostgresOptions options{.schema_name = new_schema().schema_name, .lock_timeout = 10s};
  Postgres storage(server().uri(), options);
  Batch batch;
  batch.factors.push_back(factor("f"));
  batch.challenges.push_back(challenge("c", "f"));
  REQUIRE(storage.commit(batch));
  const std::unique_ptr<PGconn, decltype(&PQfinish)> host(PQconnectdb(server().uri().c_str()), &PQfinish);
  const auto run = [&](const std::string& sql) { PQclear(PQexec(host.get(), sql.c_str())); };
  run("SET deadlock_timeout = '10s'; BEGIN; UPDATE " + options.schema_name + ".challenges SET version = 9");
  std::optional<bool> answer;
  std::jthread committing([&] {
    Batch next;
    next.factors.push_back(at_version(factor("f"), 1));
    next.challenges.push_back(at_version(challenge("c", "f"), 1));
    try {
      answer = storage.commit(next);
    } catch (const mfa::Error&) { // no answer
    }
  });
  while (server().execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'") == "0")
    std::this_thread::sleep_for(5ms);
  run("UPDATE " + options.schema_name + ".factors SET version = 9; ROLLBACK");
  committing.join();
  CHECK(answer == false);
  CHECK(storage.find_factor("f")->version == 1);
}

TEST_CASE("Purge passes by what another transaction is writing") {
  const PostgresOptions options = new_schema();
  Postgres storage(server().uri(), options);
  Batch batch;
  for (const char* id : {"a", "b", "c"}) batch.challenges.push_back(challenge(id, "f"));
  REQUIRE(storage.commit(batch));
  const std::unique_ptr<PGconn, decltype(&PQfinish)> host(PQconnectdb(server().uri().c_str()), &PQfinish);
  const auto run = [&](const std::string& sql) { PQclear(PQexec(host.get(), sql.c_str())); };
  run("BEGIN; UPDATE " + options.schema_name + ".challenges SET purge_at = 5000 WHERE id = 'b'");
  CHECK(storage.purge(at(2000), 10) == 2);
  run("COMMIT");
  CHECK(storage.purge(at(2000), 10) == 0);
  CHECK(storage.find_challenge("b"));
}

TEST_CASE("Stored fields that this release does not know are an error and not a guess") {
  const PostgresOptions options = new_schema();
  Postgres storage(server().uri(), options);
  Batch batch;
  batch.factors.push_back(factor("f"));
  batch.challenges.push_back(challenge("c", "f"));
  REQUIRE(storage.commit(batch));
  struct Case {
    const char* sql;
    const char* what;
  };
  const auto [sql, what] = GENERATE(values<Case>({
      {"factors SET fields = ''", "contents of factor f in the PostgreSQL database"},
      {"factors SET fields = set_byte(fields, 0, 2)", "written by a later release"},
      {"factors SET fields = set_byte(fields, 1, 0)", "out of range"}, // its type
      {"factors SET fields = set_byte(fields, 1, 7)", "out of range"},
      {"factors SET fields = set_byte(fields, 2, 0)", "out of range"}, // its state
      {"factors SET fields = set_byte(fields, 2, 3)", "out of range"},
      {"factors SET fields = substr(fields, 1, length(fields) - 1)", "contents of factor f"},
      {"factors SET fields = fields || '\\x00'::bytea", "longer than what this library writes"},
      {"challenges SET fields = ''", "contents of challenge c"},
      {"challenges SET fields = set_byte(fields, 0, 2)", "written by a later release"},
      {"challenges SET fields = set_byte(fields, 1, 0)", "out of range"}, // its state
      {"challenges SET fields = set_byte(fields, 1, 5)", "out of range"},
      {"challenges SET fields = substr(fields, 1, length(fields) - 1)", "contents of challenge c"},
      {"challenges SET fields = fields || '\\x00'::bytea", "longer than what this library writes"},
  }));
  INFO(sql);
  server().execute("UPDATE " + options.schema_name + "." + sql);
  check_error([&] { (void)storage.find_challenge_with_factor("c"); }, mfa::errc::corrupt_record, what);
}

TEST_CASE("The host's own queries see who has enrolled what") {
  const PostgresOptions options = new_schema();
  Postgres storage(server().uri(), options);
  for (int type = 1; type <= static_cast<int>(mfa::last_factor_type); ++type) {
    for (const auto state : {mfa::FactorState::unverified, mfa::FactorState::verified}) {
      auto record = factor("auth_factor_1", "zoë");
      record.type = static_cast<mfa::FactorType>(type);
      record.state = state;
      REQUIRE(commit(storage, record));
      CHECK(server().execute("SELECT concat_ws(' ', id, user_id, type, state) FROM " + options.schema_name +
                             ".enrolled_factors") ==
            "auth_factor_1 zoë " + std::string(to_string(record.type)) + " " + std::string(to_string(state)));
      server().execute("TRUNCATE " + options.schema_name + ".factors");
    }
  }
}

TEST_CASE("A pool has as many connections as it may, lent in turn") {
  const PostgresOptions options{.schema_name = new_schema().schema_name,
                                .max_connections = GENERATE(as<std::size_t>(), 0, 1, 3)};
  Postgres storage(server().uri() + "?application_name=pooled", options);
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 12; ++i)
      threads.emplace_back([&, i] {
        try {
          for (int k = 0; k < 20; ++k)
            if (!commit(storage, factor("f" + std::to_string(i * 100 + k)))) ++failed;
        } catch (const mfa::Error&) {
          ++failed;
        }
      });
  }
  CHECK(failed == 0);
  CHECK(std::stoul(connections_named("pooled")) <= std::max<std::size_t>(options.max_connections, 1));
  CHECK(storage.list_factors("u_42").size() == 240);
}

TEST_CASE("Settings of the role change neither what is stored nor how durably") {
  const PostgresOptions options = new_schema();
  const std::string role = "odd_" + options.schema_name;
  server().execute("CREATE ROLE " + role + " LOGIN SUPERUSER");
  for (const char* setting :
       {"search_path = ''", "standard_conforming_strings = off", "bytea_output = 'escape'",
        "default_transaction_isolation = 'serializable'", "synchronous_commit = off"})
    server().execute("ALTER ROLE " + role + " SET " + setting);
  Postgres storage(server().uri(0, role), options);
  server().execute(
      "SET search_path = " + options.schema_name +
      "; CREATE TABLE seen (settings text); CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql "
      "AS $$ BEGIN INSERT INTO " +
      options.schema_name +
      ".seen VALUES (current_setting('synchronous_commit') || ', ' || "
      "current_setting('transaction_isolation')); RETURN NEW; END $$;"
      "CREATE TRIGGER see BEFORE INSERT ON factors FOR EACH ROW EXECUTE FUNCTION see()");
  auto bytes = factor("f\0\xff\\"s);
  bytes.sealed = "\\000'\0"s;
  CHECK(commit(storage, bytes));
  CHECK(storage.find_factor(bytes.id) == at_version(bytes, 1));
  CHECK(server().execute("SELECT settings FROM " + options.schema_name + ".seen") == "on, read committed");
}

TEST_CASE("A connection string that cannot be one is refused without repeating it") {
  const std::string secret = "s3cr3t";
  const std::string connection = GENERATE_COPY(
      as<std::string>(), "password=" + secret + " word", "host=localhost password='" + secret,
      "postgresql://u:" + secret + "@x@127.0.0.1/db", "postgresql://u:" + secret + "/x@127.0.0.1/db",
      "postgresql://u:12/" + secret + "@127.0.0.1/db", "postgresql://u:" + secret + "%zz@127.0.0.1/db",
      "postgresql://u:x@127.0.0.1:" + secret + "/db", "host=127.0.0.1\0password="s + secret);
  const mfa::Error error = error_of([&] { const Postgres storage(connection); });
  CHECK(error.code() == mfa::errc::invalid_argument);
  CHECK(std::string(error.what()).find(secret) == std::string::npos);
}

TEST_CASE("A refused login names server, database and role, and not the password") {
  const std::string wrong = "wr0ng";
  const std::string address = "127.0.0.1:" + std::to_string(server().port());
  check_error([&] { const Postgres storage("postgresql://careful:" + wrong + "@" + address + "/postgres"); },
              mfa::errc::storage_failure, "password authentication failed for user \"careful\"");
  const mfa::Error error = error_of(
      [&] { const Postgres storage("postgresql://careful:" + wrong + "@" + address + "/postgres"); });
  CHECK(std::string(error.what()).find(wrong) == std::string::npos);

  Postgres storage("postgresql://careful:p4ss%3Aw%2Frd%40x@" + address + "/postgres",
                   {.schema_name = new_schema().schema_name});
  CHECK(commit(storage, factor("f")));
}

TEST_CASE("A pooler that loses prepared statements is told from a schema that is not ours") {
  const std::string state = GENERATE(as<std::string>(), "26000", "42P05");
  CHECK(mfa::detail::postgres::code_of(state) == mfa::errc::storage_failure);
  CHECK_THAT(mfa::detail::postgres::remedy(state), mfa::test::contains("pool_mode = session"));
  CHECK(mfa::detail::postgres::code_of("42P01") == mfa::errc::storage_schema);
}

TEST_CASE("No message holds what a record holds") {
  const PostgresOptions options = new_schema();
  const std::string secret = "NAGCCFS3EYRB422HNAKAKY3XDUORMSRF";
  Postgres storage(server().uri(), options);
  auto record = factor("f", secret);
  record.friendly_name = record.parameters = record.sealed = secret;
  REQUIRE(commit(storage, record));
  record.version = 1;
  const auto message = [&] {
    return std::string(error_of([&] { (void)commit(storage, record); }).what()) +
           error_of([&] { (void)storage.list_factors(secret); }).what();
  };
  SECTION("fields of a later release") {
    server().execute("UPDATE " + options.schema_name + ".factors SET fields = set_byte(fields, 0, 99)");
    CHECK(std::string(error_of([&] { (void)storage.list_factors(secret); }).what()).find(secret) ==
          std::string::npos);
  }
  SECTION("a table that is gone") {
    server().execute("SET client_min_messages = error; DROP TABLE " + options.schema_name +
                     ".factors CASCADE");
    CHECK(message().find(secret) == std::string::npos);
  }
  SECTION("a constraint of the host's, whose details the server tells") {
    server().execute("ALTER TABLE " + options.schema_name + ".factors ADD CHECK (version < 2)");
    const std::string what = error_of([&] { (void)commit(storage, record); }).what();
    CHECK(what.find("violates check constraint") != std::string::npos);
    CHECK(what.find(secret) == std::string::npos);
    CHECK(what.find("4e41474343465333") == std::string::npos); // nor as bytea is printed
  }
}

TEST_CASE("A storage can be moved, into a Verifier for one") {
  Postgres storage(server().uri(), new_schema());
  REQUIRE(commit(storage, factor("f")));
  Postgres moved(std::move(storage));
  CHECK(moved.find_factor("f"));
  moved = Postgres(server().uri(), new_schema());
  CHECK_FALSE(moved.find_factor("f"));
}
