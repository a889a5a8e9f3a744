#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/refusal.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// The server of a storage: where it is, how to log in, and what errors say of it. Usable from many threads.
class Server {
 public:
  explicit Server(storage::RedisOptions options)
      : options_(checked(std::move(options))), configured_{options_.host, options_.port,
                                                           options_.unix_socket},
        current_(configured_) {}

  [[nodiscard]] const storage::RedisOptions& options() const noexcept { return options_; }

  /// The address that the host gave.
  [[nodiscard]] const Address& configured() const noexcept { return configured_; }

  /// To where a Redis Cluster said that the keys are.
  [[nodiscard]] Address current() const {
    const std::lock_guard lock(mutex_);
    return current_;
  }

  void move_to(Address address) {
    const std::lock_guard lock(mutex_);
    current_ = std::move(address);
  }

  /// Has each connection from now on make sure that it leads to no replica, whose answers lag behind: the
  /// server may have become one, and its name may lead to another.
  void require_primary() noexcept { requires_primary_ = true; }

  /// "the Redis server at <address>"
  [[nodiscard]] std::string name() const { return name_of(current()); }

  /// The commands with which a connection begins, in turn; `check_login` takes the answer to each.
  [[nodiscard]] std::vector<std::vector<std::string>> login() const {
    std::vector<std::vector<std::string>> commands;
    if (!options_.password.empty()) {
      auto& words = commands.emplace_back(1, "AUTH");
      if (!options_.user.empty()) words.push_back(options_.user);
      words.push_back(options_.password);
    }
    if (options_.database != 0) commands.push_back({"SELECT", std::to_string(options_.database)});
    if (requires_primary_) commands.push_back({"INFO", "replication"});
    return commands;
  }

  void check_login(const std::vector<std::string>& command, const Reply& reply) const {
    if (reply.is_error() && turns_away(reply.text())) fail("connect to", reply.text());
    if (command.front() == "INFO") {
      if (reply.is_text() && reply.text().find("role:slave") != std::string_view::npos) fail_replica();
      return;
    }
    if (!reply.is_error()) return;
    if (command.front() == "SELECT") fail("select the database " + command.back() + " of", reply.text());
    // Its words are not repeated, since a server that does not know AUTH quotes the password.
    throw Error(errc::storage_failure,
                "cannot log in to " + name() + ": it refused " +
                    (options_.user.empty() ? "the default user" : "the user '" + options_.user + "'") +
                    " with that password. Check RedisOptions::user and password.");
  }

  [[noreturn]] void fail(const std::string& purpose, std::string_view refusal) const {
    const auto [code, remedy] = remedy_for(refusal);
    throw Error(code, "cannot " + purpose + ' ' + name() + ": " + quotable(refusal) + ". " + remedy);
  }

  [[noreturn]] void fail_replica() const {
    const auto [code, remedy] = remedy_for("READONLY");
    throw Error(code, "cannot use " + name() + ": " + remedy);
  }

  [[noreturn]] void fail_lost(const std::string& purpose, std::string_view why, IfLost if_lost) const {
    throw Error(errc::storage_failure,
                "cannot " + purpose + ' ' + name() + ": " + std::string(why) +
                    (if_lost == IfLost::fail ? ". What was sent may have been done or not. " : ". ") +
                    "Check the server and the network; the next call connects anew.");
  }

  static Error cannot_connect(const Address& address, std::string_view why) {
    return {errc::storage_failure,
            "cannot connect to " + name_of(address) + ": " + std::string(why) +
                ". Check that it runs, that RedisOptions names its address, and that the network "
                "lets this process reach it."};
  }

 private:
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

  const storage::RedisOptions options_;
  const Address configured_;
  std::atomic<bool> requires_primary_ = false;
  mutable std::mutex mutex_;
  Address current_;
};

} // namespace mfa::detail::redis
