// storage::Postgres keeps its tables in a schema of its own, brings those of earlier releases up to date, and
// refuses what it cannot use, as it was.
#include <array>
#include <atomic>
#include <chrono>
#include <exception>
#include <string>
#include <thread>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>

#include "support/catch.hpp"
#include "support/postgres_schemas.hpp"

using mfa::storage::Batch;
using mfa::storage::Postgres;
using mfa::storage::PostgresOptions;
using mfa::storage::Schema;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;
using namespace std::string_literals;

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
  REQUIRE(commit(storage, factor("auth_factor_1", "u_42")));
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

TEST_CASE("A column of another type is refused and not misread") {
  const PostgresOptions options = new_schema();
  {
    Postgres storage(server().uri(), options);
    REQUIRE(commit(storage, factor("f")));
  }
  server().execute("ALTER TABLE " + options.schema_name + ".factors ALTER COLUMN version TYPE numeric");
  Postgres storage(server().uri(), options);
  check_error([&] { (void)storage.find_factor("f"); }, mfa::errc::storage_schema,
              "column version of the PostgreSQL database");
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
      {"factors SET fields = set_byte(fields, 1, 99)", "out of range"},
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
      CHECK(server().execute("SELECT type, state, count(DISTINCT user_id) FROM " + options.schema_name +
                             ".enrolled_factors GROUP BY type, state") == to_string(record.type));
      server().execute("TRUNCATE " + options.schema_name + ".factors");
    }
  }
}

TEST_CASE("The view of a release with fewer kinds of factor learns the names of the others at opening") {
  PostgresOptions options = new_schema();
  const std::string& schema = options.schema_name;
  { const Postgres storage(server().uri(), options); }
  const auto definition = [&] {
    return server().execute("SELECT pg_get_viewdef('" + schema + ".enrolled_factors'::regclass)");
  };
  const std::string ours = definition();
  REQUIRE(ours.find("{totp,sms,generic_otp,hotp,recovery_codes,webauthn,email}") != std::string::npos);
  const auto replace = [&](const std::string& names) {
    std::string earlier = ours;
    earlier.replace(earlier.find("{totp"), earlier.find('}') - earlier.find("{totp") + 1, names);
    server().execute("CREATE OR REPLACE VIEW " + schema + ".enrolled_factors AS " + earlier);
  };
  const std::string login = "reader_" + schema;

  SECTION("by a role that owns it") {
    replace("{totp,sms}");
    const Postgres storage(server().uri(), options);
    CHECK(definition() == ours);
  }
  SECTION("not by one that does not, which can use the schema all the same") {
    replace("{totp,sms}");
    const std::string earlier = definition();
    server().execute("CREATE ROLE " + login + " LOGIN; GRANT USAGE ON SCHEMA " + schema + " TO " + login +
                     "; GRANT SELECT ON ALL TABLES IN SCHEMA " + schema + " TO " + login);
    Postgres storage(server().uri(0, login), options);
    CHECK_FALSE(storage.find_factor("f"));
    CHECK(definition() == earlier);
  }
  SECTION("not if it is that of a release with more") {
    replace("{totp,sms,generic_otp,hotp,recovery_codes,webauthn,email,later}");
    const std::string later = definition();
    const Postgres storage(server().uri(), options);
    CHECK(definition() == later);
  }
  SECTION("not if the host has another one there") {
    server().execute("DROP VIEW " + schema + ".enrolled_factors; CREATE VIEW " + schema +
                     ".enrolled_factors AS SELECT 1 AS one");
    const Postgres storage(server().uri(), options);
    CHECK(definition().find("one") != std::string::npos);
  }
}
