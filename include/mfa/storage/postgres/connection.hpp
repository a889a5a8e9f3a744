#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#if defined(_WIN32)
#include <winsock2.h>
#else
#include <poll.h>
#endif

#include <mfa/crypto/random.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/postgres/errors.hpp>
#include <mfa/storage/postgres/values.hpp>

#if !defined(LIBPQ_HAS_PIPELINING)
#error "mfa needs libpq of PostgreSQL 14 or later"
#endif

namespace mfa::detail::postgres {

struct Timeouts {
  std::chrono::seconds connect;
  std::chrono::milliseconds statement;
  std::chrono::milliseconds lock;
};

/// A statement that each connection prepares.
struct Statement {
  const char* name;    ///< among those of one connection
  const char* purpose; ///< for error messages, as in "cannot <purpose> the PostgreSQL database"
  std::string sql;
  bool writes = false;
};

/// Before the names of a connection's statements. Behind a pooler that changes sessions without our
/// knowledge, a name that another connection uses too would run that one's statement, on the tables of
/// another tenant: so no two connections have one.
inline std::string new_statement_prefix() {
  std::array<unsigned char, 16> random{};
  crypto::random_bytes(random);
  std::string prefix = "mfa_";
  for (const unsigned char byte : random)
    prefix.append({"0123456789abcdef"[byte >> 4], "0123456789abcdef"[byte & 15]});
  return prefix + '_';
}

/// What a new connection does with the session that it got.
enum class Session {
  set_up, ///< gives it the settings that our statements need
  leave,  ///< nothing, as it may be another's the next moment
};

/// Waits until the socket can be read or, if asked, written; false if the deadline has passed before.
inline bool wait_for(int socket, bool to_write, std::chrono::steady_clock::time_point deadline) {
  using std::chrono::milliseconds;
  const auto left = deadline - std::chrono::steady_clock::now();
  const auto patience = std::clamp<milliseconds>(std::chrono::ceil<milliseconds>(left), milliseconds(0),
                                                 std::chrono::hours(24));
  const auto timeout = static_cast<int>(patience.count());
  const auto events = static_cast<short>(to_write ? POLLIN | POLLOUT : POLLIN);
#if defined(_WIN32)
  WSAPOLLFD waiting{static_cast<SOCKET>(socket), events, 0};
  const int ready = WSAPoll(&waiting, 1, timeout);
#else
  pollfd waiting{socket, events, 0};
  const int ready = poll(&waiting, 1, timeout);
#endif
  return ready != 0 || timeout > 0; // interrupted or early: the caller looks again
}

/// Refuses a connection string that libpq does not understand, and one in which a part of the password would
/// pass for the host, which messages name.
inline void check_conninfo(const std::string& conninfo) {
  const auto refuse = [](const char* why) {
    throw Error(errc::invalid_argument, std::string("the connection string for storage::Postgres ") + why);
  };
  if (conninfo.find('\0') != std::string::npos) refuse("holds a NUL");
  const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(
      PQconninfoParse(conninfo.c_str(), nullptr), &PQconninfoFree);
  if (!options)
    refuse("is not one: write postgresql://user@host/database, with special characters percent-encoded, or "
           "'host=... dbname=... user=...', with values quoted that hold spaces");
  for (const auto* option = options.get(); option->keyword != nullptr; ++option) {
    const std::string_view keyword(option->keyword);
    const std::string_view value(option->val == nullptr ? "" : option->val);
    const bool is_named =
        keyword == "host" || keyword == "hostaddr" || keyword == "port" || keyword == "dbname";
    if (is_named && value.find('@', 1) != std::string_view::npos)
      refuse("has an '@' in its host, port or database: percent-encode the password, '@' as %40");
    if (keyword == "port" && value.find_first_not_of("0123456789,") != std::string_view::npos)
      refuse("has a port that is no number: percent-encode the password, ':' as %3A and '/' as %2F");
  }
}

/// One connection, for one thread at a time. Not movable, since libpq holds its address.
class Connection {
 public:
  /// `conninfo` is a connection string or URI that `check_conninfo` let pass.
  Connection(const std::string& conninfo, const Timeouts& timeouts, Session session = Session::set_up)
      : timeouts_(timeouts) {
    const std::string patience = std::to_string(timeouts.connect.count());
    // The connection string stands behind what it may override and before what it may not.
    const std::array keywords{"fallback_application_name", "connect_timeout",
                              "target_session_attrs",      "dbname",
                              "client_encoding",           static_cast<const char*>(nullptr)};
    const std::array values{
        "mfa", patience.c_str(), "read-write", conninfo.c_str(), "UTF8", static_cast<const char*>(nullptr)};
    handle_.reset(PQconnectdbParams(keywords.data(), values.data(), 1));
    if (!handle_) throw std::bad_alloc();
    storage_ = describe();
    PQsetNoticeReceiver(handle(), &Connection::notice, this);
    if (PQstatus(handle()) != CONNECTION_OK) {
      throw Error(errc::storage_failure,
                  "cannot connect to " + storage_ + ": " + in_one_line(PQerrorMessage(handle())) +
                      ". Check that the server runs and lets this role in; it is tried "
                      "again with the next operation.");
    }
    PQsetnonblocking(handle(), 1);
    if (session == Session::set_up) set_up();
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] PGconn* handle() const noexcept { return handle_.get(); }

  /// Gives the session our settings. By SQL, as PgBouncer refuses those of the connection's start or drops
  /// them. The first is for the others too: names that say no schema, and operators, which cannot, are those
  /// of PostgreSQL itself, whatever another role has put into a schema of this role's search path.
  ///
  /// Every statement of ours is for an index: a plan made while a table was small must not stay. What the
  /// connection string or PGOPTIONS sets, they may.
  void set_up() {
    const auto milliseconds = [](std::chrono::milliseconds time) { return std::to_string(time.count()); };
    execute("set up a session of",
            "SELECT pg_catalog.set_config('search_path', 'pg_catalog, pg_temp', false);"
            "SELECT pg_catalog.set_config(ours.name, ours.value, false) FROM (VALUES"
            " ('statement_timeout', '" +
                milliseconds(timeouts_.statement) + "'), ('lock_timeout', '" + milliseconds(timeouts_.lock) +
                "'), ('synchronous_commit', 'on'), ('default_transaction_isolation', 'read committed'),"
                " ('enable_seqscan', 'off'), ('jit', 'off')) AS ours (name, value)"
                " WHERE NOT EXISTS (SELECT FROM pg_catalog.pg_settings AS given"
                " WHERE given.name = ours.name AND given.source = 'client')");
  }

  /// The server's process that answers at the moment.
  [[nodiscard]] std::string server_process() {
    const Result pid = execute("ask for the session of", "SELECT pg_catalog.pg_backend_pid()");
    return PQgetvalue(pid.handle(), 0, 0);
  }

  /// The process that the server named at the start of the connection. A pooler names one of its own
  /// invention.
  [[nodiscard]] std::string announced_process() const { return std::to_string(PQbackendPID(handle())); }

  /// "the PostgreSQL database 'app' at db.example.com:5432"
  [[nodiscard]] const std::string& storage() const noexcept { return storage_; }

  /// Whether the next operation can use it.
  [[nodiscard]] bool is_usable() const noexcept {
    return !ended_ && PQstatus(handle()) == CONNECTION_OK && PQtransactionStatus(handle()) == PQTRANS_IDLE;
  }

  /// Looks whether the server has ended it while it was idle.
  [[nodiscard]] bool is_alive() {
    if (!is_usable()) return false;
    if (PQconsumeInput(handle()) == 0) ended_ = true;
    (void)PQisBusy(handle()); // looks at what came: nothing, or a notice
    return is_usable();
  }

  /// One round trip. The result may be an error of the server. Throws `ConnectionLost` if there is none.
  Result run(const Statement& statement, const Parameters& parameters) {
    send(statement, parameters);
    return single_result(statement.purpose, statement.writes);
  }

  /// One round trip, in which all runs are one transaction: each result, up to the first error.
  std::vector<Result> run_all(const Statement& statement, std::span<const Parameters* const> runs) {
    enter_pipeline(statement.purpose);
    for (const Parameters* parameters : runs) send(statement, *parameters);
    return pipeline_results(runs.size(), statement.purpose, statement.writes);
  }

  /// One round trip for all of them.
  void prepare(std::span<const Statement* const> statements) {
    constexpr const char* purpose = "use the tables of";
    enter_pipeline(purpose);
    for (const Statement* statement : statements)
      if (PQsendPrepare(handle(), name_of(*statement).c_str(), statement->sql.c_str(), 0, nullptr) == 0)
        lose(purpose, false);
    for (const Result& result : pipeline_results(statements.size(), purpose, false)) check(result, purpose);
  }

  /// Runs SQL without parameters and returns the last result, in text. Waits for it as long as `patience`.
  Result execute(const char* purpose, const std::string& sql, std::chrono::milliseconds patience) {
    if (PQsendQuery(handle(), sql.c_str()) == 0) lose(purpose, false);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    Result last = next_result(purpose, true, deadline);
    for (Result next = next_result(purpose, true, deadline); next;
         next = next_result(purpose, true, deadline)) {
      if (!last.is_error()) last = std::move(next);
    }
    if (last.is_error() && last.state().empty()) lose(purpose, true);
    check(last, purpose);
    return last;
  }

  Result execute(const char* purpose, const std::string& sql) { return execute(purpose, sql, patience()); }

  /// Throws if the result is an error. The server's own words name tables and columns, never values; its
  /// details, which do, are left out.
  void check(const Result& result, std::string_view purpose, bool writes = false) const {
    if (!result.is_error()) return;
    const std::string state(result.state());
    const std::string message = "cannot " + std::string(purpose) + " " + storage_ + ": " +
                                std::string(result.message()) + " (SQLSTATE " + state + "). " + remedy(state);
    if (result.is_fatal()) throw ConnectionLost(errc::storage_failure, message + outcome(writes));
    throw Error(code_of(state), message);
  }

 private:
  struct Finish {
    void operator()(PGconn* handle) const noexcept { PQfinish(handle); }
  };

  [[nodiscard]] std::string name_of(const Statement& statement) const {
    return statement_prefix_ + statement.name;
  }

  [[nodiscard]] std::string describe() const {
    const auto text = [](const char* value) { return std::string(value == nullptr ? "" : value); };
    const std::string host = text(PQhost(handle()));
    return "the PostgreSQL database '" + text(PQdb(handle())) + "' at " + host + ":" + text(PQport(handle()));
  }

  /// libpq would print notices. One that ends the connection may come while it is idle.
  static void notice(void* self, const PGresult* result) noexcept {
    const char* severity = PQresultErrorField(result, PG_DIAG_SEVERITY_NONLOCALIZED);
    if (severity != nullptr &&
        (std::string_view(severity) == "FATAL" || std::string_view(severity) == "PANIC"))
      static_cast<Connection*>(self)->ended_ = true;
  }

  [[nodiscard]] std::chrono::milliseconds patience() const {
    return timeouts_.statement + std::chrono::seconds(1);
  }

  void send(const Statement& statement, const Parameters& parameters) {
    if (PQsendQueryPrepared(handle(), name_of(statement).c_str(), parameters.count(), parameters.values(),
                            parameters.lengths(), Parameters::formats(), 1) == 0)
      lose(statement.purpose, statement.writes);
  }

  Result single_result(const char* purpose, bool writes) {
    const auto deadline = std::chrono::steady_clock::now() + patience();
    Result result = next_result(purpose, writes, deadline);
    while (next_result(purpose, writes, deadline)) {
    }
    if (!result || (result.is_error() && result.state().empty())) lose(purpose, writes);
    return result;
  }

  void enter_pipeline(const char* purpose) {
    if (PQenterPipelineMode(handle()) == 0) lose(purpose, false);
  }

  std::vector<Result> pipeline_results(std::size_t count, const char* purpose, bool writes) {
    if (PQpipelineSync(handle()) == 0) lose(purpose, writes);
    const auto deadline = std::chrono::steady_clock::now() + patience();
    std::vector<Result> results;
    bool failed = false;
    for (std::size_t i = 0; i <= count; ++i) { // the last is that of the synchronisation
      Result result = next_result(purpose, writes, deadline);
      if (!result || (result.is_error() && result.state().empty() && !failed)) lose(purpose, writes);
      const bool is_end = result.status() == PGRES_PIPELINE_SYNC;
      if (!is_end && !failed) {
        failed = result.is_error();
        results.push_back(std::move(result));
      }
      if (is_end) break;
      (void)next_result(purpose, writes, deadline); // the null that ends each statement's results
    }
    if (PQexitPipelineMode(handle()) == 0) ended_ = true;
    return results;
  }

  /// The next result of what was sent, or none if that was the last.
  Result next_result(const char* purpose, bool writes, std::chrono::steady_clock::time_point deadline) {
    for (;;) {
      const int unsent = PQflush(handle());
      if (unsent < 0) lose(purpose, writes);
      if (unsent == 0 && PQisBusy(handle()) == 0) break;
      if (!wait_for(PQsocket(handle()), unsent != 0, deadline)) time_out(purpose, writes);
      if (PQconsumeInput(handle()) == 0) lose(purpose, writes);
    }
    return Result(PQgetResult(handle()));
  }

  static std::string outcome(bool writes) {
    return writes ? " What was to be written may have been written or not, but all or nothing."
                  : " It is tried again with the next operation.";
  }

  [[noreturn]] void lose(std::string_view purpose, bool writes) {
    ended_ = true;
    throw ConnectionLost(errc::storage_failure, "cannot " + std::string(purpose) + " " + storage_ +
                                                    ": the connection was lost (" +
                                                    in_one_line(PQerrorMessage(handle())) +
                                                    "). Check that the server runs." + outcome(writes));
  }

  [[noreturn]] void time_out(std::string_view purpose, bool writes) {
    ended_ = true;
    throw Error(errc::storage_failure, "cannot " + std::string(purpose) + " " + storage_ +
                                           ": there was no answer within " +
                                           std::to_string(patience().count()) +
                                           " ms. Check the server and the network to it, or raise "
                                           "PostgresOptions::statement_timeout." +
                                           outcome(writes));
  }

  Timeouts timeouts_;
  std::string storage_;
  const std::string statement_prefix_ = new_statement_prefix();
  bool ended_ = false;
  std::unique_ptr<PGconn, Finish> handle_;
};

} // namespace mfa::detail::postgres
