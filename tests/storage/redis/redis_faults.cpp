// Whatever happens to the server or the connection, for threads and for an event loop: an error that names
// the server and what to do, no half of a batch, nothing done twice, and service again as soon as the cause
// is gone.

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include <mfa/error.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/redis.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/async_redis.hpp"
#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/loopback.hpp"
#include "support/loopback_proxy.hpp"
#include "support/redis_server.hpp"

using mfa::errc;
using mfa::storage::Batch;
using mfa::storage::FactorRecord;
using mfa::storage::Redis;
using mfa::storage::RedisDurability;
using mfa::storage::RedisOptions;
using mfa::test::AsyncRedis;
using mfa::test::contains;
using mfa::test::error_of;
using mfa::test::Fault;
using mfa::test::LoopbackProxy;
using mfa::test::RedisServer;
using namespace std::chrono_literals;

namespace {

Batch one_factor(std::string id, std::uint64_t version = 0) {
  Batch batch;
  FactorRecord& factor = batch.factors.emplace_back();
  factor.id = std::move(id);
  factor.version = version;
  factor.type = mfa::FactorType::totp;
  factor.user_id = "u_42";
  return batch;
}

/// One of each kind, as a new SMS challenge writes them.
Batch one_of_each(std::uint64_t factor_version) {
  Batch batch = one_factor("f", factor_version);
  batch.challenges.emplace_back().id = "c";
  batch.challenges[0].factor_id = "f";
  batch.counters.emplace_back().id = "n";
  return batch;
}

/// That `action` throws `code` with a message that holds all of `parts`.
template <class Action> void check_error(Action action, errc code, const std::vector<std::string>& parts) {
  try {
    action();
  } catch (const mfa::Error& error) {
    INFO(error.what());
    CHECK(error.code() == code);
    for (const auto& part : parts) CHECK_THAT(error.what(), contains(part));
    return;
  }
  FAIL_CHECK("no error was thrown");
}

std::string address_of(std::uint16_t port) { return "the Redis server at 127.0.0.1:" + std::to_string(port); }

RedisOptions by_way_of(const LoopbackProxy& proxy) {
  RedisOptions options;
  options.port = proxy.port();
  options.durability = RedisDurability::accept_volatile;
  return options;
}

/// Stands at the port of a server that was killed, says the same to all who come, and ends the connection.
class Doorkeeper {
 public:
  Doorkeeper(std::uint16_t port, std::string words)
      : words_(std::move(words)), listener_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const int on = 1;
    ::setsockopt(listener_.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    const auto address = mfa::test::loopback_address(port);
    REQUIRE(::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    REQUIRE(::listen(listener_.get(), 8) == 0);
    thread_ = std::thread([this] {
      for (;;) {
        const int accepted = ::accept(listener_.get(), nullptr, nullptr);
        if (accepted < 0) return;
        const mfa::test::Descriptor client(accepted);
        (void)::send(client.get(), words_.data(), words_.size(), MSG_NOSIGNAL);
        std::array<char, 1024> command{};
        (void)::recv(client.get(), command.data(), command.size(), 0);
      }
    });
  }
  ~Doorkeeper() {
    ::shutdown(listener_.get(), SHUT_RDWR);
    thread_.join();
  }
  Doorkeeper(const Doorkeeper&) = delete;
  Doorkeeper& operator=(const Doorkeeper&) = delete;

 private:
  const std::string words_;
  const mfa::test::Descriptor listener_;
  std::thread thread_;
};

} // namespace

TEMPLATE_TEST_CASE("a server that is stopped and started again is used again, without one more error", "",
                   Redis, AsyncRedis) {
  RedisServer server;
  TestType storage(server.options());
  REQUIRE(storage.commit(one_factor("f")));
  {
    // All connections that the storage may have are open when the server ends.
    std::vector<std::thread> threads;
    for (int i = 0; i < 16; ++i)
      threads.emplace_back([&] {
        for (int j = 0; j < 100; ++j) (void)storage.find_factor("f");
      });
    for (auto& thread : threads) thread.join();
  }
  const bool orderly = GENERATE(true, false);
  if (orderly)
    server.stop();
  else
    server.kill();
  const std::vector<std::string> parts{address_of(server.port()), "Check that it runs"};
  check_error([&] { (void)storage.find_factor("f"); }, errc::storage_failure, parts);
  check_error([&] { (void)storage.commit(one_factor("f", 1)); }, errc::storage_failure, parts);
  check_error([&] { const TestType another(server.options()); }, errc::storage_failure, parts);
  server.start();
  CHECK(storage.commit(one_factor("f", 1)));
  for (std::uint64_t version = 2; version < 40; ++version) CHECK(storage.commit(one_factor("f", version)));
  CHECK(storage.find_factor("f")->version == 40);

  // Gone and back without a command in between: nothing was sent that could be in doubt.
  server.kill();
  server.start();
  CHECK(storage.commit(one_factor("f", 40)));
}

TEMPLATE_TEST_CASE(
    "a commit whose connection is cut throws and is not sent again, whether it was done or not", "", Redis,
    AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  TestType storage(by_way_of(proxy));
  REQUIRE(storage.commit(one_factor("f")));
  const auto fault = GENERATE(Fault::cut_before_request, Fault::cut_before_answer);
  const bool was_done = fault == Fault::cut_before_answer;

  proxy.fail(fault);
  const auto turns = proxy.turns();
  check_error([&] { (void)storage.commit(one_of_each(1)); }, errc::storage_failure,
              {address_of(proxy.port()), "may have been done or not", "the next call connects anew"});
  CHECK(proxy.turns() == turns + 1);
  CHECK(storage.find_factor("f")->version == (was_done ? 2 : 1));
  CHECK(storage.find_challenge("c").has_value() == was_done);
  CHECK(storage.find_counter("n").has_value() == was_done);
  CHECK(storage.commit(one_of_each(1)) == !was_done);
}

TEMPLATE_TEST_CASE("a read on a pooled connection that is cut is asked once more", "", Redis, AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  TestType storage(by_way_of(proxy));
  REQUIRE(storage.commit(one_of_each(0)));
  proxy.fail(GENERATE(Fault::cut_before_request, Fault::cut_before_answer));
  SECTION("a factor") { CHECK(storage.find_factor("f")); }
  SECTION("a challenge with its factor") { CHECK(storage.find_challenge_with_factor("c")->factor); }
  SECTION("a list") { CHECK(storage.list_factors("u_42").size() == 1); }

  // And no more than that.
  proxy.cut();
  proxy.refuse(true);
  check_error([&] { (void)storage.find_factor("f"); }, errc::storage_failure, {address_of(proxy.port())});
  proxy.refuse(false);
  CHECK(storage.find_factor("f"));
}

TEMPLATE_TEST_CASE("a right code whose answer was lost is not valid a second time", "", Redis, AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  TestType storage(by_way_of(proxy));
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = mfa::KeyRing::generate()}};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
  REQUIRE(enrolled.factor.confirm(mfa::otp::totp(secret, clock.now())).confirmed());
  clock.advance(std::chrono::seconds(30));
  const auto code = mfa::otp::totp(secret, clock.now());
  const auto challenge = verifier.challenge_factor(enrolled.factor.id(), mfa::any_user);
  const auto another = verifier.challenge_factor(enrolled.factor.id(), mfa::any_user);

  // The read is the first turn, the commit the second.
  proxy.fail(Fault::cut_before_answer, 2);
  CHECK_THROWS_AS(verifier.verify_challenge(challenge.id(), code), mfa::Error);
  CHECK(verifier.verify_challenge(challenge.id(), code).status() == mfa::Status::already_verified);
  CHECK(verifier.verify_challenge(another.id(), code).status() == mfa::Status::code_already_used);
}

TEMPLATE_TEST_CASE("a server that stands still costs its time-out, and its late answers reach nobody", "",
                   Redis, AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  auto options = server.options(RedisDurability::accept_volatile);
  options.command_timeout = 200ms;
  TestType storage(options);
  REQUIRE(storage.commit(one_factor("f")));
  REQUIRE(storage.commit(one_factor("g")));

  server.pause();
  const auto begin = std::chrono::steady_clock::now();
  check_error([&] { (void)storage.find_factor("f"); }, errc::storage_failure,
              {address_of(server.port()), "no answer within 200 ms"});
  CHECK(std::chrono::steady_clock::now() - begin >= 200ms);
  check_error([&] { (void)storage.commit(one_factor("f", 1)); }, errc::storage_failure, {"within 200 ms"});
  server.resume();
  CHECK(storage.find_factor("g")->id == "g");
  CHECK(storage.find_factor("f")->id == "f");
}

TEST_CASE("an answer that comes in drops is given up in time") {
  auto [listener, port] = mfa::test::bind_free_port();
  REQUIRE(::listen(listener.get(), 1) == 0);
  std::thread server([&, descriptor = listener.get()] {
    const mfa::test::Descriptor client(::accept(descriptor, nullptr, nullptr));
    // A byte each 50 ms, which a time-out for each read would wait for.
    for (const char byte : std::string_view("$100\r\nxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx")) {
      if (::send(client.get(), &byte, 1, MSG_NOSIGNAL) < 0) return;
      std::this_thread::sleep_for(50ms);
    }
  });
  RedisOptions options;
  options.port = port;
  options.command_timeout = 300ms;
  const auto begin = std::chrono::steady_clock::now();
  check_error([&] { const Redis storage(options); }, errc::storage_failure, {"no answer within 300 ms"});
  CHECK(std::chrono::steady_clock::now() - begin < 1500ms);
  server.join();
}

TEST_CASE("what is not Redis is an error and not a guess") {
  auto [listener, port] = mfa::test::bind_free_port();
  REQUIRE(::listen(listener.get(), 1) == 0);
  std::thread server([descriptor = listener.get()] {
    const mfa::test::Descriptor client(::accept(descriptor, nullptr, nullptr));
    const std::string_view answer = "HTTP/1.1 400 Bad Request\r\n\r\n";
    (void)::send(client.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
    char byte = 0;
    while (::recv(client.get(), &byte, 1, 0) > 0) {
    }
  });
  RedisOptions options;
  options.port = port;
  check_error([&] { const Redis storage(options); }, errc::storage_failure,
              {address_of(port), "does not speak Redis' protocol"});
  server.join();
}

TEMPLATE_TEST_CASE("a server that refuses says why, and nothing is half written", "", Redis, AsyncRedis) {
  const RedisServer server;
  TestType storage(server.options());
  REQUIRE(storage.commit(one_factor("f")));
  struct Case {
    const char* setting;
    const char* bad;
    const char* good;
    std::vector<std::string> parts;
  };
  const auto [setting, bad, good, parts] = GENERATE(values<Case>({
      {"maxmemory", "1", "0", {"OOM", "Nothing was written", "maxmemory"}},
      {"min-replicas-to-write", "1", "0", {"NOREPLICAS", "Nothing was written", "replicas"}},
  }));
  REQUIRE(server.ask("CONFIG", "SET", setting, bad) == "OK");
  const auto refused = [&, &expected = parts] {
    check_error([&] { (void)storage.commit(one_of_each(1)); }, errc::storage_failure, expected);
    CHECK(storage.find_factor("f")->version == 1);
    CHECK_FALSE(storage.find_challenge("c"));
    CHECK_FALSE(storage.find_counter("n"));
    CHECK(server.ask("DBSIZE") == "3"); // the factor and its two indexes
  };
  refused();
  server.ask("SCRIPT", "FLUSH");
  refused();
  REQUIRE(server.ask("CONFIG", "SET", setting, good) == "OK");
  CHECK(storage.commit(one_of_each(1)));
}

TEMPLATE_TEST_CASE("a key of another program is refused before anything is written", "", Redis, AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  const auto options = server.options(RedisDurability::accept_volatile);
  TestType storage(options);
  const std::string key = GENERATE("factor:f", "challenge:c", "counter:n", "factors", "purge", "user:u_42");
  INFO(key);
  // Of a type that neither records nor indexes have.
  REQUIRE(server.ask("LPUSH", "{mfa}:" + key, "theirs") == "1");
  check_error([&] { (void)storage.commit(one_of_each(0)); }, errc::storage_schema,
              {address_of(server.port()), "choose another RedisOptions::key_prefix"});
  CHECK(server.ask("DBSIZE") == "1");
  if (key == "factors" || key == "purge")
    check_error([&] { const TestType another(options); }, errc::storage_schema, {"key_prefix"});

  auto elsewhere = options;
  elsewhere.key_prefix = "second";
  TestType another(elsewhere);
  CHECK(another.commit(one_of_each(0)));
  CHECK(server.ask("LRANGE", "{mfa}:" + key, "0", "-1") == "theirs");
}

TEMPLATE_TEST_CASE("a set that another program took is found before a factor leaves it", "", Redis,
                   AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  TestType storage(server.options(RedisDurability::accept_volatile));
  REQUIRE(storage.commit(one_factor("f")));
  server.ask("DEL", "{mfa}:user:u_42");
  REQUIRE(server.ask("LPUSH", "{mfa}:user:u_42", "theirs") == "1");
  Batch leaves = one_factor("f", 1);
  leaves.factors[0].user_id = GENERATE("u_43", "");
  check_error([&] { (void)storage.commit(leaves); }, errc::storage_schema, {"key_prefix"});
  Batch removed;
  removed.removals.push_back({mfa::storage::RecordKind::factor, "f", 1});
  check_error([&] { (void)storage.commit(removed); }, errc::storage_schema, {"key_prefix"});
  CHECK(storage.find_factor("f")->version == 1);
  CHECK(server.ask("DBSIZE") == "3");
}

TEMPLATE_TEST_CASE("bytes that are not a record of ours are an error and not a guess", "", Redis,
                   AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  TestType storage(server.options(RedisDurability::accept_volatile));
  REQUIRE(storage.commit(one_of_each(0)));
  const auto good = server.ask("GET", "{mfa}:factor:f");
  const std::string bad = GENERATE_COPY(values<std::string>({
      "theirs", "", "1", "1 ", "1 - 4", "1 - 4 u_4", "1 - 99 u_42", "-1 - 4 u_42", "1 - 4 u_42", "1 4 u_42 ",
      good + "x", good.substr(0, good.size() - 1), "99999999999999999999" + good.substr(1),
      "1 - 4 u_42\x02" + good.substr(11),     // a later format
      "1 - 4 u_42\x01\x09" + good.substr(12), // a kind of factor that never was
  }));
  INFO(bad);
  server.ask("SET", "{mfa}:factor:f", bad);
  check_error([&] { (void)storage.find_factor("f"); }, errc::corrupt_record, {"factor f"});
  check_error([&] { (void)storage.find_challenge_with_factor("c"); }, errc::corrupt_record, {"factor f"});
  check_error([&] { (void)storage.list_factors("u_42"); }, errc::corrupt_record, {"factor f"});
  REQUIRE(storage.commit(one_factor("g")));
  const auto scanned = storage.scan_factors("", 9); // which does not end at it
  REQUIRE(scanned.size() == 2);
  CHECK(scanned[0] == mfa::storage::unreadable_factor("f"));
  CHECK(scanned[1].version == 1);
  CHECK(storage.find_challenge("c"));
  server.ask("SET", "{mfa}:challenge:c", bad);
  check_error([&] { (void)storage.find_challenge_with_factor("c"); }, errc::corrupt_record, {"challenge c"});
}

TEMPLATE_TEST_CASE("what is no record at all is not overwritten", "", Redis, AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  TestType storage(server.options(RedisDurability::accept_volatile));
  server.ask("SET", "{mfa}:factor:f", "theirs");
  const auto version = GENERATE(as<std::uint64_t>(), 0, 1);
  check_error([&] { (void)storage.commit(one_of_each(version)); }, errc::corrupt_record,
              {address_of(server.port()), "restore it from a backup"});
  CHECK(server.ask("GET", "{mfa}:factor:f") == "theirs");
  CHECK(server.ask("DBSIZE") == "1");
}

TEMPLATE_TEST_CASE("a replica is refused at opening, and a primary that becomes one writes nothing", "",
                   Redis, AsyncRedis) {
  const RedisServer primary(RedisServer::quick());
  const RedisServer server(RedisServer::quick());
  TestType storage(server.options(RedisDurability::accept_volatile));
  REQUIRE(storage.commit(one_factor("f")));
  REQUIRE(server.ask("REPLICAOF", "127.0.0.1", std::to_string(primary.port())) == "OK");
  const std::vector<std::string> parts{address_of(server.port()), "Let RedisOptions name the primary"};
  check_error([&] { (void)storage.commit(one_factor("f", 1)); }, errc::storage_failure, parts);
  check_error([&] { const TestType another(server.options(RedisDurability::accept_volatile)); },
              errc::storage_failure, parts);
  REQUIRE(server.ask("REPLICAOF", "NO", "ONE") == "OK");
  CHECK_NOTHROW((void)storage.commit(one_factor("g")));
}

TEMPLATE_TEST_CASE("a connection that is made later to a replica is refused, for reading too", "", Redis,
                   AsyncRedis) {
  const RedisServer primary(RedisServer::quick());
  const RedisServer server(RedisServer::quick());
  LoopbackProxy proxy(server.port());
  TestType storage(by_way_of(proxy));
  REQUIRE(storage.commit(one_factor("f")));
  REQUIRE(storage.find_factor("f"));
  REQUIRE(server.ask("REPLICAOF", "127.0.0.1", std::to_string(primary.port())) == "OK");
  proxy.cut();
  check_error([&] { (void)storage.find_factor("f"); }, errc::storage_failure,
              {address_of(proxy.port()), "Let RedisOptions name the primary"});
  REQUIRE(server.ask("REPLICAOF", "NO", "ONE") == "OK");
  CHECK_NOTHROW((void)storage.find_factor("f"));
}

TEST_CASE("a wrong login is told without the password") {
  const RedisServer server(RedisServer::quick());
  REQUIRE(server.ask("ACL", "SETUSER", "alan", "on", ">the right one", "~*", "+@all") == "OK");
  auto options = server.options(RedisDurability::accept_volatile);
  struct Case {
    std::string user;
    std::string password;
    std::string part;
  };
  const auto [user, password, part] = GENERATE(values<Case>({
      {"alan", "s3cr3t", "refused the user 'alan'"},
      {"grace", "s3cr3t", "refused the user 'grace'"},
      {"", "s3cr3t", "refused the default user"},
  }));
  options.user = user;
  options.password = password;
  try {
    const Redis storage(options);
    FAIL_CHECK("it was let in");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::storage_failure);
    CHECK_THAT(error.what(), contains(part));
    CHECK_THAT(error.what(), contains("Check RedisOptions::user and password"));
    CHECK(std::string(error.what()).find("s3cr3t") == std::string::npos);
  }
}

TEMPLATE_TEST_CASE("a server that turns connections away says why, whether there is a password or not", "",
                   Redis, AsyncRedis) {
  RedisServer server(RedisServer::quick());
  auto options = server.options(RedisDurability::accept_volatile);
  options.password = GENERATE("", "s3cr3t");
  if (!options.password.empty()) REQUIRE(server.ask("CONFIG", "SET", "requirepass", "s3cr3t") == "OK");
  struct Case {
    const char* words;
    const char* remedy;
  };
  const auto [words, remedy] = GENERATE(values<Case>({
      {"-DENIED Redis is running in protected mode because protected mode is enabled and no password is set "
       "for the default user. In this mode connections are only accepted from the loopback interface.\r\n",
       "give its default user a password"},
      {"-ERR max number of clients reached\r\n", "maxclients"},
  }));
  TestType storage(options);
  REQUIRE(storage.commit(one_factor("f")));
  server.kill();
  const Doorkeeper doorkeeper(server.port(), words);
  const auto error = error_of([&] { (void)storage.commit(one_factor("f", 1)); });
  CHECK(error.code() == errc::storage_failure);
  CHECK_THAT(error.what(), contains("cannot connect to " + address_of(server.port())) && contains(remedy) &&
                               !contains("may have been done"));
  const auto at_opening = error_of([&] { const TestType another(options); });
  CHECK_THAT(at_opening.what(), contains(remedy) && !contains("refused the default user"));
}

TEST_CASE("a login that is missing, or may not do what is needed, says what to set") {
  const RedisServer server(RedisServer::quick());
  const auto options = server.options(RedisDurability::accept_volatile);
  REQUIRE(server.ask("ACL", "SETUSER", "default", "resetkeys", "~{other}:*") == "OK");
  check_error([&] { const Redis storage(options); }, errc::storage_failure, {"NOPERM", "ACL SETUSER"});
  REQUIRE(server.ask("CONFIG", "SET", "requirepass", "s3cr3t") == "OK");
  check_error([&] { const Redis storage(options); }, errc::storage_failure,
              {"NOAUTH", "Set RedisOptions::password"});
}

TEST_CASE("a server that does not know AUTH does not get the password into the error") {
  auto settings = RedisServer::quick();
  settings.insert(settings.end(), {"--rename-command", "AUTH", ""});
  const RedisServer server(settings);
  auto options = server.options(RedisDurability::accept_volatile);
  options.password = "s3cr3t";
  try {
    const Redis storage(options);
    FAIL_CHECK("it was let in");
  } catch (const mfa::Error& error) {
    CHECK(std::string(error.what()).find("s3cr3t") == std::string::npos);
  }
}

TEMPLATE_TEST_CASE("scripts that the server has forgotten are sent again", "", Redis, AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  TestType storage(server.options(RedisDurability::accept_volatile));
  const auto forget = [&] { REQUIRE(server.ask("SCRIPT", "FLUSH") == "OK"); };
  forget();
  CHECK(storage.commit(one_of_each(0)));
  forget();
  CHECK_FALSE(storage.commit(one_of_each(0)));
  forget();
  CHECK(storage.find_challenge_with_factor("c")->factor);
  forget();
  CHECK(storage.list_factors("u_42").size() == 1);
  forget();
  CHECK(storage.purge(mfa::Time{}, 10) == 2);
}

TEMPLATE_TEST_CASE(
    "a server that still reads its data is told from one that is down, and used when it is done", "", Redis,
    AsyncRedis) {
  auto settings = RedisServer::durable();
  settings.insert(settings.end(), {"--key-load-delay", "100", "--aof-use-rdb-preamble", "no"});
  RedisServer server(settings);
  TestType storage(server.options());
  REQUIRE(storage.commit(one_factor("f")));
  // It listens after each 1,024 commands that it has read, and so about every 0.1 s of two.
  REQUIRE(server.ask("EVAL", "for i = 1, 20000 do redis.call('SET', 'another:' .. i, i) end", "0") ==
          "(nil)");
  server.kill();
  server.launch();
  std::string said;
  bool found = false;
  for (const auto deadline = std::chrono::steady_clock::now() + 60s;
       !found && std::chrono::steady_clock::now() < deadline; std::this_thread::sleep_for(5ms)) {
    try {
      found = storage.find_factor("f").has_value();
    } catch (const mfa::Error& error) {
      CHECK(error.code() == errc::storage_failure);
      said += error.what();
    }
  }
  CHECK(found);
  CHECK_THAT(said, contains("LOADING"));
  CHECK_THAT(said, contains("try again in a moment"));
  CHECK(storage.commit(one_factor("f", 1)));
}

TEST_CASE("a thread that finds every connection lent waits for its time-out and says so") {
  const RedisServer server(RedisServer::quick());
  auto options = server.options(RedisDurability::accept_volatile);
  options.max_connections = 1;
  options.command_timeout = 400ms;
  Redis storage(options);
  server.pause();
  // One has the connection; of the others, one gets it after that and the last none.
  std::array<std::string, 3> said;
  std::vector<std::thread> threads;
  for (auto& each : said) {
    threads.emplace_back([&] {
      try {
        (void)storage.find_factor("f");
      } catch (const mfa::Error& error) {
        each = error.what();
      }
    });
    std::this_thread::sleep_for(50ms);
  }
  for (auto& thread : threads) thread.join();
  const auto waited = [](const std::string& message) {
    return message.find(
               "for 400 ms other threads had every connection. Raise RedisOptions::max_connections") !=
           std::string::npos;
  };
  CHECK(std::ranges::count_if(said, waited) == 1);
  server.resume();
  CHECK_NOTHROW(storage.find_factor("f"));
}

TEST_CASE("options that cannot be are refused with a word on what may be") {
  const auto refused = [](const std::function<void(RedisOptions&)>& change, const std::string& part) {
    RedisOptions options;
    change(options);
    check_error([&] { const Redis storage(options); }, errc::invalid_argument, {part});
  };
  refused([](auto& o) { o.host.clear(); }, "a host and a port");
  refused([](auto& o) { o.port = 0; }, "a host and a port");
  refused([](auto& o) { o.host = std::string("a\0b", 3); }, "a host and a port");
  refused([](auto& o) { o.unix_socket = std::string("a\0b", 3); }, "unix_socket");
  refused([](auto& o) { o.user = "alan"; }, "needs a password");
  refused([](auto& o) { o.key_prefix.clear(); }, "key_prefix");
  refused([](auto& o) { o.key_prefix = "a}b"; }, "key_prefix");
  refused([](auto& o) { o.key_prefix = "{a"; }, "key_prefix");
}

TEMPLATE_TEST_CASE("a Unix socket, a user, a database and a prefix of the host's choice", "", Redis,
                   AsyncRedis) {
  const RedisServer server(RedisServer::quick());
  REQUIRE(server.ask("ACL", "SETUSER", "alan", "on", ">turing", "~*", "+@all") == "OK");
  auto options = server.options(RedisDurability::accept_volatile);
  options.host.clear();
  options.unix_socket = server.unix_socket();
  options.user = "alan";
  options.password = "turing";
  options.database = 3;
  options.key_prefix = "tenant 7:mfa";
  TestType storage(options);
  REQUIRE(storage.commit(one_of_each(0)));
  CHECK(storage.find_challenge_with_factor("c")->factor);
  CHECK(server.ask("DBSIZE") == "0");
  CHECK_THAT(server.ask("INFO", "keyspace"), contains("db3:keys=6,"));
  options.database = 99;
  check_error([&] { const TestType another(options); }, errc::storage_failure,
              {"select the database 99 of the Redis server at " + server.unix_socket()});
}
