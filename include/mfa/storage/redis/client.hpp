#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/pool.hpp>
#include <mfa/storage/redis/connection.hpp>
#include <mfa/storage/redis/exchange.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/server.hpp>

namespace mfa::detail::redis {

/// Requests to one server, by as many connections as there are threads, up to a limit. What ends a connection
/// ends no other thing: the next request makes a new one. Usable from many threads.
class Client {
 public:
  explicit Client(storage::RedisOptions options)
      : server_(std::move(options)), sessions_(server_.options().max_connections, "storage::Redis") {}

  [[nodiscard]] const Server& server() const noexcept { return server_; }

  /// See `Server::require_primary`.
  void require_primary() noexcept { server_.require_primary(); }

  [[nodiscard]] Reply ask(const Request& request) {
    Exchange exchange(server_, request);
    const auto session = lease();
    for (;;) {
      const bool is_new = !*session || !(*session)->is_idle();
      if (is_new) connect(*session);
      std::optional<Reply> reply;
      try {
        reply.emplace((*session)->ask(exchange.words()));
      } catch (const TimedOut& error) {
        session->reset();
        exchange.timed_out(error.what());
      } catch (const ConnectionLost& error) {
        session->reset();
        exchange.lost(error.what(), is_new);
        continue;
      } catch (...) {
        session->reset();
        throw;
      }
      const auto next = exchange.answered(*reply, server_.current());
      if (next.leave_connection) session->reset();
      if (!next.send_again) return exchange.result(*std::move(reply));
    }
  }

 private:
  /// A connection that is made when it is first used, and again after it was lost.
  using Session = std::optional<Connection>;

  [[nodiscard]] Pool<Session>::Lease lease() {
    const auto& options = server_.options();
    auto session = sessions_.lease(options.command_timeout, [] { return std::make_unique<Session>(); });
    if (!session) {
      throw Error(errc::storage_failure, "cannot use " + server_.name() + ": for " +
                                             std::to_string(options.command_timeout.count()) +
                                             " ms other threads had every connection. Raise "
                                             "RedisOptions::max_connections or command_timeout.");
    }
    return session;
  }

  /// To where the keys are or, if nobody answers there, to the address that the host gave.
  void connect(Session& session) {
    const Address address = server_.current();
    try {
      connect_to(session, address);
    } catch (const Error&) {
      if (address == server_.configured()) throw;
      server_.move_to(server_.configured());
      connect_to(session, server_.configured());
    }
  }

  void connect_to(Session& session, const Address& address) {
    try {
      session.emplace(address, server_.options().connect_timeout, server_.options().command_timeout);
      for (const auto& command : server_.login()) {
        const std::vector<std::string_view> words(command.begin(), command.end());
        server_.check_login(command, session->ask(words));
      }
    } catch (const ConnectionLost& error) {
      session.reset();
      throw Server::cannot_connect(address, error.what());
    } catch (...) {
      session.reset();
      throw;
    }
  }

  Server server_;
  Pool<Session> sessions_;
};

} // namespace mfa::detail::redis
