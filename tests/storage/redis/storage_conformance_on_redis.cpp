// storage::Redis keeps every promise that the conformance suite checks.
#include <iostream>

#include <mfa/storage/redis.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/redis_server.hpp"

using mfa::storage::Redis;
using mfa::test::RedisServer;
using Outcome = mfa::testing::CheckResult::Outcome;

TEST_CASE("storage::Redis keeps every promise, for threads, instances and processes") {
  const RedisServer server(RedisServer::quick());
  const auto options = server.options(mfa::storage::RedisDurability::accept_volatile);
  const auto report = mfa::testing::check_storage([&] { return Redis(options); });
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
}
