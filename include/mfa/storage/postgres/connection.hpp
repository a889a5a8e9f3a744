#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <libpq-fe.h>

#include <mfa/crypto/random.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/postgres/errors.hpp>
#include <mfa/storage/postgres/values.hpp>
#include <mfa/storage/process.hpp>

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

/// One of the servers that a connection string names.
struct Server {
  std::string host;
  std::string host_address;
  std::string port;
};

/// One connection, for one conversation at a time. Not movable, since libpq holds its address. In a process
/// that was forked it does nothing, and leaves the parent's alone.
class Connection {
 public:
  /// Connects, in this thread. `conninfo` is a connection string or URI that `check_conninfo` let pass. The
  /// session is left as it is, as it may be another's the next moment if there is a pooler: see `set_up`.
  Connection(const std::string& conninfo, const Timeouts& timeouts)
      : Connection(conninfo, timeouts, nullptr, &PQconnectdbParams) {
    if (PQstatus(handle()) != CONNECTION_OK) fail_to_connect(in_one_line(PQerrorMessage(handle())));
    begin();
  }

  /// Connects to the first of the servers that lets us in, beginning with number `begin_with`, or to those
  /// that the string names if there are none here; to look up a host's name libpq blocks. Time is limited for
  /// each of `servers` alone. `begin_with` is kept for the next time, and may be shared by many threads: the
  /// server that let us in, or the one behind that which did not, be it that nobody waited any longer.
  static Conversation<std::unique_ptr<Connection>> connect(const std::string& conninfo,
                                                           const Timeouts& timeouts,
                                                           std::span<const Server> servers,
                                                           std::atomic<std::size_t>& begin_with) {
    std::string refusals;
    const std::size_t first = begin_with;
    for (std::size_t i = 0;; ++i) {
      const std::size_t number = servers.empty() ? 0 : (first + i) % servers.size();
      const Server* const server = servers.empty() ? nullptr : &servers[number];
      Attempt attempt(begin_with, number, servers.size());
      std::unique_ptr<Connection> connection(
          new Connection(conninfo, timeouts, server, &PQconnectStartParams));
      PGconn* const handle = connection->handle();
      const auto deadline = connection->connect_deadline();
      bool is_late = false;
      auto step = PQstatus(handle) == CONNECTION_BAD ? PGRES_POLLING_FAILED : PGRES_POLLING_WRITING;
      while (!is_late && (step == PGRES_POLLING_WRITING || step == PGRES_POLLING_READING)) {
        const Wait wait{
            .socket = PQsocket(handle), .to_write = step == PGRES_POLLING_WRITING, .deadline = deadline};
        const bool ready = co_await wait;
        is_late = !ready && std::chrono::steady_clock::now() >= deadline;
        if (ready) step = PQconnectPoll(handle);
      }
      if (step == PGRES_POLLING_OK) {
        connection->begin();
        attempt.succeed();
        co_return connection;
      }
      const std::string words = is_late ? "connection to server at \"" + std::string(PQhost(handle)) +
                                              "\", port " + PQport(handle) + " failed: timeout expired"
                                        : in_one_line(PQerrorMessage(handle));
      refusals += (refusals.empty() ? "" : " ") + words;
      if (i + 1 >= servers.size()) connection->fail_to_connect(refusals);
    }
  }

  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  [[nodiscard]] PGconn* handle() const noexcept { return handle_.get(); }

  /// The servers of the connection string, if they are several.
  [[nodiscard]] std::vector<Server> servers() const {
    const auto split = [](const std::string& list) {
      std::vector<std::string> parts(1);
      for (const char c : list)
        if (c == ',')
          parts.emplace_back();
        else
          parts.back() += c;
      return parts;
    };
    const auto hosts = split(setting("host"));
    const auto addresses = split(setting("hostaddr"));
    const auto ports = split(setting("port"));
    std::vector<Server> servers(std::max(hosts.size(), addresses.size()));
    if (servers.size() == 1) return {};
    const auto part = [](const std::vector<std::string>& parts, std::size_t i) {
      return parts.size() == 1 ? parts.front() : parts.at(i);
    };
    for (std::size_t i = 0; i < servers.size(); ++i) {
      servers[i] = {part(hosts, i), part(addresses, i), part(ports, i)};
      if (servers[i].port.empty()) servers[i].port = "5432";
    }
    return servers;
  }

  /// Gives the session our settings. By SQL, as PgBouncer refuses those of the connection's start or drops
  /// them. The first is for the others too: names that say no schema, and operators, which cannot, are those
  /// of PostgreSQL itself, whatever another role has put into a schema of this role's search path.
  ///
  /// Every statement of ours is for an index: a plan made while a table was small must not stay. What the
  /// connection string or PGOPTIONS sets, they may.
  Conversation<void> set_up() {
    const auto milliseconds = [](std::chrono::milliseconds time) { return std::to_string(time.count()); };
    co_await execute(
        "set up a session of",
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
  Conversation<std::string> server_process() {
    const Result pid = co_await execute("ask for the session of", "SELECT pg_catalog.pg_backend_pid()");
    co_return PQgetvalue(pid.handle(), 0, 0);
  }

  /// The process that the server named at the start of the connection. A pooler names one of its own
  /// invention.
  [[nodiscard]] std::string announced_process() const { return std::to_string(PQbackendPID(handle())); }

  /// "the PostgreSQL database 'app' at db.example.com:5432"
  [[nodiscard]] const std::string& storage() const noexcept { return storage_; }

  /// Whether the next operation can use it.
  [[nodiscard]] bool is_usable() const noexcept {
    return !ended_ && PQstatus(handle()) == CONNECTION_OK && PQtransactionStatus(handle()) == PQTRANS_IDLE &&
           PQpipelineStatus(handle()) == PQ_PIPELINE_OFF;
  }

  /// Looks whether the server has ended it while it was idle.
  [[nodiscard]] bool is_alive() {
    if (!is_usable()) return false;
    if (PQconsumeInput(handle()) == 0) ended_ = true;
    (void)PQisBusy(handle()); // looks at what came: nothing, or a notice
    return is_usable();
  }

  /// One round trip. The result may be an error of the server, also one that comes after rows: the
  /// transaction commits when they have been sent, and deferred constraints and serialization may refuse it
  /// then. Throws `ConnectionLost` if there is none.
  Conversation<Result> run(const Statement& statement, const Parameters& parameters) {
    send(statement, parameters);
    const Request request = begin_request(statement.purpose, statement.writes, patience());
    Result result(nullptr);
    for (;;) {
      while (const auto wait = pending(request)) receive(co_await *wait, request);
      Result next(PQgetResult(handle()));
      if (!next) break;
      if (!result || (next.is_error() && !result.is_error())) result = std::move(next);
    }
    if (!result || (result.is_error() && result.state().empty())) lose(statement.purpose, statement.writes);
    co_return result;
  }

  /// One round trip, in which all runs are one transaction: each result, up to the first error.
  Conversation<std::vector<Result>> run_all(const Statement& statement,
                                            std::span<const Parameters* const> runs) {
    enter_pipeline(statement.purpose);
    for (const Parameters* parameters : runs) send(statement, *parameters);
    co_return co_await pipeline_results(runs.size(), statement.purpose, statement.writes);
  }

  /// One round trip for all of them.
  Conversation<void> prepare(std::span<const Statement* const> statements) {
    constexpr const char* purpose = "use the tables of";
    enter_pipeline(purpose);
    for (const Statement* statement : statements)
      if (PQsendPrepare(handle(), name_of(*statement).c_str(), statement->sql.c_str(), 0, nullptr) == 0)
        lose(purpose, false);
    const auto results = co_await pipeline_results(statements.size(), purpose, false);
    for (const Result& result : results) check(result, purpose);
  }

  /// Runs SQL without parameters and returns the last result, in text. Waits for it as long as `patience`, by
  /// default as for any statement.
  Conversation<Result> execute(const char* purpose, std::string sql,
                               std::optional<std::chrono::milliseconds> at_most = std::nullopt) {
    if (PQsendQuery(handle(), sql.c_str()) == 0) lose(purpose, false);
    const Request request = begin_request(purpose, true, at_most.value_or(patience()));
    Result last = co_await next_result(request);
    for (;;) {
      Result next = co_await next_result(request);
      if (!next) break;
      if (!last.is_error()) last = std::move(next);
    }
    if (last.is_error() && last.state().empty()) lose(purpose, true);
    check(last, purpose);
    co_return last;
  }

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
  /// To connect to one of several servers. If it does not succeed, the next time does not begin with it.
  class Attempt {
   public:
    Attempt(std::atomic<std::size_t>& begin_with, std::size_t number, std::size_t servers) noexcept
        : begin_with_(begin_with), number_(number), servers_(servers) {}
    Attempt(const Attempt&) = delete;
    Attempt& operator=(const Attempt&) = delete;
    ~Attempt() {
      auto expected = number_; // not what another attempt has found out meanwhile
      if (!succeeded_ && servers_ != 0)
        begin_with_.compare_exchange_strong(expected, (number_ + 1) % servers_);
    }

    void succeed() noexcept {
      succeeded_ = true;
      begin_with_ = number_;
    }

   private:
    std::atomic<std::size_t>& begin_with_;
    const std::size_t number_;
    const std::size_t servers_;
    bool succeeded_ = false;
  };

  class Finish {
   public:
    void operator()(PGconn* handle) const noexcept {
      if (home_.is_here())
        PQfinish(handle);
      else
        DeleteAtHome::keep(handle);
    }

   private:
    HomeProcess home_;
  };

  Connection(const std::string& conninfo, const Timeouts& timeouts, const Server* server,
             PGconn* (*open)(const char* const*, const char* const*, int))
      : timeouts_(timeouts) {
    const std::string patience = std::to_string(timeouts.connect.count());
    // The connection string stands behind what it may override and before what it may not.
    const std::array keywords{"fallback_application_name",
                              "connect_timeout",
                              "keepalives_idle",
                              "keepalives_interval",
                              "keepalives_count",
                              "target_session_attrs",
                              "dbname",
                              "client_encoding",
                              server == nullptr ? nullptr : "host",
                              "hostaddr",
                              "port",
                              static_cast<const char*>(nullptr)};
    const std::array values{"mfa",
                            patience.c_str(),
                            "60", // the system's two hours are longer than firewalls keep idle connections
                            "10",
                            "3",
                            "read-write",
                            conninfo.c_str(),
                            "UTF8",
                            server == nullptr ? nullptr : server->host.c_str(),
                            server == nullptr ? nullptr : server->host_address.c_str(),
                            server == nullptr ? nullptr : server->port.c_str(),
                            static_cast<const char*>(nullptr)};
    handle_.reset(open(keywords.data(), values.data(), 1));
    if (!handle_) throw std::bad_alloc();
    PQsetNoticeReceiver(handle(), &Connection::notice, this);
  }

  void begin() {
    storage_ = describe();
    PQsetnonblocking(handle(), 1);
  }

  [[noreturn]] void fail_to_connect(const std::string& words) const {
    throw Error(errc::storage_failure, "cannot connect to " + describe() + ": " + words +
                                           ". Check that the server runs and lets this role in; it is tried "
                                           "again with the next operation.");
  }

  /// What a parameter of the connection is, from whatever source.
  [[nodiscard]] std::string setting(std::string_view keyword) const {
    const std::unique_ptr<PQconninfoOption, decltype(&PQconninfoFree)> options(PQconninfo(handle()),
                                                                               &PQconninfoFree);
    for (const auto* option = options.get(); option != nullptr && option->keyword != nullptr; ++option)
      if (option->keyword == keyword && option->val != nullptr) return option->val;
    return {};
  }

  /// As libpq reads connect_timeout: none is zero or less, and one second is two.
  [[nodiscard]] std::chrono::steady_clock::time_point connect_deadline() const {
    const std::string text = setting("connect_timeout");
    int seconds = 0;
    std::from_chars(text.data(), text.data() + text.size(), seconds);
    const std::chrono::seconds patience =
        seconds <= 0 ? std::chrono::hours(24) : std::chrono::seconds(std::max(seconds, 2));
    return std::chrono::steady_clock::now() + patience;
  }

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

  void enter_pipeline(const char* purpose) {
    if (PQenterPipelineMode(handle()) == 0) lose(purpose, false);
  }

  Conversation<std::vector<Result>> pipeline_results(std::size_t count, const char* purpose, bool writes) {
    if (PQpipelineSync(handle()) == 0) lose(purpose, writes);
    const Request request = begin_request(purpose, writes, patience());
    std::vector<Result> results;
    bool failed = false;
    for (std::size_t i = 0; i <= count; ++i) { // the last is that of the synchronisation
      Result result = co_await next_result(request);
      if (!result || (result.is_error() && result.state().empty() && !failed)) lose(purpose, writes);
      const bool is_end = result.status() == PGRES_PIPELINE_SYNC;
      if (!is_end && !failed) {
        failed = result.is_error();
        results.push_back(std::move(result));
      }
      if (is_end) break;
      (void)co_await next_result(request); // the null that ends each statement's results
    }
    if (PQexitPipelineMode(handle()) == 0) ended_ = true;
    co_return results;
  }

  /// What was sent, and until when its results are waited for.
  struct Request {
    const char* purpose;
    bool writes;
    std::chrono::steady_clock::time_point deadline;
  };

  static Request begin_request(const char* purpose, bool writes, std::chrono::milliseconds patience) {
    return {purpose, writes, std::chrono::steady_clock::now() + patience};
  }

  [[nodiscard]] bool is_encrypted() const {
    return PQsslInUse(handle()) != 0 || PQgssEncInUse(handle()) != 0;
  }
  /// After that an encrypted connection is read though its socket was silent: see `receive`.
  static constexpr std::chrono::milliseconds longest_wait_encrypted{100};

  /// What to wait for before PQgetResult can tell; none: it can.
  std::optional<Wait> pending(const Request& request) {
    const int unsent = PQflush(handle());
    if (unsent < 0) lose(request.purpose, request.writes);
    if (unsent == 0 && PQisBusy(handle()) == 0) return std::nullopt;
    const auto deadline =
        is_encrypted() ? std::min(request.deadline, std::chrono::steady_clock::now() + longest_wait_encrypted)
                       : request.deadline;
    return Wait{
        .socket = PQsocket(handle()), .to_write = unsent != 0, .deadline = deadline, .watch = &watch_};
  }

  void receive(bool ready, const Request& request) {
    if (!ready && std::chrono::steady_clock::now() >= request.deadline)
      time_out(request.purpose, request.writes);
    if (PQconsumeInput(handle()) == 0) lose(request.purpose, request.writes);
    // PQconsumeInput may take 8 kB of a record of 16 kB, as PostgreSQL 17 sends them. The TLS library has the
    // rest then, and the socket tells nothing of it. Three calls take a record, unless one more came
    // meanwhile.
    for (int again = 0; again < 2 && is_encrypted() && PQisBusy(handle()) != 0; ++again)
      if (PQconsumeInput(handle()) == 0) lose(request.purpose, request.writes);
  }

  /// The next result of what was sent, or none if that was the last.
  Conversation<Result> next_result(const Request& request) {
    while (const auto wait = pending(request)) receive(co_await *wait, request);
    co_return Result(PQgetResult(handle()));
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
  std::shared_ptr<void> watch_; ///< see `Wait`; ends before the connection
};

} // namespace mfa::detail::postgres
