// Tasks of async::Postgres that are destroyed in the middle, and servers that stop under many of them: what
// was to be written is written or not, all or nothing, and no later answer is another question's.
#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <random>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mfa/async/postgres.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>

#include "support/async_postgres.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_schemas.hpp"
#include "support/task.hpp"

using mfa::storage::Batch;
using mfa::storage::PostgresOptions;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;

namespace {

/// A loop with a storage whose connections pass a proxy.
struct Host {
  explicit Host(std::size_t connections = 2) {
    options.max_connections = connections;
    storage.emplace(loop.handle(), server().uri(proxy.port()), options);
  }

  /// Runs the loop in short turns until what other threads do has come true.
  template <class Condition> void wait_until(Condition holds) {
    const auto end = std::chrono::steady_clock::now() + 60s;
    while (!holds()) {
      if (std::chrono::steady_clock::now() > end) throw std::runtime_error("waited for in vain");
      loop.run_until(holds, 1ms);
    }
  }

  PostgresOptions options = new_schema();
  LoopbackProxy proxy{server().port()};
  EventLoop loop;
  std::optional<AsyncPostgres> storage;
};

/// What is stored under one number: a factor, its challenge, a counter, all of one version.
Batch records(int number, std::uint64_t version) {
  const std::string id = std::to_string(number);
  Batch batch;
  batch.factors.push_back(at_version(factor("f" + id, "u" + id), version));
  batch.challenges.push_back(at_version(challenge("c" + id, "f" + id), version));
  batch.counters.push_back(at_version(counter("n" + id), version));
  return batch;
}

/// So many that they are a transaction of several calls.
Batch all_records(int count, std::uint64_t version) {
  Batch all;
  for (int i = 0; i < count; ++i) {
    Batch one = records(i, version);
    all.factors.push_back(std::move(one.factors.front()));
    all.challenges.push_back(std::move(one.challenges.front()));
    all.counters.push_back(std::move(one.counters.front()));
  }
  return all;
}

/// The version of the records of a number. Throws unless they are there and of one version, at the latest
/// when commits under way have had their time.
Task<std::uint64_t> version_of(const AsyncPostgres& storage, int number) {
  const std::string id = std::to_string(number);
  const std::string factor_id = "f" + id;
  const std::string challenge_id = "c" + id;
  const std::string counter_id = "n" + id;
  const std::string user_id = "u" + id;
  for (int tries = 0; tries < 100; ++tries) {
    const auto pair = co_await storage.find_challenge_with_factor(challenge_id);
    const auto counter = co_await storage.find_counter(counter_id);
    const auto factors = co_await storage.list_factors(user_id);
    const bool right = pair && pair->challenge.id == challenge_id && pair->factor &&
                       pair->factor->id == factor_id && counter && counter->id == counter_id &&
                       factors.size() == 1 && factors.front().id == factor_id;
    if (!right) throw std::logic_error("the answer to another question");
    const std::uint64_t version = counter->version;
    if (pair->challenge.version == version && pair->factor->version == version) co_return version;
  }
  throw std::logic_error("half of a commit");
}

/// Something that a host does.
struct Verb {
  const char* name;
  Task<> (*run)(AsyncPostgres&, const Batch& one, const Batch& all);
  int turns; ///< with the server, over a kept connection
};

const std::array verbs{
    Verb{"find",
         [](AsyncPostgres& storage, const Batch&, const Batch&) -> Task<> {
           (void)co_await storage.find_factor("f0");
         },
         1},
    Verb{"list",
         [](AsyncPostgres& storage, const Batch&, const Batch&) -> Task<> {
           (void)co_await storage.scan_factors("", 100);
         },
         1},
    Verb{"commit",
         [](AsyncPostgres& storage, const Batch& one, const Batch&) -> Task<> {
           (void)co_await storage.commit(one);
         },
         1},
    Verb{"commit of many",
         [](AsyncPostgres& storage, const Batch&, const Batch& all) -> Task<> {
           (void)co_await storage.commit(all);
         },
         1},
    Verb{"purge",
         [](AsyncPostgres& storage, const Batch&, const Batch&) -> Task<> {
           (void)co_await storage.purge(at(0), 10);
         },
         2},
};

} // namespace

TEST_CASE("A task that is destroyed at any await leaves its storage usable, and whole commits or none") {
  constexpr int numbers = 5;
  const Verb verb = GENERATE(from_range(verbs));
  const auto fault = GENERATE(Fault::stall_before_request, Fault::stall_before_answer);
  const bool is_connected = GENERATE(true, false);
  INFO(verb.name << (is_connected ? ", connected" : ", not connected"));
  const std::string name = verb.name;
  Host host(1);
  REQUIRE(host.loop.run(host.storage->commit(all_records(numbers, 0))));
  /// How many versions the records of a number, or of all, have at one moment.
  const auto versions = [&](const std::string& number) {
    std::string sql =
        "SET search_path = " + host.options.schema_name + "; SELECT count(DISTINCT version) FROM (";
    for (const char* table : {"factors", "challenges", "counters"})
      sql += std::string(sql.ends_with('(') ? "" : " UNION ALL ") + "SELECT id, version FROM " + table;
    return server().execute(sql + ") AS records WHERE id LIKE '%" + number + "'");
  };

  std::uint64_t turn = 1;
  for (;; ++turn) {
    const std::uint64_t first = host.loop.run(version_of(*host.storage, 0));
    const std::uint64_t second = host.loop.run(version_of(*host.storage, 1));
    const Batch one = records(0, first);
    const Batch all = all_records(numbers, second); // conflicts only after a commit of one
    if (!is_connected) host.proxy.cut();

    const std::uint64_t before = host.proxy.turns();
    host.proxy.fail(fault, turn);
    auto task = verb.run(*host.storage, one, all);
    task.start();
    host.wait_until([&] { return task.done() || host.proxy.turns() == before + turn; });
    if (task.done()) break;
    task = Task<>();
    host.proxy.resume();

    for (int i = numbers - 1; i > 1; --i) CHECK_NOTHROW(host.loop.run(version_of(*host.storage, i)));
    const std::uint64_t first_now = host.loop.run(version_of(*host.storage, 0));
    const std::uint64_t second_now = host.loop.run(version_of(*host.storage, 1));
    CHECK((first_now == first || (first_now == first + 1 && name.starts_with("commit"))));
    CHECK((second_now == second || (second_now == second + 1 && name == "commit of many")));
    CHECK(versions(name == "commit" ? "0" : "") == "1");
  }
  CHECK(turn > static_cast<std::uint64_t>(verb.turns + (is_connected ? 0 : 5)));
}

TEST_CASE("Tasks that are destroyed at random moments take no answer from others") {
  constexpr int numbers = 20;
  Host host(4);
  REQUIRE(host.loop.run(host.storage->commit(all_records(numbers, 0))));
  std::mt19937 random(12345);
  int wrong = 0;
  int finished = 0;
  const auto use = [&](int number) -> Task<> {
    try {
      const std::uint64_t version = co_await version_of(*host.storage, number);
      const Batch batch = records(number, version);
      (void)co_await host.storage->commit(batch);
      ++finished;
    } catch (const std::exception&) {
      ++wrong; // nothing fails here
    }
  };
  std::vector<Task<>> tasks(30);
  for (int round = 0; round < 2000; ++round) {
    Task<>& task = tasks[random() % tasks.size()];
    task = use(static_cast<int>(random() % numbers)); // ends what was there, wherever it is
    task.start();
    if (round % 10 != 0)
      host.loop.run_until([] { return false; }, std::chrono::milliseconds(random() % 4));
    else
      host.loop.run_until([&finished, before = finished] { return finished > before; });
  }
  tasks.clear();
  CHECK(wrong == 0);
  CHECK(finished >= 200);
  for (int i = 0; i < numbers; ++i) CHECK_NOTHROW(host.loop.run(version_of(*host.storage, i)));
}

TEST_CASE("A server that stops and starts under many tasks loses no commit that it answered") {
  constexpr int numbers = 100;
  const int signal = GENERATE(SIGINT, SIGQUIT);
  Host host(8);
  host.options.connect_timeout = 10s;
  host.storage.emplace(host.loop.handle(), server().uri(), host.options);
  AsyncPostgres& storage = *host.storage;
  REQUIRE(host.loop.run(storage.commit(all_records(numbers, 0))));
  std::array<std::uint64_t, numbers> answered{};
  std::array<std::uint64_t, numbers> unknown{};
  int running = 0;
  int other_errors = 0;
  bool stopping = false;
  const auto use = [&](int number) -> Task<> {
    ++running;
    auto& yes = answered.at(static_cast<std::size_t>(number));
    auto& perhaps = unknown.at(static_cast<std::size_t>(number));
    while (!stopping) {
      bool failed = false;
      try {
        const std::uint64_t version = co_await version_of(storage, number);
        const Batch batch = records(number, version);
        ++perhaps;
        if (co_await storage.commit(batch)) ++yes;
        --perhaps;
      } catch (const mfa::Error& error) {
        failed = true;
        if (error.code() != mfa::errc::storage_failure) ++other_errors;
      }
      if (failed) co_await host.loop.handle().sleep(20ms);
    }
    --running;
  };
  for (int i = 0; i < numbers; ++i) host.loop.spawn(use(i));
  const auto total = [&] {
    std::uint64_t sum = 0;
    for (const auto count : answered) sum += count;
    return sum;
  };
  host.wait_until([&] { return total() >= 300; });
  server().stop(signal);
  host.loop.run_until([] { return false; }, 200ms);
  const auto while_down = total();
  server().start();
  host.wait_until([&] { return total() >= while_down + 300; });
  stopping = true;
  host.wait_until([&] { return running == 0; });
  CHECK(other_errors == 0);
  for (std::size_t i = 0; i < numbers; ++i) {
    const std::uint64_t version = host.loop.run(version_of(storage, static_cast<int>(i)));
    CHECK(version >= 1 + answered[i]);
    CHECK(version <= 1 + answered[i] + unknown[i]);
  }
}
