// storage::Postgres behind PgBouncer: sessions are pooled with its own settings in force, any other mode is
// refused at opening, and in none does a tenant run another's statements.
#include <array>
#include <atomic>
#include <chrono>
#include <iostream>
#include <memory>
#include <stop_token>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <mfa/error.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/pgbouncer_server.hpp"
#include "support/postgres_schemas.hpp"

using mfa::storage::Postgres;
using mfa::storage::PostgresOptions;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;

namespace {

/// A program of the host's that uses the same pool.
class Client {
 public:
  explicit Client(const PgBouncer& bouncer)
      : connection_(PQconnectdb(server().uri(bouncer.port()).c_str()), &PQfinish) {}

  /// The first value of the result, or the error.
  std::string ask(const std::string& sql) {
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection_.get(), sql.c_str()),
                                                               &PQclear);
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : PQerrorMessage(connection_.get());
  }

  std::string session() { return ask("SELECT pg_backend_pid()"); }

 private:
  std::unique_ptr<PGconn, decltype(&PQfinish)> connection_;
};

/// Makes the pool as large as it may be, and idle.
void fill(const PgBouncer& bouncer, int size) {
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < size; ++i) clients.push_back(std::make_unique<Client>(bouncer));
  for (const auto& client : clients) (void)client->ask("BEGIN");
  for (const auto& client : clients) (void)client->ask("COMMIT");
}

} // namespace

TEST_CASE("A pool of transactions is refused at opening, however it hands out its sessions") {
  const std::string mode = GENERATE(as<std::string>(), "transaction", "statement");
  const int size = GENERATE(1, 2, 3, 20);
  const int in_turns = GENERATE(0, 1);
  const bool busy = GENERATE(false, true);
  const PgBouncer bouncer(server(), "pool_mode = " + mode + "\ndefault_pool_size = " + std::to_string(size) +
                                        "\nserver_round_robin = " + std::to_string(in_turns));
  INFO(mode << ", pool of " << size << (in_turns == 0 ? "" : ", in turns") << (busy ? ", busy" : ""));
  if (mode == "transaction") fill(bouncer, size);
  std::vector<std::jthread> others;
  for (int i = 0; busy && i < 3; ++i)
    others.emplace_back([&](const std::stop_token& stop) {
      Client client(bouncer);
      while (!stop.stop_requested()) (void)client.session();
    });
  const PostgresOptions options = new_schema();
  const mfa::Error error = error_of([&] { const Postgres storage(server().uri(bouncer.port()), options); });
  others.clear();
  CHECK(error.code() == mfa::errc::storage_failure);
  CHECK_THAT(error.what(), contains("the PostgreSQL database 'postgres' at 127.0.0.1:" +
                                    std::to_string(bouncer.port()) + ": a connection pooler before it"));
  CHECK_THAT(error.what(), contains("Let it pool sessions (PgBouncer: pool_mode = session)"));
  CHECK(server().execute("SELECT count(*) FROM pg_namespace WHERE nspname = '" + options.schema_name + "'") ==
        "0");
  Client next(bouncer); // in a session that the storage has had
  CHECK_THAT(next.ask("SHOW search_path"), contains("public"));
  CHECK(next.ask("SHOW statement_timeout") == "0");
  CHECK(next.ask("SELECT count(*) FROM pg_prepared_statements") == "0");
}

TEST_CASE("Two tenants share a pool of sessions, each with its own schema") {
  const PgBouncer bouncer(server(), GENERATE(as<std::string>(), "pool_mode = session",
                                             "pool_mode = session\nserver_round_robin = 1",
                                             "pool_mode = session\nserver_reset_query ="));
  const auto tenant = [&](const PostgresOptions& options) {
    return Postgres(server().uri(bouncer.port()), options);
  };
  const PostgresOptions of_a = new_schema();
  const PostgresOptions of_b = new_schema();
  for (std::uint64_t round = 0; round < 5; ++round) { // the sessions of the last round are used again
    Postgres a = tenant(of_a);
    Postgres b = tenant(of_b);
    REQUIRE(commit(a, at_version(factor("f", "user of a"), round)));
    REQUIRE(commit(b, at_version(factor("f", "user of b"), round)));
    std::vector<std::jthread> threads;
    std::atomic<int> wrong = 0;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int k = 0; k < 50; ++k) {
          try {
            if (a.find_factor("f")->user_id != "user of a" || b.find_factor("f")->user_id != "user of b")
              ++wrong;
          } catch (const mfa::Error&) {
            ++wrong;
          }
        }
      });
    threads.clear();
    CHECK(wrong == 0);
  }
  CHECK(server().execute("SELECT version FROM " + of_a.schema_name + ".factors") == "5");
  CHECK(server().execute("SELECT version FROM " + of_b.schema_name + ".factors") == "5");
}

TEST_CASE("Our settings are in force behind PgBouncer, which drops those of the connection's start") {
  if (server().execute("SELECT count(*) FROM pg_roles WHERE rolname = 'odd'") == "0")
    server().execute("CREATE ROLE odd LOGIN SUPERUSER; ALTER ROLE odd SET synchronous_commit = off;"
                     "ALTER ROLE odd SET search_path = public, pg_catalog;"
                     "ALTER ROLE odd SET statement_timeout = '1h'");
  const PgBouncer bouncer(server(), "pool_mode = session");
  PostgresOptions options = new_schema();
  options.statement_timeout = 1500ms;
  Postgres storage(server().uri(bouncer.port(), "odd"), options);
  server().execute(
      "CREATE TABLE " + options.schema_name + ".seen (settings text); CREATE FUNCTION " +
      options.schema_name + ".see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO " +
      options.schema_name +
      ".seen SELECT string_agg(current_setting(name), '; ' ORDER BY name) FROM unnest(ARRAY["
      "'search_path', 'statement_timeout', 'synchronous_commit', 'transaction_isolation']) AS name;"
      "RETURN NEW; END $$; CREATE TRIGGER see BEFORE INSERT ON " +
      options.schema_name + ".factors FOR EACH ROW EXECUTE FUNCTION " + options.schema_name + ".see()");
  CHECK(commit(storage, factor("f")));
  CHECK(server().execute("SELECT settings FROM " + options.schema_name + ".seen") ==
        "pg_catalog, pg_temp; 1500ms; on; read committed");
}

TEST_CASE("A pool with no second session to give is no pool of transactions") {
  const PgBouncer bouncer(server(), "pool_mode = session\ndefault_pool_size = 1");
  PostgresOptions options = new_schema();
  options.max_connections = 1;
  Postgres storage(server().uri(bouncer.port()), options);
  CHECK(commit(storage, factor("f")));
}

TEST_CASE("A connection whose session becomes another's runs none of the other's statements") {
  using namespace mfa::detail::postgres;
  const PgBouncer bouncer(server(), "pool_mode = transaction\ndefault_pool_size = 2");
  const PostgresOptions of_a = new_schema();
  const PostgresOptions of_b = new_schema();
  for (const auto* options : {&of_a, &of_b}) {
    Postgres storage(server().uri(), *options);
    REQUIRE(commit(storage, factor("f", "user of " + options->schema_name)));
  }
  const Statements statements_of_a(quoted_schema(of_a.schema_name));
  const Statements statements_of_b(quoted_schema(of_b.schema_name));
  const Timeouts timeouts{.connect = 5s, .statement = 5s, .lock = 5s};

  fill(bouncer, 2);
  Client first(bouncer);
  Client second(bouncer);
  (void)first.ask("BEGIN"); // so that there is one session to give
  const std::string of_first = first.session();
  Connection a(server().uri(bouncer.port()), timeouts);
  mfa::detail::block_on(a.prepare(statements_of_a.all()));
  (void)second.ask("BEGIN");
  REQUIRE(second.session() != of_first);
  (void)first.ask("COMMIT"); // and now only the other
  Connection b(server().uri(bouncer.port()), timeouts);
  mfa::detail::block_on(b.prepare(statements_of_b.all()));

  Parameters parameters(1);
  parameters.bind_text(1, "f");
  const Result own = mfa::detail::block_on(b.run(statements_of_b.factor, parameters));
  REQUIRE(own.rows() == 1);
  CHECK(Row("", own, 0).bytes(2) == "user of " + of_b.schema_name);
  const Result others = mfa::detail::block_on(a.run(statements_of_a.factor, parameters));
  CHECK(others.rows() == 0);
  CHECK(others.state() == "26000"); // invalid_sql_statement_name
  CHECK_THAT(remedy(others.state()), contains("pool_mode = session"));
}

TEST_CASE("storage::Postgres keeps every promise through a pool of sessions") {
  const PostgresServer own;
  const PgBouncer bouncer(own, "pool_mode = session\ndefault_pool_size = 90");
  const auto report = mfa::testing::check_storage([&] { return Postgres(own.uri(bouncer.port())); });
  std::cout << report;
  CHECK(report.failures() == 0);
}
