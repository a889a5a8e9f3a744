// What ends a task, a connection or the server harms nothing else in async::Redis: other tasks get their own
// answers, nothing is done twice, and what fails says so in time. What both storages in Redis do alike is
// tested by storage/redis/redis_faults.cpp.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <mfa/async/redis.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/event_loop.hpp"
#include "support/loopback.hpp"
#include "support/loopback_proxy.hpp"
#include "support/redis_server.hpp"
#include "support/task.hpp"

using mfa::errc;
using mfa::storage::Batch;
using mfa::storage::RedisDurability;
using mfa::storage::RedisOptions;
using mfa::test::contains;
using mfa::test::error_of;
using mfa::test::EventLoop;
using mfa::test::Fault;
using mfa::test::LoopbackProxy;
using mfa::test::RedisServer;
using mfa::test::Task;
using Storage = mfa::test::AsyncRedis::Storage;
using namespace std::chrono_literals;

namespace {

Batch one_factor(std::string id, std::uint64_t version = 0) {
  Batch batch;
  auto& factor = batch.factors.emplace_back();
  factor.id = std::move(id);
  factor.version = version;
  factor.type = mfa::FactorType::totp;
  factor.user_id = "u_42";
  return batch;
}

RedisOptions quick(const RedisServer& server, std::uint16_t port) {
  auto options = server.options(RedisDurability::accept_volatile);
  options.port = port;
  options.max_connections = 1;
  return options;
}

Task<bool> commit(Storage& storage, Batch batch) { co_return co_await storage.commit(batch); }

/// The version of a factor, 0 if there is none.
Task<std::uint64_t> version_of(Storage& storage, std::string id) {
  const auto found = co_await storage.find_factor(id);
  co_return found ? found->version : 0;
}

Task<> loop_sleep(EventLoop& loop, std::chrono::milliseconds time) { co_await loop.handle().sleep(time); }

void turn(EventLoop& loop, int turns) {
  loop.run_until([&] { return turns-- == 0; });
}

template <class Result> bool all_done(const std::vector<Task<Result>>& tasks) {
  return std::ranges::all_of(tasks, [](const auto& task) { return task.done(); });
}

/// Four requests at once.
struct Requests {
  explicit Requests(Storage& storage)
      : first(commit(storage, one_factor("first"))), old(version_of(storage, "old")),
        again(commit(storage, one_factor("old", 1))), last(commit(storage, one_factor("last"))) {
    first.start();
    old.start();
    again.start();
    last.start();
  }

  [[nodiscard]] bool done(int but = 4) const {
    return (but == 0 || first.done()) && (but == 1 || old.done()) && (but == 2 || again.done()) &&
           (but == 3 || last.done());
  }

  /// Ends one of them where it waits; false if it has ended already.
  bool destroy(int victim) {
    const auto end = [](auto& task) { return !task.done() && (task = {}, true); };
    switch (victim) {
    case 0: return end(first);
    case 1: return end(old);
    case 2: return end(again);
    default: return end(last);
    }
  }

  void check(int but) const {
    if (but != 0) CHECK(first.result());
    if (but != 1) CHECK(old.result() == 1);
    if (but != 2) CHECK(again.result());
    if (but != 3) CHECK(last.result());
  }

  Task<bool> first;
  Task<std::uint64_t> old;
  Task<bool> again;
  Task<bool> last;
};

/// That each of the commits that may have happened did so once or not at all, and that the storage serves on.
void check_aftermath(EventLoop& loop, Storage& storage) {
  for (const std::string id : {"first", "old", "last"}) {
    INFO(id);
    const auto version = loop.run(version_of(storage, id));
    const std::uint64_t before = id == "old" ? 1 : 0;
    CHECK((version == before || version == before + 1));
    CHECK(loop.run(commit(storage, one_factor(id, version))));
    CHECK(loop.run(version_of(storage, id)) == version + 1);
  }
}

} // namespace

TEST_CASE("a task that is destroyed at any of its waits disturbs no other, whoever drives the connection") {
  const RedisServer server(RedisServer::quick());
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "on", ">pw", "~*", "+@all") == "OK");
  const LoopbackProxy proxy(server.port());
  auto options = quick(server, proxy.port());
  options.user = "mfa"; // logging in is another wait
  options.password = "pw";
  mfa::storage::Redis blocking(options);
  const int victim = GENERATE(0, 1, 2, 3);
  const bool is_connected = GENERATE(true, false);
  int turns = 0;
  for (bool destroyed = true; destroyed; ++turns) {
    INFO("request " << victim << " after " << turns << " turns" << (is_connected ? "" : ", unconnected"));
    REQUIRE(server.ask("FLUSHALL") == "OK");
    REQUIRE(blocking.commit(one_factor("old")));
    EventLoop loop;
    Storage storage(loop.handle(), options);
    if (is_connected) REQUIRE(loop.run(version_of(storage, "old")) == 1);
    const auto connections = proxy.connections();
    Requests requests(storage);
    turn(loop, turns);
    destroyed = requests.destroy(victim);
    CHECK(loop.run_until([&] { return requests.done(victim); }));
    requests.check(victim);
    check_aftermath(loop, storage);
    if (is_connected) CHECK(proxy.connections() == connections); // it was kept
  }
  CHECK(turns > 2);
}

TEST_CASE("tasks may all be destroyed at any of their waits, and after the storage") {
  const RedisServer server(RedisServer::quick());
  const auto options = quick(server, server.port());
  mfa::storage::Redis blocking(options);
  const bool storage_first = GENERATE(true, false);
  int turns = 0;
  for (bool destroyed = true; destroyed; ++turns) {
    INFO(turns << " turns");
    REQUIRE(server.ask("FLUSHALL") == "OK");
    REQUIRE(blocking.commit(one_factor("old")));
    EventLoop loop;
    std::optional<Storage> storage(std::in_place, loop.handle(), options);
    {
      Requests requests(*storage);
      turn(loop, turns);
      destroyed = !requests.done();
      if (storage_first) storage.reset();
    }
    if (!storage) storage.emplace(loop.handle(), options);
    check_aftermath(loop, *storage);
  }
  CHECK(turns > 2);
}

TEST_CASE("a task that drives a connection and is destroyed hands it over while the server is silent") {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  EventLoop loop;
  Storage storage(loop.handle(), quick(server, proxy.port()));
  REQUIRE(loop.run(commit(storage, one_factor("old"))));
  const auto fault = GENERATE(Fault::stall_before_request, Fault::stall_before_answer);
  const auto connections = proxy.connections();
  proxy.fail(fault);
  Requests requests(storage);
  turn(loop, 1);
  REQUIRE(requests.destroy(0));
  REQUIRE(requests.destroy(3));
  proxy.resume();
  CHECK(loop.run_until([&] { return requests.old.done() && requests.again.done(); }));
  CHECK(requests.old.result() == 1);
  CHECK(requests.again.result());
  check_aftermath(loop, storage);
  CHECK(proxy.connections() == connections);
}

TEST_CASE("a task that connects for all and is destroyed lets another connect") {
  const RedisServer server(RedisServer::quick());
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "on", ">pw", "~*", "+@all") == "OK");
  LoopbackProxy proxy(server.port());
  auto options = quick(server, proxy.port());
  options.user = "mfa";
  options.password = "pw";
  REQUIRE(mfa::storage::Redis(options).commit(one_factor("old")));
  EventLoop loop;
  Storage storage(loop.handle(), options);
  proxy.fail(Fault::stall_before_answer); // of AUTH
  Requests requests(storage);
  const auto turns = proxy.turns();
  CHECK(loop.run_until([&] { return proxy.turns() > turns; }, 1s));
  CHECK_FALSE(requests.done());
  REQUIRE(requests.destroy(0));
  CHECK(loop.run_until([&] { return requests.done(0); }));
  requests.check(0);
  check_aftermath(loop, storage);
}

TEST_CASE("a commit that is destroyed before its connection was made never happens") {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  auto options = quick(server, proxy.port());
  options.max_connections = 2;
  EventLoop loop;
  Storage storage(loop.handle(), options);
  REQUIRE(loop.run(commit(storage, one_factor("old"))));
  proxy.fail(Fault::stall_before_answer);
  const auto turns = proxy.turns();
  auto read = version_of(storage, "old");
  read.start();
  while (proxy.turns() == turns) loop.run(loop_sleep(loop, 1ms));
  {
    auto impatient = commit(storage, one_factor("late")); // on a second connection
    impatient.start();
    auto another = commit(storage, one_factor("later")); // on either
    another.start();
    REQUIRE(!impatient.done());
  }
  proxy.resume();
  CHECK(loop.run_until([&] { return read.done(); }));
  CHECK(read.result() == 1);
  for (int i = 0; i < 20; ++i) CHECK(loop.run(version_of(storage, "old")) == 1);
  for (int bursts = 0; bursts < 20; ++bursts) { // more at once than the first connection takes alone
    std::vector<Task<std::uint64_t>> burst;
    for (int i = 0; i < 6; ++i) burst.push_back(version_of(storage, "old"));
    for (auto& each : burst) each.start();
    CHECK(loop.run_until([&] { return all_done(burst); }));
    for (const auto& each : burst) CHECK(each.result() == 1);
  }
  CHECK(loop.run(version_of(storage, "late")) == 0);
}

TEST_CASE("a commit that a full connection had not taken when its task was destroyed never happens") {
  const RedisServer server(RedisServer::quick());
  EventLoop loop;
  Storage storage(loop.handle(), quick(server, server.port()));
  REQUIRE(loop.run(commit(storage, one_factor("old"))));
  auto large = one_factor("large");
  large.factors[0].sealed.assign(32'000'000, 'x'); // more than systems keep for a socket
  server.pause();
  SECTION("as it waited with another") {
    auto first = commit(storage, large);
    first.start();
    loop.run(loop_sleep(loop, 20ms));
    auto second = commit(storage, one_factor("late"));
    second.start();
    loop.run(loop_sleep(loop, 20ms));
    REQUIRE(!first.done());
    REQUIRE(!second.done());
  }
  SECTION("before the loop's next turn") {
    auto alone = commit(storage, large);
    alone.start();
    REQUIRE(!alone.done());
  }
  server.resume();
  for (int i = 0; i < 20; ++i) {
    CHECK(loop.run(version_of(storage, "late")) == 0);
    CHECK(loop.run(version_of(storage, "large")) == 0);
  }
  CHECK(loop.run(version_of(storage, "old")) == 1);
}

TEST_CASE("each request has its own time, and a late answer reaches nobody") {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  auto options = quick(server, proxy.port());
  options.command_timeout = 400ms;
  EventLoop loop;
  Storage storage(loop.handle(), options);
  REQUIRE(loop.run(commit(storage, one_factor("f"))));
  REQUIRE(loop.run(commit(storage, one_factor("g"))));
  REQUIRE(loop.run(commit(storage, one_factor("g", 1))));

  proxy.fail(Fault::stall_before_answer);
  const auto begin = std::chrono::steady_clock::now();
  auto first = version_of(storage, "f");
  first.start();
  loop.run(loop_sleep(loop, 250ms));
  auto second = version_of(storage, "g");
  second.start();
  CHECK(loop.run_until([&] { return first.done(); }));
  CHECK(std::chrono::steady_clock::now() - begin >= 400ms);
  CHECK_FALSE(second.done());
  const auto error = error_of([&] { (void)first.result(); });
  CHECK(error.code() == errc::storage_failure);
  CHECK_THAT(error.what(), contains("no answer within 400 ms"));
  // A connection that stands still gets no more requests.
  CHECK(loop.run(version_of(storage, "g")) == 2);
  proxy.resume();
  CHECK(loop.run_until([&] { return second.done(); }));
  CHECK(second.result() == 2);
  CHECK(loop.run(version_of(storage, "f")) == 1);
}

TEST_CASE("requests that are destroyed before their time do not keep a dead connection alive") {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  auto options = quick(server, proxy.port());
  options.command_timeout = 200ms;
  EventLoop loop;
  Storage storage(loop.handle(), options);
  REQUIRE(loop.run(commit(storage, one_factor("f"))));
  proxy.fail(Fault::stall_before_answer);
  for (int i = 0; i < 4; ++i) {
    auto impatient = version_of(storage, "f");
    impatient.start();
    loop.run(loop_sleep(loop, 70ms));
    if (impatient.done()) break;
  }
  CHECK(loop.run(version_of(storage, "f")) == 1);
}

TEST_CASE(
    "of many requests on a connection that is cut, commits are in doubt and reads are asked once more") {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  EventLoop loop;
  Storage storage(loop.handle(), quick(server, proxy.port()));
  REQUIRE(loop.run(commit(storage, one_factor("old"))));
  const auto fault = GENERATE(Fault::cut_before_request, Fault::cut_before_answer);
  const auto connections = proxy.connections();
  proxy.fail(fault);
  std::vector<Task<bool>> commits;
  std::vector<Task<std::uint64_t>> reads;
  for (int i = 0; i < 100; ++i) {
    commits.push_back(commit(storage, one_factor("f" + std::to_string(i))));
    commits.back().start();
    reads.push_back(version_of(storage, "old"));
    reads.back().start();
  }
  CHECK(loop.run_until([&] { return all_done(commits) && all_done(reads); }));
  for (const auto& read : reads) CHECK(read.result() == 1);
  for (const auto& each : commits) {
    const auto error = error_of([&] { (void)each.result(); });
    CHECK(error.code() == errc::storage_failure);
    CHECK_THAT(error.what(), contains("may have been done or not"));
  }
  CHECK(proxy.connections() == connections + 1);
  std::uint64_t done = 0;
  for (int i = 0; i < 100; ++i) done += loop.run(version_of(storage, "f" + std::to_string(i)));
  CHECK((done > 0) == (fault == Fault::cut_before_answer)); // which was that to the first
}

TEST_CASE("a server that restarts under load fails what was under way, and nothing after it") {
  RedisServer server(RedisServer::durable());
  auto options = server.options();
  EventLoop loop;
  Storage storage(loop.handle(), options);
  struct Count {
    std::uint64_t right = 0;
    std::uint64_t failed = 0;
  } count;
  const auto work = [](Storage& used, std::string id, Count& counted, const bool& stop) -> Task<> {
    std::uint64_t version = 0;
    bool in_doubt = false; // until a search tells whether the last commit was done
    while (!stop) {
      try {
        if (in_doubt) {
          const auto found = co_await used.find_factor(id);
          const auto stored = found ? found->version : 0;
          CHECK((stored == version || stored == version + 1));
          version = stored;
          in_doubt = false;
        }
        const Batch batch = one_factor(id, version);
        in_doubt = true;
        const bool committed = co_await used.commit(batch);
        in_doubt = false;
        CHECK(committed);
        ++version;
        ++counted.right;
      } catch (const mfa::Error&) {
        ++counted.failed;
      }
    }
  };
  bool stop = false;
  std::vector<Task<>> all;
  for (int i = 0; i < 100; ++i) {
    all.push_back(work(storage, "f" + std::to_string(i), count, stop));
    all.back().start();
  }
  CHECK(loop.run_until([&] { return count.right > 300; }));
  server.kill();
  const auto failed = count.failed;
  CHECK(loop.run_until([&] { return count.failed > failed + 100; }));
  server.start();
  const auto right = count.right;
  CHECK(loop.run_until([&] { return count.right > right + 300; }));
  stop = true;
  CHECK(loop.run_until([&] { return all_done(all); }));
  for (const auto& each : all) each.result();
  CHECK(loop.run(commit(storage, one_factor("last"))));
}

TEST_CASE("a login that is refused later is told without the password, and works again when it is right") {
  const RedisServer server(RedisServer::quick());
  REQUIRE(server.ask("ACL", "SETUSER", "alan", "on", ">s3cr3t", "~*", "+@all") == "OK");
  LoopbackProxy proxy(server.port());
  auto options = quick(server, proxy.port());
  options.user = "alan";
  options.password = "s3cr3t";
  options.database = 3;
  EventLoop loop;
  Storage storage(loop.handle(), options);
  REQUIRE(loop.run(commit(storage, one_factor("f"))));
  proxy.cut();
  REQUIRE(server.ask("ACL", "SETUSER", "alan", "<s3cr3t", ">another") == "OK");
  std::vector<Task<bool>> all;
  for (int i = 0; i < 3; ++i) {
    all.push_back(commit(storage, one_factor("f", 1)));
    all.back().start();
  }
  CHECK(loop.run_until([&] { return all_done(all); }));
  for (const auto& each : all) {
    const auto error = error_of([&] { (void)each.result(); });
    CHECK(error.code() == errc::storage_failure);
    CHECK_THAT(error.what(), contains("refused the user 'alan'"));
    CHECK_THAT(error.what(), !contains("s3cr3t"));
  }
  REQUIRE(server.ask("ACL", "SETUSER", "alan", "<another", ">s3cr3t") == "OK");
  CHECK(loop.run(version_of(storage, "f")) == 1);
  CHECK(loop.run(commit(storage, one_factor("f", 1))));
  CHECK_THAT(server.ask("INFO", "keyspace"), contains("db3:"));
  CHECK_THAT(server.ask("INFO", "keyspace"), !contains("db0:"));
}

TEST_CASE("a server that cannot be reached, or does not answer who connects, costs its time-out") {
  RedisServer server(RedisServer::quick());
  auto options = quick(server, server.port());
  options.connect_timeout = 300ms;
  options.command_timeout = 200ms;
  EventLoop loop;
  Storage storage(loop.handle(), options);
  server.kill();
  const mfa::test::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const auto address = mfa::test::loopback_address(server.port());
  REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  REQUIRE(::listen(listener.get(), 0) == 0);
  std::vector<mfa::test::Descriptor> others; // which fill its queue
  const auto check_time = [&](std::chrono::milliseconds expected, const std::string& part) {
    const auto begin = std::chrono::steady_clock::now();
    const auto error = error_of([&] { (void)loop.run(version_of(storage, "f")); });
    const auto time = std::chrono::steady_clock::now() - begin;
    CHECK(error.code() == errc::storage_failure);
    CHECK_THAT(error.what(), contains(part));
    CHECK(time >= expected);
    CHECK(time < expected + 2s);
  };
  check_time(200ms, "no answer within 200 ms");
  for (int i = 0; i < 8; ++i) {
    others.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    (void)::connect(others.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  }
  check_time(300ms, "Connection timed out. Check that it runs");
}

TEST_CASE("what answers later with another protocol, or without being asked, is used no longer") {
  RedisServer server(RedisServer::quick());
  const auto options = quick(server, server.port());
  EventLoop loop;
  Storage storage(loop.handle(), options);
  const std::string_view said = GENERATE("HTTP/1.1 400 Bad Request\r\n\r\n", "+OK\r\n+OK\r\n");
  server.kill();
  {
    const mfa::test::Descriptor listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    ::setsockopt(listener.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = mfa::test::loopback_address(server.port());
    REQUIRE(::bind(listener.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener.get(), 1) == 0);
    auto asked = commit(storage, one_factor("f"));
    asked.start();
    const mfa::test::Descriptor client(::accept(listener.get(), nullptr, nullptr));
    CHECK(::send(client.get(), said.data(), said.size(), MSG_NOSIGNAL) > 0);
    CHECK(loop.run_until([&] { return asked.done(); }));
    if (said.starts_with("HTTP")) {
      const auto error = error_of([&] { (void)asked.result(); });
      CHECK_THAT(error.what(), contains("does not speak Redis' protocol"));
    } else {
      CHECK_FALSE(asked.result());
    }
  }
  server.start();
  CHECK(loop.run(commit(storage, one_factor("f"))));
}
