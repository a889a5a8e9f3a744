// The storages that the library ships keep every promise that the conformance suite checks.
#include <cstddef>
#include <iostream>
#include <string>

#include <mfa/storage/memory.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

using mfa::storage::Memory;
using mfa::storage::Sqlite;
using mfa::storage::Synchronous;
using mfa::testing::check_storage;
using Outcome = mfa::testing::CheckResult::Outcome;

TEST_CASE("storage::Memory keeps every promise of one instance") {
  Memory storage;
  const auto report = check_storage(storage);
  std::cout << report;
  CHECK(report.failures() == 0);
}

TEST_CASE("storage::Sqlite keeps every promise, for threads, instances and processes") {
  const mfa::test::TemporaryDirectory directory;
  const auto report =
      check_storage([&] { return Sqlite(directory.path() + "/mfa.db", {.synchronous = Synchronous::off}); });
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
}
