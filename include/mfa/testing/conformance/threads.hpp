#pragma once

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>

namespace mfa::testing::conformance {

/// Runs `work(i)` in `count` threads that begin together, and throws what the first of them threw. Ends the
/// process if they are not done in time, since nothing can end a thread that is stuck in the storage.
template <class Work> void in_threads(std::size_t count, std::chrono::milliseconds patience, Work work) {
  std::mutex mutex;
  std::condition_variable ended;
  std::size_t running = count;
  std::exception_ptr thrown;
  std::barrier gate(static_cast<std::ptrdiff_t>(count));
  std::vector<std::jthread> threads;
  for (std::size_t i = 0; i < count; ++i)
    threads.emplace_back([&, i] {
      gate.arrive_and_wait();
      std::exception_ptr mine;
      try {
        work(i);
      } catch (...) {
        mine = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (!thrown) thrown = mine;
      --running;
      ended.notify_all();
    });
  {
    std::unique_lock lock(mutex);
    if (!ended.wait_for(lock, patience, [&] { return running == 0; })) {
      (void)std::fprintf(
          stderr,
          "mfa: the storage holds %zu of %zu threads for longer than %lld ms, as if they waited for "
          "each other; the conformance checks end the process, since they cannot end the threads\n",
          running, count, static_cast<long long>(patience.count()));
      std::_Exit(1);
    }
  }
  threads.clear();
  if (thrown) std::rethrow_exception(thrown);
}

/// How often the verbs try to get a batch through.
inline constexpr int most_tries = 1000;

/// Adds one to the number in a counter by find and commit, again until no other writer was quicker.
template <class Storage> void increment(Storage& storage, const std::string& id) {
  for (int tries = 0; tries < most_tries; ++tries) {
    auto record = storage.find_counter(id).value_or(counter(id));
    record.data = std::to_string(record.data.empty() ? 1 : std::stoull(record.data) + 1);
    if (commit(storage, record)) return;
  }
  throw Broken("promised: of writers that meet, one gets through; came: false, " +
               std::to_string(most_tries) + " times in a row");
}

/// Whether this one was it that inserted the record: tries again after a `false` that only says that the
/// database undid the transaction, as in a deadlock.
template <class Storage, class Record> bool insert(Storage& storage, const Record& record) {
  for (int tries = 0; tries < most_tries && !find_again(storage, record); ++tries)
    if (commit(storage, record)) return true;
  return false;
}

/// Whether this one was it that removed the record.
template <class Storage, class Record> bool remove(Storage& storage, const Record& record) {
  for (int tries = 0; tries < most_tries && find_again(storage, record); ++tries)
    if (commit(storage, removal_of(record))) return true;
  return false;
}

/// That a counter was written this often and lost nothing.
template <class Storage>
void expect_count(Storage& storage, const std::string& id, std::size_t count, const std::string& who) {
  const auto found = storage.find_counter(id);
  expect(found && found->data == std::to_string(count) && found->version == count,
         who + " add up to " + std::to_string(count) + " at that version",
         found ? shown(found->data) + " at version " + shown(found->version) : "nothing");
}

/// Tells readers that the writer has ended, however it did.
struct Done {
  std::atomic<bool>& done;
  ~Done() { done = true; }
};

/// What races between threads must not break.
template <class Run> void check_threads(Run& run) {
  const auto& options = run.options;
  const std::size_t threads = std::max<std::size_t>(options.threads, 2);
  const auto race = [&options, threads](auto work) { in_threads(threads, options.patience, work); };

  run.check("threads lose no update", [&](auto& storage, Ids& ids) {
    const std::string id = ids.counter();
    race([&](std::size_t) {
      for (std::size_t i = 0; i < options.rounds; ++i) increment(storage, id);
    });
    expect_count(storage, id, threads * options.rounds, "threads that increment one record");
  });

  run.check("of threads that insert one record one succeeds", [&](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    for (std::size_t round = 0; round < options.rounds; ++round) {
      std::atomic<int> inserted = 0;
      const auto record = factor(ids.factor(), user);
      race([&](std::size_t) { inserted += insert(storage, record) ? 1 : 0; });
      expect(inserted == 1, "one of the threads that insert " + record.id + " succeeds",
             std::to_string(inserted));
    }
  });

  run.check("of threads that remove one record one succeeds", [&](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    for (std::size_t round = 0; round < options.rounds; ++round) {
      std::atomic<int> removed = 0;
      auto record = factor(ids.factor(), user);
      write(storage, record);
      race([&](std::size_t) { removed += remove(storage, record) ? 1 : 0; });
      expect(removed == 1, "one of the threads that remove " + record.id + " succeeds",
             std::to_string(removed));
    }
  });

  run.check(
      "batches that name records in opposite orders end, and lose no update", [&](auto& storage, Ids& ids) {
        const std::string a = ids.counter();
        const std::string b = ids.counter();
        race([&](std::size_t i) {
          for (std::size_t round = 0; round < options.rounds; ++round)
            for (bool written = false; !written;) {
              auto first = storage.find_counter(i % 2 == 0 ? a : b).value_or(counter(i % 2 == 0 ? a : b));
              auto second = storage.find_counter(i % 2 == 0 ? b : a).value_or(counter(i % 2 == 0 ? b : a));
              for (auto* record : {&first, &second})
                record->data = std::to_string(record->data.empty() ? 1 : std::stoull(record->data) + 1);
              written = commit(storage, first, second);
            }
        });
        for (const auto& id : {a, b})
          expect_count(storage, id, threads * options.rounds, "threads that increment two records at once");
      });

  run.check("a commit is seen by every find that begins after it", [&](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    write(storage, records.factor, records.challenge, records.counter);
    std::atomic<std::uint64_t> committed = 1;
    std::atomic<bool> done = false;
    race([&](std::size_t i) {
      if (i == 0) {
        const Done at_end{done};
        for (std::size_t round = 0; round < options.rounds * 4; ++round) {
          write(storage, records.factor, records.challenge, records.counter);
          committed = records.factor.version;
        }
        return;
      }
      while (!done) {
        const std::uint64_t least = committed;
        std::uint64_t found = 0;
        if (i % 3 == 0) found = found_in(storage, records.challenge).version;
        if (i % 3 == 1) found = found_in(storage, records.factor).version;
        if (i % 3 == 2) found = found_in(storage, records.counter).version;
        expect(found >= least, "a find after a commit gives version " + shown(least) + " or later",
               shown(found));
      }
    });
  });

  run.check("no find sees half of a record", [&](auto& storage, Ids& ids) {
    auto record = factor(ids.factor(), ids.user());
    const auto mark = [&record](std::uint32_t number) {
      record.failures = number;
      record.parameters = std::string(200, static_cast<char>('a' + number % 26));
      record.sealed = record.parameters;
      record.last_used_at = at(number);
    };
    const auto expect_whole = [](const storage::FactorRecord& found) {
      const std::string promised(200, static_cast<char>('a' + found.failures % 26));
      expect(found.version == found.failures + 1 && found.parameters == promised &&
                 found.sealed == promised && found.last_used_at == at(found.failures),
             "all fields of a record from one write", "fields of several writes");
    };
    mark(0);
    write(storage, record);
    std::atomic<bool> done = false;
    race([&](std::size_t i) {
      if (i == 0) {
        const Done at_end{done};
        for (std::uint32_t round = 1; round <= options.rounds * 4; ++round) {
          mark(round);
          write(storage, record);
        }
        return;
      }
      while (!done) {
        if (i % 2 == 0) {
          expect_whole(found_in(storage, record));
        } else {
          const auto list = storage.list_factors(record.user_id);
          expect(list.size() == 1, "one factor in its user's list while it is updated",
                 std::to_string(list.size()));
          expect_whole(list.front());
        }
      }
    });
  });
}

} // namespace mfa::testing::conformance
