#pragma once

#include <cerrno>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <sys/wait.h>
#include <unistd.h>

#include "support/example_server.hpp"
#include "support/server_process.hpp"
#include "support/temporary_directory.hpp"

/// The program of examples/server, run to its end.
namespace mfa::test {

inline const std::string key_of_tests = "0123456789abcdef0123456789abcdef";

/// Files that a server can be started with.
struct Files {
  TemporaryDirectory folder;
  const std::string api_keys =
      replace_secret_file(folder.path() + "/api-keys", "# ours\n" + key_of_tests + "\n");
  const std::string key_ring =
      replace_secret_file(folder.path() + "/key-ring",
                          "2026-01 b41d1ae8f29b8dcb16ac24b7e92e7ad5ae1d2ea5b1d9b5eb7f8c8bb4dc7bd9b1\n");

  [[nodiscard]] std::string path(const std::string& name) const { return folder.path() + "/" + name; }
};

inline std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What became of a run.
struct Ended {
  int status = -1;
  std::string output;
};

/// Runs the program to its end, with these variables and none of the tests.
inline Ended run(const std::vector<std::string>& arguments,
                 const std::vector<std::string>& environment = {}) {
  const TemporaryDirectory folder;
  std::vector<std::string> command{"/usr/bin/env"};
  for (char** each = ::environ; *each != nullptr; ++each)
    if (const std::string variable(*each); variable.starts_with("MFA_"))
      command.insert(command.end(), {"-u", variable.substr(0, variable.find('='))});
  command.insert(command.end(), environment.begin(), environment.end());
  command.emplace_back(MFA_EXAMPLE_SERVER);
  command.insert(command.end(), arguments.begin(), arguments.end());
  const pid_t child = start_server(command, folder.path() + "/output", nullptr);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(folder.path() + "/output")};
}

inline std::vector<std::string> operator+(std::vector<std::string> some,
                                          const std::vector<std::string>& more) {
  some.insert(some.end(), more.begin(), more.end());
  return some;
}

} // namespace mfa::test
