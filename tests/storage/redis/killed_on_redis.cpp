// While workers are killed and Redis crashes under load, no enrolment that was acknowledged is lost and no
// code is accepted twice.
#include <mfa/storage/redis.hpp>

#include "support/catch.hpp"
#include "support/killed_under_load.hpp"
#include "support/redis_server.hpp"

TEST_CASE("200 killed workers and 20 crashes of Redis lose nothing and accept no code twice") {
  mfa::test::RedisServer server; // appendfsync always
  mfa::test::KilledUnderLoad load([&] { return mfa::storage::Redis(server.options()); });
  load.run(200, 20, [&] {
    server.kill();
    server.start();
  });
}
