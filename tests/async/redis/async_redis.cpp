// async::Redis keeps every promise of a storage, in as few round trips as storage::Redis, and lets thousands
// of requests be under way over a few connections.

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <string>
#include <utility>
#include <vector>

#include <mfa/async/redis.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/loopback_proxy.hpp"
#include "support/redis_server.hpp"
#include "support/round_trips.hpp"
#include "support/task.hpp"

using mfa::storage::Batch;
using mfa::storage::RedisDurability;
using mfa::test::AsyncRedis;
using mfa::test::EventLoop;
using mfa::test::LoopbackProxy;
using mfa::test::RedisServer;
using mfa::test::Task;
using Outcome = mfa::testing::CheckResult::Outcome;
using Storage = AsyncRedis::Storage;
using namespace std::chrono_literals;

static_assert(mfa::Storage<AsyncRedis>);
static_assert(mfa::storage::FindsChallengeWithFactor<AsyncRedis>);
static_assert(mfa::storage::PagesFactors<AsyncRedis>);
static_assert(mfa::storage::ScansFactors<AsyncRedis>);
static_assert(mfa::storage::Purges<AsyncRedis>);
static_assert(!mfa::storage::Ephemeral<AsyncRedis>);

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

/// Commits a factor's next version, and finds it, so many times; counts what was as it must be.
Task<> write_and_read(Storage& storage, std::string id, std::uint64_t times, std::size_t& right) {
  for (std::uint64_t version = 0; version < times; ++version) {
    const Batch batch = one_factor(id, version);
    const bool committed = co_await storage.commit(batch);
    const bool repeated = co_await storage.commit(batch);
    const auto found = co_await storage.find_factor(id);
    if (committed && !repeated && found && found->id == id && found->version == version + 1) ++right;
  }
}

} // namespace

TEST_CASE("async::Redis keeps every promise, for threads, instances and processes") {
  const RedisServer server(RedisServer::quick());
  const auto options = server.options(RedisDurability::accept_volatile);
  const auto report = mfa::testing::check_storage([&] { return AsyncRedis(options); });
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
}

TEST_CASE("each verb waits for async::Redis as often as it must") {
  const RedisServer server;
  const LoopbackProxy proxy(server.port());
  auto options = server.options();
  options.port = proxy.port();
  AsyncRedis storage(options);
  mfa::test::check_round_trips(storage, proxy);
  CHECK(proxy.connections() == 2); // one to open it
}

TEST_CASE("a thousand commits and finds at once share a few connections, and each gets its own answer") {
  const RedisServer server(RedisServer::quick());
  const LoopbackProxy proxy(server.port(), 5ms);
  auto options = server.options(RedisDurability::accept_volatile);
  options.port = proxy.port();
  options.max_connections = GENERATE(as<std::size_t>(), 1, 4);
  EventLoop loop;
  Storage storage(loop.handle(), options);
  constexpr std::size_t tasks = 1000;
  constexpr std::size_t rounds = 3;
  std::size_t right = 0;
  std::vector<Task<>> all;
  for (std::size_t i = 0; i < tasks; ++i) {
    // The sizes of the answers differ.
    all.push_back(write_and_read(storage, "f" + std::string(i % 50, 'x') + std::to_string(i), rounds, right));
    all.back().start();
  }
  CHECK(
      loop.run_until([&] { return std::ranges::all_of(all, [](const auto& each) { return each.done(); }); }));
  for (const auto& each : all) each.result();
  CHECK(right == tasks * rounds);
  CHECK(proxy.connections() == options.max_connections + 1);
}

TEST_CASE("a commit that is larger than what a socket takes at once is sent in parts") {
  const RedisServer server(RedisServer::quick());
  EventLoop loop;
  auto options = server.options(RedisDurability::accept_volatile);
  options.max_connections = 1;
  Storage storage(loop.handle(), options);
  std::vector<Task<bool>> all;
  std::vector<Batch> batches;
  for (int i = 0; i < 20; ++i) {
    batches.push_back(one_factor("f" + std::to_string(i)));
    batches.back().factors[0].sealed = std::string(3'000'000, static_cast<char>('a' + i));
  }
  for (const auto& batch : batches) {
    all.push_back(storage.commit(batch));
    all.back().start();
  }
  CHECK(
      loop.run_until([&] { return std::ranges::all_of(all, [](const auto& each) { return each.done(); }); }));
  for (const auto& each : all) CHECK(each.result());
  const auto found = loop.run(storage.find_factor("f7"));
  REQUIRE(found);
  CHECK(found->sealed == batches[7].factors[0].sealed);
}

TEST_CASE("a storage in use costs its server no more connections than there are requests at a time") {
  const RedisServer server(RedisServer::quick());
  const LoopbackProxy proxy(server.port());
  auto options = server.options(RedisDurability::accept_volatile);
  options.port = proxy.port();
  EventLoop loop;
  Storage storage(loop.handle(), options);
  std::size_t right = 0;
  loop.run(write_and_read(storage, "f", 100, right));
  CHECK(right == 100);
  CHECK(proxy.connections() == 2);
}
