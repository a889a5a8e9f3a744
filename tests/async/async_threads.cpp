// async::Threads makes a blocking storage's calls for coroutines: it keeps every promise of the storage,
// holds its own limits, and leaves nothing behind when a coroutine is destroyed, wherever its call is.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <iostream>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/async/loop.hpp>
#include <mfa/async/storage.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/memory.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/blocking.hpp"
#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/errors.hpp"
#include "support/event_loop.hpp"
#include "support/gate.hpp"
#include "support/task.hpp"
#include "support/temporary_directory.hpp"

using namespace std::chrono_literals;
using mfa::errc;
using mfa::async::ThreadsOptions;
using mfa::storage::Batch;
using mfa::storage::ChallengeRecord;
using mfa::storage::ChallengeWithFactor;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using mfa::storage::Memory;
using mfa::storage::Sqlite;
using mfa::test::Blocking;
using mfa::test::error_of;
using mfa::test::EventLoop;
using mfa::test::Gate;
using mfa::test::Task;
using mfa::testing::check_storage;
using Outcome = mfa::testing::CheckResult::Outcome;

namespace {

template <class Storage> using Threads = mfa::async::Threads<Task, Storage, EventLoop::Handle>;

/// The five functions, and no more.
struct Five {
  std::optional<FactorRecord> find_factor(std::string_view) { return {}; }
  std::optional<ChallengeRecord> find_challenge(std::string_view) { return {}; }
  std::optional<CounterRecord> find_counter(std::string_view) { return {}; }
  std::vector<FactorRecord> list_factors(std::string_view) { return {}; }
  bool commit(const Batch&) { return true; }
};
struct Joins : Five {
  std::optional<ChallengeWithFactor> find_challenge_with_factor(std::string_view) { return {}; }
};
struct Pages : Five {
  using Five::list_factors;
  std::vector<FactorRecord> list_factors(std::string_view, std::string_view, std::size_t) { return {}; }
};
struct Scans : Five {
  std::vector<FactorRecord> scan_factors(std::string_view, std::size_t) { return {}; }
};
struct Purges : Five {
  std::size_t purge(mfa::Time, std::size_t) { return 0; }
};
struct Forgets : Five {
  static constexpr bool ephemeral = true;
};

/// Which of the optional parts a storage on threads offers, a digit each.
template <class Storage> constexpr int offers() {
  using S = Blocking<Threads<Storage>>;
  return (mfa::storage::FindsChallengeWithFactor<S> ? 10000 : 0) +
         (mfa::storage::PagesFactors<S> ? 1000 : 0) + (mfa::storage::ScansFactors<S> ? 100 : 0) +
         (mfa::storage::Purges<S> ? 10 : 0) + (mfa::storage::Ephemeral<Threads<Storage>> ? 1 : 0);
}
static_assert(offers<Five>() == 0);
static_assert(offers<Joins>() == 10000);
static_assert(offers<Pages>() == 1000);
static_assert(offers<Scans>() == 100);
static_assert(offers<Purges>() == 10);
static_assert(offers<Forgets>() == 1);
static_assert(offers<Memory>() == 11111);
static_assert(offers<Sqlite>() == 11110);

/// A loop whose threads are held up between the answer and their next work.
struct Slowly : EventLoop::Handle {
  explicit Slowly(const EventLoop& loop) : EventLoop::Handle(loop.handle()) {}
  template <class Start> [[nodiscard]] auto suspend(Start start) const {
    return EventLoop::Handle::suspend([start = std::move(start)](auto resume) mutable {
      start([resume = std::move(resume)]() mutable {
        resume();
        std::this_thread::sleep_for(20ms);
      });
    });
  }
};

/// A loop of a host that has no sockets to watch.
struct WithoutSockets {
  template <class Start> [[nodiscard]] auto suspend(Start start) const {
    return loop.suspend(std::move(start));
  }
  EventLoop::Handle loop;
};
static_assert(!mfa::async::Loop<WithoutSockets>);
static_assert(mfa::async::Storage<mfa::async::Threads<Task, Memory, WithoutSockets>>);

/// A slow storage: every call stops at the gate, and what was committed is noted.
struct Slow : Five {
  explicit Slow(Gate& slow_gate) : gate(&slow_gate) {}

  std::optional<CounterRecord> find_counter(std::string_view id) {
    gate->pass();
    const std::lock_guard lock(*mutex);
    threads->insert(std::this_thread::get_id());
    return CounterRecord{.id = std::string(id), .version = 1, .data = "found", .purge_at = {}};
  }
  bool commit(const Batch& batch) {
    gate->pass();
    const std::lock_guard lock(*mutex);
    for (const auto& record : batch.counters) committed->push_back(record.id);
    return true;
  }

  Gate* gate;
  std::shared_ptr<std::mutex> mutex = std::make_shared<std::mutex>();
  std::shared_ptr<std::set<std::thread::id>> threads = std::make_shared<std::set<std::thread::id>>();
  std::shared_ptr<std::vector<std::string>> committed = std::make_shared<std::vector<std::string>>();
};

constexpr std::string_view long_id =
    "an id that is longer than what a string holds in itself, and so allocated";

Batch batch_of(const std::string& id) {
  Batch batch;
  batch.counters.push_back({.id = id, .version = 0, .data = "", .purge_at = {}});
  return batch;
}

/// Commits a batch that lives in its own frame, and ends with it.
template <class Storage> Task<> commit(Storage& storage, std::string id, int& done) {
  const Batch batch = batch_of(id);
  done += co_await storage.commit(batch) ? 1 : 0;
}

template <class Storage> Task<> find(Storage& storage, int& done, int& refused) {
  const std::string id(long_id);
  try {
    const auto found = co_await storage.find_counter(id);
    done += found && found->id == long_id ? 1 : 1000;
  } catch (const mfa::Error& error) {
    refused += error.code() == errc::storage_unavailable ? 1 : 1000;
  }
}

} // namespace

TEST_CASE("async::Threads over Memory keeps every promise of one instance") {
  Memory memory;
  Blocking<Threads<Memory>> storage([&](EventLoop::Handle loop) { return Threads<Memory>(memory, loop); });
  const auto report = check_storage(storage);
  std::cout << report;
  CHECK(report.failures() == 0);
}

TEST_CASE("async::Threads over Sqlite keeps every promise, for threads, instances and processes") {
  const mfa::test::TemporaryDirectory directory;
  const auto report = check_storage([&] {
    return Blocking<Threads<Sqlite>>([&](EventLoop::Handle loop) {
      return Threads<Sqlite>(
          Sqlite(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off}), loop,
          {.threads = 4});
    });
  });
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
}

TEST_CASE("What the storage throws comes through as it was thrown, and the threads go on") {
  struct Failing : Five {
    std::optional<FactorRecord> find_factor(std::string_view id) {
      throw mfa::Error(errc::storage_failure, "cannot read " + std::string(id), 7s);
    }
    std::optional<ChallengeRecord> find_challenge(std::string_view) { throw std::out_of_range("far away"); }
    std::optional<CounterRecord> find_counter(std::string_view) { throw 42; }
  };
  EventLoop loop;
  Threads<Failing> storage(Failing(), loop.handle(), {.threads = 1});
  for (int i = 0; i < 3; ++i) {
    const auto error = error_of([&] { loop.run(storage.find_factor("the factor")); });
    CHECK(error.code() == errc::storage_failure);
    CHECK(error.what() == std::string("cannot read the factor."));
    CHECK(error.retry_after() == 7s);
    CHECK_THROWS_AS(loop.run(storage.find_challenge("x")), std::out_of_range);
    CHECK_THROWS_AS(loop.run(storage.find_counter("x")), int);
    CHECK(loop.run(storage.commit({})));
  }
}

TEST_CASE("As many calls run at once as there are threads, none in the loop's, and the others wait") {
  Gate gate;
  EventLoop loop;
  Slow slow(gate);
  Threads<Slow> storage(slow, loop.handle(), {.threads = 3});
  int done = 0;
  int refused = 0;
  for (int i = 0; i < 1000; ++i) loop.spawn(find(storage, done, refused));
  CHECK_FALSE(loop.run_until([&] { return done > 0; }, 50ms));
  REQUIRE(gate.wait_for_inside(3));
  gate.open();
  CHECK(loop.run_until([&] { return done == 1000; }));
  CHECK(refused == 0);
  CHECK(gate.most_inside() == 3);
  CHECK(slow.threads->size() <= 3);
  CHECK_FALSE(slow.threads->contains(std::this_thread::get_id()));
}

TEST_CASE("A call that finds the queue full is refused by name, and calls that are over make room") {
  Gate gate;
  EventLoop loop;
  Threads<Slow> storage(Slow(gate), loop.handle(), {.threads = 2, .max_waiting = 3});
  int done = 0;
  int refused = 0;
  std::vector<Task<>> tasks;
  for (int i = 0; i < 7; ++i) tasks.push_back(find(storage, done, refused));
  for (const auto& task : tasks) task.start();
  CHECK(refused == 2);
  CHECK_THAT(error_of([&] { loop.run(storage.find_counter("x")); }).what(),
             mfa::test::contains("its threads, 2, are busy, and 3 calls wait for them"));
  REQUIRE(gate.wait_for_inside(2));
  tasks[3] = {}; // destroyed, and so its place is free
  tasks.push_back(find(storage, done, refused));
  tasks.back().start();
  CHECK(refused == 2);
  tasks.push_back(find(storage, done, refused));
  tasks.back().start();
  CHECK(refused == 3);
  gate.open();
  CHECK(loop.run_until([&] { return done == 5; }));
  CHECK(loop.run(storage.find_counter("x")).has_value());
}

TEST_CASE("With no place to wait, as many calls are taken as there are threads") {
  Gate gate;
  EventLoop loop;
  Threads<Slow> storage(Slow(gate), loop.handle(), {.threads = 4, .max_waiting = 0});
  int done = 0;
  int refused = 0;
  for (int i = 0; i < 9; ++i) loop.spawn(find(storage, done, refused));
  CHECK(loop.run_until([&] { return refused == 5; }));
  gate.open();
  CHECK(loop.run_until([&] { return done == 4; }));
}

TEST_CASE("A coroutine that has its answer finds the thread free that gave it") {
  EventLoop loop;
  mfa::async::Threads<Task, Five, Slowly> storage(Five(), Slowly(loop), {.threads = 1, .max_waiting = 0});
  const auto calls = [&]() -> Task<int> {
    int made = 0;
    for (; made < 5; ++made) (void)co_await storage.find_counter("x");
    co_return made;
  };
  CHECK(loop.run(calls()) == 5); // one after the other, so that none may be refused
}

TEST_CASE("Numbers of threads that nobody can want are refused") {
  EventLoop loop;
  for (const std::size_t threads : {std::size_t{0}, std::size_t{1001}})
    CHECK(error_of([&] { Threads<Five>(Five(), loop.handle(), {.threads = threads}); }).code() ==
          errc::invalid_argument);
}

TEST_CASE("A coroutine that is destroyed before it was begun, or while its call waits, has called nothing") {
  Gate gate;
  EventLoop loop;
  Slow slow(gate);
  Threads<Slow> storage(slow, loop.handle(), {.threads = 1});
  int done = 0;
  const auto first = commit(storage, "first", done);
  first.start();
  REQUIRE(gate.wait_for_inside(1));
  {
    const auto not_begun = commit(storage, "not begun", done);
    const auto waiting = commit(storage, std::string(long_id), done);
    waiting.start();
  }
  gate.open();
  CHECK(loop.run_until([&] { return done == 1; }));
  CHECK(loop.run(storage.find_counter("x")).has_value()); // the only thread is past what waited before
  CHECK(*slow.committed == std::vector<std::string>{"first"});
}

TEST_CASE("A call whose coroutine is destroyed meanwhile goes on to its end, with arguments of its own") {
  Gate gate;
  EventLoop loop;
  Slow slow(gate);
  int done = 0;
  {
    Threads<Slow> storage(slow, loop.handle(), {.threads = 1});
    {
      const auto running = commit(storage, std::string(long_id), done);
      running.start();
      REQUIRE(gate.wait_for_inside(1));
    }
    CHECK(slow.committed->empty());
    gate.open();
    CHECK(loop.run(storage.find_counter("x")).has_value());
  }
  CHECK(*slow.committed == std::vector<std::string>{std::string(long_id)});
  CHECK(done == 0);
}

TEST_CASE("A coroutine that is destroyed between the end of its call and its turn hears of nothing") {
  Gate gate;
  gate.open();
  EventLoop loop;
  Slow slow(gate);
  Threads<Slow> storage(slow, loop.handle(), {.threads = 1});
  int done = 0;
  {
    const auto over = commit(storage, "over", done);
    over.start();
    CHECK(storage.stop(60s));
    CHECK(*slow.committed == std::vector<std::string>{"over"});
  }
  CHECK_FALSE(loop.run_until([&] { return done > 0; }, 20ms));
}

TEST_CASE("A thousand coroutines are destroyed at any moment of their calls") {
  EventLoop loop;
  Memory memory;
  int done = 0;
  {
    Threads<Memory> storage(memory, loop.handle(), {.threads = 4});
    for (int round = 0; round < 200; ++round) {
      std::vector<Task<>> tasks;
      for (int i = 0; i < 5; ++i)
        tasks.push_back(commit(storage, std::to_string(round) + " " + std::to_string(i), done));
      for (const auto& task : tasks) task.start();
      loop.run_until([] { return false; }, std::chrono::milliseconds(round % 3));
    }
  }
  // Who heard of a commit had one; others may have had one.
  int committed = 0;
  for (int round = 0; round < 200; ++round)
    for (int i = 0; i < 5; ++i)
      committed += memory.find_counter(std::to_string(round) + " " + std::to_string(i)) ? 1 : 0;
  CHECK(done > 0);
  CHECK(committed >= done);
}

TEST_CASE("Stopping takes no more calls, waits for what was begun, and refuses what has no thread in time") {
  Gate gate;
  EventLoop loop;
  Slow slow(gate);
  int done = 0;
  int refused = 0;
  {
    Threads<Slow> storage(slow, loop.handle(), {.threads = 2});
    for (int i = 0; i < 5; ++i) loop.spawn(find(storage, done, refused));
    loop.run_until([] { return false; }, 1ms);
    REQUIRE(gate.wait_for_inside(2));
    CHECK_FALSE(storage.stop(10ms));
    CHECK(loop.run_until([&] { return refused == 3; }));
    CHECK_THAT(error_of([&] { loop.run(storage.find_counter("x")); }).what(),
               mfa::test::contains("was stopped"));
    gate.open();
    CHECK(storage.stop(60s));
    CHECK(loop.run_until([&] { return done == 2; }));
  }
  CHECK(refused == 3);
}

TEST_CASE("The end of the threads makes every call that waits, and its coroutine goes on later") {
  Gate gate;
  EventLoop loop;
  Slow slow(gate);
  int done = 0;
  {
    std::vector<Task<>> tasks;
    {
      Threads<Slow> storage(slow, loop.handle(), {.threads = 2});
      for (int i = 0; i < 50; ++i) tasks.push_back(commit(storage, std::to_string(i), done));
      for (const auto& task : tasks) task.start();
      gate.open();
    }
    CHECK(slow.committed->size() == 50);
    tasks.resize(25); // destroyed after the threads
    CHECK(loop.run_until([&] { return done == 25; }));
  }
}

TEST_CASE("A loop may end before the threads that would resume its coroutines") {
  Gate gate;
  Slow slow(gate);
  std::optional<EventLoop> loop(std::in_place);
  Threads<Slow> storage(slow, loop->handle(), {.threads = 2});
  int done = 0;
  for (int i = 0; i < 5; ++i) loop->spawn(commit(storage, std::to_string(i), done));
  loop->run_until([] { return false; }, 1ms);
  REQUIRE(gate.wait_for_inside(2));
  loop.reset();
  gate.open();
  CHECK(storage.stop(60s));
  CHECK(slow.committed->size() == 2);
  CHECK(done == 0);
}

TEST_CASE("A forked process is refused and may end its copy, and its parent goes on") {
  EventLoop loop;
  Memory memory;
  std::optional<Threads<Memory>> storage(std::in_place, memory, loop.handle());
  CHECK(loop.run(storage->commit(batch_of("before"))));
  mfa::test::ChildProcess child([&](const mfa::test::Channel& parent) {
    std::string told;
    try {
      (void)loop.run(storage->find_counter("before"));
    } catch (const mfa::Error& error) {
      told = error.what();
    }
    storage.reset();
    parent.send(told);
  });
  const auto told = child.channel().receive();
  REQUIRE(told);
  CHECK_THAT(*told, mfa::test::contains("cannot use async::Threads in process"));
  CHECK(child.wait() == 0);
  CHECK(loop.run(storage->find_counter("before")).has_value());
}
