// The conformance suite tells the author of a storage what it checked, what is broken and what it could not
// check, whatever the storage does, and needs nothing but the five functions.
#include <chrono>
#include <csignal>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <mfa/storage/memory.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/forwarding_storage.hpp"
#include "support/host.hpp"

using mfa::storage::Batch;
using mfa::storage::FactorRecord;
using mfa::storage::Memory;
using mfa::test::contains;
using mfa::test::thrown_by;
using mfa::testing::check_storage;
using Outcome = mfa::testing::CheckResult::Outcome;
using namespace std::chrono_literals;

namespace {

/// The least that a storage must have.
struct FiveFunctions : mfa::test::ForwardsFive<FiveFunctions> {
  Memory memory;

  auto around(std::string_view, auto call) { return call(memory); }
};

template <class Storage>
std::string report_of(Storage& storage, const mfa::testing::ConformanceOptions& options = {}) {
  std::ostringstream text;
  text << check_storage(storage, options);
  return text.str();
}

} // namespace

TEST_CASE("A storage of five functions passes, and what it does not offer is not checked") {
  FiveFunctions storage;
  const auto report = check_storage(storage, {.rounds = 5});
  CHECK(report.failures() == 0);
  std::ostringstream text;
  text << report;
  for (const auto* function : {"find_challenge_with_factor(id)", "purge(now, limit)",
                               "list_factors(user_id, after_id, limit)", "scan_factors(after_id, limit)"})
    CHECK_THAT(text.str(), contains("the storage does not offer " + std::string(function)));
  CHECK_THAT(text.str(), contains("kept         a batch writes all its records\n"));
  CHECK_THAT(text.str(), contains("not checked  a purge leaves factors\n"));
  CHECK_THAT(text.str(), contains(" 0 broken, "));
}

TEST_CASE("What a storage throws is told, and the other checks go on") {
  struct Throwing : FiveFunctions {
    bool commit(const Batch& batch) {
      if (!batch.removals.empty()) throw std::runtime_error("the disk is full");
      if (batch.counters.size() > 1) throw 42;
      return FiveFunctions::commit(batch);
    }
  } storage;
  CHECK_THAT(report_of(storage, {.only = "a removal removes"}),
             contains("BROKEN       a removal removes its record and no other\n"
                      "             the storage threw: the disk is full\n"));
  CHECK_THAT(report_of(storage, {.only = "opposite orders"}),
             contains("the storage threw something that is no std::exception"));
  CHECK(check_storage(storage, {.only = "text keeps its bytes"}).count(Outcome::kept) == 1);
}

TEST_CASE("A storage that cannot be opened or read is one line, whatever else is asked for") {
  const auto expect_one_line = [](const mfa::testing::ConformanceReport& report, const std::string& why) {
    REQUIRE(report.checks.size() == 1);
    CHECK(report.failures() == 1);
    CHECK(report.checks.front().name == "the storage can be opened and read");
    CHECK(report.checks.front().told == "the storage threw: " + why);
  };
  const auto cannot_be_opened = []() -> FiveFunctions { throw std::runtime_error("connection refused"); };
  expect_one_line(check_storage(cannot_be_opened), "connection refused");
  expect_one_line(check_storage(cannot_be_opened, {.only = "a removal removes"}), "connection refused");

  struct Unreadable : FiveFunctions { // opens, and connects at the first use
    std::optional<FactorRecord> find_factor(std::string_view) { throw std::runtime_error("no such table"); }
  } unreadable;
  expect_one_line(check_storage(unreadable), "no such table");

  FiveFunctions sound;
  CHECK(check_storage(sound, {.only = "a removal removes"}).checks.size() == 1);
}

TEST_CASE("A check that does not exist cannot pass") {
  Memory storage;
  CHECK(thrown_by([&] { return check_storage(storage, {.only = "no such check"}); }) ==
        mfa::errc::invalid_argument);
}

#if defined(__unix__) || defined(__APPLE__)
TEST_CASE("A storage that holds threads for ever ends the process with status 1 and not well") {
  struct Stuck : FiveFunctions {
    bool commit(const Batch& batch) {
      while (batch.counters.size() > 1) std::this_thread::sleep_for(1ms);
      return FiveFunctions::commit(batch);
    }
  };
  mfa::testing::conformance::Process process([](const auto&) {
    Stuck storage;
    (void)check_storage(storage, {.patience = 100ms, .only = "opposite orders"});
  });
  CHECK_THROWS_WITH(process.result(30s), contains("ended with wait status 256"));
}

TEST_CASE("A process that dies in the storage is told") {
  mfa::testing::conformance::Process process([](const auto&) { (void)std::raise(SIGKILL); });
  CHECK_THROWS_WITH(process.result(30s), contains("ended with wait status"));
}
#endif
