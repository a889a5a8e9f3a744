// What users do with passkeys, on two nodes of a service with one Redis.
#include <mfa/mfa.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/passkey_journeys.hpp"
#include "support/redis_server.hpp"

TEST_CASE("Passkeys sign in, once, and are counted, resealed and deleted, on Redis") {
  const mfa::test::RedisServer server;
  mfa::storage::Redis one(server.options());
  mfa::storage::Redis another(server.options());
  mfa::testing::ManualClock clock;
  mfa::Verifier first{one, clock, mfa::test::passkey_journey_options()};
  mfa::Verifier second{another, clock, mfa::test::passkey_journey_options()};
  mfa::test::check_passkey_journeys(first, second, mfa::test::CallsBlocking());
}
