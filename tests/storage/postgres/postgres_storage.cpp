// What storage::Postgres promises beyond what every storage does: of its transactions, its connections, its
// settings and its logins.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>

#include "support/catch.hpp"
#include "support/postgres_schemas.hpp"

using mfa::storage::Batch;
using mfa::storage::Postgres;
using mfa::storage::PostgresOptions;
using mfa::storage::RecordKind;
using namespace mfa::test;
using namespace mfa::testing::conformance;
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

/// Connections that other programs than ours, and ours under this name, have to the server.
std::string connections_named(const std::string& name) {
  return server().execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = '" + name + "'");
}

} // namespace

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
  for (const char* id : {"a", "b", "c"}) batch.challenges.push_back(challenge(id, "f", at(1000)));
  REQUIRE(storage.commit(batch));
  const std::unique_ptr<PGconn, decltype(&PQfinish)> host(PQconnectdb(server().uri().c_str()), &PQfinish);
  const auto run = [&](const std::string& sql) { PQclear(PQexec(host.get(), sql.c_str())); };
  run("BEGIN; UPDATE " + options.schema_name + ".challenges SET purge_at = 5000 WHERE id = 'b'");
  CHECK(storage.purge(at(2000), 10) == 2);
  run("COMMIT");
  CHECK(storage.purge(at(2000), 10) == 0);
  CHECK(storage.find_challenge("b"));
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
            if (!commit(storage, factor("f" + std::to_string(i * 100 + k), "u_42"))) ++failed;
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

TEST_CASE("Settings in the connection string go before ours, but for the search path") {
  const PostgresOptions options = new_schema();
  const std::string schema = options.schema_name;
  Postgres storage(
      server().uri() + "?options=-cstatement_timeout%3D1234%20-csearch_path%3Dpublic%20-cjit%3Don", options);
  server().execute(
      "CREATE TABLE " + schema + ".seen (settings text); CREATE FUNCTION " + schema +
      ".see() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO " + schema +
      ".seen VALUES (concat_ws('; ', current_setting('statement_timeout'), current_setting('jit'), "
      "current_setting('lock_timeout'), current_setting('search_path'))); RETURN NULL; END $$;"
      "CREATE TRIGGER see AFTER DELETE ON " +
      schema + ".counters FOR EACH STATEMENT EXECUTE FUNCTION " + schema + ".see()");
  CHECK(storage.purge(at(1000), 10) == 0); // by no function of ours that has settings of its own
  CHECK(server().execute("SELECT settings FROM " + schema + ".seen") ==
        "1234ms; on; 2s; pg_catalog, pg_temp");
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
  CHECK_THAT(mfa::detail::postgres::remedy(state), contains("pool_mode = session"));
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

TEST_CASE("A factor that this release cannot read ends its user's list and no scan") {
  const PostgresOptions options = new_schema();
  Postgres storage(server().uri(), options);
  REQUIRE(commit(storage, factor("f1", "u_42"), factor("f2", "u_43"), factor("f3", "u_44")));
  const std::string damage =
      GENERATE("set_byte(fields, 0, 99)", "set_byte(fields, 1, 99)", "''", "fields || 'x'");
  INFO(damage);
  server().execute("UPDATE " + options.schema_name + ".factors SET fields = " + damage + " WHERE id = 'f2'");
  CHECK(error_of([&] { (void)storage.list_factors("u_43"); }).code() == mfa::errc::corrupt_record);
  const auto scanned = storage.scan_factors("", 9);
  REQUIRE(scanned.size() == 3);
  CHECK(scanned[0] == at_version(factor("f1", "u_42"), 1));
  CHECK(scanned[1] == mfa::storage::unreadable_factor("f2", 1));
  CHECK(scanned[2] == at_version(factor("f3", "u_44"), 1));
}

#if defined(__linux__)
TEST_CASE("An idle connection is kept alive by probes, unless the connection string says otherwise") {
  const auto idle_times = [](const Postgres&) { // of the sockets of this process that lead to the server
    std::set<int> seconds;
    for (int descriptor = 3; descriptor < 1024; ++descriptor) {
      sockaddr_in peer{};
      socklen_t size = sizeof peer;
      if (::getpeername(descriptor, reinterpret_cast<sockaddr*>(&peer), &size) != 0 ||
          peer.sin_family != AF_INET || ntohs(peer.sin_port) != server().port())
        continue;
      int idle = 0;
      socklen_t idle_size = sizeof idle;
      REQUIRE(::getsockopt(descriptor, IPPROTO_TCP, TCP_KEEPIDLE, &idle, &idle_size) == 0);
      seconds.insert(idle);
    }
    return seconds;
  };
  CHECK(idle_times(Postgres(server().uri(), new_schema())) == std::set<int>{60});
  CHECK(idle_times(Postgres(server().uri() + "?keepalives_idle=17", new_schema())) == std::set<int>{17});
}
#endif

TEST_CASE("A storage can be moved, into a Verifier for one") {
  Postgres storage(server().uri(), new_schema());
  REQUIRE(commit(storage, factor("f")));
  Postgres moved(std::move(storage));
  CHECK(moved.find_factor("f"));
  moved = Postgres(server().uri(), new_schema());
  CHECK_FALSE(moved.find_factor("f"));
}
