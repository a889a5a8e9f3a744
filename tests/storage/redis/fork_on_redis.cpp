// A forked process is refused its parent's storage::Redis or async::Redis, and leaves the parent's
// connections alone. An answer to another question is never taken for a record.
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/storage/redis.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/event_loop.hpp"
#include "support/forked.hpp"
#include "support/forwarding_storage.hpp"
#include "support/loopback_proxy.hpp"
#include "support/redis_server.hpp"

using mfa::storage::Redis;
using mfa::storage::RedisDurability;
using mfa::test::RedisServer;

namespace {

/// async::Redis on a loop that runs in the thread of whoever calls, as a forked process has no other.
class OnLoop : public mfa::test::ForwardingStorage<OnLoop, mfa::test::AsyncRedis::Storage> {
 public:
  explicit OnLoop(const mfa::storage::RedisOptions& options) : parts_(std::make_unique<Parts>(options)) {}

  auto around(std::string_view, auto call) { return parts_->loop.run(call(parts_->storage)); }

 private:
  struct Parts {
    explicit Parts(const mfa::storage::RedisOptions& options) : storage(loop.handle(), options) {}

    mfa::test::EventLoop loop;
    mfa::test::AsyncRedis::Storage storage;
  };

  std::unique_ptr<Parts> parts_;
};

/// `connections`: how many the parent's storage makes.
template <class Storage> void check_forked_on_redis(std::uint64_t connections) {
  const RedisServer server(RedisServer::quick());
  const mfa::test::LoopbackProxy proxy(server.port());
  const auto options = server.options(RedisDurability::accept_volatile);
  auto by_proxy = options;
  by_proxy.port = proxy.port();
  mfa::test::check_forked([&] { return Storage(by_proxy); },
                          mfa::test::reads_by_its_own([&] { return Storage(options); }));
  CHECK(proxy.connections() == connections);
}

} // namespace

TEST_CASE("storage::Redis is refused to a forked process, which can open its own") {
  check_forked_on_redis<Redis>(1);
}

TEST_CASE("async::Redis is refused to a forked process, which can open its own") {
  check_forked_on_redis<OnLoop>(2); // one of them to open it
}

TEST_CASE("A value in Redis that is another record's is refused, however it is asked for") {
  const RedisServer server(RedisServer::quick());
  Redis storage(server.options(RedisDurability::accept_volatile));
  mfa::storage::Batch batch;
  for (const char* id : {"1", "2", "12"}) {
    auto& factor = batch.factors.emplace_back();
    factor.id = id;
    factor.type = mfa::FactorType::totp;
    factor.user_id = "u_42";
    auto& challenge = batch.challenges.emplace_back();
    challenge.id = id;
    challenge.factor_id = id;
    batch.counters.emplace_back().id = id;
  }
  REQUIRE(storage.commit(batch));
  for (const char* other : {"2", "12"}) {
    for (const std::string kind : {"factor", "challenge", "counter"}) {
      const std::string key = "{mfa}:" + kind + ":1";
      const std::string own = server.ask("GET", key);
      server.ask("SET", key, server.ask("GET", "{mfa}:" + kind + ":" + other));
      const auto check_refused = [&](auto read) {
        INFO(kind << " 1 answered with " << other);
        const mfa::Error error = mfa::test::error_of(read);
        CHECK(error.code() == mfa::errc::corrupt_record);
        CHECK_THAT(error.what(), mfa::test::contains("another record than the " + kind + " 1"));
      };
      if (kind == "factor") {
        check_refused([&] { (void)storage.find_factor("1"); });
        check_refused([&] { (void)storage.list_factors("u_42"); });
        CHECK(storage.scan_factors("", 9).at(0) == mfa::storage::unreadable_factor("1"));
      }
      if (kind == "challenge") check_refused([&] { (void)storage.find_challenge("1"); });
      if (kind == "counter") check_refused([&] { (void)storage.find_counter("1"); });
      if (kind != "counter") check_refused([&] { (void)storage.find_challenge_with_factor("1"); });
      server.ask("SET", key, own);
    }
  }
  CHECK(storage.find_challenge_with_factor("1")->factor->id == "1");
}
