#pragma once

#include <cerrno>
#include <csignal>
#include <stdexcept>
#include <string>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/prctl.h>
#endif

namespace mfa::test {

/// The user postgres, as whom servers run that refuse to run as root; null if this is not root.
inline const passwd* unprivileged_user() {
  if (::geteuid() != 0) return nullptr;
  const passwd* const user = ::getpwnam("postgres");
  if (user == nullptr) throw std::runtime_error("no user postgres: install PostgreSQL (Debian: postgresql)");
  return user;
}

/// Lets that user have a directory or file.
inline void give(const std::string& path, const passwd* user) {
  if (user != nullptr && ::chown(path.c_str(), user->pw_uid, user->pw_gid) != 0)
    throw std::system_error(errno, std::generic_category(), "chown");
}

/// Starts a program as that user, its output appended to a file. It ends with the thread that starts it.
[[nodiscard]] inline pid_t start_server(const std::vector<std::string>& command, const std::string& output,
                                        const passwd* user) {
  std::vector<char*> arguments;
  for (const std::string& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child < 0) throw std::system_error(errno, std::generic_category(), "fork");
  if (child > 0) return child;
  if (user != nullptr && (::setgroups(0, nullptr) != 0 || ::setgid(user->pw_gid) != 0 ||
                          ::setuid(user->pw_uid) != 0 || ::chdir("/") != 0))
    ::_exit(126);
#if defined(__linux__)
  ::prctl(PR_SET_PDEATHSIG, SIGQUIT); // a test that is killed leaves no server
#endif
  const int log = ::open(output.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (::getppid() != parent || log < 0 || ::dup2(log, 1) < 0 || ::dup2(log, 2) < 0) ::_exit(126);
  ::setpgid(0, 0); // Ctrl-C is for the test, which then stops the server
  ::execv(arguments[0], arguments.data());
  ::_exit(127);
}

/// Ends it by this signal and waits until it has ended.
inline void stop_server(pid_t server, int signal) {
  if (server <= 0) return;
  ::kill(server, signal);
  while (::waitpid(server, nullptr, 0) < 0 && errno == EINTR) {
  }
}

} // namespace mfa::test
