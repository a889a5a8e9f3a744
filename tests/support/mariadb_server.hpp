#pragma once

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <mysql.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

#include "temporary_directory.hpp"

namespace mfa::test {

/// A MariaDB server of its own for a test, on a Unix socket, with its data in a temporary directory and
/// without accounts, from the Debian package `mariadb-server-core` or from MARIADBD. To be used from the main
/// thread, with whose end it ends. Its database is `mfa`.
class MariadbServer {
 public:
  MariadbServer() {
    std::filesystem::create_directory(directory_.path() + "/data");
    std::vector<std::string> command{binary(),
                                     "--no-defaults",
                                     "--datadir=" + directory_.path() + "/data",
                                     "--socket=" + socket(),
                                     "--pid-file=" + directory_.path() + "/pid",
                                     "--skip-grant-tables",
                                     "--skip-networking",
                                     "--innodb-buffer-pool-size=32M",
                                     "--innodb-log-file-size=16M",
                                     "--innodb-flush-log-at-trx-commit=2"};
    if (::geteuid() == 0) command.emplace_back("--user=root");
    start(command);
    for (int tries = 0; !answers(); ++tries) {
      int status = 0;
      if (tries == 600 || ::waitpid(server_, &status, WNOHANG) == server_)
        throw std::runtime_error("MariaDB does not start: " + log());
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
  }
  ~MariadbServer() {
    ::kill(server_, SIGKILL);
    while (::waitpid(server_, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
  MariadbServer(const MariadbServer&) = delete;
  MariadbServer& operator=(const MariadbServer&) = delete;

  [[nodiscard]] std::string socket() const { return directory_.path() + "/socket"; }

 private:
  static std::string binary() {
    const char* const given = std::getenv("MARIADBD");
    return given != nullptr ? given : "/usr/sbin/mariadbd";
  }

  void start(const std::vector<std::string>& command) {
    server_ = ::fork();
    if (server_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (server_ > 0) return;
#if defined(__linux__)
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
#endif
    const int to = ::open((directory_.path() + "/log").c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
    ::dup2(to, 1);
    ::dup2(to, 2);
    std::vector<char*> arguments;
    for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
    arguments.push_back(nullptr);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }

  [[nodiscard]] bool answers() const {
    MYSQL* const connection = mysql_init(nullptr);
    const bool connected = mysql_real_connect(connection, nullptr, nullptr, nullptr, nullptr, 0,
                                              socket().c_str(), 0) != nullptr &&
                           mysql_query(connection, "CREATE DATABASE IF NOT EXISTS mfa") == 0;
    mysql_close(connection);
    return connected;
  }

  [[nodiscard]] std::string log() const {
    std::ifstream file(directory_.path() + "/log");
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryDirectory directory_;
  pid_t server_ = -1;
};

} // namespace mfa::test
