// The event loop and the task type on which the tests of asynchronous storages run do what they promise.
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <sys/socket.h>
#include <unistd.h>

#include <mfa/async/loop.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/memory.hpp>

#include "support/blocking.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/forwarding_storage.hpp"
#include "support/loopback.hpp"
#include "support/task.hpp"

using namespace std::chrono_literals;
using mfa::test::Blocking;
using mfa::test::Descriptor;
using mfa::test::EventLoop;
using mfa::test::Task;

static_assert(mfa::async::Loop<EventLoop::Handle>);

namespace {

using Resume = std::function<void()>;

/// Says when it is destroyed.
struct Trace {
  explicit Trace(int& count) : ended(&count) {}
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;
  ~Trace() { ++*ended; }
  int* ended;
};

Task<std::string> text(std::string value) { co_return value; }
Task<int> failing() {
  throw std::runtime_error("as told");
  co_return 1;
}

Task<> resumed_at_once(EventLoop::Handle loop) {
  co_await loop.suspend([](auto resume) { resume(); });
}

Task<> resumed_by(EventLoop::Handle loop, Resume& resume, int& done, int& ended) {
  const Trace trace(ended);
  co_await loop.suspend([&resume](auto given) { resume = given; });
  ++done;
}

std::array<Descriptor, 2> connected() {
  std::array<int, 2> ends{};
  REQUIRE(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends.data()) == 0);
  return {Descriptor(ends[0]), Descriptor(ends[1])};
}

Task<bool> is_readable(EventLoop::Socket& socket, std::chrono::milliseconds at_most) {
  co_return co_await socket.readable(at_most);
}

} // namespace

TEST_CASE("A task gives its awaiter what it returns or throws") {
  EventLoop loop;
  const std::string longer = "what a string does not hold in itself";
  CHECK(loop.run(text(longer)) == longer);
  CHECK_THROWS_WITH(loop.run(failing()), "as told");
  const auto both = []() -> Task<std::string> {
    std::string told;
    try {
      (void)co_await failing();
    } catch (const std::runtime_error& error) {
      told = error.what();
    }
    co_return told + ", " + co_await text("then");
  };
  CHECK(loop.run(both()) == "as told, then");
}

TEST_CASE("Awaiting in a circle takes no more of the stack the longer it lasts") {
  EventLoop loop;
  const auto circle = [](EventLoop::Handle handle) -> Task<int> {
    int done = 0;
    for (int i = 0; i < 200'000; ++i) done += co_await text("x") == "x" ? 1 : 0;
    for (int i = 0; i < 20'000; ++i) co_await resumed_at_once(handle);
    co_return done;
  };
  CHECK(loop.run(circle(loop.handle())) == 200'000);
}

TEST_CASE("A coroutine goes on in the loop's thread when another thread resumes it, and once") {
  EventLoop loop;
  const auto here = [](EventLoop::Handle handle) -> Task<std::thread::id> {
    std::vector<std::jthread> threads;
    co_await handle.suspend([&threads](auto resume) {
      for (int i = 0; i < 4; ++i) threads.emplace_back(resume);
    });
    co_return std::this_thread::get_id();
  };
  for (int i = 0; i < 200; ++i) CHECK(loop.run(here(loop.handle())) == std::this_thread::get_id());
}

TEST_CASE("Who resumes a destroyed coroutine does nothing, even when its loop is gone") {
  Resume resume;
  int done = 0;
  int ended = 0;
  {
    EventLoop loop;
    {
      const auto task = resumed_by(loop.handle(), resume, done, ended);
      task.start();
      CHECK(ended == 0);
    }
    CHECK(ended == 1);
    resume();
    CHECK_FALSE(loop.run_until([&] { return done > 0; }, 20ms));

    {
      const auto task = resumed_by(loop.handle(), resume, done, ended);
      task.start();
      resume();
    } // called, and destroyed before the loop came to it
    CHECK_FALSE(loop.run_until([&] { return done > 0; }, 20ms));
    loop.spawn(resumed_by(loop.handle(), resume, done, ended));
    resume = nullptr;
    CHECK(loop.run_until([&] { return resume != nullptr; }));
  }
  CHECK(ended == 3);
  resume();
  CHECK(done == 0);
}

TEST_CASE("What starting a suspension throws comes out of the await") {
  EventLoop loop;
  const auto refused = [](EventLoop::Handle handle) -> Task<> {
    co_await handle.suspend([](auto) { throw std::runtime_error("refused"); });
  };
  CHECK_THROWS_WITH(loop.run(refused(loop.handle())), "refused");
}

TEST_CASE("Sleepers wake in the order of their times") {
  EventLoop loop;
  std::vector<int> order;
  const auto sleep = [&](int milliseconds) -> Task<> {
    co_await loop.handle().sleep(std::chrono::milliseconds(milliseconds));
    order.push_back(milliseconds);
  };
  for (const int milliseconds : {30, 5, 15, 0}) loop.spawn(sleep(milliseconds));
  CHECK(loop.run_until([&] { return order.size() == 4; }));
  CHECK(order == std::vector<int>{0, 5, 15, 30});
}

TEST_CASE("Spawned tasks from many threads all run, and what one throws ends the run") {
  EventLoop loop;
  int done = 0;
  const auto count = [](int& counter, EventLoop::Handle handle) -> Task<> {
    co_await handle.sleep(1ms);
    ++counter;
  };
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        for (int round = 0; round < 2500; ++round) loop.spawn(count(done, loop.handle()));
      });
    CHECK(loop.run_until([&] { return done == 10'000; }));
  }
  const auto fails = []() -> Task<> { (void)co_await failing(); };
  loop.spawn(fails());
  CHECK_THROWS_WITH(loop.run_until([] { return false; }, 1s), "as told");
}

TEST_CASE("A socket is readable when something is there or its peer has gone, and not before") {
  EventLoop loop;
  auto ends = connected();
  auto socket = loop.handle().socket(ends[0].get());
  CHECK_FALSE(loop.run(is_readable(socket, 0ms)));
  CHECK_FALSE(loop.run(is_readable(socket, 10ms)));

  int done = 0;
  const auto read = [&]() -> Task<> { done += co_await socket.readable(10s) ? 1 : 0; };
  const auto write = [&]() -> Task<> { done += co_await socket.writable(10s) ? 10 : 0; };
  loop.spawn(read());
  loop.spawn(write());
  CHECK(loop.run_until([&] { return done == 10; }));
  REQUIRE(::write(ends[1].get(), "x", 1) == 1);
  CHECK(loop.run_until([&] { return done == 11; }));
  CHECK(loop.run(is_readable(socket, 0ms))); // still, as nobody has read it
  char byte = 0;
  REQUIRE(::read(ends[0].get(), &byte, 1) == 1);
  CHECK_FALSE(loop.run(is_readable(socket, 10ms)));

  std::exchange(ends[1], Descriptor());
  for (int i = 0; i < 2; ++i) CHECK(loop.run(is_readable(socket, 10s)));
  CHECK_FALSE(loop.run_until([] { return false; }, 10ms)); // which is not told again and again
  CHECK(loop.run(is_readable(socket, 10s)));
}

TEST_CASE("A watch ends with its object, or moves with it, and its descriptor stays open") {
  EventLoop loop;
  auto ends = connected();
  REQUIRE(::write(ends[1].get(), "x", 1) == 1);
  {
    auto first = loop.handle().socket(ends[0].get());
    CHECK(loop.run(is_readable(first, 10s)));
  }
  std::optional<EventLoop::Socket> second(loop.handle().socket(ends[0].get()));
  EventLoop::Socket third(*std::move(second));
  second.reset();
  CHECK(loop.run(is_readable(third, 10s)));

  int done = 0;
  {
    const auto task = [](EventLoop::Socket& socket, int& count) -> Task<> {
      count += co_await socket.writable(10s) ? 1 : 100;
    }(third, done);
    task.start();
  } // destroyed while it waits
  CHECK_FALSE(loop.run_until([&] { return done != 0; }, 10ms));
  CHECK(loop.run(is_readable(third, 10s)));
}

namespace {

/// Takes turns with the other callers of the loop before each answer.
class Polite : public mfa::test::ForwardsFive<Polite> {
 public:
  explicit Polite(EventLoop::Handle loop) : loop_(loop) {}

  template <class Call>
  Task<std::invoke_result_t<Call, mfa::storage::Memory&>> around(std::string_view /*function*/, Call call) {
    co_await loop_.sleep(0ms);
    co_return call(*memory_);
  }
  Task<std::vector<mfa::storage::FactorRecord>> list_factors(std::string_view) {
    throw std::runtime_error("no list");
    co_return {};
  }

 private:
  EventLoop::Handle loop_;
  std::shared_ptr<mfa::storage::Memory> memory_ = std::make_shared<mfa::storage::Memory>();
};

} // namespace

TEST_CASE("A blocking storage over an asynchronous one answers each of its threads, and offers no more") {
  Blocking<Polite> storage([](EventLoop::Handle loop) { return Polite(loop); });
  static_assert(mfa::Storage<Blocking<Polite>>);
  static_assert(!mfa::storage::Purges<Blocking<Polite>> && !mfa::storage::ScansFactors<Blocking<Polite>> &&
                !mfa::storage::PagesFactors<Blocking<Polite>> &&
                !mfa::storage::FindsChallengeWithFactor<Blocking<Polite>>);
  CHECK_THROWS_WITH(storage.list_factors("u_42"), "no list");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i)
    threads.emplace_back([&storage] {
      for (int written = 0; written < 100;) {
        mfa::storage::Batch batch;
        batch.counters.push_back(storage.find_counter("n").value_or(
            mfa::storage::CounterRecord{.id = "n", .data = "", .purge_at = {}}));
        written += storage.commit(batch) ? 1 : 0;
      }
    });
  threads.clear();
  CHECK(storage.find_counter("n")->version == 400);
}
