#pragma once

#include <array>
#include <cerrno>
#include <csignal>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__APPLE__)
#include <util.h>
#else
#include <pty.h>
#endif

#include "catch.hpp"

namespace mfa::test {

/// A program on a terminal of 80 columns and 24 lines, and a person in front of it. What still runs at the
/// end is killed.
class Terminal {
 public:
  explicit Terminal(std::vector<std::string> command) {
    winsize size{};
    size.ws_row = 24;
    size.ws_col = 80;
    child_ = ::forkpty(&descriptor_, nullptr, nullptr, &size);
    if (child_ < 0) throw std::system_error(errno, std::generic_category(), "forkpty");
    if (child_ > 0) return;
    ::setenv("TERM", "xterm-256color", 1);
    std::vector<char*> arguments;
    for (std::string& argument : command) arguments.push_back(argument.data());
    arguments.push_back(nullptr);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }

  ~Terminal() {
    if (child_ > 0) {
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
    }
    ::close(descriptor_);
  }

  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;

  /// Waits until the program shows `text`, and returns all since the last wait, `text` included, with plain
  /// line feeds.
  std::string wait_for(const std::string& text) {
    while (unread_.find(text) == std::string::npos)
      if (!read_more()) FAIL("the terminal never showed \"" << text << "\" but: " << unread_);
    const std::size_t end = unread_.find(text) + text.size();
    std::string seen = unread_.substr(0, end);
    unread_.erase(0, end);
    return seen;
  }

  /// Types as a person does: "\n" is the return key, "\x03" control and C, "\x04" control and D.
  void type(const std::string& keys) {
    REQUIRE(::write(descriptor_, keys.data(), keys.size()) == static_cast<ssize_t>(keys.size()));
  }

  /// What the program shows until it ends.
  std::string rest() {
    while (read_more()) {
    }
    return std::exchange(unread_, {});
  }

  /// How it ended: its exit status, or 128 and the signal, as shells say it.
  int status() {
    int status = 0;
    REQUIRE(::waitpid(child_, &status, 0) == child_);
    child_ = 0;
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  }

 private:
  /// False when the program has ended; fails when it shows nothing for a minute.
  bool read_more() {
    pollfd ready{descriptor_, POLLIN, 0};
    if (::poll(&ready, 1, 60'000) == 0) FAIL("the program neither goes on nor ends; it showed: " << unread_);
    std::array<char, 4096> buffer{};
    const ssize_t count = ::read(descriptor_, buffer.data(), buffer.size());
    if (count <= 0) return false; // Linux says EIO when the other side is closed
    for (const char c : std::string_view(buffer.data(), static_cast<std::size_t>(count)))
      if (c != '\r') unread_ += c;
    return true;
  }

  pid_t child_ = 0;
  int descriptor_ = -1;
  std::string unread_;
};

} // namespace mfa::test
