#pragma once

// What both of Asio's kinds must do as a host's loop. Who includes this has declared, in the global
// namespace, `net` (asio or boost::asio) and `Loop` (the adapter for it), and gets the test cases.
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <mfa/async/loop.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/storage/memory.hpp>

#include "catch.hpp"
#include "loopback.hpp"

namespace mfa::test {

using namespace std::chrono_literals;

template <class Result> using NetTask = Loop::Task<Result>;
using Resume = std::function<void()>;

static_assert(async::Loop<Loop>);

/// Runs a context in so many threads until it has nothing left to do.
inline void run(net::io_context& context, int threads) {
  std::vector<std::jthread> others;
  for (int i = 1; i < threads; ++i) others.emplace_back([&context] { context.run(); });
  context.run();
}

/// What the task returns or throws.
template <class Result> Result run(net::io_context& context, NetTask<Result> task) {
  auto result = net::co_spawn(context, std::move(task), net::use_future);
  context.restart();
  context.run();
  return result.get();
}

struct Ended {
  explicit Ended(int& ended) : count(ended) {}
  Ended(const Ended&) = delete;
  Ended& operator=(const Ended&) = delete;
  ~Ended() { ++count; }
  int& count;
};

inline NetTask<void> resumed_by(Loop loop, Resume& resume, int& done, int& ended) {
  const Ended at_end(ended);
  const auto start = [&resume](auto given) { resume = given; };
  co_await loop.suspend(start);
  ++done;
}

/// The thread in which a coroutine goes on that so many others resume, or none but its own.
inline NetTask<std::thread::id> thread_after(Loop loop, int resumers) {
  std::vector<std::jthread> threads;
  const auto start = [&threads, resumers](auto resume) {
    if (resumers == 0) resume();
    for (int i = 0; i < resumers; ++i)
      threads.emplace_back([resume, i] {
        std::this_thread::sleep_for(std::chrono::microseconds(i % 2 * 200));
        resume();
      });
  };
  co_await loop.suspend(start);
  co_return std::this_thread::get_id();
}

inline NetTask<int> refused(Loop loop) {
  const auto start = [](auto) { throw std::runtime_error("refused"); };
  co_await loop.suspend(start);
  co_return 1;
}

inline std::array<Descriptor, 2> connected_pair() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

inline NetTask<void> increment(async::Threads<NetTask, storage::Memory, Loop>& storage, std::string id) {
  for (bool written = false; !written;) {
    storage::Batch batch;
    const auto found = co_await storage.find_counter(id);
    batch.counters.push_back(
        found ? *found : storage::CounterRecord{.id = id, .version = 0, .data = "", .purge_at = {}});
    written = co_await storage.commit(std::move(batch));
  }
}

} // namespace mfa::test

using namespace mfa::test;

TEST_CASE("A coroutine goes on in the context's thread, whoever resumes it, how often, and when") {
  net::io_context context;
  for (int round = 0; round < 300; ++round)
    CHECK(run(context, thread_after(context, round % 4)) == std::this_thread::get_id());
}

TEST_CASE("What starting a suspension throws comes out of the await") {
  net::io_context context;
  CHECK_THROWS_WITH(run(context, refused(context)), "refused");
}

TEST_CASE("A context that is stopped and restarted goes on with the coroutines that wait") {
  net::io_context context;
  Resume resume;
  int done = 0;
  int ended = 0;
  net::co_spawn(context, resumed_by(context, resume, done, ended), net::detached);
  context.run_for(5ms);
  REQUIRE(resume);
  context.stop();
  resume();
  CHECK(done == 0);
  context.restart();
  context.run();
  CHECK(done == 1);
  CHECK(ended == 1);
}

TEST_CASE("The end of a context destroys the coroutines that wait, and who resumes one does nothing") {
  Resume resume;
  int done = 0;
  int ended = 0;
  {
    net::io_context context;
    net::co_spawn(context, resumed_by(context, resume, done, ended), net::detached);
    context.run_for(5ms);
    REQUIRE(resume);
    CHECK(ended == 0);
  }
  CHECK(ended == 1);
  resume();
  CHECK(done == 0);
}

TEST_CASE("A thousand coroutines in four threads lose no update of a storage on threads") {
  const bool on_strands = GENERATE(false, true);
  CAPTURE(on_strands);
  mfa::storage::Memory memory;
  std::atomic<int> done = 0;
  net::io_context context;
  mfa::async::Threads<NetTask, mfa::storage::Memory, Loop> storage(memory, context, {.threads = 3});
  const auto several = [&](std::string id) -> NetTask<void> {
    for (int i = 0; i < 5; ++i) co_await mfa::test::increment(storage, id);
    ++done;
  };
  for (int i = 0; i < 1000; ++i) {
    const auto executor = on_strands ? net::any_io_executor(net::make_strand(context))
                                     : net::any_io_executor(context.get_executor());
    net::co_spawn(executor, several(std::to_string(i % 100)), net::detached);
  }
  run(context, 4);
  CHECK(done == 1000);
  for (int i = 0; i < 100; ++i) CHECK(memory.find_counter(std::to_string(i))->version == 50);
}

TEST_CASE("A context may end with calls on threads in every state, before or after the threads") {
  for (int round = 0; round < 40; ++round) {
    mfa::storage::Memory memory;
    std::optional<net::io_context> context(std::in_place);
    std::optional<mfa::async::Threads<NetTask, mfa::storage::Memory, Loop>> storage;
    storage.emplace(memory, *context, mfa::async::ThreadsOptions{.threads = 2});
    for (int i = 0; i < 50; ++i)
      net::co_spawn(*context, mfa::test::increment(*storage, std::to_string(i)), net::detached);
    context->run_for(std::chrono::microseconds(round * 20));
    if (round % 2 == 0) storage.reset();
    context.reset();
  }
}

TEST_CASE("A socket is readable when something is there or its peer has gone, and not before") {
  net::io_context context;
  auto ends = connected_pair();
  Loop::Socket socket = Loop(context).socket(ends[0].get());
  const auto readable = [&](std::chrono::milliseconds at_most) {
    return run(context, socket.readable(at_most));
  };
  CHECK_FALSE(readable(0ms));
  CHECK_FALSE(readable(10ms));
  CHECK(run(context, socket.writable(0ms)));
  CHECK(run(context, socket.writable(10s)));
  REQUIRE(::write(ends[1].get(), "xy", 2) == 2);
  CHECK(readable(10s));
  char byte = 0;
  REQUIRE(::read(ends[0].get(), &byte, 1) == 1);
  CHECK(readable(10s)); // as one is left
  CHECK(readable(0ms));
  REQUIRE(::read(ends[0].get(), &byte, 1) == 1);
  CHECK_FALSE(readable(10ms));
  std::exchange(ends[1], Descriptor());
  for (int i = 0; i < 2; ++i) CHECK(readable(10s));
}

TEST_CASE("A wait that runs out of time leaves the wait in the other direction alone") {
  net::io_context context;
  auto ends = connected_pair();
  while (::write(ends[0].get(), "0123456789", 10) > 0) {
  }
  Loop::Socket socket = Loop(context).socket(ends[0].get());
  auto writable = net::co_spawn(context, socket.writable(10s), net::use_future);
  for (int i = 0; i < 3; ++i) {
    auto readable = net::co_spawn(context, socket.readable(10ms), net::use_future);
    while (readable.wait_for(0s) != std::future_status::ready) context.run_one();
    CHECK_FALSE(readable.get());
  }
  CHECK(writable.wait_for(0s) != std::future_status::ready);
  std::array<char, 4096> buffer{};
  while (::read(ends[1].get(), buffer.data(), buffer.size()) > 0) {
  }
  context.run();
  CHECK(writable.get());
}

TEST_CASE("A watch ends with its object, or moves with it, and its descriptor stays open") {
  net::io_context context;
  auto ends = connected_pair();
  REQUIRE(::write(ends[1].get(), "x", 1) == 1);
  {
    auto first = Loop(context).socket(ends[0].get());
    CHECK(run(context, first.readable(10s)));
  }
  std::optional<Loop::Socket> second(Loop(context).socket(ends[0].get()));
  Loop::Socket third(*std::move(second));
  second.reset();
  CHECK(run(context, third.readable(10s)));
  auto other = connected_pair();
  third = Loop(context).socket(other[0].get());
  CHECK_FALSE(run(context, third.readable(1ms)));
  CHECK(run(context, third.writable(10s)));
}

TEST_CASE("Sockets of many coroutines are watched in four threads, with waits that run out of time") {
  constexpr int pairs = 100;
  constexpr int rounds = 100;
  net::io_context context;
  std::vector<std::array<Descriptor, 2>> sockets;
  for (int i = 0; i < pairs; ++i) sockets.push_back(connected_pair());
  std::atomic<int> passed = 0;
  std::atomic<int> timeouts = 0;
  // Each end sends a byte and waits for the other's, at first as long as it can hardly take.
  const auto play = [&](int descriptor, bool begins) -> NetTask<void> {
    auto socket = Loop(context).socket(descriptor);
    for (int round = 0; round < rounds; ++round) {
      char byte = 'x';
      if (begins) (void)!::write(descriptor, &byte, 1);
      while (::read(descriptor, &byte, 1) != 1)
        if (!co_await socket.readable(round % 2 == 0 ? 1ms : 10'000ms)) ++timeouts;
      if (!begins) {
        if (round % 8 == 0) std::this_thread::sleep_for(20us);
        (void)!::write(descriptor, &byte, 1);
      }
      ++passed;
    }
  };
  for (const auto& pair : sockets) {
    net::co_spawn(context, play(pair[0].get(), true), net::detached);
    net::co_spawn(context, play(pair[1].get(), false), net::detached);
  }
  run(context, 4);
  CHECK(passed == 2 * pairs * rounds);
  INFO(timeouts << " waits ran out of time");
}
