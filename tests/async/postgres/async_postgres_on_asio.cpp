// async::Postgres on Asio, with a loop that several threads run, and with tasks that are cancelled.
#include <mfa/async/asio.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <atomic>
#include <chrono>
#include <future>
#include <memory>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/async/postgres.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>

#include "support/catch.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_schemas.hpp"

using mfa::async::AsioLoop;
using mfa::async::AsioTask;
using mfa::storage::Batch;
using namespace mfa::test;
using namespace mfa::testing::conformance;
using namespace std::chrono_literals;

namespace {

using Storage = mfa::async::Postgres<AsioTask, AsioLoop>;

/// Whether a commit, a find and a commit that is too late were answered as they should be.
AsioTask<bool> is_served(Storage& storage, std::string id) {
  const Batch batch = batch_of(factor(id, "u_42"));
  const bool first = co_await storage.commit(batch);
  const auto found = co_await storage.find_factor(id);
  const bool second = co_await storage.commit(batch);
  co_return first&& found && found->id == id && found->version == 1 && !second;
}

} // namespace

TEST_CASE("A storage serves a loop that several threads run") {
  asio::io_context context;
  auto options = new_schema();
  options.max_connections = 8;
  Storage storage(AsioLoop(context.get_executor()), server().uri(), options);
  std::vector<std::future<bool>> served;
  for (int i = 0; i < 500; ++i)
    served.push_back(asio::co_spawn(context, is_served(storage, "f" + std::to_string(i)), asio::use_future));
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  }
  for (auto& one : served) CHECK(one.get());
}

TEST_CASE("A cancelled task gives its connection up, and others are served") {
  asio::io_context context;
  LoopbackProxy proxy(server().port());
  auto options = new_schema();
  options.max_connections = 1;
  Storage storage(AsioLoop(context.get_executor()), server().uri(proxy.port()), options);
  const Batch batch = batch_of(factor("f"));
  asio::cancellation_signal signal;
  proxy.fail(Fault::stall_before_answer);
  auto cancelled = asio::co_spawn(context, storage.commit(batch),
                                  asio::bind_cancellation_slot(signal.slot(), asio::use_future));
  auto waiting = asio::co_spawn(context, is_served(storage, "other"), asio::use_future);
  context.run_for(200ms);
  signal.emit(asio::cancellation_type::terminal);
  context.run();
  CHECK_THROWS_AS(cancelled.get(), std::system_error);
  CHECK(waiting.get());
  proxy.resume();
  CHECK(proxy.connections() == 2);
}

TEST_CASE("Tasks that are left when the context ends are destroyed with it") {
  LoopbackProxy proxy(server().port());
  auto options = new_schema();
  options.max_connections = 1;
  auto context = std::make_unique<asio::io_context>();
  auto storage =
      std::make_unique<Storage>(AsioLoop(context->get_executor()), server().uri(proxy.port()), options);
  const Batch batch = batch_of(factor("f"));
  proxy.fail(Fault::stall_before_answer);
  for (int i = 0; i < 3; ++i) asio::co_spawn(*context, storage->commit(batch), asio::detached);
  context->run_for(200ms);
  storage.reset();
  context.reset();
  proxy.resume();
  CHECK(proxy.connections() == 1);
}
