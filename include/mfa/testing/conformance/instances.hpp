#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include <mfa/storage/record.hpp>
#include <mfa/testing/conformance/records.hpp>
#include <mfa/testing/conformance/run.hpp>
#include <mfa/testing/conformance/threads.hpp>

namespace mfa::testing::conformance {

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
    const std::string when = "that another instance committed";
    for (int i = 0; i < 3; ++i) {
      factor.sealed = challenge.answer = counter.data = "first " + std::to_string(i);
      write(first, factor, challenge, counter);
      expect_stored(first, "that it committed itself", factor, challenge, counter); // it may keep them
      expect_stored(second, when, factor, challenge, counter);
      expect_list({factor}, second.list_factors(factor.user_id), "the list " + when);
      factor.sealed = challenge.answer = counter.data = "second " + std::to_string(i);
      write(second, factor, challenge, counter);
      expect_stored(first, when, factor, challenge, counter);
      expect_list({factor}, first.list_factors(factor.user_id), "the list " + when);
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
    const std::string id = ids.counter();
    const std::size_t threads = std::max<std::size_t>(options.threads, 2);
    in_threads(threads, options.patience, [&](std::size_t) {
      auto opened = open();
      for (std::size_t i = 0; i < options.rounds; ++i) increment(storage_in(opened), id);
    });
    auto opened = open();
    expect_count(storage_in(opened), id, threads * options.rounds, "threads that increment one record");
  });
}

} // namespace mfa::testing::conformance
