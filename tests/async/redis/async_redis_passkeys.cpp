// What users do with passkeys, on two asynchronous verifiers with one Redis, in one thread.
#include <mfa/async.hpp>
#include <mfa/async/redis.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/passkey_journeys.hpp"
#include "support/redis_server.hpp"
#include "support/task.hpp"

using mfa::test::AsyncRedis;
using mfa::test::Task;

TEST_CASE("Passkeys sign in, once, and are counted, resealed and deleted, on Redis without threads") {
  const mfa::test::RedisServer server;
  mfa::test::EventLoop loop;
  AsyncRedis::Storage one(loop.handle(), server.options());
  AsyncRedis::Storage another(loop.handle(), server.options());
  mfa::testing::ManualClock clock;
  auto first = mfa::async::make_verifier<Task>(one, clock, mfa::test::passkey_journey_options());
  auto second = mfa::async::make_verifier<Task>(another, clock, mfa::test::passkey_journey_options());
  mfa::test::check_passkey_journeys(first, second, mfa::test::CallsOnLoop{loop});
}
