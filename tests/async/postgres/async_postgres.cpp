// async::Postgres is storage::Postgres for event loops: its promises, and those of its connections, for which
// tasks wait in a line.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/resource.h>
#include <unistd.h>

#include <mfa/async/postgres.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/async_postgres.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/errors.hpp"
#include "support/event_loop.hpp"
#include "support/loopback.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_schemas.hpp"
#include "support/task.hpp"

using mfa::storage::Batch;
using mfa::storage::PostgresOptions;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;

static_assert(mfa::Storage<BlockingAsyncPostgres>);
static_assert(mfa::storage::FindsChallengeWithFactor<BlockingAsyncPostgres>);
static_assert(mfa::storage::PagesFactors<BlockingAsyncPostgres>);
static_assert(mfa::storage::ScansFactors<BlockingAsyncPostgres>);
static_assert(mfa::storage::Purges<BlockingAsyncPostgres>);
static_assert(!mfa::storage::Ephemeral<BlockingAsyncPostgres>);
static_assert(std::is_nothrow_move_constructible_v<AsyncPostgres> &&
              std::is_nothrow_move_assignable_v<AsyncPostgres> &&
              !std::is_copy_constructible_v<AsyncPostgres>);

namespace {

/// A loop with a storage whose connections pass a proxy, and a factor "f".
struct Host {
  explicit Host(PostgresOptions given = new_schema()) : options(std::move(given)) {
    REQUIRE(loop.run(storage->commit(batch_of(factor("f", "u_42")))));
  }

  /// Starts a task that looks for the factor, and returns when the server has been asked, whose answer stays
  /// on its way until `proxy.resume()`.
  [[nodiscard]] Task<bool> ask() { return ask(finds()); }

  [[nodiscard]] Task<bool> ask(Task<bool> task) {
    const std::uint64_t turns = proxy.turns();
    proxy.fail(Fault::stall_before_answer, 1);
    task.start();
    while (proxy.turns() == turns) loop.run_until([] { return false; }, 1ms);
    return task;
  }

  Task<bool> finds() { co_return (co_await storage->find_factor("f")).has_value(); }

  PostgresOptions options;
  LoopbackProxy proxy{server().port()};
  EventLoop loop;
  std::optional<AsyncPostgres> storage{std::in_place, loop.handle(), server().uri(proxy.port()), options};
};

PostgresOptions with_connections(std::size_t most) {
  PostgresOptions options = new_schema();
  options.max_connections = most;
  return options;
}

} // namespace

TEST_CASE("async::Postgres keeps every promise of a storage, for threads, instances and processes") {
  const PostgresServer own;
  const auto report = mfa::testing::check_storage([&] { return BlockingAsyncPostgres(own.uri()); });
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(mfa::testing::CheckResult::Outcome::not_checked) == 0);
}

TEST_CASE("A thousand finds and commits at once share sixteen connections") {
  const PostgresOptions options = new_schema();
  EventLoop loop;
  AsyncPostgres storage(loop.handle(), server().uri() + "?application_name=shared", options);
  int right = 0;
  const auto use = [&](int number) -> Task<> {
    const std::string id = "f" + std::to_string(number);
    const Batch batch = batch_of(factor(id, "u_42"));
    const bool first = co_await storage.commit(batch);
    const auto found = co_await storage.find_factor(id);
    const bool second = co_await storage.commit(batch);
    if (first && found == at_version(batch.factors.front(), 1) && !second) ++right;
  };
  for (int i = 0; i < 1000; ++i) loop.spawn(use(i));
  CHECK(loop.run_until([&] { return right == 1000; }));
  CHECK(server().execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'shared'") == "16");
  CHECK(loop.run(storage.list_factors("u_42")).size() == 1000);
}

TEST_CASE("Tasks have their turns in the order in which they came") {
  Host host(with_connections(1));
  std::vector<int> order;
  const auto use = [&](int number) -> Task<> {
    for (int i = 0; i < 3; ++i) {
      (void)co_await host.storage->find_factor("f");
      order.push_back(number);
    }
  };
  for (int i = 0; i < 50; ++i) host.loop.spawn(use(i));
  REQUIRE(host.loop.run_until([&] { return order.size() == 150; }));
  for (std::size_t i = 0; i < order.size(); ++i) CHECK(order[i] == static_cast<int>(i % 50));
}

TEST_CASE("Loops in threads of their own, with a storage each, lose no update") {
  const PostgresOptions options = new_schema();
  constexpr int updates = 200;
  std::array<int, 2> done{};
  {
    std::vector<std::jthread> threads;
    for (int& count : done)
      threads.emplace_back([&options, &count] {
        EventLoop loop;
        AsyncPostgres storage(loop.handle(), server().uri(), options);
        const auto update = [&]() -> Task<> {
          while (count < updates) {
            auto found = co_await storage.find_counter("n");
            Batch batch;
            batch.counters.push_back(found ? *std::move(found) : counter("n"));
            if (co_await storage.commit(batch)) ++count;
          }
        };
        for (int i = 0; i < 4; ++i) loop.spawn(update());
        loop.run_until([&] { return count >= updates; });
      });
  }
  mfa::storage::Postgres storage(server().uri(), options);
  const auto found = storage.find_counter("n");
  REQUIRE(found);
  // A loop that ends may leave commits on their way, of its other three tasks.
  CHECK(found->version >= static_cast<std::uint64_t>(done[0] + done[1]));
  CHECK(found->version <= static_cast<std::uint64_t>(done[0] + done[1] + 6));
}

TEST_CASE("A task that is destroyed in the line leaves its turn to the next") {
  Host host(with_connections(1));
  Task<bool> second = host.finds();
  Task<bool> third = host.finds();
  const bool has_its_turn = GENERATE(false, true); // and does not know yet
  const auto use = [&]() -> Task<bool> {
    const bool found = co_await host.finds();
    if (has_its_turn) second = Task<bool>();
    co_return found;
  };
  const Task<bool> first = host.ask(use());
  second.start();
  third.start();
  if (!has_its_turn) second = Task<bool>();
  host.proxy.resume();
  CHECK(host.loop.run_until([&] { return third.done(); }));
  CHECK(first.done());
  CHECK(third.result());
  CHECK(host.proxy.connections() == 1);
}

TEST_CASE("Tasks may outlive the storage, and end or be destroyed then") {
  Host host(with_connections(1));
  Task<bool> asking = host.ask();
  Task<bool> waiting = host.finds();
  waiting.start();
  host.storage.reset();
  SECTION("end") {
    host.proxy.resume();
    CHECK(host.loop.run_until([&] { return asking.done() && waiting.done(); }));
    CHECK(asking.result());
    CHECK(waiting.result());
  }
  SECTION("are destroyed") {
    asking = Task<bool>();
    waiting = Task<bool>();
    host.proxy.resume();
  }
}

TEST_CASE("A storage can be moved, while tasks use it too") {
  Host host;
  Task<bool> asking = host.ask();
  AsyncPostgres moved(*std::move(host.storage));
  host.proxy.resume();
  CHECK(host.loop.run_until([&] { return asking.done(); }));
  CHECK(asking.result());
  CHECK(host.loop.run(moved.find_factor("f")));
}

TEST_CASE("async::Postgres is refused to a forked process, which leaves the parent's connections alone") {
  Host host(with_connections(2));
  Task<bool> asking = host.ask();
  Task<bool> waiting = host.finds(); // makes a second connection
  waiting.start();
  REQUIRE(host.loop.run_until([&] { return waiting.done(); }));
  const auto connections = host.proxy.connections();
  ChildProcess child([&](const Channel& parent) {
    std::string told = error_of([&] { (void)host.loop.run(host.storage->find_factor("f")); }).what();
    asking = Task<bool>();
    host.storage.reset();
    EventLoop loop;
    const AsyncPostgres own(loop.handle(), server().uri(), host.options);
    if (loop.run(own.list_factors("u_42")).size() != 1) told += " Its own storage reads nothing.";
    parent.send(told);
    (void)parent.receive(); // until the parent has seen what the end of the storage did
  });
  const auto told = child.channel().receive();
  REQUIRE(told);
  CHECK_THAT(*told, contains("cannot use async::Postgres in process"));
  CHECK_THAT(*told, contains("opened it and forked"));
  CHECK(told->find("reads nothing") == std::string::npos);
  host.proxy.resume();
  CHECK(host.loop.run_until([&] { return asking.done(); }));
  CHECK(asking.result());
  for (int i = 0; i < 10; ++i) CHECK(host.loop.run(host.finds()));
  child.channel().send("end");
  CHECK(child.wait() == 0);
  for (int i = 0; i < 10; ++i) CHECK(host.loop.run(host.finds()));
  CHECK(host.proxy.connections() == connections);
}

TEST_CASE("What opening storage::Postgres refuses, opening async::Postgres refuses") {
  PostgresOptions options = new_schema();
  EventLoop loop;
  const std::string wrong = "wr0ng";
  const auto open = [&](const std::string& login) {
    const AsyncPostgres storage(loop.handle(), server().uri(0, login), options);
  };
  check_error([&] { open("careful:" + wrong); }, mfa::errc::storage_failure,
              "password authentication failed for user \"careful\"");
  CHECK(std::string(error_of([&] { open("careful:" + wrong); }).what()).find(wrong) == std::string::npos);
  CHECK(error_of([&] { open("careful:a@b"); }).code() == mfa::errc::invalid_argument);

  { const mfa::storage::Postgres storage(server().uri(), options); }
  server().execute("UPDATE " + options.schema_name + ".schema_version SET version = 41");
  check_error([&] { open("postgres"); }, mfa::errc::storage_schema, "version 41");
  options = new_schema();
  options.schema = mfa::storage::Schema::verify_only;
  check_error([&] { open("postgres"); }, mfa::errc::storage_schema,
              "Run what mfa::storage::postgres_schema_sql returns");
}

TEST_CASE("A connection that is made later is checked like the first, and what it met is told to its task") {
  const PostgresOptions options = new_schema();
  const std::string login = "changing_" + options.schema_name;
  server().execute("CREATE ROLE " + login + " LOGIN SUPERUSER");
  EventLoop loop;
  AsyncPostgres storage(loop.handle(), server().uri(0, login), options);
  const auto second = [&] { // while the first connection is in use
    const auto first = storage.find_factor("f");
    first.start();
    const auto found = loop.run(storage.find_factor("f"));
    (void)loop.run_until([&] { return first.done(); });
  };
  SECTION("a later schema") {
    server().execute("UPDATE " + options.schema_name + ".schema_version SET version = 41");
    check_error(second, mfa::errc::storage_schema, "version 41");
    server().execute("UPDATE " + options.schema_name + ".schema_version SET version = 1");
  }
  SECTION("no connection left") {
    server().execute("ALTER ROLE " + login + " NOSUPERUSER CONNECTION LIMIT 1; GRANT USAGE ON SCHEMA " +
                     options.schema_name + " TO " + login + "; GRANT SELECT ON ALL TABLES IN SCHEMA " +
                     options.schema_name + " TO " + login);
    check_error(second, mfa::errc::storage_failure, "too many connections for role");
    server().execute("ALTER ROLE " + login + " CONNECTION LIMIT 2");
  }
  CHECK_NOTHROW(second());
}

TEST_CASE("A process that has no descriptor left is told, and goes on when it has") {
  Host host;
  AsyncPostgres storage(host.loop.handle(), server().uri(), host.options); // not watched yet
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  rlimit none_left = limit;
  none_left.rlim_cur = static_cast<rlim_t>(Descriptor(::dup(0), "dup").get()); // the next one
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &none_left) == 0);
  const mfa::Error error = error_of([&] { (void)host.loop.run(storage.find_factor("f")); });
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
  CHECK(error.code() == mfa::errc::storage_failure);
  CHECK_THAT(error.what(), contains("Let the process have two descriptors for each connection"));
  CHECK(host.loop.run(storage.find_factor("f")));
}

TEST_CASE("Of several servers the next is tried when one says nothing") {
  const PostgresOptions options = [] {
    PostgresOptions given = new_schema();
    given.connect_timeout = 2s;
    return given;
  }();
  LoopbackProxy first(server().port());
  LoopbackProxy second(server().port());
  EventLoop loop;
  AsyncPostgres storage(loop.handle(),
                        "host=127.0.0.1,127.0.0.1 user=postgres dbname=postgres port=" +
                            std::to_string(first.port()) + "," + std::to_string(second.port()),
                        options);
  REQUIRE(loop.run(storage.commit(batch_of(factor("f")))));
  CHECK(second.connections() == 0);
  first.cut();
  SECTION("as its network is dead") {
    first.fail(Fault::stall_before_request, 1);
    const auto start = std::chrono::steady_clock::now();
    CHECK(loop.run(storage.find_factor("f")));
    CHECK(std::chrono::steady_clock::now() - start >= 1900ms);
  }
  SECTION("as its network is dead, for tasks that nobody waits for as long as that") {
    first.fail(Fault::stall_before_request, 1);
    bool found = false;
    int impatient = 0;
    for (; !found && impatient < 4; ++impatient) {
      auto task = storage.find_factor("f");
      task.start();
      found = loop.run_until([&] { return task.done(); }, 400ms);
      if (found) CHECK(task.result());
    }
    CHECK(found);
    CHECK(impatient == 2);
  }
  SECTION("as it is down") {
    first.refuse(true);
    CHECK(loop.run(storage.find_factor("f")));
  }
  CHECK(second.connections() == 1);
  second.cut();
  second.refuse(true);
  first.refuse(true);
  const mfa::Error error = error_of([&] { (void)loop.run(storage.find_factor("f")); });
  CHECK(error.code() == mfa::errc::storage_failure);
  CHECK_THAT(error.what(), contains("port " + std::to_string(first.port())));
  CHECK_THAT(error.what(), contains("port " + std::to_string(second.port())));
}
