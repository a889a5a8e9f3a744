// storage::Postgres keeps every promise that the conformance suite checks.
#include <iostream>

#include <mfa/storage/postgres.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/postgres_server.hpp"

using mfa::storage::Postgres;
using Outcome = mfa::testing::CheckResult::Outcome;

TEST_CASE("storage::Postgres keeps every promise, for threads, instances and processes") {
  const mfa::test::PostgresServer server;
  const auto report = mfa::testing::check_storage([&] { return Postgres(server.uri()); });
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
}
