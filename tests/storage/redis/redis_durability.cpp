// A server that may forget a used code is refused when the storage is opened, unless the host accepts that by
// name; and then the host is told why.

#include <string>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/redis.hpp>

#include "support/catch.hpp"
#include "support/redis_server.hpp"

using mfa::storage::Redis;
using mfa::storage::RedisDurability;
using mfa::storage::RedisWeakness;
using mfa::test::contains;
using mfa::test::RedisServer;

namespace {

/// What the refusal says; empty if there is none.
std::string refusal(const RedisServer& server, RedisDurability durability) {
  try {
    Redis storage(server.options(durability));
  } catch (const mfa::Error& error) {
    CHECK(error.code() == mfa::errc::storage_failure);
    return error.what();
  }
  return {};
}

} // namespace

TEST_CASE("each setting that may undo a commit is named, and refused unless accepted by name") {
  struct Case {
    std::vector<std::string> settings;
    std::vector<RedisWeakness> weaknesses;
    bool every_second_will_do;
    std::string remedy;
  };
  const auto durable = RedisServer::durable();
  const auto durable_but = [&](std::vector<std::string> more) {
    auto all = durable;
    all.insert(all.end(), more.begin(), more.end());
    return all;
  };
  const auto [settings, weaknesses, every_second_will_do, remedy] = GENERATE_COPY(values<Case>({
      {durable, {}, true, ""},
      {{}, {RedisWeakness::no_append_only_file}, false, "set appendonly yes"},
      {{"--save", "1 1"}, {RedisWeakness::no_append_only_file}, false, "set appendonly yes"},
      {durable_but({"--appendfsync", "everysec"}),
       {RedisWeakness::fsync_every_second},
       true,
       "set appendfsync always"},
      {durable_but({"--appendfsync", "no"}), {RedisWeakness::no_fsync}, false, "set appendfsync always"},
      {durable_but({"--no-appendfsync-on-rewrite", "yes"}),
       {RedisWeakness::fsync_pauses},
       false,
       "set no-appendfsync-on-rewrite no"},
      {durable_but({"--maxmemory-policy", "allkeys-lru"}),
       {RedisWeakness::evicts_keys},
       false,
       "set maxmemory-policy noeviction"},
      {{"--maxmemory-policy", "volatile-ttl"},
       {RedisWeakness::no_append_only_file, RedisWeakness::evicts_keys},
       false,
       "set appendonly yes); it removes records"},
  }));
  const RedisServer server(settings);
  INFO(remedy);

  CHECK(Redis(server.options(RedisDurability::accept_volatile)).weaknesses() == weaknesses);
  CHECK(refusal(server, RedisDurability::every_second).empty() == every_second_will_do);
  const auto refused = refusal(server, RedisDurability::required);
  CHECK(refused.empty() == weaknesses.empty());
  if (weaknesses.empty()) return;
  CHECK_THAT(refused, contains(remedy));
  CHECK_THAT(refused, contains("127.0.0.1:" + std::to_string(server.port())));
  CHECK_THAT(refused, contains("RedisDurability::every_second or accept_volatile"));
}

TEST_CASE("a server that does not tell its settings is not trusted, but works if the host says so") {
  const RedisServer server;
  const auto rights = GENERATE(as<std::string>(), "-config", "-info", "-@admin -@dangerous");
  INFO(rights);
  std::vector<std::string> words{"ACL", "SETUSER", "mfa", "reset", "on", ">open sesame", "~{mfa}:*", "+@all"};
  for (std::size_t start = 0; start < rights.size();) {
    const auto end = std::min(rights.find(' ', start), rights.size());
    words.push_back(rights.substr(start, end - start));
    start = end + 1;
  }
  REQUIRE(server.ask(words) == "OK");
  auto options = server.options();
  options.user = "mfa";
  options.password = "open sesame";
  CHECK_THROWS_WITH(Redis(options), contains("allow INFO and CONFIG GET"));
  options.durability = RedisDurability::every_second;
  CHECK_THROWS_WITH(Redis(options), contains("allow INFO and CONFIG GET"));
  options.durability = RedisDurability::accept_volatile;
  Redis storage(options);
  CHECK(storage.weaknesses() == std::vector{RedisWeakness::unknown_settings});
  mfa::storage::Batch batch;
  batch.factors.emplace_back().id = "f";
  batch.factors[0].type = mfa::FactorType::totp;
  CHECK(storage.commit(batch));
}

TEST_CASE("a user without one of the rights that docs/redis.md asks for is refused at opening") {
  const RedisServer server(RedisServer::quick());
  auto options = server.options(RedisDurability::accept_volatile);
  options.user = "mfa";
  options.password = "pw";
  const auto missing =
      GENERATE(as<std::string>(), "-get", "-set", "-del", "-exists", "-zadd", "-zrem", "-zcard", "-zrange",
               "-zrangebylex", "-zrangebyscore", "-time", "-eval", "-evalsha", "-script|load");
  INFO(missing);
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "reset", "on", ">pw", "~{mfa}:*", "+@all", missing) == "OK");
  if (missing == "-evalsha") {
    Redis storage(options); // a script alone, before anything is written
    CHECK_THROWS_WITH(storage.scan_factors("", 1), contains("NOPERM"));
    return;
  }
  CHECK_THROWS_WITH(Redis(options), contains("NOPERM") && contains("ACL SETUSER"));
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "reset", "on", ">pw", "~{mfa}:f*", "~{mfa}:c*", "~{mfa}:purge",
                     "+@all") == "OK");
  CHECK_THROWS_WITH(Redis(options), contains("NOPERM") && contains("ACL SETUSER"));
  CHECK(server.ask("DBSIZE") == "0");
}

TEST_CASE("a right that is taken away from an open storage undoes no half of a batch that needs the time") {
  const RedisServer server(RedisServer::quick());
  auto options = server.options(RedisDurability::accept_volatile);
  options.user = "mfa";
  options.password = "pw";
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "reset", "on", ">pw", "~{mfa}:*", "+@all") == "OK");
  Redis storage(options);
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "-time") == "OK");
  mfa::storage::Batch batch;
  batch.factors.emplace_back().id = "f";
  batch.factors[0].type = mfa::FactorType::totp;
  batch.counters.emplace_back().id = "n";
  CHECK_THROWS_AS(storage.commit(batch), mfa::Error);
  CHECK(server.ask("DBSIZE") == "0");
}

TEST_CASE("the commands and keys that docs/redis.md asks for are enough") {
  const RedisServer server;
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "reset", "on", ">pw", "~{mfa}:*", "+get", "+set", "+del",
                     "+exists", "+zadd", "+zrem", "+zcard", "+zrange", "+zrangebylex", "+zrangebyscore",
                     "+time", "+eval", "+evalsha", "+script|load", "+info", "+config|get") == "OK");
  auto options = server.options();
  options.user = "mfa";
  options.password = "pw";
  options.database = 1;
  CHECK_THROWS_AS(Redis(options), mfa::Error);
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "+select") == "OK");
  CHECK_NOTHROW(Redis(options));
  options.database = 0;
  REQUIRE(server.ask("ACL", "SETUSER", "mfa", "-select") == "OK");
  Redis storage(options);
  mfa::storage::Batch batch;
  batch.factors.emplace_back().id = "f";
  batch.factors[0].type = mfa::FactorType::totp;
  batch.factors[0].user_id = "u_42";
  batch.challenges.emplace_back().id = "c";
  batch.challenges[0].factor_id = "f";
  REQUIRE(storage.commit(batch));
  CHECK(storage.find_challenge_with_factor("c")->factor);
  CHECK(storage.list_factors("u_42").size() == 1);
  CHECK(storage.scan_factors("", 10).size() == 1);
  CHECK(storage.purge(mfa::Time{}, 10) == 1);
  server.ask("SCRIPT", "FLUSH");
  batch.factors[0].version = 1;
  batch.challenges.clear();
  CHECK(storage.commit(batch));
}
