#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/offers.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>
#include <mfa/testing/conformance/threads.hpp>

namespace mfa::testing::conformance {

/// That all functions which read give these records as they are. `before` stands before the factor, and no
/// other factor between.
template <class Storage>
void expect_read(Storage& storage, const OfEachKind& records, const std::string& before,
                 const std::string& when) {
  const auto& [factor, challenge, counter] = records;
  expect_stored(storage, when, factor, challenge, counter);
  expect_list({factor}, storage.list_factors(factor.user_id), "the list " + when);
  if constexpr (storage::PagesFactors<Storage>)
    expect_list({factor}, storage.list_factors(factor.user_id, before, 2), "the page " + when);
  if constexpr (storage::ScansFactors<Storage>)
    expect_list({factor}, storage.scan_factors(before, 1), "the scan " + when);
  if constexpr (storage::FindsChallengeWithFactor<Storage>) expect_both(storage, records, when);
}

/// What several instances on the same contents promise, as nodes of one service have them.
template <class Run> void check_instances(Run& run) {
  const auto& options = run.options;

  run.check_instances("what was committed is there when the storage is opened again",
                      [](auto& open, Ids& ids) {
                        OfEachKind records(ids);
                        for (int i = 0; i < 3; ++i) {
                          auto opened = open();
                          auto& storage = storage_in(opened);
                          if (i > 0)
                            expect_stored(storage, "after the storage was closed and opened again",
                                          records.factor, records.challenge, records.counter);
                          records.factor.sealed = records.counter.data = std::to_string(i);
                          write(storage, records.factor, records.challenge, records.counter);
                        }
                      });

  run.check_instances("each instance sees what another has committed", [](auto& open, Ids& ids) {
    auto first_opened = open();
    auto second_opened = open();
    auto& first = storage_in(first_opened);
    auto& second = storage_in(second_opened);
    OfEachKind records(ids);
    auto& [factor, challenge, counter] = records;
    const std::string before = ids.before_factors();
    const std::string when = "that another instance committed";
    for (int i = 0; i < 3; ++i) {
      factor.sealed = challenge.answer = counter.data = "first " + std::to_string(i);
      write(first, factor, challenge, counter);
      expect_read(first, records, before, "that it committed itself"); // it may keep them
      expect_read(second, records, before, when);
      factor.sealed = challenge.answer = counter.data = "second " + std::to_string(i);
      write(second, factor, challenge, counter);
      expect_read(first, records, before, when);
    }
    expect(commit(second, removal_of(factor)), "commit takes a removal of the stored version", "false");
    expect_nothing(first.find_factor(factor.id), "after another instance removed it");
    expect_list({}, first.list_factors(factor.user_id),
                "no factors after another instance removed the only one");
  });

  run.check_instances("an instance refuses the version that another has overtaken", [](auto& open, Ids& ids) {
    auto first_opened = open();
    auto second_opened = open();
    auto& first = storage_in(first_opened);
    auto& second = storage_in(second_opened);
    OfEachKind records(ids);
    write(first, records.factor, records.challenge, records.counter);
    records.for_each([&](auto& record) {
      (void)found_in(second, record); // whatever it may keep of it
      auto overtaken = record;
      write(first, record);
      expect(!commit(second, overtaken), "commit answers false to an update of an overtaken version", "true");
      expect(!commit(second, removal_of(overtaken)),
             "commit answers false to a removal of an overtaken version", "true");
      expect_stored(first, "after another instance was refused", record);
    });
  });

  run.check_instances("threads with an instance each lose no update", [&](auto& open, Ids& ids) {
    const std::size_t threads = std::max<std::size_t>(options.threads, 2);
    auto first_opened = open();
    const Counted counted(storage_in(first_opened), ids);
    in_threads(threads, options.patience, [&](std::size_t i) {
      auto opened = open();
      for (std::size_t round = 0; round < options.rounds; ++round)
        counted.increment(storage_in(opened), i + round);
    });
    counted.expect_all(storage_in(first_opened), threads, options.rounds, "threads with an instance each");
  });
}

} // namespace mfa::testing::conformance
