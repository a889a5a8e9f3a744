// When PostgreSQL, or the network to it, fails: a clear error, nothing half written, no code accepted twice,
// and service again by itself as soon as the fault ends; from storage::Postgres and async::Postgres alike.
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/async_postgres.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_schemas.hpp"
#include "support/server_process.hpp"
#include "support/temporary_directory.hpp"
#include "support/test_certificate.hpp"

using mfa::Status;
using mfa::storage::Batch;
using mfa::storage::Postgres;
using mfa::storage::PostgresOptions;
using mfa::test::BlockingAsyncPostgres;
using mfa::test::error_of;
using mfa::test::Fault;
using mfa::test::LoopbackProxy;
using mfa::test::server;
using namespace std::chrono_literals;

namespace {

/// A host whose connections pass a proxy, with a schema of its own and time-outs that a test can wait for.
template <class Storage> struct Host {
  explicit Host(PostgresOptions given = {}) : options(with_schema(std::move(given))) {
    REQUIRE(enrolled.factor.confirm(code()).confirmed());
    clock.advance(30s);
    version_ = storage.find_factor(enrolled.factor.id())->version;
    challenge_id = enrolled.factor.challenge().id();
  }

  static PostgresOptions with_schema(PostgresOptions options) {
    options.schema_name = mfa::test::new_schema().schema_name;
    options.connect_timeout = 5s;
    options.statement_timeout = 1500ms; // what a busy machine needs for what is not meant to fail
    options.lock_timeout = 700ms;
    return options;
  }

  /// The code that the authenticator shows.
  [[nodiscard]] std::string code() const { return mfa::otp::totp(secret, clock.now()); }

  [[nodiscard]] Status verify() { return verifier.verify_challenge(challenge_id, code()).status(); }

  /// How often the factor was written since the challenge was created.
  [[nodiscard]] std::uint64_t factor_writes() {
    return storage.find_factor(enrolled.factor.id())->version - version_;
  }

  PostgresOptions options;
  LoopbackProxy proxy{server().port()};
  Storage storage{server().uri(proxy.port()), options};
  mfa::testing::ManualClock clock;
  using Verifier = mfa::Verifier<Storage, mfa::testing::ManualClock>;
  Verifier verifier{storage, clock, mfa::Options{.key_ring = mfa::KeyRing::generate()}};
  decltype(std::declval<Verifier&>().enroll_factor(mfa::Totp{})) enrolled =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
  mfa::crypto::SecretBytes secret = mfa::otp::base32_decode(enrolled.totp.secret);
  std::string challenge_id;

 private:
  std::uint64_t version_ = 0;
};

Batch batch_of_one() {
  Batch batch;
  batch.factors.emplace_back().id = "f";
  batch.factors.front().type = mfa::FactorType::totp;
  return batch;
}

/// The message of the error that `action` ends with, which names the database and comes in time.
template <class Storage, class Action>
std::string failure_of(Host<Storage>& host, Action action, mfa::errc code = mfa::errc::storage_failure) {
  const auto start = std::chrono::steady_clock::now();
  try {
    action();
  } catch (const mfa::Error& error) {
    const std::string what = error.what();
    INFO(what);
    CHECK(error.code() == code);
    CHECK(what.find("the PostgreSQL database 'postgres' at 127.0.0.1:" + std::to_string(host.proxy.port())) !=
          std::string::npos);
    CHECK(std::chrono::steady_clock::now() - start < 20s);
    return what;
  }
  FAIL("no error was thrown");
  std::abort();
}

} // namespace

TEMPLATE_TEST_CASE("A commit that was lost on its way there is an error, and the code is accepted afterwards",
                   "", Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  host.proxy.fail(Fault::cut_before_request, 2);
  const std::string what = failure_of(host, [&] { (void)host.verify(); });
  CHECK_THAT(what, mfa::test::contains("cannot commit to"));
  CHECK_THAT(what, mfa::test::contains("may have been written or not, but all or nothing"));
  CHECK(host.factor_writes() == 0);
  CHECK(host.verify() == Status::valid);
  CHECK(host.verify() == Status::already_verified);
}

TEMPLATE_TEST_CASE(
    "A commit whose answer was lost is an error, and the code is accepted by no other challenge", "",
    Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  const auto fault = GENERATE(Fault::cut_before_answer, Fault::stall_before_answer);
  host.proxy.fail(fault, 2);
  const std::string what = failure_of(host, [&] { (void)host.verify(); });
  CHECK_THAT(what, mfa::test::contains("may have been written or not, but all or nothing"));
  CHECK(host.factor_writes() == 1);
  CHECK(host.verify() == Status::already_verified);
  host.challenge_id = host.verifier.challenge_factor(host.enrolled.factor.id(), mfa::any_user).id();
  CHECK(host.verify() == Status::code_already_used);
  host.proxy.resume();
  CHECK(host.verify() == Status::code_already_used);
}

TEMPLATE_TEST_CASE("A commit that arrives late, after the code was accepted in a second try, changes nothing",
                   "", Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  host.proxy.fail(Fault::stall_before_request, 2);
  const std::string what = failure_of(host, [&] { (void)host.verify(); });
  CHECK_THAT(what, mfa::test::contains("raise PostgresOptions::statement_timeout"));
  CHECK(host.verify() == Status::valid);
  CHECK(host.factor_writes() == 1);
  host.proxy.resume();
  std::this_thread::sleep_for(100ms); // for the server to find its version moved
  CHECK(host.factor_writes() == 1);
  CHECK(host.verify() == Status::already_verified);
}

TEMPLATE_TEST_CASE("A read that was lost on a kept connection is tried again, and nobody notices", "",
                   Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  const auto fault = GENERATE(Fault::cut_before_request, Fault::cut_before_answer);
  host.proxy.fail(fault, 1);
  CHECK(host.verify() == Status::valid);
  CHECK(host.proxy.connections() == 2);
}

TEMPLATE_TEST_CASE("A read that gets no answer in time is an error", "", Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  host.proxy.fail(Fault::stall_before_answer, 1);
  CHECK_THAT(failure_of(host, [&] { (void)host.verify(); }),
             mfa::test::contains("there was no answer within 2500 ms"));
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE(
    "Connections that ended while they were idle are replaced before anything is sent, by reads and "
    "commits",
    "", Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  const auto end_connections =
      GENERATE(as<std::string>(), "by the network", "by an operator", "by a restart");
  std::atomic<int> thrown = 0;
  {
    std::vector<std::jthread> threads; // so that several are kept
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        try {
          for (int k = 0; k < 10; ++k) (void)host.storage.find_factor(host.enrolled.factor.id());
        } catch (const mfa::Error&) {
          ++thrown;
        }
      });
  }
  CHECK(thrown == 0);
  if (end_connections == "by the network") host.proxy.cut();
  if (end_connections == "by an operator")
    server().execute(
        "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity WHERE application_name = 'mfa'");
  if (end_connections == "by a restart") server().restart();
  INFO(end_connections);
  CHECK(host.storage.commit(batch_of_one()));
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE("A server that is down is named, and used again when it is back", "", Postgres,
                   BlockingAsyncPostgres) {
  Host<TestType> host;
  server().stop();
  const std::string what = failure_of(host, [&] { (void)host.verify(); });
  CHECK_THAT(what, mfa::test::contains("cannot connect to"));
  CHECK_THAT(what, mfa::test::contains("Check that the server runs"));
  (void)failure_of(host, [&] { (void)host.storage.commit(batch_of_one()); });
  server().start();
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE("A server that accepts a connection and then says nothing is given up", "", Postgres,
                   BlockingAsyncPostgres) {
  Host<TestType> host;
  host.proxy.cut();
  host.proxy.fail(Fault::stall_before_request, 1);
  CHECK_THAT(failure_of(host, [&] { (void)host.verify(); }), mfa::test::contains("timeout expired"));
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE("What the server does not finish in time it undoes, and the connection is kept", "",
                   Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  server().execute(
      "SET search_path = " + host.options.schema_name +
      "; CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(20); "
      "RETURN NEW; END $$; CREATE TRIGGER slow BEFORE UPDATE ON challenges FOR EACH ROW EXECUTE "
      "FUNCTION slow()");
  const std::string what = failure_of(host, [&] { (void)host.verify(); });
  CHECK_THAT(what, mfa::test::contains("SQLSTATE 57014"));
  CHECK_THAT(what, mfa::test::contains("raise PostgresOptions::statement_timeout"));
  CHECK(host.factor_writes() == 0); // though it had been written when the challenge was not
  server().execute("DROP TRIGGER slow ON " + host.options.schema_name + ".challenges");
  CHECK(host.verify() == Status::valid);
  CHECK(host.proxy.connections() == 1);
}

TEMPLATE_TEST_CASE("A lock that another transaction keeps is waited for in vain, and taken when it is free",
                   "", Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  const std::unique_ptr<PGconn, decltype(&PQfinish)> other(PQconnectdb(server().uri().c_str()), &PQfinish);
  const auto run = [&](const std::string& sql) { PQclear(PQexec(other.get(), sql.c_str())); };
  run("BEGIN; UPDATE " + host.options.schema_name + ".challenges SET purge_at = purge_at");
  const std::string what = failure_of(host, [&] { (void)host.verify(); });
  CHECK_THAT(what, mfa::test::contains("SQLSTATE 55P03"));
  CHECK_THAT(what, mfa::test::contains("raise PostgresOptions::lock_timeout"));
  CHECK(host.factor_writes() == 0);
  run("ROLLBACK");
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE("A disk that is full, as the server tells it, is named, and nothing is half written", "",
                   Postgres, BlockingAsyncPostgres) {
  Host<TestType> host;
  server().execute(
      "SET search_path = " + host.options.schema_name +
      "; CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
      "'could not extend file' USING ERRCODE = 'disk_full'; END $$; CREATE TRIGGER full_disk BEFORE "
      "UPDATE ON challenges FOR EACH ROW EXECUTE FUNCTION full_disk()");
  CHECK_THAT(failure_of(host, [&] { (void)host.verify(); }),
             mfa::test::contains("Check the server's disk and memory"));
  CHECK(host.factor_writes() == 0);
  server().execute("DROP TRIGGER full_disk ON " + host.options.schema_name + ".challenges");
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE("What the server refuses only when the transaction ends has not happened, and is told", "",
                   Postgres, BlockingAsyncPostgres) {
  struct Case {
    const char* description;
    const char* state;
    bool is_conflict;
  };
  const auto [description, state, is_conflict] = GENERATE(values<Case>({
      {"a deferred constraint trigger of the host's", "P0001", false},
      {"a transaction that cannot be serialized", "40001", true},
  }));
  INFO(description);
  Host<TestType> host;
  server().execute("SET search_path = " + host.options.schema_name +
                   "; CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION "
                   "'not today' USING ERRCODE = '" +
                   state +
                   "'; END $$; CREATE CONSTRAINT TRIGGER refuse AFTER UPDATE ON challenges "
                   "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse(); "
                   "CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON factors "
                   "DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse()");

  Batch batch = batch_of_one();
  const std::size_t records = GENERATE(1, 2, 200); // one statement, and more than one holds
  for (std::size_t i = 1; i < records; ++i) {
    batch.factors.push_back(batch.factors.front());
    batch.factors.back().id += std::to_string(i);
    batch.factors.back().sealed.assign(100'000, 'x');
  }
  INFO(records << " records");
  if (is_conflict)
    CHECK_FALSE(host.storage.commit(batch));
  else
    CHECK_THAT(failure_of(host, [&] { (void)host.storage.commit(batch); }),
               mfa::test::contains("not today (SQLSTATE P0001)"));
  CHECK_FALSE(host.storage.find_factor("f").has_value());

  // A verdict is no better than its commit.
  CHECK(error_of([&] { (void)host.verify(); }).code() ==
        (is_conflict ? mfa::errc::storage_conflict : mfa::errc::storage_failure));
  server().execute("SET search_path = " + host.options.schema_name +
                   "; DROP TRIGGER refuse ON challenges; DROP TRIGGER refuse ON factors");
  CHECK(host.verify() == Status::valid);
  CHECK(host.verify() != Status::valid);
}

namespace {

/// tls_relay.py before the server of this program.
class TlsRelay {
 public:
  TlsRelay() {
    const mfa::test::TestCertificate certificate;
    std::ofstream(directory_.path() + "/certificate.pem") << certificate.pem();
    std::ofstream(directory_.path() + "/key.pem") << certificate.key_pem();
    process_ = mfa::test::start_server({"/usr/bin/python3",
                                        MFA_SOURCE_DIRECTORY "/tests/storage/postgres/tls_relay.py",
                                        directory_.path(), std::to_string(server().port())},
                                       directory_.path() + "/log", nullptr);
    std::string port;
    for (int i = 0; i < 2000 && !(std::ifstream(directory_.path() + "/port") >> port); ++i)
      std::this_thread::sleep_for(10ms);
    REQUIRE_FALSE(port.empty());
    port_ = static_cast<std::uint16_t>(std::stoul(port));
  }
  TlsRelay(const TlsRelay&) = delete;
  TlsRelay& operator=(const TlsRelay&) = delete;
  ~TlsRelay() { mfa::test::stop_server(process_, SIGKILL); }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

 private:
  mfa::test::TemporaryDirectory directory_;
  pid_t process_ = 0;
  std::uint16_t port_ = 0;
};

} // namespace

TEMPLATE_TEST_CASE("Answers of any size come over TLS, whatever records the server makes of them", "",
                   Postgres, BlockingAsyncPostgres) {
  const TlsRelay relay;
  PostgresOptions options = mfa::test::new_schema();
  options.statement_timeout = 3s;
  TestType storage(server().uri(relay.port()) + "?sslmode=require", options);
  Batch batch;
  for (int i = 0; i < 90; ++i) {
    batch.factors.push_back(batch_of_one().factors.front());
    batch.factors.back().id += std::to_string(100 + i);
    batch.factors.back().user_id = "u_42";
    batch.factors.back().sealed.assign(700, 'x');
  }
  REQUIRE(storage.commit(batch));
  for (std::size_t limit = 1; limit <= batch.factors.size(); ++limit)
    CHECK(storage.list_factors("u_42", "", limit).size() == limit);
}

TEMPLATE_TEST_CASE("A schema that goes away is named, and used again when it is back", "", Postgres,
                   BlockingAsyncPostgres) {
  Host<TestType> host;
  const std::string name = host.options.schema_name;
  server().execute("ALTER SCHEMA " + name + " RENAME TO away");
  const auto message = [&](auto action) { return failure_of(host, action, mfa::errc::storage_schema); };
  CHECK_THAT(message([&] { (void)host.verify(); }),
             mfa::test::contains("run what mfa::storage::postgres_schema_sql returns"));
  CHECK_THAT(message([&] { (void)host.storage.commit(batch_of_one()); }),
             mfa::test::contains("cannot commit to"));
  server().execute("ALTER SCHEMA away RENAME TO " + name);
  CHECK(host.verify() == Status::valid);
}

TEMPLATE_TEST_CASE("A role that has no connection left, or may only read, is told", "", Postgres,
                   BlockingAsyncPostgres) {
  Host<TestType> host;
  const std::string login = "limited_" + host.options.schema_name;
  const std::string uri = server().uri(host.proxy.port(), login);
  server().execute("CREATE ROLE " + login + " LOGIN");
  SECTION("no connection left") {
    server().execute("ALTER ROLE " + login + " CONNECTION LIMIT 0");
    CHECK_THAT(failure_of(host, [&] { const TestType storage(uri); }),
               mfa::test::contains("too many connections for role"));
  }
  SECTION("may only read, as a standby") {
    server().execute("ALTER ROLE " + login + " SET default_transaction_read_only = on");
    CHECK_THAT(failure_of(host, [&] { const TestType storage(uri); }), mfa::test::contains("read-only"));
  }
}

TEMPLATE_TEST_CASE("A thread that finds every connection in use is told after a while", "", Postgres,
                   BlockingAsyncPostgres) {
  Host<TestType> host;
  TestType storage(server().uri(host.proxy.port()), {.schema_name = host.options.schema_name,
                                                     .max_connections = 1,
                                                     .connect_timeout = 3s,
                                                     .statement_timeout = 20s});
  const std::uint64_t before = host.proxy.turns();
  host.proxy.fail(Fault::stall_before_answer, 1);
  std::optional<bool> found;
  std::jthread holding([&] { found = storage.find_factor(host.enrolled.factor.id()).has_value(); });
  while (host.proxy.turns() == before) std::this_thread::sleep_for(1ms);
  CHECK_THAT(failure_of(host, [&] { (void)storage.find_factor("f"); }),
             mfa::test::contains("Raise PostgresOptions::max_connections"));
  host.proxy.resume();
  holding.join();
  CHECK(found == true);
}
