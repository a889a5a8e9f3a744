// In a Redis Cluster all keys of a storage are in one slot, its node is found from any other, and followed
// when the slot moves.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <sys/socket.h>

#include <mfa/error.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/loopback.hpp"
#include "support/redis_server.hpp"

using mfa::storage::Redis;
using mfa::storage::RedisDurability;
using mfa::storage::RedisOptions;
using mfa::test::AsyncRedis;
using mfa::test::contains;
using mfa::test::EventLoop;
using mfa::test::RedisServer;
using namespace std::chrono_literals;

namespace {

std::vector<std::string> clustered() {
  return {"--cluster-enabled",      "yes", "--cluster-port", std::to_string(mfa::test::free_port()),
          "--cluster-node-timeout", "2000"};
}

void wait_until_ok(const RedisServer& node) {
  for (int i = 0; i < 3000; ++i) {
    if (node.ask("CLUSTER", "INFO").find("cluster_state:ok") != std::string::npos) return;
    std::this_thread::sleep_for(10ms);
  }
  FAIL("the cluster did not form: " << node.ask("CLUSTER", "INFO"));
}

/// Three nodes that share the slots evenly.
class Cluster {
 public:
  Cluster() {
    for (auto& node : nodes_) node = std::make_unique<RedisServer>(clustered());
    const std::size_t share = slots / nodes_.size() + 1;
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      std::vector<std::string> words{"CLUSTER", "ADDSLOTS"};
      for (std::size_t slot = i * share; slot < std::min(slots, (i + 1) * share); ++slot)
        words.push_back(std::to_string(slot));
      REQUIRE(node(i).ask(words) == "OK");
      REQUIRE(node(i).ask("CONFIG", "SET", "cluster-announce-ip", "127.0.0.1") == "OK");
      REQUIRE(node(i).ask("CLUSTER", "SET-CONFIG-EPOCH", std::to_string(i + 1)) == "OK");
    }
    for (std::size_t i = 1; i < nodes_.size(); ++i) {
      const auto bus = node(0).ask("CONFIG", "GET", "cluster-port");
      REQUIRE(node(i).ask("CLUSTER", "MEET", "127.0.0.1", std::to_string(node(0).port()),
                          bus.substr(bus.find(' ') + 1)) == "OK");
    }
    for (const auto& each : nodes_) wait_until_ok(*each);
  }

  [[nodiscard]] RedisServer& node(std::size_t i) { return *nodes_[i]; }

  /// The node that has a key.
  [[nodiscard]] std::size_t node_of(const std::string& key) {
    const auto slot = std::stoul(node(0).ask("CLUSTER", "KEYSLOT", key));
    return slot / (slots / nodes_.size() + 1);
  }

  /// Gives a key's slot, whose keys are lost, to another node.
  void move(const std::string& key, std::size_t from, std::size_t to) {
    const auto slot = node(0).ask("CLUSTER", "KEYSLOT", key);
    const auto id = node(to).ask("CLUSTER", "MYID");
    REQUIRE(node(from).ask("FLUSHALL") == "OK");
    REQUIRE(node(to).ask("CLUSTER", "SETSLOT", slot, "NODE", id) == "OK");
    REQUIRE(node(from).ask("CLUSTER", "SETSLOT", slot, "NODE", id) == "OK");
  }

 private:
  static constexpr std::size_t slots = 16'384;
  std::array<std::unique_ptr<RedisServer>, 3> nodes_;
};

/// Enrols a factor of each kind, sends, verifies and removes: every script and command that there is.
template <class Storage> void use_every_verb(Storage& storage) {
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  mfa::Verifier verifier{storage, clock, sms,
                         mfa::Options{.key_ring = mfa::KeyRing::generate(),
                                      .sms_template = "{{code}}",
                                      .sms_allowed_country_codes = {"1"}}};
  const auto totp =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
  const auto secret = mfa::otp::base32_decode(totp.totp.secret);
  const auto shown = verifier.confirm_enrollment(totp.factor.id(), mfa::otp::totp(secret, clock.now()));
  CHECK(shown.confirmed());
  const auto phone =
      verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"}, shown);
  const auto challenge = verifier.challenge_enrollment(phone.factor.id(), "u_42");
  CHECK(verifier.confirm_enrollment(challenge.id(), sms.last().body).confirmed());
  clock.advance(std::chrono::seconds(30));
  const auto sign_in = verifier.challenge_factor(totp.factor.id(), "u_42").id();
  const auto signed_in = verifier.verify_challenge(sign_in, mfa::otp::totp(secret, clock.now()));
  CHECK(signed_in.valid());
  CHECK(verifier.list_factors("u_42").size() == 2);
  CHECK(storage.scan_factors("", 100).size() == 2);
  verifier.delete_factor(totp.factor.id(), "u_42", signed_in);
  CHECK(verifier.list_factors("u_42").size() == 1);
  clock.advance(std::chrono::hours(24 * 400));
  // Three challenges, the counts of number, neighbours, country, everything and user, and his devices.
  CHECK(verifier.purge_expired() == 9);
  verifier.delete_factor(phone.factor.id(), mfa::any_user, mfa::by_operator);
}

/// Has the port of a server that was killed, and says nothing to who connects: as a machine that is gone.
class SilentPort {
 public:
  explicit SilentPort(std::uint16_t port) : listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = mfa::test::loopback_address(port);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 0) == 0);
    for (int i = 0; i < 8; ++i) { // which fill its queue
      others_.emplace_back(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
      (void)::connect(others_.back().get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
  }

 private:
  mfa::test::Descriptor listener_;
  std::vector<mfa::test::Descriptor> others_;
};

} // namespace

TEMPLATE_TEST_CASE("every verb stays within one slot, on one node that has them all", "", Redis, AsyncRedis) {
  const RedisServer server(clustered());
  REQUIRE(server.ask("CLUSTER", "ADDSLOTSRANGE", "0", "16383") == "OK");
  wait_until_ok(server);
  TestType storage(server.options(RedisDurability::accept_volatile));
  use_every_verb(storage); // CROSSSLOT would be an error even here

  mfa::storage::Batch batch;
  batch.factors.emplace_back().id = "{f}";
  batch.factors[0].type = mfa::FactorType::totp;
  batch.factors[0].user_id = "{u}";
  batch.challenges.emplace_back().id = "{c}";
  batch.challenges[0].factor_id = "{f}";
  batch.counters.emplace_back().id = "{n}";
  REQUIRE(storage.commit(batch));
  std::istringstream keys(server.ask("KEYS", "*"));
  std::set<std::string> slots;
  std::size_t count = 0;
  for (std::string key; keys >> key; ++count) slots.insert(server.ask("CLUSTER", "KEYSLOT", key));
  CHECK(count == 8); // three records, two of the user, his factors, all factors, the purge times
  CHECK(slots == std::set{server.ask("CLUSTER", "KEYSLOT", "{mfa}")});
}

TEMPLATE_TEST_CASE("of three nodes the one that has the keys is found from any, and followed", "", Redis,
                   AsyncRedis) {
  Cluster cluster;
  const std::string key = "{mfa}:factors";
  const auto owner = cluster.node_of(key);
  const auto other = (owner + 1) % 3;
  for (std::size_t i = 0; i < 3; ++i) {
    INFO("by way of node " << i);
    TestType storage(cluster.node(i).options(RedisDurability::accept_volatile));
    use_every_verb(storage);
  }

  // Storages whose prefixes differ are on different nodes.
  const auto far_prefix = [&] {
    for (int i = 0;; ++i) {
      const auto prefix = "mfa" + std::to_string(i);
      if (cluster.node_of("{" + prefix + "}") == other) return prefix;
    }
  }();
  auto far = cluster.node(owner).options(RedisDurability::accept_volatile);
  far.key_prefix = far_prefix;
  TestType tenant(far);
  use_every_verb(tenant);
  CHECK_THAT(cluster.node(other).ask("KEYS", "*"), !contains("{mfa}"));

  // The settings that count are those of the node that has the keys.
  REQUIRE(cluster.node(owner).ask("CONFIG", "SET", "maxmemory-policy", "allkeys-lru") == "OK");
  CHECK(TestType(cluster.node(other).options(RedisDurability::accept_volatile)).weaknesses().size() == 2);
  REQUIRE(cluster.node(owner).ask("CONFIG", "SET", "maxmemory-policy", "noeviction") == "OK");

  // The slot moves while the storage is in use: a commit follows too, since nothing ran where it was sent.
  TestType storage(cluster.node(owner).options(RedisDurability::accept_volatile));
  mfa::storage::Batch batch;
  batch.factors.emplace_back().id = "f";
  batch.factors[0].type = mfa::FactorType::totp;
  REQUIRE(storage.commit(batch));
  cluster.move(key, owner, other);
  CHECK(storage.commit(batch));
  CHECK(cluster.node(other).ask("EXISTS", "{mfa}:factor:f") == "1");
  CHECK(storage.find_factor("f"));

  // A node that was followed and is gone: back to the address that the host gave.
  cluster.node(other).kill();
  CHECK_THROWS_WITH(storage.find_factor("f"),
                    contains(std::to_string(cluster.node(other).port())) || contains("CLUSTERDOWN"));
  cluster.node(other).start();
  wait_until_ok(cluster.node(other));
  wait_until_ok(cluster.node(owner));
  CHECK_NOTHROW(storage.find_factor("f"));
}

TEST_CASE(
    "tasks that do not wait for connect_timeout get from a silent node back to the one that was named") {
  Cluster cluster;
  const std::string key = "{mfa}:factors";
  const auto owner = cluster.node_of(key);
  const auto other = (owner + 1) % 3;
  const auto& named = cluster.node(owner);
  REQUIRE(named.ask("CONFIG", "SET", "cluster-require-full-coverage", "no") == "OK");
  auto options = named.options(RedisDurability::accept_volatile);
  options.connect_timeout = 30s;
  EventLoop loop;
  AsyncRedis::Storage storage(loop.handle(), options);
  CHECK_FALSE(loop.run(storage.find_factor("f")));
  cluster.move(key, owner, other);
  CHECK_FALSE(loop.run(storage.find_factor("f"))); // where it was followed to
  cluster.node(other).kill();
  const SilentPort silent(cluster.node(other).port());
  (void)named.ask("CLUSTER", "BUMPEPOCH"); // so that the third node believes it
  REQUIRE(named.ask("CLUSTER", "SETSLOT", named.ask("CLUSTER", "KEYSLOT", key), "NODE",
                    named.ask("CLUSTER", "MYID")) == "OK");
  bool found = false;
  int tasks = 0;
  for (; !found && tasks < 4; ++tasks) {
    auto task = storage.find_factor("f");
    task.start();
    found = loop.run_until([&] { return task.done(); }, 400ms);
    if (found) CHECK_FALSE(task.result());
  }
  CHECK(found);
  CHECK(tasks == 2);
}
