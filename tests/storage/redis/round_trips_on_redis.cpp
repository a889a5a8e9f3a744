// How often a verb waits for Redis: counted by a proxy before the server.
#include <mfa/storage/redis.hpp>

#include "support/catch.hpp"
#include "support/loopback_proxy.hpp"
#include "support/redis_server.hpp"
#include "support/round_trips.hpp"

TEST_CASE("Each verb waits for Redis as often as it must") {
  const mfa::test::RedisServer server;
  const mfa::test::LoopbackProxy proxy(server.port());
  auto options = server.options();
  options.port = proxy.port();
  mfa::storage::Redis storage(options);
  mfa::test::check_round_trips(storage, proxy);
  CHECK(proxy.connections() == 1);
}
