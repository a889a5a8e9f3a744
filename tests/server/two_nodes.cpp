// Two server processes on one PostgreSQL or Redis are one server: whichever a call goes to, a code counts
// once and wrong ones add up; and when one is killed, nothing is lost but what was under way there.
#include <array>
#include <atomic>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/example_server.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"
#include "support/server_client.hpp"
#include "support/temporary_directory.hpp"

using namespace std::chrono_literals;
using namespace mfa::test;

namespace {

constexpr std::string_view api_key = "sk_test_a2V5XzAxRzdFWVpQ";
const std::string old_key = "2026-01 5f1d7a84db00d2fce00b31a7fc73224f5f1d7a84db00e2fce00b31a7fc73224a\n";
const std::string new_key = "2027-01 91c44b0ae7d3526f8810fa3c5d9e2b7791c44b0ae7d3526f8810fa3c5d9e2b78\n";

/// Two nodes with the same keys on the same storage.
class Cluster {
 public:
  explicit Cluster(const std::string& storage) {
    write_secret_file(directory_.path() + "/api-keys", api_key);
    write_secret_file(directory_.path() + "/keys", old_key);
    arguments_ = {"--storage",       storage,
                  "--api-key-file",  directory_.path() + "/api-keys",
                  "--key-ring-file", directory_.path() + "/keys",
                  "--log",           "info"};
    for (std::size_t i = 0; i < nodes_.size(); ++i)
      nodes_[i] = std::make_unique<ExampleServer>(MFA_EXAMPLE_SERVER, arguments_,
                                                  directory_.path() + "/log" + std::to_string(i));
  }

  ExampleServer& node(std::size_t which) { return *nodes_[which]; }

  /// As an operator replaces the file, and tells both nodes; returns when they have taken it up. A node may
  /// see the file before it is told.
  void replace_keys(const std::string& keys) {
    std::vector<std::size_t> before;
    for (const auto& node : nodes_) before.push_back(replacements(*node));
    write_secret_file(directory_.path() + "/new-keys", keys);
    std::filesystem::rename(directory_.path() + "/new-keys", directory_.path() + "/keys");
    for (std::size_t i = 0; i < nodes_.size(); ++i) {
      ::kill(nodes_[i]->id(), SIGHUP);
      for (int tries = 0; replacements(*nodes_[i]) == before[i] && tries < 1000; ++tries)
        std::this_thread::sleep_for(10ms);
      REQUIRE(replacements(*nodes_[i]) > before[i]);
    }
  }

  /// The program with the settings of the nodes and this action; its exit status.
  [[nodiscard]] int run(const std::string& action) const {
    std::string command = "'" MFA_EXAMPLE_SERVER "' " + action;
    for (const std::string& argument : arguments_) command += " '" + argument + "'";
    return std::system((command + " >'" + directory_.path() + "/output' 2>&1").c_str());
  }
  [[nodiscard]] std::string output() const {
    std::ifstream file(directory_.path() + "/output");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  static std::size_t replacements(const ExampleServer& node) {
    const std::string log = node.log();
    std::size_t lines = 0;
    for (std::size_t at = 0; (at = log.find("key_ring_replaced", at)) != std::string::npos; ++at) ++lines;
    return lines;
  }

  TemporaryDirectory directory_;
  std::vector<std::string> arguments_;
  std::array<std::unique_ptr<ExampleServer>, 2> nodes_;
};

/// A client of both nodes, which does not care which it asks.
class Client {
 public:
  Client(Cluster& cluster, unsigned seed)
      : nodes_{ServerClient(cluster.node(0).port(), api_key), ServerClient(cluster.node(1).port(), api_key)},
        random_(seed) {}

  ServerClient& operator[](std::size_t node) { return nodes_[node]; }

  /// Asks either node and, if that does not answer, the other. `lost` counts what was not answered.
  template <class Call> ServerAnswer ask(Call call) {
    const std::size_t first = random_() / 64 % 2;
    ServerAnswer answer = call(nodes_[first]);
    if (answer.status != 0) return answer;
    ++lost;
    return call(nodes_[1 - first]);
  }

  int lost = 0;

 private:
  std::array<ServerClient, 2> nodes_;
  std::minstd_rand random_;
};

/// What many clients saw together.
struct Seen {
  std::atomic<int> journeys{0};
  std::atomic<int> lost{0};       ///< calls that were not answered
  std::atomic<int> unclear{0};    ///< codes whose call was not answered, and that were used when asked again
  std::atomic<int> twice{0};      ///< codes that were valid twice
  std::atomic<int> unexpected{0}; ///< answers that no journey should get
  std::mutex mutex;
  std::set<std::string> what;

  void unexpected_answer(const char* step, const ServerAnswer& answer) {
    ++unexpected;
    const std::lock_guard lock(mutex);
    what.insert(std::string(step) + ": " + std::to_string(answer.status) + " " + answer.body.dump());
  }
};

/// Enrolment, confirmation, the same code again, a sign-in with the next code, and that again. False: an
/// answer was not as it must be.
bool journey(Client& client, Seen& seen, const std::string& user) {
  const auto step = [&](const char* name, auto call, int expected) {
    ServerAnswer answer = client.ask(call);
    if (answer.status != expected) seen.unexpected_answer(name, answer);
    return answer;
  };
  const auto enrolled = step(
      "enrol", [&](ServerClient& node) { return node.enroll_totp(user); }, 201);
  if (!enrolled.is(201)) return false;
  const Authenticator authenticator(enrolled);
  const std::string factor = enrolled.text("id");
  for (const int period : {0, 1}) {
    int valid = 0;
    const std::string code = authenticator.code(period);
    for (int time = 0; time < 2; ++time) {
      const auto challenge = step(
          "challenge", [&](ServerClient& node) { return node.challenge(factor); }, 201);
      if (!challenge.is(201)) return false;
      const int lost = client.lost;
      const auto answer =
          client.ask([&](ServerClient& node) { return node.verify(challenge.text("id"), code); });
      const bool asked_twice = client.lost != lost;
      valid += answer.valid() ? 1 : 0;
      if (time == 1 || answer.valid()) {
        if (time == 1 && !answer.invalid() && !(asked_twice && !answer.valid()))
          seen.unexpected_answer("a used code", answer);
        continue;
      }
      // The node that was killed may have taken the code, and not have said so.
      if (asked_twice && (answer.invalid() || answer.is(422)))
        ++seen.unclear;
      else
        seen.unexpected_answer("a right code", answer);
    }
    if (valid > 1) ++seen.twice;
  }
  ++seen.journeys;
  return true;
}

void play_journeys(Cluster& cluster) {
  const auto seed = static_cast<unsigned>(from_environment("MFA_TEST_SEED", std::random_device{}()));
  INFO("MFA_TEST_SEED=" << seed);
  const auto seconds = from_environment("MFA_TEST_SECONDS", 3);
  Seen seen;
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  for (unsigned i = 0; i < 4; ++i)
    clients.emplace_back([&, i] {
      Client client(cluster, seed + i);
      for (int number = 0; !stop; ++number)
        (void)journey(client, seen, "user_" + std::to_string(i) + "_" + std::to_string(number));
      seen.lost += client.lost;
    });
  const auto wait_for = [&](int more) {
    const auto until = std::chrono::steady_clock::now() + 30s;
    for (const int before = seen.journeys;
         seen.journeys < before + more && std::chrono::steady_clock::now() < until;)
      std::this_thread::sleep_for(5ms);
  };
  for (std::uint64_t kill = 0; kill < seconds; ++kill) {
    wait_for(5);
    cluster.node(kill % 2).kill();
    const int when_killed = seen.journeys;
    wait_for(5); // the other goes on
    CHECK(seen.journeys >= when_killed + 5);
    cluster.node(kill % 2).start();
  }
  wait_for(5);
  stop = true;
  for (std::thread& client : clients) client.join();
  std::printf("%d journeys; %d calls not answered, %d codes that may have been taken\n", seen.journeys.load(),
              seen.lost.load(), seen.unclear.load());
  for (const std::string& what : seen.what) UNSCOPED_INFO(what);
  CHECK(seen.unexpected == 0);
  CHECK(seen.twice == 0);
  CHECK(seen.unclear <= seen.lost);

  // The one that came back serves by itself.
  Client client(cluster, 1);
  const auto enrolled = client[0].enroll_totp("user_after");
  REQUIRE(enrolled.is(201));
  CHECK(client[1].challenge(enrolled.text("id")).is(201));
}

/// The same code at both nodes at once: one takes it.
void race_for_codes(Cluster& cluster) {
  Client client(cluster, 1);
  int taken = 0;
  constexpr int rounds = 20;
  for (int round = 0; round < rounds; ++round) {
    const auto enrolled = client[0].enroll_totp("racer_" + std::to_string(round));
    REQUIRE(enrolled.is(201));
    const Authenticator authenticator(enrolled);
    const std::string factor = enrolled.text("id");
    const auto confirmed = client[1].challenge(factor);
    REQUIRE(client[0].verify(confirmed.text("id"), authenticator.code(0)).valid());
    const std::array challenges{client[0].challenge(factor), client[1].challenge(factor)};
    std::atomic<int> valid{0};
    std::atomic<int> ready{0};
    std::vector<std::thread> racers;
    for (std::size_t i = 0; i < 2; ++i)
      racers.emplace_back([&, i] {
        ++ready;
        while (ready < 2) std::this_thread::yield();
        if (client[i].verify(challenges[i].text("id"), authenticator.code(1)).valid()) ++valid;
      });
    for (std::thread& racer : racers) racer.join();
    CHECK(valid <= 1);
    taken += valid;
  }
  CHECK(taken == rounds);
}

/// Wrong codes in turn at both: they add up to a challenge that is over, and to a factor that waits.
void lock_out(Cluster& cluster) {
  Client client(cluster, 1);
  const auto enrolled = client[0].enroll_totp("guesser");
  REQUIRE(enrolled.is(201));
  const Authenticator authenticator(enrolled);
  const std::string factor = enrolled.text("id");
  REQUIRE(client[1].verify(client[0].challenge(factor).text("id"), authenticator.code(0)).valid());
  const std::string challenge = client[1].challenge(factor).text("id");
  for (std::size_t i = 0; i < 5; ++i)
    CHECK(client[i % 2].verify(challenge, authenticator.wrong_code()).invalid());
  for (std::size_t i = 0; i < 2; ++i) { // a right one
    const auto refused = client[i].verify(challenge, authenticator.code(1));
    CHECK(refused.is(400));
    CHECK(refused.text("code") == "one_time_code_too_many_attempts");
    const auto another = client[i].challenge(factor);
    const auto waits =
        another.is(201) ? client[1 - i].verify(another.text("id"), authenticator.code(1)) : another;
    CHECK((waits.is(400) || waits.is(422)));
    CHECK(waits.text("code") == "one_time_code_too_many_attempts");
  }
}

/// docs/server.md, Change keys: announced, switched, moved, retired, and who enrolled before signs in at each
/// step.
void change_keys(Cluster& cluster) {
  Client client(cluster, 1);
  const auto enrolled = client[0].enroll_totp("user_of_keys");
  REQUIRE(enrolled.is(201));
  const Authenticator authenticator(enrolled);
  const std::string factor = enrolled.text("id");
  REQUIRE(client[1].verify(client[0].challenge(factor).text("id"), authenticator.code(0)).valid());
  cluster.replace_keys(old_key + new_key);
  REQUIRE(client[1].enroll_totp("user_of_keys").is(201));
  cluster.replace_keys(new_key + old_key);
  const auto later = client[0].enroll_totp("user_of_new_key");
  CHECK(cluster.run("--reseal") == 0);
  INFO(cluster.output());
  CHECK(cluster.output().find("need the key 2027-01") != std::string::npos);
  CHECK(cluster.output().find("need the key 2026-01") == std::string::npos);
  cluster.replace_keys(new_key);
  CHECK(client[0].verify(client[1].challenge(factor).text("id"), authenticator.code(1)).valid());
  CHECK(client[1]
            .verify(client[0].challenge(later.text("id")).text("id"), Authenticator(later).code(0))
            .valid());
  CHECK(cluster.run("--publish-options") == 0);
}

} // namespace

TEST_CASE("two nodes on one PostgreSQL are one server") {
  const PostgresServer server;
  Cluster cluster("postgres:" + server.uri());
  race_for_codes(cluster);
  lock_out(cluster);
  play_journeys(cluster);
  change_keys(cluster);
}

TEST_CASE("two nodes on one Redis are one server") {
  const RedisServer server;
  Cluster cluster("redis://127.0.0.1:" + std::to_string(server.port()) + "/0");
  race_for_codes(cluster);
  lock_out(cluster);
  play_journeys(cluster);
}
