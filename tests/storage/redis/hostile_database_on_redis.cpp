// Whoever can write to the whole Redis, and has an honest account of his own but no key, gains nothing by it.
// MFA_LONG takes 1,000 edits and MFA_TEST_EDITS any number, MFA_TEST_SEED the seed that a run printed.
#include <mfa/storage/redis.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/hostile_database.hpp"
#include "support/redis_server.hpp"

TEST_CASE("no edit of a record in Redis gains anything") {
  const mfa::test::RedisServer server(mfa::test::RedisServer::quick());
  (void)mfa::test::hostile::nothing_is_gained<mfa::storage::Redis>(
      "Redis", mfa::test::how_much("MFA_TEST_EDITS", 300, 1'000),
      server.options(mfa::storage::RedisDurability::accept_volatile));
}
