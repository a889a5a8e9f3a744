#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>

#include <mfa/error.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/postgres/connection.hpp>

namespace mfa::detail::postgres {

/// Throws if what is before the server is a pooler that gives our connection another session from one
/// transaction to the next (PgBouncer: pool_mode = transaction or statement). To be called on a new
/// connection that has left its session alone. Blocks.
///
/// A pooler is told by the process id that it announces, which is not that of the server's process. Whether
/// it pools sessions then shows on a second connection: as long as the first is open, no session is both's.
/// One that pools transactions gives the second what the first has just let go of, or gives the first
/// another; if it takes its sessions in turns, then after some queries, as the second asks more often from
/// round to round. Should it pass all the same, because other clients or another pooler behind the same
/// address came between, statements fail by their names, which only this connection's session knows.
inline void require_session(Connection& connection, const std::string& conninfo, Timeouts timeouts) {
  using namespace std::chrono_literals;
  const std::string session = block_on(connection.server_process());
  if (session == connection.announced_process()) return;

  timeouts.connect = std::min<std::chrono::seconds>(timeouts.connect, 2s);
  timeouts.statement = std::min<std::chrono::milliseconds>(timeouts.statement, 1s);
  std::optional<Connection> second;
  const auto other_session = [&]() -> std::optional<std::string> {
    try {
      if (!second) second.emplace(conninfo, timeouts);
      return block_on(second->server_process());
    } catch (const Error&) { // none is free, since ours and other clients' are in use
      return std::nullopt;
    }
  };
  const auto changes = [&] {
    constexpr int rounds = 5;
    for (int round = 1; round <= rounds; ++round) {
      if (block_on(connection.server_process()) != session) return true;
      for (int query = 0; query < round; ++query) {
        const auto other = other_session();
        if (!other) return false;
        if (*other == session) return true;
      }
    }
    return false;
  };
  if (changes())
    throw Error(errc::storage_failure,
                "cannot use " + connection.storage() +
                    ": a connection pooler before it gives this connection another session with each "
                    "transaction, and with it the settings and prepared statements of other clients. Let it "
                    "pool sessions (PgBouncer: pool_mode = session).");
}

} // namespace mfa::detail::postgres
