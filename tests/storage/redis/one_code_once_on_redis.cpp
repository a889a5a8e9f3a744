// However many machines with one Redis verify one right code at once, their clocks 30 s apart or not, one is
// told that it is valid: in each of 250 rounds, or of a thousand with MFA_LONG.
#include <mfa/storage/redis.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/race_for_one_code.hpp"
#include "support/redis_server.hpp"

TEST_CASE("8 processes of 8 threads on Redis: one is valid in every round") {
  const mfa::test::RedisServer server(mfa::test::RedisServer::quick());
  const auto options = server.options(mfa::storage::RedisDurability::accept_volatile);
  mfa::test::RaceForOneCode race([&] { return mfa::storage::Redis(options); });
  race.run_and_check(static_cast<int>(mfa::test::how_much("MFA_TEST_ROUNDS", 250, 1000)));
}
