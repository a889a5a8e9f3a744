#pragma once

#include <chrono>
#include <csignal>
#include <cstdint>
#include <fstream>
#include <iterator>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>

#include <libpq-fe.h>
#include <pwd.h>
#include <sys/wait.h>

#include "loopback.hpp"
#include "postgres_server.hpp"
#include "server_process.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// PgBouncer before a PostgreSQL server, from the Debian package `pgbouncer`: on a free port of 127.0.0.1,
/// with its defaults but for what is given.
class PgBouncer {
 public:
  /// `settings` are lines of the section [pgbouncer], as "pool_mode = session".
  PgBouncer(const PostgresServer& server, const std::string& settings) {
    give(directory_.path(), user_);
    const std::string users = directory_.path() + "/users";
    const std::string configuration = directory_.path() + "/pgbouncer.ini";
    std::ofstream(users) << "\"postgres\" \"\"\n\"odd\" \"\"\n";
    for (int tries = 0; tries < 5; ++tries) {
      port_ = free_port();
      std::ofstream(configuration) << "[databases]\n* = host=127.0.0.1 port=" << server.port()
                                   << "\n[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = " << port_
                                   << "\nunix_socket_dir =\nauth_type = trust\nauth_file = " << users << "\n"
                                   << settings << "\n";
      process_ = start_server({"/usr/sbin/pgbouncer", configuration}, directory_.path() + "/log", user_);
      if (answers(server.uri(port_))) return;
    }
    throw std::runtime_error("PgBouncer does not start (Debian: pgbouncer): " + log());
  }

  ~PgBouncer() { stop_server(process_, SIGKILL); }
  PgBouncer(const PgBouncer&) = delete;
  PgBouncer& operator=(const PgBouncer&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  [[nodiscard]] std::string log() const {
    std::ifstream file(directory_.path() + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  /// Whether it lets somebody in; false if it has ended.
  bool answers(const std::string& uri) {
    for (;;) {
      if (::waitpid(process_, nullptr, WNOHANG) == process_) {
        process_ = 0;
        return false;
      }
      const std::unique_ptr<PGconn, decltype(&PQfinish)> connection(PQconnectdb(uri.c_str()), &PQfinish);
      if (PQstatus(connection.get()) == CONNECTION_OK) return true;
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  }

  TemporaryDirectory directory_;
  const passwd* const user_ = unprivileged_user();
  std::uint16_t port_ = 0;
  pid_t process_ = 0;
};

} // namespace mfa::test
