// A thousand logins that are pending at once on one thread, with the server remote, take about as long as
// one.
#include <chrono>

#include <mfa/async/redis.hpp>
#include <mfa/async/verifier.hpp>
#include <mfa/mfa.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/loopback_proxy.hpp"
#include "support/pending_logins.hpp"
#include "support/redis_server.hpp"
#include "support/task.hpp"

using namespace std::chrono_literals;

TEST_CASE("a thousand logins are pending at once behind a proxy that adds 50 ms, and all come out right") {
  const mfa::test::RedisServer server;
  const mfa::test::LoopbackProxy proxy(server.port(), 50ms);
  mfa::testing::ManualClock clock;
  const mfa::Options options{.key_ring = mfa::KeyRing::generate()};
  mfa::storage::Redis direct(server.options());
  mfa::Verifier blocking{direct, clock, options};
  const auto logins = mfa::test::prepare_logins(blocking, clock, 1000, 4);

  auto remote = server.options();
  remote.port = proxy.port();
  remote.command_timeout = 30s; // for busy machines
  mfa::test::EventLoop loop;
  mfa::test::AsyncRedis::Storage storage(loop.handle(), remote);
  auto verifier = mfa::async::make_verifier<mfa::test::Task>(storage, clock, options);
  const auto report = mfa::test::log_in_at_once(loop, verifier, logins);
  CHECK(report.valid == logins.size());
  CHECK(report.bytes_each < 20'000);
  CHECK(report.seconds < 10); // by 16 threads it would take 12.5
  CHECK(proxy.connections() <= remote.max_connections + 1);
  CHECK(mfa::test::log_in_at_once(loop, verifier, logins).valid == 0);
}
