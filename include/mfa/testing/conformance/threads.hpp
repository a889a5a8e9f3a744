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
#include <utility>
#include <vector>

#include <mfa/storage/concept.hpp>
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

[[noreturn]] inline void throw_no_way_through() {
  throw Broken("promised: of writers that meet, one gets through; came: false, " +
               std::to_string(most_tries) + " times in a row");
}

/// Adds one to the number in a counter by find and commit, again until no other writer was quicker.
template <class Storage> void increment(Storage& storage, const std::string& id) {
  for (int tries = 0; tries < most_tries; ++tries) {
    auto record = storage.find_counter(id).value_or(counter(id));
    record.data = std::to_string(record.data.empty() ? 1 : std::stoull(record.data) + 1);
    if (commit(storage, record)) return;
  }
  throw_no_way_through();
}

// The number that a record of each kind counts in a race.

inline std::uint64_t number_in(const storage::FactorRecord& record) { return record.failures; }
inline std::uint64_t number_in(const storage::ChallengeRecord& record) { return record.attempts_left; }
inline std::uint64_t number_in(const storage::CounterRecord& record) {
  return record.data.empty() ? 0 : std::stoull(record.data);
}
inline void count_up(storage::FactorRecord& record) { ++record.failures; }
inline void count_up(storage::ChallengeRecord& record) { ++record.attempts_left; }
inline void count_up(storage::CounterRecord& record) { record.data = std::to_string(number_in(record) + 1); }

/// A record of each kind that writers count up together: in each step one of them or, in one batch, all.
class Counted {
 public:
  template <class Storage> Counted(Storage& storage, Ids& ids) : records_(ids) {
    write(storage, records_.factor, records_.challenge, records_.counter);
  }

  template <class Storage> void increment(Storage& storage, std::size_t step) const {
    for (int tries = 0; tries < most_tries; ++tries) {
      storage::Batch batch;
      const auto add_one = [&](std::size_t place, const auto& record) {
        if (!counts(step, place)) return;
        auto found = found_in(storage, record);
        count_up(found);
        add(batch, std::move(found));
      };
      add_one(1, records_.factor);
      add_one(2, records_.challenge);
      add_one(3, records_.counter);
      if (storage.commit(std::move(batch))) return;
    }
    throw_no_way_through();
  }

  /// That none of the steps `i` to `i + rounds - 1` of each writer `i` was lost.
  template <class Storage>
  void expect_all(Storage& storage, std::size_t writers, std::size_t rounds, const std::string& who) const {
    const auto expect_number = [&](std::size_t place, const auto& record) {
      std::uint64_t count = 0;
      for (std::size_t writer = 0; writer < writers; ++writer)
        for (std::size_t round = 0; round < rounds; ++round) count += counts(writer + round, place) ? 1U : 0U;
      const auto found = found_in(storage, record);
      expect(number_in(found) == count && found.version == count + 1,
             who + " that add one to " + record.id + " add up to " + shown(count) + " at version " +
                 shown(count + 1),
             shown(number_in(found)) + " at version " + shown(found.version));
    };
    expect_number(1, records_.factor);
    expect_number(2, records_.challenge);
    expect_number(3, records_.counter);
  }

 private:
  static bool counts(std::size_t step, std::size_t place) { return step % 4 == 0 || step % 4 == place; }

  OfEachKind records_;
};

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
    const Counted counted(storage, ids);
    race([&](std::size_t i) {
      for (std::size_t round = 0; round < options.rounds; ++round) counted.increment(storage, i + round);
    });
    counted.expect_all(storage, threads, options.rounds, "threads");
  });

  run.check("of threads that insert one record one succeeds", [&](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    auto of = factor(ids.factor(), user); // whose challenges they are
    write(storage, of);
    const auto expect_one = [&](const auto& record) {
      std::atomic<int> inserted = 0;
      race([&](std::size_t) { inserted += insert(storage, record) ? 1 : 0; });
      expect(inserted == 1, "one of the threads that insert " + record.id + " succeeds",
             std::to_string(inserted));
    };
    for (std::size_t round = 0; round < options.rounds; ++round) {
      expect_one(factor(ids.factor(), user));
      expect_one(challenge(ids.challenge(), of.id));
      expect_one(counter(ids.counter()));
    }
  });

  run.check("of threads that remove one record one succeeds", [&](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    auto of = factor(ids.factor(), user);
    write(storage, of);
    const auto expect_one = [&](auto record) {
      std::atomic<int> removed = 0;
      write(storage, record);
      race([&](std::size_t) { removed += remove(storage, record) ? 1 : 0; });
      expect(removed == 1, "one of the threads that remove " + record.id + " succeeds",
             std::to_string(removed));
    };
    for (std::size_t round = 0; round < options.rounds; ++round) {
      expect_one(factor(ids.factor(), user));
      expect_one(challenge(ids.challenge(), of.id));
      expect_one(counter(ids.counter()));
    }
  });

  run.check("a list has every factor that threads write for one user", [&](auto& storage, Ids& ids) {
    const std::string user = ids.user();
    const std::size_t of_each = std::min<std::size_t>(options.rounds, 20);
    std::vector<storage::FactorRecord> factors;
    for (std::size_t i = 0; i < threads * of_each; ++i)
      factors.push_back(at_version(factor(ids.factor(), user), 1));
    const auto is_removed = [](std::size_t i) { return i % 3 == 2; };
    race([&](std::size_t thread) {
      for (std::size_t i = thread; i < factors.size(); i += threads) {
        expect(insert(storage, at_version(factors[i], 0)), "the only one that inserts a factor succeeds",
               "false");
        if (is_removed(i))
          expect(remove(storage, factors[i]), "the only one that removes a factor succeeds", "false");
      }
    });
    std::vector<storage::FactorRecord> left;
    for (std::size_t i = 0; i < factors.size(); ++i)
      if (!is_removed(i)) left.push_back(factors[i]);
    expect_list(left, storage.list_factors(user), "the factors that threads wrote and did not remove");
    if constexpr (storage::ScansFactors<typename Run::Storage>)
      expect_list(left, storage.scan_factors(ids.before_factors(), left.size()),
                  "the same factors, by a scan");
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

  run.check("no find sees what a refused batch would have written", [&](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    write(storage, records.factor, records.challenge, records.counter);
    const OfEachKind sound = records;
    records.factor.sealed = records.challenge.answer = records.counter.data = "refused";
    const auto of_none = removal_of(at_version(counter(ids.counter()), 1));
    std::atomic<bool> done = false;
    race([&](std::size_t i) {
      if (i == 0) {
        const Done at_end{done};
        for (std::size_t round = 0; round < options.rounds * 4; ++round)
          expect(!commit(storage, records.factor, records.challenge, records.counter, of_none),
                 "commit answers false to a batch with a removal of no record", "true");
        return;
      }
      const std::string when = "while a batch that would change it is refused";
      while (!done) {
        if (i % 3 == 0) expect_stored(storage, when, sound.challenge);
        if (i % 3 == 1) expect_stored(storage, when, sound.factor);
        if (i % 3 == 2) expect_stored(storage, when, sound.counter);
      }
    });
  });
}

} // namespace mfa::testing::conformance
