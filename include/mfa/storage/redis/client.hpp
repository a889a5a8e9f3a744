#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/pool.hpp>
#include <mfa/storage/redis/connection.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/refusal.hpp>

namespace mfa::detail::redis {

/// What to do when a connection ends before the answer came.
enum class IfLost {
  ask_again, ///< for what changes nothing
  fail,      ///< for what may have happened
};

/// A script that the server knows by its hash.
struct Script {
  std::string_view body;
  std::string hash;
};

/// Commands to one server, by as many connections as there are threads, up to a limit. What ends a connection
/// ends no other thing: the next command makes a new one. Usable from many threads.
class Client {
 public:
  explicit Client(storage::RedisOptions options)
      : options_(checked(std::move(options))), configured_{options_.host, options_.port,
                                                           options_.unix_socket},
        current_(configured_), sessions_(options_.max_connections, "storage::Redis") {}

  [[nodiscard]] const storage::RedisOptions& options() const noexcept { return options_; }

  /// The answer, which is no error. `purpose` is for error messages, as in "cannot <purpose> the Redis
  /// server". Follows the redirections of a Redis Cluster, which are given before a command runs.
  [[nodiscard]] Reply ask(const char* purpose, Words words, IfLost if_lost) {
    Reply reply = try_to_ask(purpose, words, if_lost);
    if (reply.is_error()) fail(purpose, reply.text());
    return reply;
  }

  /// The answer, or nothing if the server refuses.
  [[nodiscard]] std::optional<Reply> ask_if_allowed(const char* purpose, Words words) {
    Reply reply = try_to_ask(purpose, words, IfLost::ask_again);
    if (reply.is_error()) return std::nullopt;
    return reply;
  }

  [[nodiscard]] Script load(std::string_view body) {
    const std::array<std::string_view, 3> words{"SCRIPT", "LOAD", body};
    return {body, std::string(ask("load a script into", words, IfLost::ask_again).text())};
  }

  /// Runs a script; if the server has forgotten it, which it says before anything runs, by its text.
  [[nodiscard]] Reply run(const char* purpose, const Script& script,
                          const std::vector<std::string_view>& keys,
                          const std::vector<std::string_view>& arguments, IfLost if_lost) {
    const std::string key_count = std::to_string(keys.size());
    std::vector<std::string_view> words{"EVALSHA", script.hash, key_count};
    words.reserve(words.size() + keys.size() + arguments.size());
    words.insert(words.end(), keys.begin(), keys.end());
    words.insert(words.end(), arguments.begin(), arguments.end());
    Reply reply = try_to_ask(purpose, words, if_lost);
    if (reply.is_error() && reply.text().starts_with("NOSCRIPT")) {
      words[0] = "EVAL";
      words[1] = script.body;
      return ask(purpose, words, if_lost);
    }
    if (reply.is_error()) fail(purpose, reply.text());
    return reply;
  }

  /// "the Redis server at <address>"
  [[nodiscard]] std::string name() const { return name_of(current()); }

 private:
  /// A connection that is made when it is first used, and again after it was lost.
  using Session = std::optional<Connection>;

  static storage::RedisOptions checked(storage::RedisOptions options) {
    const auto refuse = [](const std::string& why) { throw Error(errc::invalid_argument, why); };
    const auto has_nul = [](const std::string& text) { return text.find('\0') != std::string::npos; };
    if (options.unix_socket.empty() && (options.host.empty() || has_nul(options.host) || options.port == 0))
      refuse("RedisOptions needs a host and a port, or a unix_socket");
    if (has_nul(options.unix_socket)) refuse("RedisOptions::unix_socket is not a path");
    if (!options.user.empty() && options.password.empty())
      refuse("RedisOptions::user needs a password; without a user, it is that of the default user");
    if (options.key_prefix.empty() || options.key_prefix.find_first_of("{}") != std::string::npos)
      refuse(
          "RedisOptions::key_prefix must not be empty nor hold braces, since it is the hash tag of all keys");
    using namespace std::chrono_literals;
    for (auto* timeout : {&options.connect_timeout, &options.command_timeout})
      *timeout = std::clamp<std::chrono::milliseconds>(*timeout, 1ms, 24h);
    return options;
  }

  static std::string name_of(const Address& address) { return "the Redis server at " + address.text(); }

  [[nodiscard]] Address current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

  void move_to(Address address) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(address);
  }

  [[nodiscard]] Reply try_to_ask(const char* purpose, Words words, IfLost if_lost) {
    constexpr int most_redirections = 5;
    const auto session = lease();
    for (int redirections = 0;; ++redirections) {
      Reply reply = ask_on(*session, purpose, words, if_lost);
      if (!reply.is_error()) return reply;
      const auto address = redirection(reply.text(), current());
      if (!address || redirections == most_redirections) {
        if (is_of_a_replica(reply.text())) session->reset(); // the name may by now lead to the primary
        return reply;
      }
      session->reset();
      move_to(*address);
    }
  }

  [[nodiscard]] Reply ask_on(Session& session, const char* purpose, Words words, IfLost if_lost) {
    const bool pooled = session && session->is_idle();
    if (!pooled) connect(session);
    try {
      return session->ask(words);
    } catch (const TimedOut& error) {
      session.reset();
      fail_lost(purpose, error, if_lost);
    } catch (const ConnectionLost& error) {
      session.reset();
      if (if_lost == IfLost::fail || !pooled) fail_lost(purpose, error, if_lost);
    } catch (...) {
      session.reset();
      throw;
    }
    return ask_on(session, purpose, words, if_lost); // on a new connection, so at most once
  }

  [[nodiscard]] Pool<Session>::Lease lease() {
    auto session = sessions_.lease(options_.command_timeout, [] { return std::make_unique<Session>(); });
    if (!session) {
      throw Error(errc::storage_failure, "cannot use " + name() + ": for " +
                                             std::to_string(options_.command_timeout.count()) +
                                             " ms other threads had every connection. Raise "
                                             "RedisOptions::max_connections or command_timeout.");
    }
    return session;
  }

  /// To where a Redis Cluster said that the keys are or, if nobody answers there, to the address given.
  void connect(Session& session) {
    const Address address = current();
    try {
      connect_to(session, address);
    } catch (const Error&) {
      if (address == configured_) throw;
      move_to(configured_);
      connect_to(session, configured_);
    }
  }

  void connect_to(Session& session, const Address& address) {
    try {
      session.emplace(address, options_.connect_timeout, options_.command_timeout);
      log_in(*session);
    } catch (const ConnectionLost& error) {
      session.reset();
      throw Error(errc::storage_failure,
                  "cannot connect to " + name_of(address) + ": " + error.what() +
                      ". Check that it runs, that RedisOptions names its address, and that the network "
                      "lets this process reach it.");
    } catch (...) {
      session.reset();
      throw;
    }
  }

  void log_in(Connection& connection) const {
    if (!options_.password.empty()) {
      std::vector<std::string_view> words{"AUTH"};
      if (!options_.user.empty()) words.push_back(options_.user);
      words.push_back(options_.password);
      if (connection.ask(words).is_error()) {
        // Its words are not repeated, since a server that does not know AUTH quotes the password.
        throw Error(errc::storage_failure,
                    "cannot log in to " + name() + ": it refused " +
                        (options_.user.empty() ? "the default user" : "the user '" + options_.user + "'") +
                        " with that password. Check RedisOptions::user and password.");
      }
    }
    if (options_.database != 0) {
      const std::string number = std::to_string(options_.database);
      const Reply reply = connection.ask(std::array<std::string_view, 2>{"SELECT", number});
      if (reply.is_error()) fail("select the database " + number + " of", reply.text());
    }
  }

  [[noreturn]] void fail(const std::string& purpose, std::string_view refusal) const {
    const auto [code, remedy] = remedy_for(refusal);
    throw Error(code, "cannot " + purpose + ' ' + name() + ": " + quotable(refusal) + ". " + remedy);
  }

  [[noreturn]] void fail_lost(const std::string& purpose, const ConnectionLost& error, IfLost if_lost) const {
    throw Error(errc::storage_failure,
                "cannot " + purpose + ' ' + name() + ": " + error.what() +
                    (if_lost == IfLost::fail ? ". What was sent may have been done or not. " : ". ") +
                    "Check the server and the network; the next call connects anew.");
  }

  const storage::RedisOptions options_;
  const Address configured_;
  mutable std::mutex mutex_;
  Address current_;
  Pool<Session> sessions_;
};

} // namespace mfa::detail::redis
