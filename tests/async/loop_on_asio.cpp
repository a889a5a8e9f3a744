// Standalone Asio serves asynchronous storages as a host's loop, and cancels what its slots cancel.
#include <mfa/async/asio.hpp>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/strand.hpp>
#include <asio/use_future.hpp>

namespace net = asio;
using Loop = mfa::async::AsioLoop;

#include "support/asio_loop_checks.hpp"

namespace {

/// Runs the task, and cancels it when nothing but that is left to do for a while.
template <class Result> std::future<Result> cancelled(net::io_context& context, NetTask<Result> task) {
  net::cancellation_signal signal;
  auto result =
      net::co_spawn(context, std::move(task), net::bind_cancellation_slot(signal.slot(), net::use_future));
  context.restart();
  context.run_for(20ms);
  CHECK(result.wait_for(0s) != std::future_status::ready);
  signal.emit(net::cancellation_type::terminal);
  while (result.wait_for(0s) != std::future_status::ready && context.run_one_for(10s) > 0) {
  }
  REQUIRE(result.wait_for(0s) == std::future_status::ready);
  return result;
}

bool is_aborted(std::future<bool> result) {
  try {
    (void)result.get();
  } catch (const std::system_error& error) {
    return error.code() == net::error::operation_aborted;
  }
  return false;
}

/// A storage whose commits take their time.
struct Slow : mfa::storage::Memory {
  bool commit(mfa::storage::Batch batch) {
    started.set_value();
    may_end.get_future().wait();
    return mfa::storage::Memory::commit(std::move(batch));
  }
  std::promise<void> started;
  std::promise<void> may_end;
};

mfa::storage::Batch batch_of(const std::string& id) {
  mfa::storage::Batch batch;
  batch.counters.push_back({.id = id, .version = 0, .data = "", .purge_at = {}});
  return batch;
}

} // namespace

TEST_CASE("A cancelled suspension throws, and who resumes it later does nothing") {
  net::io_context context;
  Resume resume;
  int done = 0;
  int ended = 0;
  const auto waits = [&]() -> NetTask<bool> {
    co_await resumed_by(context, resume, done, ended);
    co_return true;
  };
  CHECK(is_aborted(cancelled(context, waits())));
  CHECK(ended == 1);
  resume();
  context.restart();
  CHECK(context.run() == 0);
}

TEST_CASE("A cancelled wait for a socket throws, and the socket goes on") {
  net::io_context context;
  auto ends = connected_pair();
  auto socket = Loop(context).socket(ends[0].get());
  CHECK(is_aborted(cancelled(context, socket.readable(1h))));
  CHECK_FALSE(run(context, socket.readable(1ms)));
  REQUIRE(::write(ends[1].get(), "x", 1) == 1);
  CHECK(run(context, socket.readable(10s)));
}

TEST_CASE("A coroutine that is cancelled in a call on threads leaves the threads usable") {
  net::io_context context;
  Slow slow;
  mfa::async::Threads<NetTask, Slow, Loop> storage(slow, context, {.threads = 1});
  auto running = net::co_spawn(context, storage.commit(batch_of("first")), net::use_future);
  context.run_for(1ms);
  slow.started.get_future().wait();

  // Of the two that wait one is cancelled: it has committed nothing.
  CHECK(is_aborted(cancelled(context, storage.commit(batch_of("waiting")))));
  slow.may_end.set_value();
  context.restart();
  context.run();
  CHECK(running.get());

  // One that runs goes on to its end, which nobody hears of.
  slow.started = std::promise<void>();
  slow.may_end = std::promise<void>();
  CHECK(is_aborted(cancelled(context, storage.commit(batch_of("running")))));
  slow.started.get_future().wait();
  slow.may_end.set_value();
  CHECK(run(context, storage.find_counter("first")).has_value());
  CHECK_FALSE(run(context, storage.find_counter("waiting")).has_value());
  CHECK(run(context, storage.find_counter("running")).has_value());
}
