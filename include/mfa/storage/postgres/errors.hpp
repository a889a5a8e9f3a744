#pragma once

#include <string>
#include <string_view>

#include <mfa/error.hpp>

namespace mfa::detail::postgres {

/// The connection ended under an operation.
class ConnectionLost : public Error {
 public:
  using Error::Error;
};

/// What the server raises itself when a batch has to be undone (see `commit` in the schema).
inline constexpr std::string_view conflict_state = "MF001";

/// What the operator of the host can do about an error of the server.
inline std::string remedy(std::string_view state) {
  const auto is = [state](std::string_view prefix) { return state.starts_with(prefix); };
  if (is("26") || is("42P05"))
    return "A connection pooler before the server gives statements to connections that did not prepare them: "
           "let it pool sessions (PgBouncer: pool_mode = session).";
  if (is("42501")) return "Grant this role what docs/postgres.md lists.";
  if (is("42") || is("3F"))
    return "Its tables are not as this library makes them: name another schema in PostgresOptions, or run "
           "what mfa::storage::postgres_schema_sql returns.";
  if (is("55P03")) return "Look in pg_locks for who holds it, or raise PostgresOptions::lock_timeout.";
  if (is("57014")) return "Look what keeps the server busy, or raise PostgresOptions::statement_timeout.";
  if (is("25006")) return "This is a standby, or its role may only read: connect to the primary.";
  if (is("53300")) return "Raise the server's max_connections, or lower PostgresOptions::max_connections.";
  if (is("53") || is("58")) return "Check the server's disk and memory.";
  if (is("57P")) return "The server is shutting down or starting: it is used again as soon as it answers.";
  if (is("XX001") || is("XX002")) return "The database is damaged: restore it from a backup.";
  return "https://www.postgresql.org/docs/current/errcodes-appendix.html tells what the state means.";
}

inline errc code_of(std::string_view state) {
  const bool is_schema = state.starts_with("42") && state != "42501" && state != "42P05";
  return is_schema || state.starts_with("3F") ? errc::storage_schema : errc::storage_failure;
}

/// libpq's words in one line, without its hints, which stand in lines of their own behind a tab.
inline std::string in_one_line(const char* message) {
  std::string line;
  bool is_hint = false;
  for (std::string_view rest(message == nullptr ? "" : message); !rest.empty(); rest.remove_prefix(1)) {
    const char c = rest.front() == '\n' ? ' ' : rest.front();
    if (rest.front() == '\t') is_hint = true;
    if (rest.front() == '\n') is_hint = false;
    if (!is_hint && (c != ' ' || !line.ends_with(' '))) line += c; // it writes "FATAL:  "
  }
  while (line.ends_with(' ')) line.pop_back();
  return line;
}

} // namespace mfa::detail::postgres
