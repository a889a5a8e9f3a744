// Whole journeys (enrol, challenge, verify) over HTTP at examples/server, on each storage, by threads that
// block and by coroutines, beside bare cpp-httplib that answers the same bytes:
//   server_load PROGRAM [SECONDS [CONNECTIONS [ROUNDS]]]
// sh tests/benchmark/server_load.sh builds what it needs and runs it.
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <httplib.h>

#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/types.hpp>

#include "support/example_server.hpp"
#include "support/loopback.hpp"
#include "support/postgres_server.hpp"
#include "support/redis_server.hpp"
#include "support/temporary_directory.hpp"

using namespace mfa::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::string_view api_key = "sk_test_a2V5XzAxRzdFWVpQ";

/// One connection that stays open, as plain as it can be, so that the servers are measured and not their
/// client.
class Connection {
 public:
  explicit Connection(int port)
      : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
        head_(" HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer " + std::string(api_key) +
              "\r\nContent-Type: application/json\r\nContent-Length: ") {
    const sockaddr_in address = loopback_address(static_cast<std::uint16_t>(port));
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::system_error(errno, std::generic_category(), "connect");
    const int on = 1;
    ::setsockopt(socket_.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  }

  /// The body of the answer, which must be 201.
  std::string_view post(const std::string& path, const std::string& body) {
    sent_ = "POST " + path + head_ + std::to_string(body.size()) + "\r\n\r\n" + body;
    for (std::size_t at = 0; at < sent_.size();) {
      const ssize_t count = ::send(socket_.get(), sent_.data() + at, sent_.size() - at, MSG_NOSIGNAL);
      if (count <= 0) throw std::runtime_error("the connection ended");
      at += static_cast<std::size_t>(count);
    }
    heard_.clear();
    std::size_t end = std::string::npos;
    while ((end = heard_.find("\r\n\r\n")) == std::string::npos) hear();
    const std::string_view head = std::string_view(heard_).substr(0, end);
    if (!head.starts_with("HTTP/1.1 201")) throw std::runtime_error("answered " + heard_);
    auto length = head.find("Content-Length: ");
    if (length == std::string_view::npos) length = head.find("content-length: ");
    if (length == std::string_view::npos) throw std::runtime_error("answered without a length");
    const std::size_t whole = end + 4 + std::strtoul(head.data() + length + 16, nullptr, 10);
    while (heard_.size() < whole) hear();
    return std::string_view(heard_).substr(end + 4);
  }

 private:
  void hear() {
    std::array<char, 16'384> bytes; // NOLINT: read into
    const ssize_t count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) throw std::runtime_error("the connection ended");
    heard_.append(bytes.data(), static_cast<std::size_t>(count));
  }

  Descriptor socket_;
  const std::string head_;
  std::string sent_;
  std::string heard_;
};

std::string member(std::string_view json, std::string_view name) {
  const std::string key = "\"" + std::string(name) + "\":\"";
  const auto at = json.find(key);
  if (at == std::string_view::npos) throw std::runtime_error("no " + std::string(name) + " in an answer");
  const auto begin = at + key.size();
  return std::string(json.substr(begin, json.find('"', begin) - begin));
}

/// What a server answered to each of the three.
using Answers = std::array<std::string, 3>;

/// Milliseconds.
struct Times {
  std::vector<float> requests;
  std::vector<float> journeys;
};

float milliseconds_since(Clock::time_point begin) {
  return std::chrono::duration<float, std::milli>(Clock::now() - begin).count();
}

Answers journey(Connection& connection, const std::string& user, Times& times) {
  Answers answers;
  const auto begin = Clock::now();
  const auto post = [&](const std::string& path, const std::string& body) {
    const auto sent = Clock::now();
    std::string answer(connection.post(path, body));
    times.requests.push_back(milliseconds_since(sent));
    return answer;
  };
  answers[0] = post("/auth/factors/enroll", R"({"type":"totp","totp_issuer":"Foo Corp","totp_user":)"
                                            R"("alan.turing@example.com","user_id":")" +
                                                user + "\"}");
  answers[1] = post("/auth/factors/" + member(answers[0], "id") + "/challenge", "{}");
  const std::string code =
      mfa::otp::totp(mfa::otp::base32_decode(member(answers[0], "secret")),
                     std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now()));
  answers[2] =
      post("/auth/challenges/" + member(answers[1], "id") + "/verify", "{\"code\":\"" + code + "\"}");
  if (answers[2].find("\"valid\":true") == std::string::npos)
    throw std::runtime_error("answered " + answers[2]);
  times.journeys.push_back(milliseconds_since(begin));
  return answers;
}

double percentile(std::vector<float>& all, double part) {
  if (all.empty()) return 0;
  const auto at = all.begin() + static_cast<std::ptrdiff_t>(part * static_cast<double>(all.size() - 1));
  std::nth_element(all.begin(), at, all.end());
  return *at;
}

struct Figures {
  double journeys_per_second = 0;
  double p50 = 0, p99 = 0;                        ///< of a journey, ms
  double request_p50 = 0, request_p99 = 0;        ///< of a request, ms
  double resident_before = 0, resident_after = 0; ///< MB
  double all_journeys = 0;
  double cpu = 0; ///< of the server's process for a journey, ms
};

double resident_megabytes(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/statm");
  double all = 0;
  double resident = 0;
  file >> all >> resident;
  return resident * static_cast<double>(::sysconf(_SC_PAGESIZE)) / 1e6;
}

/// That a process has used so far, in all its threads.
double cpu_milliseconds(pid_t process) {
  std::ifstream file("/proc/" + std::to_string(process) + "/stat");
  std::string text{std::istreambuf_iterator<char>(file), {}};
  std::istringstream fields(text.substr(text.rfind(')') + 2));
  std::string skipped;
  for (int field = 3; field < 14; ++field) fields >> skipped;
  double user = 0;
  double system = 0;
  fields >> user >> system;
  return (user + system) * 1000 / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// `connections` clients, each with a journey after the other. Throws at the first answer that is not as
/// expected.
Figures load(int port, pid_t process, std::chrono::milliseconds time, std::size_t connections) {
  std::vector<Times> times(connections);
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  {
    Connection warm(port);
    (void)journey(warm, "warm", times[0]);
    times[0] = {};
  }
  Figures figures;
  figures.resident_before = resident_megabytes(process);
  const double cpu_before = cpu_milliseconds(process);
  static std::atomic<std::size_t> users{0};
  const auto begin = Clock::now();
  std::vector<std::thread> clients;
  for (std::size_t i = 0; i < connections; ++i)
    clients.emplace_back([&, i] {
      try {
        Connection connection(port);
        while (!stop) (void)journey(connection, "user_" + std::to_string(++users), times[i]);
      } catch (const std::exception& problem) {
        if (!failed++) std::fprintf(stderr, "%s\n", problem.what());
        stop = true;
      }
    });
  while (!stop && Clock::now() - begin < time) std::this_thread::sleep_for(std::chrono::milliseconds(10));
  stop = true;
  for (std::thread& client : clients) client.join();
  const double seconds = std::chrono::duration<double>(Clock::now() - begin).count();
  if (failed > 0) throw std::runtime_error("an answer was not as expected");
  Times all;
  for (const Times& of : times) {
    all.requests.insert(all.requests.end(), of.requests.begin(), of.requests.end());
    all.journeys.insert(all.journeys.end(), of.journeys.begin(), of.journeys.end());
  }
  figures.all_journeys = static_cast<double>(all.journeys.size());
  figures.cpu = (cpu_milliseconds(process) - cpu_before) / std::max(1.0, figures.all_journeys);
  figures.journeys_per_second = figures.all_journeys / seconds;
  figures.p50 = percentile(all.journeys, 0.5);
  figures.p99 = percentile(all.journeys, 0.99);
  figures.request_p50 = percentile(all.requests, 0.5);
  figures.request_p99 = percentile(all.requests, 0.99);
  figures.resident_after = resident_megabytes(process);
  return figures;
}

/// Bare cpp-httplib in a process of its own, with a thread for each connection, that answers these bytes.
class Peer {
 public:
  Peer(const Answers& answers, std::size_t connections) : port_(free_port()) {
    process_ = ::fork();
    if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (process_ > 0) {
      for (int tries = 0; tries < 200; ++tries) try {
          Connection connection(port_);
          return;
        } catch (const std::system_error&) {
          std::this_thread::sleep_for(std::chrono::milliseconds(10));
        }
      throw std::runtime_error("cpp-httplib does not start");
    }
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    httplib::Server server;
    server.new_task_queue = [connections] { return new httplib::ThreadPool(connections + 2); };
    server.set_keep_alive_max_count(std::size_t{1} << 40);
    server.set_tcp_nodelay(true);
    const auto answer = [&answers](std::size_t which) {
      return [&answers, which](const httplib::Request&, httplib::Response& out) {
        out.status = 201;
        out.set_content(answers[which], "application/json; charset=utf-8");
      };
    };
    server.Post("/auth/factors/enroll", answer(0));
    server.Post(R"(/auth/factors/[^/]+/challenge)", answer(1));
    server.Post(R"(/auth/challenges/[^/]+/verify)", answer(2));
    server.listen("127.0.0.1", port_);
    ::_exit(0);
  }
  ~Peer() { stop_server(process_, SIGKILL); }
  Peer(const Peer&) = delete;
  Peer& operator=(const Peer&) = delete;

  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] pid_t id() const noexcept { return process_; }

 private:
  std::uint16_t port_;
  pid_t process_ = -1;
};

/// Clients that send a byte of a request's headers each second, and come again when they are sent away.
class SlowClients {
 public:
  SlowClients(int port, std::size_t count) : port_(port), thread_([this, count] { run(count); }) {}
  ~SlowClients() {
    stop_ = true;
    thread_.join();
  }
  SlowClients(const SlowClients&) = delete;
  SlowClients& operator=(const SlowClients&) = delete;

  [[nodiscard]] std::size_t connected() const noexcept { return connected_; }
  [[nodiscard]] std::size_t sent_away() const noexcept { return sent_away_; }

 private:
  void run(std::size_t count) {
    std::vector<std::optional<Descriptor>> sockets(count);
    constexpr std::string_view text = "POST /auth/factors/enroll HTTP/1.1\r\nX-Slow: ";
    for (std::size_t turn = 0; !stop_; ++turn) {
      std::size_t connected = 0;
      for (auto& socket : sockets) {
        if (stop_) return;
        if (socket) {
          const char byte = text[turn % text.size()] == '\r' || text[turn % text.size()] == '\n' ? 'x' : 'P';
          std::array<char, 512> heard; // NOLINT: thrown away
          const bool gone = ::send(socket->get(), &byte, 1, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ||
                            ::recv(socket->get(), heard.data(), heard.size(), MSG_DONTWAIT) == 0;
          if (gone) {
            socket.reset();
            ++sent_away_;
          }
        }
        if (!socket) {
          socket.emplace(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
          const sockaddr_in address = loopback_address(static_cast<std::uint16_t>(port_));
          if (::connect(socket->get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
            socket.reset();
        }
        connected += socket ? 1 : 0;
      }
      connected_ = connected;
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }

  const int port_;
  std::atomic<bool> stop_{false};
  std::atomic<std::size_t> connected_{0};
  std::atomic<std::size_t> sent_away_{0};
  std::thread thread_;
};

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

/// Of rounds.
Figures medians(const std::vector<Figures>& all) {
  Figures one;
  for (auto figure : {&Figures::journeys_per_second, &Figures::p50, &Figures::p99, &Figures::request_p50,
                      &Figures::request_p99, &Figures::resident_before, &Figures::resident_after,
                      &Figures::all_journeys, &Figures::cpu}) {
    std::vector<double> values;
    for (const Figures& each : all) values.push_back(each.*figure);
    one.*figure = median(values);
  }
  return one;
}

void row(const std::string& what, const Figures& figures, const Figures& peer) {
  std::printf("| %s | %.0f | %.2f | %.1f | %.1f | %.1f | %.2f | %.2f | %.3f | %.2f | %.0f | %.0f |\n",
              what.c_str(), figures.journeys_per_second,
              figures.journeys_per_second / peer.journeys_per_second, figures.p50, figures.p99,
              figures.p99 / figures.p50, figures.request_p50, figures.request_p99, figures.cpu,
              figures.cpu / peer.cpu, figures.resident_before, figures.resident_after);
  std::fflush(stdout);
}

void allow_descriptors() {
  rlimit limit{};
  ::getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 8192);
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

} // namespace

int main(int argc, char** argv) try {
  if (argc < 2) throw std::runtime_error("usage: server_load PROGRAM [SECONDS [CONNECTIONS [ROUNDS]]]");
  const std::string program = argv[1];
  const std::chrono::milliseconds time(static_cast<long>(1000 * (argc > 2 ? std::atof(argv[2]) : 10)));
  const std::size_t connections = argc > 3 ? std::strtoul(argv[3], nullptr, 10) : 16;
  const int rounds = argc > 4 ? std::atoi(argv[4]) : 3;
  constexpr std::size_t slow_clients = 1000;
  allow_descriptors();
  const TemporaryDirectory directory;
  write_secret_file(directory.path() + "/api-keys", api_key);
  write_secret_file(directory.path() + "/keys",
                    "2026-01 5f1d7a84db00d2fce00b31a7fc73224f5f1d7a84db00e2fce00b31a7fc73224a\n");
  const auto serve = [&](const std::string& storage, bool asynchronous) {
    return std::make_unique<ExampleServer>(
        program,
        std::vector<std::string>{"--storage", storage, "--api-key-file", directory.path() + "/api-keys",
                                 "--key-ring-file", directory.path() + "/keys", "--log", "error", "--threads",
                                 std::to_string(connections),
                                 std::string("--asynchronous=") + (asynchronous ? "yes" : "no")},
        directory.path() + "/log");
  };
  Answers answers;
  {
    const auto server = serve("memory:", false);
    Connection connection(server->port());
    Times times;
    answers = journey(connection, "user_0", times);
    // The code is computed of the secret, so the peer's clients do the same work.
  }
  const PostgresServer postgres(PostgresServer::Durable::yes);
  const RedisServer redis;
  const std::vector<std::pair<std::string, std::string>> storages = {
      {"memory", "memory:"},
      {"SQLite", "sqlite:" + directory.path() + "/mfa.db"},
      {"PostgreSQL", "postgres:" + postgres.uri()},
      {"Redis", "redis://127.0.0.1:" + std::to_string(redis.port()) + "/0"}};

  std::vector<Figures> of_peer;
  std::map<std::string, std::vector<Figures>> of_ours;
  std::vector<std::string> order;
  std::string slow_text;
  for (int round = 0; round < rounds; ++round) {
    { // in turn, so that a slow moment of the machine meets all
      const Peer peer(answers, connections);
      of_peer.push_back(load(peer.port(), peer.id(), time, connections));
    }
    for (const auto& [name, storage] : storages)
      for (const bool asynchronous : {false, true}) {
        const std::string what = name + (asynchronous ? ", asynchronous" : ", blocking");
        const auto server = serve(storage, asynchronous);
        if (round == 0) order.push_back(what);
        of_ours[what].push_back(load(server->port(), server->id(), time, connections));
      }
    for (const bool asynchronous : {false, true}) {
      const std::string what =
          std::string("memory, 1,000 slow clients beside, ") + (asynchronous ? "asynchronous" : "blocking");
      const auto server = serve("memory:", asynchronous);
      const SlowClients slow(server->port(), slow_clients);
      for (int tries = 0; slow.connected() < slow_clients && tries < 500; ++tries)
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
      if (round == 0) order.push_back(what);
      of_ours[what].push_back(load(server->port(), server->id(), time, connections));
      slow_text += (slow_text.empty() ? "" : "; ") + std::to_string(slow.connected()) + " connected, " +
                   std::to_string(slow.sent_away()) + " sent away";
      if (slow.connected() < slow_clients) throw std::runtime_error("the slow clients could not connect");
    }
  }
  std::printf("%zu connections, %.1f s each, medians of %d rounds; times in ms, memory in MB\n\n",
              connections, std::chrono::duration<double>(time).count(), rounds);
  std::printf("| | journeys/s | of bare cpp-httplib | journey p50 | p99 | p99 / p50 | request p50 | p99 | "
              "CPU of a journey | "
              "of bare cpp-httplib | memory at the start | at the end |\n"
              "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n");
  const Figures peer = medians(of_peer);
  row("bare cpp-httplib, the same bytes", peer, peer);
  for (const std::string& what : order) row(what, medians(of_ours[what]), peer);
  std::printf("\nSlow clients: %s. Every answer was as expected.\n", slow_text.c_str());
  return 0;
} catch (const std::exception& problem) {
  std::fprintf(stderr, "server_load: %s\n", problem.what());
  return 1;
}
