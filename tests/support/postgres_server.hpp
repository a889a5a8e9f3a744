#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <libpq-fe.h>
#include <pwd.h>
#include <sys/wait.h>

#include "loopback.hpp"
#include "server_process.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// A PostgreSQL server of its own for a test: on a free port of 127.0.0.1, with its data in a temporary
/// directory, from the Debian package `postgresql` or from PG_BINDIR. Since PostgreSQL refuses to run as
/// root, it then runs as the user postgres. Role and database are `postgres`; every role is let in without a
/// password, except `careful`, which has one. To be used from the main thread, with whose end it ends.
class PostgresServer {
 public:
  enum class Durable { no, yes };

  explicit PostgresServer(Durable durable = Durable::no) : durable_(durable) {
    give(directory_.path(), user_);
    const pid_t child = run(
        {binary("initdb"), "-D", data(), "-A", "trust", "-U", "postgres", "-N", "--no-locale", "-E", "UTF8"});
    int status = -1;
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
    }
    if (status != 0) throw std::runtime_error("initdb failed: " + log());
    std::ofstream(data() + "/pg_hba.conf") << "host all careful 127.0.0.1/32 scram-sha-256\n"
                                              "host all all 127.0.0.1/32 trust\n";
    start();
    execute("CREATE ROLE careful LOGIN PASSWORD '" + std::string(password) + "'; GRANT ALL ON DATABASE " +
            "postgres TO careful");
  }

  ~PostgresServer() { stop(SIGQUIT); }
  PostgresServer(const PostgresServer&) = delete;
  PostgresServer& operator=(const PostgresServer&) = delete;

  /// Of the role `careful`.
  static constexpr std::string_view password = "p4ss:w/rd@x";

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::string binary(const std::string& name) const { return binaries_ + "/" + name; }

  /// A connection string, to the server itself or through a proxy.
  [[nodiscard]] std::string uri(std::uint16_t port = 0, std::string_view login = "postgres") const {
    return "postgresql://" + std::string(login) + "@127.0.0.1:" + std::to_string(port == 0 ? port_ : port) +
           "/postgres";
  }

  /// SIGINT: ends connections and stops in order. SIGQUIT: stops as in a crash.
  void stop(int signal = SIGINT) { stop_server(std::exchange(server_, 0), signal); }

  /// On the same port as before. Returns when it answers.
  void start() {
    for (int tries = 0; tries < 5; ++tries) {
      if (port_ == 0) port_ = free_port();
      const bool durable = durable_ == Durable::yes;
      server_ =
          run({binary("postgres"), "-D", data(), "-p", std::to_string(port_), "-c",
               "listen_addresses=127.0.0.1", "-c", "unix_socket_directories=", "-c", "max_connections=150",
               "-c", "shared_buffers=32MB", "-c", durable ? "fsync=on" : "fsync=off", "-c",
               durable ? "full_page_writes=on" : "full_page_writes=off"});
      if (answers()) return;
      if (!first_start_) throw std::runtime_error("PostgreSQL does not start again: " + log());
      port_ = 0; // somebody else may have taken the port
    }
    throw std::runtime_error("PostgreSQL does not start: " + log());
  }

  void restart(int signal = SIGINT) {
    stop(signal);
    start();
  }

  /// Runs SQL as the superuser, and returns the first column of the first row of the last result.
  std::string execute(const std::string& sql) const {
    const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(uri().c_str()), &PQfinish);
    const std::unique_ptr<PGresult, decltype(&PQclear)> result(PQexec(connection.get(), sql.c_str()),
                                                               &PQclear);
    const auto status = PQresultStatus(result.get());
    if (status != PGRES_COMMAND_OK && status != PGRES_TUPLES_OK)
      throw std::runtime_error(sql + ": " + PQerrorMessage(connection.get()));
    return PQntuples(result.get()) > 0 ? PQgetvalue(result.get(), 0, 0) : "";
  }

  /// What the server and initdb wrote.
  [[nodiscard]] std::string log() const {
    std::ifstream file(directory_.path() + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  [[nodiscard]] std::string data() const { return directory_.path() + "/data"; }

  /// The newest PostgreSQL that is installed.
  static std::string find_binaries() {
    if (const char* directory = std::getenv("PG_BINDIR")) return directory;
    int newest = 0;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator("/usr/lib/postgresql", ignored))
      newest = std::max(newest, std::atoi(entry.path().filename().c_str()));
    if (newest == 0)
      throw std::runtime_error("no PostgreSQL: install it (Debian: postgresql), or set PG_BINDIR");
    return "/usr/lib/postgresql/" + std::to_string(newest) + "/bin";
  }

  /// Starts a program as the user that may run it, its output in the log.
  [[nodiscard]] pid_t run(const std::vector<std::string>& command) const {
    return start_server(command, directory_.path() + "/log", user_);
  }

  /// Whether the server that was started lets somebody in; false if it has ended.
  bool answers() {
    for (;;) {
      if (::waitpid(server_, nullptr, WNOHANG) == server_) {
        server_ = 0;
        return false;
      }
      const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(uri().c_str()), &PQfinish);
      if (PQstatus(connection.get()) == CONNECTION_OK) {
        first_start_ = false;
        return true;
      }
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  TemporaryDirectory directory_;
  const std::string binaries_ = find_binaries();
  const Durable durable_;
  const passwd* const user_ = unprivileged_user();
  std::uint16_t port_ = 0;
  pid_t server_ = 0;
  bool first_start_ = true;
};

} // namespace mfa::test
