#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>
#include <mfa/testing/conformance/threads.hpp>

namespace mfa::testing::conformance {

/// That the storage finds the challenge with its factor, both as given.
template <class Storage>
void expect_both(Storage& storage, const OfEachKind& records, const std::string& when) {
  const auto found = storage.find_challenge_with_factor(records.challenge.id);
  expect(found.has_value(), "the challenge " + records.challenge.id + " " + when, "nothing");
  expect_found(records.challenge, std::optional(found->challenge), when);
  expect_found(records.factor, found->factor, when);
}

/// Challenges and counters past their `purge_at` and not, with ids to look for.
struct Purgeable {
  explicit Purgeable(Ids& ids) : of(factor(ids.factor())) {}

  void add(Ids& ids, Time purge_at) {
    challenges.push_back(challenge(ids.challenge(), of.id, purge_at));
    counters.push_back(counter(ids.counter(), purge_at));
  }

  template <class Storage> void write_to(Storage& storage) {
    for (int i = 0; i < 100 && storage.purge(latest, 1000) > 0; ++i) { // what an earlier run left
    }
    write(storage, of);
    for (auto& record : challenges) write(storage, record);
    for (auto& record : counters) write(storage, record);
  }

  template <class Storage> std::size_t left_in(Storage& storage) const {
    std::size_t left = 0;
    for (const auto& record : challenges) left += find_again(storage, record) ? 1U : 0U;
    for (const auto& record : counters) left += find_again(storage, record) ? 1U : 0U;
    return left;
  }

  static constexpr Time latest = at(100'000); ///< in 1970, so that a purge takes nothing of the host's

  storage::FactorRecord of; ///< whose challenges they are
  std::vector<storage::ChallengeRecord> challenges;
  std::vector<storage::CounterRecord> counters;
};

/// What a storage may offer beside the five functions, apart from pages and scans.
template <class Run> void check_offers(Run& run) {
  using Storage = typename Run::Storage;
  constexpr bool joins = storage::FindsChallengeWithFactor<Storage>;
  constexpr bool purges = storage::Purges<Storage>;
  constexpr std::string_view joined_find = "find_challenge_with_factor(id)";
  constexpr std::string_view purge = "purge(now, limit)";

  run.template check_if<joins>("a challenge is found with its factor, both as last written", joined_find,
                               [](auto& storage, Ids& ids) {
                                 OfEachKind records(ids);
                                 OfEachKind others(ids);
                                 write(storage, records.factor, records.challenge);
                                 write(storage, others.factor, others.challenge);
                                 expect_both(storage, records, "with its factor");
                                 records.factor.sealed = "changed";
                                 records.factor.last_used_at = at(0);
                                 write(storage, records.factor);
                                 expect_both(storage, records, "after the factor was updated");
                                 records.challenge.answer = std::string("a\0b", 3);
                                 write(storage, records.challenge);
                                 expect_both(storage, records, "after the challenge was updated");
                               });

  run.template check_if<joins>(
      "a challenge whose factor is gone comes without one", joined_find, [](auto& storage, Ids& ids) {
        OfEachKind records(ids);
        write(storage, records.factor, records.challenge);
        expect(commit(storage, removal_of(records.factor)), "commit takes a removal of the stored version",
               "false");
        const auto found = storage.find_challenge_with_factor(records.challenge.id);
        if (!found) return; // removed with its factor, which comes to the same
        expect(!found->factor, "no factor once it is removed", found->factor ? found->factor->id : "");
        expect_found(records.challenge, std::optional(found->challenge), "after its factor was removed");
      });

  run.template check_if<joins>("a challenge that is gone is not found, though its factor is there",
                               joined_find, [](auto& storage, Ids& ids) {
                                 OfEachKind records(ids);
                                 write(storage, records.factor, records.challenge);
                                 expect(commit(storage, removal_of(records.challenge)),
                                        "commit takes a removal of the stored version", "false");
                                 for (const auto& id : {records.challenge.id, ids.challenge()})
                                   expect(!storage.find_challenge_with_factor(id),
                                          "nothing of a challenge that is not there", "a challenge");
                               });

  run.template check_if<purges>(
      "a purge removes what is due, from its very moment on", purge, [](auto& storage, Ids& ids) {
        Purgeable records(ids);
        for (const std::int64_t time : {10'000, 19'999, 20'000}) records.add(ids, at(time));
        records.write_to(storage);
        const auto removed = storage.purge(at(20'000), 1000);
        expect(removed == 6, "a purge that removes and counts 6 records that are due",
               std::to_string(removed));
        expect(records.left_in(storage) == 0, "none of the records that were due is left",
               std::to_string(records.left_in(storage)));
      });

  run.template check_if<purges>("a purge leaves what is not due yet", purge, [](auto& storage, Ids& ids) {
    Purgeable records(ids);
    records.add(ids, at(20'001));
    records.add(ids, at(30'000));
    records.add(ids, not_soon);
    records.write_to(storage);
    const auto removed = storage.purge(at(20'000), 1000);
    expect(removed == 0 && records.left_in(storage) == 6, "a purge that removes nothing before its time",
           std::to_string(removed) + " counted, " + std::to_string(6 - records.left_in(storage)) + " gone");
  });

  run.template check_if<purges>(
      "a purge removes no more than its limit, and goes on where it ended", purge,
      [](auto& storage, Ids& ids) {
        Purgeable records(ids);
        for (const std::int64_t time : {10'000, 11'000, 12'000, 13'000}) records.add(ids, at(time));
        records.write_to(storage);
        expect(storage.purge(at(20'000), 0) == 0 && records.left_in(storage) == 8,
               "nothing purged with a limit of 0", std::to_string(8 - records.left_in(storage)));
        for (std::size_t left = 8; left > 0;) {
          const auto removed = storage.purge(at(20'000), 3);
          const auto promised = std::min<std::size_t>(left, 3);
          left -= promised;
          expect(removed == promised && records.left_in(storage) == left,
                 std::to_string(promised) + " records purged with a limit of 3, and " + std::to_string(left) +
                     " left",
                 std::to_string(removed) + " and " + std::to_string(records.left_in(storage)));
        }
        expect(storage.purge(at(20'000), std::numeric_limits<std::size_t>::max()) == 0,
               "nothing left to purge", "more");
      });

  run.template check_if<purges>(
      "a purge goes by the time that was written last", purge, [](auto& storage, Ids& ids) {
        Purgeable records(ids);
        records.add(ids, at(10'000));
        records.add(ids, at(50'000));
        records.write_to(storage);
        records.challenges[0].purge_at = records.counters[0].purge_at = at(50'000);
        records.challenges[1].purge_at = records.counters[1].purge_at = at(10'000);
        write(storage, records.challenges[0], records.counters[0], records.challenges[1],
              records.counters[1]);
        const auto removed = storage.purge(at(20'000), 1000);
        expect(removed == 2, "2 records that became due by an update", std::to_string(removed));
        expect_stored(storage, "after a later time was written", records.challenges[0], records.counters[0]);
      });

  run.template check_if<purges>("a purge leaves factors", purge, [](auto& storage, Ids& ids) {
    Purgeable records(ids);
    records.add(ids, at(10'000));
    records.write_to(storage);
    (void)storage.purge(at(20'000), 1000);
    expect_stored(storage, "after a purge of its challenges", records.of);
  });

  run.template check_if<purges>(
      "who read a record before its purge sees that it has gone", purge, [](auto& storage, Ids& ids) {
        Purgeable records(ids);
        records.add(ids, at(10'000));
        records.write_to(storage);
        (void)storage.purge(at(20'000), 1000);
        expect(!commit(storage, records.challenges[0]) && !commit(storage, records.counters[0]),
               "commit answers false to an update of a record that was purged", "true");
      });

  run.template check_if<purges>(
      "a purge leaves what is written meanwhile to last longer", purge, [&](auto& storage, Ids& ids) {
        auto of = factor(ids.factor());
        write(storage, of);
        auto put = challenge(ids.challenge(), of.id);
        auto count = counter(ids.counter());
        std::atomic<bool> done = false;
        const std::string when = "that was due, and was written to last while a purge went on";
        // Makes it due, and then lets it last, unless it was purged in between.
        const auto renew = [&](auto& record) {
          if (record.version != 0) expect_stored(storage, when, record);
          do {
            const auto found = find_again(storage, record);
            record.version = found ? found->version : 0;
            record.purge_at = at(10'000);
          } while (!commit(storage, record));
          ++record.version;
          std::this_thread::sleep_for(std::chrono::microseconds(50)); // the purge's turn
          record.purge_at = not_soon;
          record.version = commit(storage, record) ? record.version + 1 : 0;
        };
        in_threads(3, run.options.patience, [&](std::size_t i) {
          if (i == 0) {
            const Done at_end{done};
            for (std::size_t round = 0; round < run.options.rounds * 4; ++round) {
              renew(put);
              renew(count);
            }
            return;
          }
          while (!done) {
            (void)storage.purge(at(20'000), 1000);
            std::this_thread::sleep_for(std::chrono::microseconds(50)); // the writer's turn
          }
        });
      });
}

} // namespace mfa::testing::conformance
