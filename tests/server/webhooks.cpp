// Every event of the library arrives at a webhook's receiver at least once, signed as WorkOS signs, whatever
// the receiver does meanwhile.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <httplib.h>
#include <nlohmann/json.hpp>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/mfa.hpp>

#include "../../examples/server/webhooks.hpp"
#include "support/catch.hpp"
#include "support/example_server.hpp"
#include "support/loopback.hpp"
#include "support/node_packages.hpp"
#include "support/scripted_server.hpp"
#include "support/server_client.hpp"
#include "support/temporary_directory.hpp"

using namespace std::chrono_literals;

namespace {

using Json = nlohmann::json;

constexpr std::string_view secret = "whsec_test_a2V5XzAxRzdFWVpQ";

struct Arrival {
  std::string signature;
  std::string body;
  Json event;
};

/// A receiver of webhooks that does as it is told.
class Receiver {
 public:
  using Answer = std::function<void(const httplib::Request&, httplib::Response&)>;

  explicit Receiver(int port = 0) {
    server_.Post("/hook", [this](const httplib::Request& in, httplib::Response& out) {
      Answer answer;
      {
        const std::lock_guard lock(mutex_);
        answer = answer_;
      }
      ++requests_;
      if (answer) answer(in, out);
      if (out.status > 299) return; // not set: -1
      const std::lock_guard lock(mutex_);
      arrivals_.push_back({in.get_header_value("WorkOS-Signature"), in.body, Json::parse(in.body)});
    });
    server_.Post("/elsewhere", [this](const httplib::Request&, httplib::Response&) { ++followed_; });
    if (port == 0)
      port_ = server_.bind_to_any_port("127.0.0.1");
    else if (server_.bind_to_port("127.0.0.1", port))
      port_ = port;
    thread_ = std::thread([this] { (void)server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Receiver() {
    server_.stop();
    thread_.join();
  }
  Receiver(const Receiver&) = delete;
  Receiver& operator=(const Receiver&) = delete;

  [[nodiscard]] std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }
  void answer(Answer answer) {
    const std::lock_guard lock(mutex_);
    answer_ = std::move(answer);
  }
  void answer(int status) {
    answer([status](const auto&, httplib::Response& out) { out.status = status; });
  }
  [[nodiscard]] std::vector<Arrival> arrivals() const {
    const std::lock_guard lock(mutex_);
    return arrivals_;
  }
  [[nodiscard]] int requests() const noexcept { return requests_; }
  [[nodiscard]] int followed() const noexcept { return followed_; }

 private:
  mutable std::mutex mutex_;
  Answer answer_;
  std::vector<Arrival> arrivals_;
  std::atomic<int> requests_{0};
  std::atomic<int> followed_{0};
  httplib::Server server_;
  int port_ = 0;
  std::thread thread_;
};

/// The HMAC-SHA-256 under the secret.
std::string by_openssl(const std::string& text) {
  std::array<unsigned char, 32> mac{};
  unsigned size = 0;
  REQUIRE(HMAC(EVP_sha256(), secret.data(), static_cast<int>(secret.size()),
               reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(),
               &size) != nullptr);
  return mfa::detail::hexadecimal(mac);
}

webhooks::Settings quick(const mfa::test::TemporaryDirectory& directory, const std::string& url) {
  webhooks::Settings settings;
  settings.endpoints = {{url, mfa::crypto::SecretString(secret)}};
  settings.outbox = directory.path() + "/outbox.db";
  settings.timeout = 500ms;
  settings.first_delay = 10ms;
  settings.longest_delay = 100ms;
  settings.longest_pause = 50ms;
  settings.count_every = 0ms;
  return settings;
}

mfa::Time now() {
  return std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now());
}

mfa::Event event_of(std::string_view user, std::size_t count) {
  mfa::Event event{mfa::EventType::user_reset, now()};
  event.user_id = user;
  event.count = count;
  return event;
}

template <class Condition> bool becomes(Condition condition, std::chrono::seconds within = 10s) {
  const auto end = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

/// The counts of each user in the order in which they came first.
std::map<std::string, std::vector<std::size_t>> by_user(const std::vector<Arrival>& arrivals) {
  std::map<std::string, std::vector<std::size_t>> counts;
  for (const Arrival& arrival : arrivals) {
    auto& of_user = counts[arrival.event["data"]["user_id"].get<std::string>()];
    const auto count = arrival.event["data"]["count"].get<std::size_t>();
    if (std::find(of_user.begin(), of_user.end(), count) == of_user.end()) of_user.push_back(count);
  }
  return counts;
}

double metric(const std::string& metrics, const std::string& name) {
  const auto at = metrics.find("\nmfa_webhook_" + name);
  REQUIRE(at != std::string::npos);
  return std::stod(metrics.substr(metrics.find(' ', at + 1)));
}

constexpr const char* packages = "@workos-inc/node@11.0.0";

} // namespace

TEST_CASE("WorkOS's SDK for node takes what is signed, and refuses what was altered or is late") {
  const std::filesystem::path directory = MFA_NODE_PACKAGES;
  if (!mfa::test::have_node_packages(directory, packages, "@workos-inc/node")) return;
  mfa::Event event{mfa::EventType::verification_failed, now()};
  event.user_id = "user_\"é\\01";
  event.status = mfa::Status::wrong_code;
  const std::string body = webhooks::body_of(event, webhooks::new_event_id(event.at));
  const auto signed_at = [&](mfa::Time time) { return webhooks::signature(secret, time, body); };
  const Json task = {{"secret", secret},
                     {"body", body},
                     {"header", signed_at(now())},
                     {"late", signed_at(now() - 181s)},
                     {"in_time", signed_at(now() - 170s)}};
  const mfa::test::TemporaryDirectory files;
  std::ofstream(files.path() + "/task.json") << task.dump();
  const std::string run = "cd '" + directory.string() +
                          "' && node " MFA_SOURCE_DIRECTORY "/tests/server/verify_webhook.mjs '" +
                          files.path() + "/task.json' 2>&1";
  CHECK(std::system(run.c_str()) == 0);
}

TEST_CASE("an event is told in names of the library's, with neither secrets nor what a transport said") {
  mfa::Event event{mfa::EventType::sms_not_sent, mfa::Time(1'790'000'000'123ms)};
  event.factor_type = mfa::FactorType::sms;
  event.factor_id = "auth_factor_01";
  event.user_id = "user_01";
  event.challenge_id = "auth_challenge_01";
  event.channel = mfa::Channel::sms;
  event.country = "US";
  event.ip_address = "192.0.2.1";
  event.request_id = "req_1";
  event.cause = std::make_exception_ptr(std::runtime_error("no route to +14155550123"));
  CHECK(Json::parse(webhooks::body_of(event, "event_01")) ==
        Json{{"object", "event"},
             {"id", "event_01"},
             {"event", "mfa.sms_not_sent"},
             {"created_at", "2026-09-21T14:13:20.123Z"},
             {"data",
              {{"user_id", "user_01"},
               {"authentication_factor_id", "auth_factor_01"},
               {"authentication_factor_type", "sms"},
               {"authentication_challenge_id", "auth_challenge_01"},
               {"channel", "sms"},
               {"country", "US"},
               {"ip_address", "192.0.2.1"},
               {"request_id", "req_1"}}}});
  const auto id = webhooks::new_event_id(event.at);
  CHECK(id.size() == std::string_view("event_01FVYZ5QM8N98T9ME5BCB2BBMJ").size());
  CHECK(id < webhooks::new_event_id(event.at + 1ms));
}

TEST_CASE(
    "a receiver that is away, slow, fails, sends elsewhere and recovers gets every event, those of a user "
    "in their order") {
  const mfa::test::TemporaryDirectory directory;
  auto receiver = std::make_unique<Receiver>();
  const std::string url = receiver->url();
  const int port = std::stoi(url.substr(url.rfind(':') + 1));
  webhooks::Sender sender(quick(directory, url));
  std::size_t sent = 0;
  const auto send_some = [&] {
    for (int i = 0; i < 20; ++i, ++sent) sender(event_of("user_" + std::to_string(sent % 4), sent));
  };
  std::vector<Arrival> arrived;
  const auto all_arrived = [&] {
    const auto more = receiver->arrivals();
    std::size_t unique = 0;
    auto all = arrived;
    all.insert(all.end(), more.begin(), more.end());
    for (const auto& [user, counts] : by_user(all)) unique += counts.size();
    return unique == sent;
  };
  send_some();
  CHECK(becomes(all_arrived));

  receiver->answer(500);
  send_some();
  CHECK(becomes([&] { return metric(sender.metrics(), "failed_attempts_total") > 5; }));
  receiver->answer([url](const auto&, httplib::Response& out) {
    out.set_redirect(url.substr(0, url.rfind('/')) + "/elsewhere", 307);
  });
  CHECK(becomes([&] { return metric(sender.metrics(), "failed_attempts_total") > 10; }));
  receiver->answer([](const auto&, httplib::Response& out) {
    std::this_thread::sleep_for(700ms); // longer than is waited
    out.status = 200;
  });
  const auto failed = metric(sender.metrics(), "failed_attempts_total");
  CHECK(becomes([&] { return metric(sender.metrics(), "failed_attempts_total") >= failed + 2; }));
  CHECK_FALSE(all_arrived());
  CHECK(receiver->followed() == 0);

  arrived = receiver->arrivals();
  receiver.reset(); // nobody listens
  send_some();
  std::this_thread::sleep_for(200ms);
  receiver = std::make_unique<Receiver>(port);
  CHECK(becomes(all_arrived));
  CHECK(becomes([&] { return metric(sender.metrics(), "pending") == 0; }));
  CHECK(metric(sender.metrics(), "dead_letters") == 0);

  const auto more = receiver->arrivals();
  arrived.insert(arrived.end(), more.begin(), more.end());
  std::map<std::size_t, std::string> ids;
  for (const Arrival& arrival : arrived) {
    const auto count = arrival.event["data"]["count"].get<std::size_t>();
    const auto [known, first] = ids.emplace(count, arrival.event["id"]);
    CHECK(known->second == arrival.event["id"]); // the same however often it came
    const auto time = std::stoll(arrival.signature.substr(2));
    CHECK(arrival.signature ==
          webhooks::signature(secret, mfa::Time(std::chrono::milliseconds(time)), arrival.body));
  }
  for (const auto& [user, counts] : by_user(arrived)) CHECK(std::is_sorted(counts.begin(), counts.end()));
}

TEST_CASE("a receiver's certificate must be for its name, and of an authority that is trusted") {
  using mfa::test::ScriptedServer;
  struct Case {
    ScriptedServer::Tls tls;
    bool authority_is_named;
  };
  const auto [tls, authority_is_named] = GENERATE(
      Case{ScriptedServer::Tls::right, true}, Case{ScriptedServer::Tls::right, false},
      Case{ScriptedServer::Tls::wrong_name, true}, Case{ScriptedServer::Tls::unknown_authority, true});
  const bool fits = tls == ScriptedServer::Tls::right && authority_is_named;
  ScriptedServer receiver([](const std::string&) { return mfa::test::answer(200, ""); }, tls);
  const mfa::test::TemporaryDirectory directory;
  auto settings = quick(directory, receiver.url() + "/hook");
  settings.timeout = 10s; // a slow handshake is no wrong certificate
  if (authority_is_named) settings.ca_file = receiver.ca_file();
  std::mutex telling;
  std::string told;
  settings.log = [&](const std::string& what) {
    const std::lock_guard lock(telling);
    told += what + "\n";
  };
  webhooks::Sender sender(std::move(settings));
  sender(event_of("user_1", 1));
  if (fits) {
    REQUIRE(becomes([&] { return metric(sender.metrics(), "pending") == 0; }));
    REQUIRE(receiver.requests().size() == 1);
    const std::string request = receiver.requests().front();
    const std::string header = mfa::test::header_of(request, "WorkOS-Signature");
    const std::string time = header.substr(2, header.find(',') - 2);
    CHECK(header == "t=" + time + ", v1=" + by_openssl(time + "." + mfa::test::body_of(request)));
  } else {
    CHECK(becomes([&] { return metric(sender.metrics(), "failed_attempts_total") >= 5; }));
    CHECK(metric(sender.metrics(), "pending") == 1);
    sender.stop();
    CHECK(receiver.requests().empty());
    INFO(told);
    CHECK(told.find("certificate") != std::string::npos);
  }
}

TEST_CASE(
    "an endpoint that is down holds up no other, and one user's event that is refused no other user's") {
  const mfa::test::TemporaryDirectory directory;
  Receiver receiver;
  receiver.answer([](const httplib::Request& in, httplib::Response& out) {
    out.status = in.body.find("user_bad") != std::string::npos ? 400 : 204;
  });
  auto settings = quick(directory, receiver.url());
  settings.endpoints.push_back({"http://127.0.0.1:" + std::to_string(mfa::test::free_port()) + "/down",
                                mfa::crypto::SecretString(secret)});
  webhooks::Sender sender(std::move(settings));
  sender(event_of("user_bad", 0));
  for (std::size_t i = 1; i <= 20; ++i) sender(event_of("user_good", i));
  CHECK(becomes([&] { return receiver.arrivals().size() == 20; }));
  const auto started = std::chrono::steady_clock::now();
  sender.stop();
  CHECK(std::chrono::steady_clock::now() - started < 3s);
}

TEST_CASE("what nobody takes is given up in time and kept as a dead letter, and the user's next goes out") {
  const mfa::test::TemporaryDirectory directory;
  Receiver receiver;
  receiver.answer([](const httplib::Request& in, httplib::Response& out) {
    out.status = Json::parse(in.body)["data"]["count"] == 1 ? 500 : 200;
  });
  auto settings = quick(directory, receiver.url());
  settings.limits.give_up_after = 1s;
  settings.limits.most_pending = 3;
  webhooks::Sender sender(std::move(settings));
  for (std::size_t i = 1; i <= 4; ++i) sender(event_of("user_1", i));
  CHECK(metric(sender.metrics(), "dropped_total") == 1); // the fourth
  CHECK(becomes([&] { return metric(sender.metrics(), "pending") == 0; }));
  CHECK(metric(sender.metrics(), "dead_letters") == 1);
  CHECK(metric(sender.metrics(), "dead_letters_total") == 1);
  REQUIRE(receiver.arrivals().size() == 2);
  CHECK(receiver.arrivals()[0].event["data"]["count"] == 2);
  CHECK(receiver.arrivals()[1].event["data"]["count"] == 3);
}

TEST_CASE(
    "a name may lead to public addresses only, unless the operator says otherwise or wrote the address") {
  const auto allowed = [](const char* url, bool private_addresses, const char* address) {
    sockaddr_storage storage{};
    if (std::string_view(address).find(':') == std::string_view::npos) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(storage);
      v4.sin_family = AF_INET;
      REQUIRE(::inet_pton(AF_INET, address, &v4.sin_addr) == 1);
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(storage);
      v6.sin6_family = AF_INET6;
      REQUIRE(::inet_pton(AF_INET6, address, &v6.sin6_addr) == 1);
    }
    return webhooks::Addresses(url, private_addresses).allow(reinterpret_cast<const sockaddr&>(storage));
  };
  for (const char* address : {"0.0.0.0",
                              "10.1.2.3",
                              "100.64.0.1",
                              "127.0.0.1",
                              "169.254.169.254",
                              "172.16.0.1",
                              "172.31.255.255",
                              "192.0.0.1",
                              "192.168.1.1",
                              "198.18.0.1",
                              "224.0.0.1",
                              "255.255.255.255",
                              "::",
                              "::1",
                              "fe80::1",
                              "fd00::1",
                              "::ffff:10.0.0.1",
                              "64:ff9b::a00:1",
                              "2002:a00:1::1",
                              "ff02::1"}) {
    INFO(address);
    CHECK_FALSE(allowed("https://hooks.example.com/mfa", false, address));
    CHECK(allowed("https://hooks.example.com/mfa", true, address));
    CHECK(allowed("https://10.0.0.7/mfa", false, address));
  }
  for (const char* address : {"93.184.216.34", "172.32.0.1", "100.128.0.1", "192.0.1.1", "2606:2800:220:1::1",
                              "::ffff:93.184.216.34"}) {
    INFO(address);
    CHECK(allowed("https://hooks.example.com/mfa", false, address));
  }
  const mfa::test::TemporaryDirectory directory;
  {
    mfa::test::ScriptedServer receiver([](const std::string&) { return mfa::test::answer(200, ""); });
    std::string url = receiver.url() + "/hook";
    url.replace(url.find("127.0.0.1"), 9, "hooks.localhost"); // which leads there, too
    auto settings = quick(directory, url);
    settings.ca_file = receiver.ca_file();
    std::mutex telling;
    std::string told;
    settings.log = [&](const std::string& what) {
      const std::lock_guard lock(telling);
      told += what;
    };
    webhooks::Sender sender(std::move(settings));
    sender(event_of("user_1", 1));
    CHECK(becomes([&] { return metric(sender.metrics(), "failed_attempts_total") >= 5; }));
    sender.stop();
    CHECK(receiver.accepted() == 0);
    CHECK(told.find("private network") != std::string::npos);
  }
  for (const char* url :
       {"http://hooks.example.com/", "https://user@hooks.example.com/", "ftp://127.0.0.1/", ""}) {
    INFO(url);
    CHECK_THROWS_AS(webhooks::Sender(quick(directory, url)), mfa::Error);
  }
}

TEST_CASE("a server that is killed again and again posts every event of what it answered, under one id") {
  using namespace mfa::test;
  constexpr std::string_view api_key = "sk_test_a2V5XzAxRzdFWVpQ";
  const TemporaryDirectory directory;
  write_secret_file(directory.path() + "/api-keys", api_key);
  write_secret_file(directory.path() + "/keys",
                    "2026-01 5f1d7a84db00d2fce00b31a7fc73224f5f1d7a84db00e2fce00b31a7fc73224a\n");
  write_secret_file(directory.path() + "/webhook-secret", std::string(secret) + "\n");
  Receiver receiver;
  std::mutex failing;
  std::set<std::string> seen; // each fifth event fails once: whoever fails again and again waits for long
  receiver.answer([&](const httplib::Request& in, httplib::Response& out) {
    const std::lock_guard lock(failing);
    const bool is_new = seen.insert(in.body).second;
    out.status = is_new && seen.size() % 5 == 0 ? 500 : 200;
  });
  ExampleServer server(MFA_EXAMPLE_SERVER,
                       {"--storage", "sqlite:" + directory.path() + "/mfa.db", "--api-key-file",
                        directory.path() + "/api-keys", "--key-ring-file", directory.path() + "/keys",
                        "--webhook", receiver.url(), "--webhook-secret-file",
                        directory.path() + "/webhook-secret", "--webhook-outbox",
                        directory.path() + "/outbox.db", "--log", "error"},
                       directory.path() + "/log");
  std::vector<std::pair<std::string, std::string>>
      told; ///< events of what was answered: name, and factor or challenge
  std::mutex mutex;
  std::atomic<bool> stop{false};
  std::vector<std::thread> clients;
  for (int i = 0; i < 3; ++i)
    clients.emplace_back([&, i, port = server.port()] {
      for (int number = 0; !stop; ++number) {
        ServerClient client(port, api_key);
        const auto enrolled = client.enroll_totp("user_" + std::to_string(i) + "_" + std::to_string(number));
        if (!enrolled.is(201)) {
          std::this_thread::sleep_for(5ms);
          continue;
        }
        std::vector<std::pair<std::string, std::string>> events = {
            {"mfa.factor_enrolled", enrolled.text("id")}};
        const auto challenge = client.challenge(enrolled.text("id"));
        if (challenge.is(201)) {
          events.emplace_back("mfa.challenge_created", challenge.text("id"));
          if (client.verify(challenge.text("id"), Authenticator(enrolled).code(0)).valid()) {
            events.emplace_back("mfa.verification_succeeded", challenge.text("id"));
            events.emplace_back("mfa.factor_verified", challenge.text("id"));
          }
        }
        const std::lock_guard lock(mutex);
        told.insert(told.end(), events.begin(), events.end());
      }
    });
  const auto answers = [&] {
    const std::lock_guard lock(mutex);
    return told.size();
  };
  for (int kill = 0; kill < 4 || (answers() <= 20 && kill < 100); ++kill) {
    std::this_thread::sleep_for(250ms + kill % 4 * 30ms);
    server.kill();
    server.start();
  }
  std::this_thread::sleep_for(200ms);
  stop = true;
  for (std::thread& client : clients) client.join();
  CHECK(told.size() > 20);
  const auto missing = [&] {
    std::set<std::pair<std::string, std::string>> came;
    for (const Arrival& arrival : receiver.arrivals()) {
      const Json& data = arrival.event["data"];
      const std::string name = arrival.event["event"];
      came.emplace(name, data.value(name == "mfa.factor_enrolled" ? "authentication_factor_id"
                                                                  : "authentication_challenge_id",
                                    ""));
    }
    return std::count_if(told.begin(), told.end(), [&](const auto& event) { return !came.contains(event); });
  };
  CHECK(becomes([&] { return missing() == 0; }, 20s));
  std::map<std::string, std::string> bodies;
  std::size_t again = 0;
  for (const Arrival& arrival : receiver.arrivals()) {
    const auto [first, is_new] = bodies.emplace(arrival.event["id"], arrival.body);
    CHECK(first->second == arrival.body);
    again += is_new ? 0 : 1;
  }
  std::cout << told.size() << " events were promised; " << bodies.size() << " arrived, " << again
            << " again\n";
  const auto metrics = ServerClient(server.port(), api_key).text("/metrics");
  CHECK(metric(metrics, "dropped_total") == 0);
  CHECK(metrics.find("host=\"127.0.0.1\"") != std::string::npos);
  CHECK(server.stop() == std::pair(true, 0));
}
