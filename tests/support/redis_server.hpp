#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <hiredis/hiredis.h>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include <mfa/storage/redis/options.hpp>

#include "loopback.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// A Redis server of the test's own: on a free port of 127.0.0.1 and a Unix socket, with its files in a
/// temporary directory. It ends with the test, however that ends.
class RedisServer {
 public:
  /// What keeps every commit that returned.
  static std::vector<std::string> durable() { return {"--appendonly", "yes", "--appendfsync", "always"}; }

  /// What keeps nothing on disk, for tests of other things.
  static std::vector<std::string> quick() { return {"--appendonly", "no"}; }

  /// `settings` are arguments for redis-server, as "--maxmemory", "10mb".
  explicit RedisServer(std::vector<std::string> settings = durable()) : settings_(std::move(settings)) {
    constexpr int most_ports = 10;
    for (int tries = 1;; ++tries) { // another process may take a free port first
      port_ = free_port();
      try {
        start();
        return;
      } catch (const std::runtime_error&) {
        if (tries == most_ports) throw;
      }
    }
  }

  ~RedisServer() { kill(); }
  RedisServer(const RedisServer&) = delete;
  RedisServer& operator=(const RedisServer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string unix_socket() const { return directory_.path() + "/redis.sock"; }

  /// For a storage in this server.
  [[nodiscard]] storage::RedisOptions
  options(storage::RedisDurability durability = storage::RedisDurability::required) const {
    storage::RedisOptions options;
    options.port = port_;
    options.durability = durability;
    return options;
  }

  /// Starts it and waits until it answers, be it with an error.
  void start() {
    launch();
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (!answers()) {
      if (has_ended() || std::chrono::steady_clock::now() > deadline)
        throw std::runtime_error("redis-server did not start:\n" + log());
      std::this_thread::sleep_for(std::chrono::milliseconds(2));
    }
  }

  /// Starts it and does not wait.
  void launch() {
    std::vector<std::string> words{"redis-server",
                                   "--port",
                                   std::to_string(port_),
                                   "--bind",
                                   "127.0.0.1",
                                   "--unixsocket",
                                   unix_socket(),
                                   "--dir",
                                   directory_.path(),
                                   "--logfile",
                                   log_file(),
                                   "--save",
                                   "",
                                   "--daemonize",
                                   "no"};
    words.insert(words.end(), settings_.begin(), settings_.end());
    std::vector<char*> arguments;
    for (auto& word : words) arguments.push_back(word.data());
    arguments.push_back(nullptr);
    process_ = ::fork();
    if (process_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (process_ != 0) return;
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    ::execvp(arguments[0], arguments.data());
    ::_exit(127);
  }

  /// The orderly end.
  void stop() { end(SIGTERM); }

  /// As if the process were gone from one instruction to the next.
  void kill() { end(SIGKILL); }

  /// Stands still, with its connections open.
  void pause() const { ::kill(process_, SIGSTOP); }
  void resume() const { ::kill(process_, SIGCONT); }

  /// An operator's command and its answer as text; elements of an array are joined by spaces.
  template <class... Words> std::string ask(const Words&... words) const {
    return ask(std::vector<std::string>{words...});
  }

  [[nodiscard]] std::string ask(const std::vector<std::string>& words) const {
    const Context context(redisConnectUnix(unix_socket().c_str()));
    std::vector<const char*> starts;
    std::vector<std::size_t> sizes;
    for (const auto& word : words) {
      starts.push_back(word.data());
      sizes.push_back(word.size());
    }
    const std::unique_ptr<redisReply, FreeReply> reply(static_cast<redisReply*>(
        redisCommandArgv(context.get(), static_cast<int>(words.size()), starts.data(), sizes.data())));
    if (!reply) throw std::runtime_error("redis-server does not answer:\n" + log());
    return text_of(*reply);
  }

  [[nodiscard]] std::string log() const {
    std::ifstream file(log_file(), std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  struct FreeContext {
    void operator()(redisContext* context) const noexcept { redisFree(context); }
  };
  struct FreeReply {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };
  using Context = std::unique_ptr<redisContext, FreeContext>;

  static std::string text_of(const redisReply& reply) {
    if (reply.type == REDIS_REPLY_INTEGER) return std::to_string(reply.integer);
    if (reply.type == REDIS_REPLY_NIL) return "(nil)";
    if (reply.type != REDIS_REPLY_ARRAY) return {reply.str, reply.len};
    std::string text;
    for (std::size_t i = 0; i < reply.elements; ++i)
      text.append(i == 0 ? "" : " ").append(text_of(*reply.element[i]));
    return text;
  }

  [[nodiscard]] std::string log_file() const { return directory_.path() + "/redis.log"; }

  [[nodiscard]] bool answers() const {
    const Context context(redisConnect("127.0.0.1", port_));
    if (!context || context->err != 0) return false;
    const std::unique_ptr<redisReply, FreeReply> reply(
        static_cast<redisReply*>(redisCommand(context.get(), "PING")));
    return reply && !std::string_view(reply->str, reply->len).starts_with("LOADING");
  }

  bool has_ended() {
    if (process_ <= 0 || ::waitpid(process_, nullptr, WNOHANG) != process_) return process_ <= 0;
    process_ = -1;
    return true;
  }

  void end(int signal) {
    if (process_ <= 0) return;
    ::kill(process_, signal);
    ::kill(process_, SIGCONT);
    while (::waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
    }
    process_ = -1;
  }

  std::vector<std::string> settings_;
  TemporaryDirectory directory_;
  std::uint16_t port_ = 0;
  pid_t process_ = -1;
};

} // namespace mfa::test
