// async::Redis may be used from all threads that run a host's loop: each task gets its own answers, and those
// that are cancelled, wherever they wait, disturb no other.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/this_coro.hpp>

#include <mfa/async/asio.hpp>
#include <mfa/async/redis.hpp>
#include <mfa/storage/record.hpp>

#include "support/catch.hpp"
#include "support/loopback_proxy.hpp"
#include "support/redis_server.hpp"

using mfa::async::AsioTask;
using mfa::storage::Batch;
using mfa::storage::RedisDurability;
using mfa::test::LoopbackProxy;
using mfa::test::RedisServer;
using Storage = mfa::async::Redis<AsioTask, mfa::async::AsioLoop>;
using namespace std::chrono_literals;

namespace {

Batch one_factor(std::string id, std::uint64_t version) {
  Batch batch;
  auto& factor = batch.factors.emplace_back();
  factor.id = std::move(id);
  factor.version = version;
  factor.type = mfa::FactorType::totp;
  return batch;
}

struct Count {
  std::atomic<std::size_t> right = 0;
  std::atomic<std::size_t> wrong = 0;
  std::atomic<std::size_t> cancelled = 0;
};

/// Commits and reads a factor's versions, one after the other.
AsioTask<void> write_and_read(Storage& storage, std::string id, std::uint64_t times, Count& count) {
  for (std::uint64_t version = 0; version < times; ++version) {
    const Batch batch = one_factor(id, version);
    const bool committed = co_await storage.commit(batch);
    const auto found = co_await storage.find_factor(id);
    const bool right = committed && found && found->id == id && found->version == version + 1;
    ++(right ? count.right : count.wrong);
  }
}

/// Reads until it is cancelled.
AsioTask<void> read_on(Storage& storage, std::string id, Count& count) {
  for (;;) {
    const auto found = co_await storage.find_factor(id);
    if (found && found->id != id) ++count.wrong;
  }
}

void run(asio::io_context& context, int threads) {
  std::vector<std::jthread> all;
  for (int i = 0; i < threads; ++i) all.emplace_back([&] { context.run(); });
}

} // namespace

TEST_CASE("tasks of four threads share connections, and each gets its own answers") {
  const RedisServer server(RedisServer::quick());
  auto options = server.options(RedisDurability::accept_volatile);
  options.command_timeout = 60s;
  options.max_connections = GENERATE(as<std::size_t>(), 1, 3);
  asio::io_context context;
  Storage storage(context, options);
  Count count;
  for (int i = 0; i < 200; ++i)
    asio::co_spawn(context, write_and_read(storage, "f" + std::to_string(i), 10, count), asio::detached);
  run(context, 4);
  CHECK(count.right == 2000);
  CHECK(count.wrong == 0);
}

TEST_CASE("tasks that are cancelled in the midst disturb no other") {
  const RedisServer server(RedisServer::quick());
  const LoopbackProxy proxy(server.port(), 1ms);
  auto options = server.options(RedisDurability::accept_volatile);
  options.port = proxy.port();
  options.command_timeout = 60s;
  options.max_connections = 2;
  asio::io_context context;
  Storage storage(context, options);
  Count count;
  for (int i = 0; i < 50; ++i)
    asio::co_spawn(context, write_and_read(storage, "f" + std::to_string(i), 20, count), asio::detached);
  struct Impatient {
    explicit Impatient(asio::io_context& host) : strand(asio::make_strand(host)), timer(strand) {}
    asio::strand<asio::io_context::executor_type> strand; // as signals are not for several threads
    asio::steady_timer timer;
    asio::cancellation_signal signal;
  };
  std::vector<std::unique_ptr<Impatient>> all;
  std::minstd_rand random(42);
  for (int i = 0; i < 300; ++i) {
    auto& each = *all.emplace_back(std::make_unique<Impatient>(context));
    const auto ended = [&](std::exception_ptr thrown) {
      try {
        if (thrown) std::rethrow_exception(thrown);
      } catch (const std::system_error& error) {
        ++(error.code() == asio::error::operation_aborted ? count.cancelled : count.wrong);
      }
    };
    asio::co_spawn(each.strand, read_on(storage, "f" + std::to_string(i % 50), count),
                   asio::bind_cancellation_slot(each.signal.slot(), ended));
    each.timer.expires_after(std::chrono::microseconds(random() % 100'000));
    each.timer.async_wait([&](auto) { each.signal.emit(asio::cancellation_type::terminal); });
  }
  run(context, 4);
  CHECK(count.right == 1000);
  CHECK(count.wrong == 0);
  CHECK(count.cancelled == 300);
}

TEST_CASE("a loop that ends destroys the tasks that wait, after the storage") {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  auto options = server.options(RedisDurability::accept_volatile);
  options.port = proxy.port();
  options.max_connections = 1;
  Count count;
  {
    asio::io_context context;
    Storage storage(context, options);
    proxy.fail(mfa::test::Fault::stall_before_answer);
    for (int i = 0; i < 20; ++i)
      asio::co_spawn(context, write_and_read(storage, "f" + std::to_string(i), 20, count), asio::detached);
    context.run_for(50ms);
  }
  CHECK(count.right + count.wrong == 0);
}
