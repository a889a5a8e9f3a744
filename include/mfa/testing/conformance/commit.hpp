#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>

namespace mfa::testing::conformance {

/// That commit refuses the record and leaves what is stored as it was.
template <class Storage, class Record>
void expect_refused(Storage& storage, const Record& refused, const Record& stored, const std::string& what) {
  expect(!commit(storage, refused), "commit answers false to " + what + " (" + refused.id + ")", "true");
  expect_stored(storage, "after commit had refused " + what, stored);
}

/// A batch of each kind of write, and a conflict that can be put anywhere among them.
class Mixed {
 public:
  template <class Storage>
  Mixed(Storage& storage, Ids& ids) : old_(ids), updated_(ids), new_(ids), removed_(ids) {
    write(storage, old_.factor, old_.challenge, old_.counter);
    write(storage, old_.factor, old_.challenge, old_.counter); // at version 2, so that 1 is an earlier one
    write(storage, updated_.factor, updated_.challenge, updated_.counter);
    removed_.challenge.factor_id = updated_.factor.id; // not removed before it, with its factor
    write(storage, removed_.factor, removed_.challenge, removed_.counter);
    auto [factor, challenge, counter] = updated_;
    factor.sealed = challenge.answer = counter.data = "changed";
    batch_ =
        batch_of(new_.factor, new_.challenge, new_.counter, factor, challenge, counter,
                 removal_of(removed_.factor), removal_of(removed_.challenge), removal_of(removed_.counter));
  }

  [[nodiscard]] const storage::Batch& batch() const { return batch_; }
  [[nodiscard]] const OfEachKind& old() const { return old_; }

  template <class Storage> void expect_unwritten(Storage& storage, const std::string& conflict) const {
    const std::string when = "after a batch with " + conflict + " among its other writes";
    expect_nothing(storage.find_factor(new_.factor.id), when);
    expect_nothing(storage.find_challenge(new_.challenge.id), when);
    expect_nothing(storage.find_counter(new_.counter.id), when);
    for (const OfEachKind* records : {&old_, &updated_, &removed_})
      expect_stored(storage, when, records->factor, records->challenge, records->counter);
  }

  template <class Storage> void expect_written(Storage& storage) const {
    const std::string when = "after a batch of insertions, updates and removals";
    expect_stored(storage, when, at_version(new_.factor, 1), at_version(new_.challenge, 1),
                  at_version(new_.counter, 1));
    auto [factor, challenge, counter] = updated_;
    factor.sealed = challenge.answer = counter.data = "changed";
    expect_stored(storage, when, at_version(factor, 2), at_version(challenge, 2), at_version(counter, 2));
    expect_nothing(storage.find_factor(removed_.factor.id), when);
    expect_nothing(storage.find_challenge(removed_.challenge.id), when);
    expect_nothing(storage.find_counter(removed_.counter.id), when);
  }

 private:
  OfEachKind old_;
  OfEachKind updated_;
  OfEachKind new_;
  OfEachKind removed_;
  storage::Batch batch_;
};

/// Hundreds of factors of one user with a counter each, as many security keys have them.
class ManyOfAUser {
 public:
  template <class Storage> ManyOfAUser(Storage& storage, Ids& ids) : user_(ids.user()) {
    constexpr std::size_t many = 250;
    for (std::size_t i = 0; i < many; ++i) {
      factors_.push_back(factor(ids.factor(), user_));
      counters_.push_back(counter(ids.counter()));
      write(storage, factors_.back(), counters_.back());
    }
  }

  /// Of all, a counter of each factor before the next factor.
  [[nodiscard]] storage::Batch removals() const {
    storage::Batch batch;
    for (std::size_t i = 0; i < factors_.size(); ++i) {
      batch.removals.push_back(removal_of(counters_[i]));
      batch.removals.push_back(removal_of(factors_[i]));
    }
    return batch;
  }

  template <class Storage> void expect_stored(Storage& storage) const {
    const std::string when = "after a batch of removals was refused";
    for (const auto& factor : factors_) conformance::expect_stored(storage, when, factor);
    for (const auto& counter : counters_) conformance::expect_stored(storage, when, counter);
    expect(storage.list_factors(user_).size() == factors_.size(), "all factors of the user " + when,
           "others");
  }

  template <class Storage> void expect_removed(Storage& storage) const {
    const std::string when = "after a batch removed it with hundreds of others";
    for (const auto& factor : factors_) expect_nothing(find_again(storage, factor), when);
    for (const auto& counter : counters_) expect_nothing(find_again(storage, counter), when);
    expect(storage.list_factors(user_).empty(), "no factor of the user " + when, "some");
  }

 private:
  std::string user_;
  std::vector<storage::FactorRecord> factors_;
  std::vector<storage::CounterRecord> counters_;
};

/// Commits `mixed` with `conflict` in each place of `writes`, and expects that nothing of it is written.
template <class Storage, class Write>
void expect_conflict(Storage& storage, const Mixed& mixed, std::vector<Write> storage::Batch::*writes,
                     const Write& conflict, const std::string& what) {
  for (std::size_t place = 0; place <= (mixed.batch().*writes).size(); ++place) {
    storage::Batch batch = mixed.batch();
    (batch.*writes).insert((batch.*writes).begin() + static_cast<std::ptrdiff_t>(place), conflict);
    const std::string told = what + " in place " + std::to_string(place);
    expect(!storage.commit(std::move(batch)), "commit answers false to a batch with " + told, "true");
    mixed.expect_unwritten(storage, told);
  }
}

/// The four ways in which a record's version can be wrong. `stored` is at version 2.
template <class Storage, class Record>
void expect_conflicts(Storage& storage, const Mixed& mixed, std::vector<Record> storage::Batch::*records,
                      const Record& stored, Record missing) {
  expect_conflict(storage, mixed, records, at_version(stored, 0), "an insertion over a record");
  expect_conflict(storage, mixed, records, at_version(stored, 1), "an update of an earlier version");
  expect_conflict(storage, mixed, records, at_version(stored, 3), "an update of a later version");
  expect_conflict(storage, mixed, records, at_version(std::move(missing), 1), "an update of no record");
}

/// All of a batch or nothing, by the versions that it names.
template <class Run> void check_commits(Run& run) {
  run.check("a new record has version 1, and each write counts it up by one", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    for (int count = 0; count < 300; ++count) { // past what a byte holds
      write(storage, factor, challenge, counter);
      expect_stored(storage, "after " + std::to_string(count + 1) + " writes", factor, challenge, counter);
    }
  });

  run.check("an insertion over a record is refused", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    write(storage, records.factor, records.challenge, records.counter);
    records.for_each([&](const auto& record) {
      expect_refused(storage, at_version(record, 0), record, "an insertion over a record");
    });
  });

  run.check("an update of a record that is not there is refused", [](auto& storage, Ids& ids) {
    OfEachKind(ids).for_each([&](const auto& record) {
      expect(!commit(storage, at_version(record, 1)),
             "commit answers false to an update of a record that is not there", "true");
      expect_nothing(find_again(storage, record), "after commit had refused to update it");
    });
  });

  run.check("an update of an earlier version is refused", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    for (int i = 0; i < 3; ++i) write(storage, records.factor, records.challenge, records.counter);
    records.for_each([&](const auto& record) {
      for (const std::uint64_t earlier : {1U, 2U})
        expect_refused(storage, at_version(record, earlier), record,
                       "an update of version " + shown(earlier) + " where 3 is stored");
    });
  });

  run.check("an update of a later version is refused", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    write(storage, records.factor, records.challenge, records.counter);
    records.for_each([&](const auto& record) {
      expect_refused(storage, at_version(record, 2), record, "an update of version 2 where 1 is stored");
    });
  });

  run.check("a removal of another version is refused", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    for (int i = 0; i < 2; ++i) write(storage, records.factor, records.challenge, records.counter);
    records.for_each([&](const auto& record) {
      for (const std::uint64_t other : {0U, 1U, 3U}) {
        expect(!commit(storage, removal_of(at_version(record, other))),
               "commit answers false to a removal of version " + shown(other) + " where 2 is stored", "true");
        expect_stored(storage, "after commit had refused to remove it", record);
      }
    });
  });

  run.check("a removal of a record that is not there is refused", [](auto& storage, Ids& ids) {
    OfEachKind(ids).for_each([&](const auto& record) {
      for (const std::uint64_t version : {0U, 1U})
        expect(!commit(storage, removal_of(at_version(record, version))),
               "commit answers false to a removal of a record that is not there", "true");
    });
  });

  run.check("a removal removes its record and no other", [](auto& storage, Ids& ids) {
    OfEachKind removed(ids);
    OfEachKind kept(ids);
    write(storage, removed.factor, removed.challenge, removed.counter);
    write(storage, kept.factor, kept.challenge, kept.counter);
    const auto expect_removed = [&](const auto& record) {
      expect(commit(storage, removal_of(record)), "commit takes a removal of the stored version", "false");
      expect_nothing(find_again(storage, record), "after the record was removed");
    };
    expect_removed(removed.challenge);
    expect_removed(removed.counter);
    expect_removed(removed.factor);
    expect_stored(storage, "after others were removed", kept.factor, kept.challenge, kept.counter);
  });

  run.check("a factor that has challenges can be removed", [](auto& storage, Ids& ids) {
    OfEachKind records(ids);
    write(storage, records.factor, records.challenge);
    expect(commit(storage, removal_of(records.factor)), "commit takes a removal of the stored version",
           "false");
    expect_nothing(storage.find_factor(records.factor.id), "after the factor was removed");
  });

  run.check("a challenge of a factor that is gone is taken or refused, and nothing is thrown",
            [](auto& storage, Ids& ids) {
              const auto orphan = challenge(ids.challenge(), ids.factor());
              if (commit(storage, orphan)) {
                expect_stored(storage, "whose factor never was, after commit took it", at_version(orphan, 1));
              } else {
                expect_nothing(storage.find_challenge(orphan.id), "after commit had refused it");
              }
              OfEachKind records(ids);
              write(storage, records.factor, records.challenge);
              expect(commit(storage, removal_of(records.factor)),
                     "commit takes a removal of the stored version", "false");
              if (const auto kept = storage.find_challenge(records.challenge.id)) {
                expect_found(records.challenge, kept, "after its factor was removed");
              } else { // with its factor
                expect(!commit(storage, records.challenge),
                       "commit answers false to an update of a challenge that is gone", "true");
              }
            });

  run.check("a counter that was removed can be written anew", [](auto& storage, Ids& ids) {
    auto counter = conformance::counter(ids.counter());
    write(storage, counter);
    write(storage, counter);
    expect(commit(storage, removal_of(counter)), "commit takes a removal of the stored version", "false");
    counter.version = 0;
    write(storage, counter);
    expect_stored(storage, "after it was removed and written anew", counter);
  });

  run.check(
      "a record that is written to last longer outlives the time that it had", [](auto& storage, Ids& ids) {
        const auto soon = std::chrono::floor<std::chrono::milliseconds>(std::chrono::system_clock::now()) +
                          std::chrono::seconds(1);
        OfEachKind records(ids);
        records.challenge.purge_at = records.counter.purge_at = soon; // when a storage may let it expire
        write(storage, records.factor, records.challenge, records.counter);
        records.challenge.purge_at = records.counter.purge_at = not_soon;
        write(storage, records.challenge, records.counter);
        std::this_thread::sleep_until(soon + std::chrono::milliseconds(500));
        expect_stored(storage, "after the time that it had at first", records.factor, records.challenge,
                      records.counter);
      });

  run.check("a batch writes all its records", [](auto& storage, Ids& ids) {
    const Mixed mixed(storage, ids);
    expect(storage.commit(storage::Batch(mixed.batch())),
           "commit takes a batch that names the stored versions", "false");
    mixed.expect_written(storage);
  });

  run.check("a batch of hundreds of removals removes all, or none", [](auto& storage, Ids& ids) {
    const ManyOfAUser many(storage, ids); // as when he is reset
    storage::Batch conflicting = many.removals();
    ++conflicting.removals.back().version;
    expect(!storage.commit(std::move(conflicting)),
           "commit answers false to a batch of hundreds with a removal of another version at its end",
           "true");
    many.expect_stored(storage);
    expect(storage.commit(many.removals()), "commit takes a batch that names the stored versions", "false");
    many.expect_removed(storage);
  });

  run.check("a batch with a factor in conflict writes nothing", [](auto& storage, Ids& ids) {
    const Mixed mixed(storage, ids);
    expect_conflicts(storage, mixed, &storage::Batch::factors, mixed.old().factor, factor(ids.factor()));
  });

  run.check("a batch with a challenge in conflict writes nothing", [](auto& storage, Ids& ids) {
    const Mixed mixed(storage, ids);
    expect_conflicts(storage, mixed, &storage::Batch::challenges, mixed.old().challenge,
                     challenge(ids.challenge(), mixed.old().factor.id));
  });

  run.check("a batch with a counter in conflict writes nothing", [](auto& storage, Ids& ids) {
    const Mixed mixed(storage, ids);
    expect_conflicts(storage, mixed, &storage::Batch::counters, mixed.old().counter, counter(ids.counter()));
  });

  run.check("a batch with a removal in conflict writes nothing", [](auto& storage, Ids& ids) {
    const Mixed mixed(storage, ids);
    OfEachKind(mixed.old()).for_each([&](const auto& record) {
      for (const std::uint64_t other : {1U, 3U})
        expect_conflict(storage, mixed, &storage::Batch::removals, removal_of(at_version(record, other)),
                        "a removal of another version");
    });
    OfEachKind(ids).for_each([&](const auto& record) {
      expect_conflict(storage, mixed, &storage::Batch::removals, removal_of(at_version(record, 1)),
                      "a removal of no record");
    });
  });
}

} // namespace mfa::testing::conformance
