#pragma once

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include "loopback.hpp"

namespace mfa::test {

/// Writes a file that its owner alone may read, as keys must be kept.
inline void write_secret_file(const std::string& path, std::string_view text) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600), "open");
  if (::write(file.get(), text.data(), text.size()) != static_cast<ssize_t>(text.size()))
    throw std::system_error(errno, std::generic_category(), path);
}

/// The same, replaced as a whole, as a key file should be; returns the path.
inline std::string replace_secret_file(const std::string& path, std::string_view text) {
  const std::string next = path + ".next";
  write_secret_file(next, text);
  if (std::rename(next.c_str(), path.c_str()) != 0)
    throw std::system_error(errno, std::generic_category(), path);
  return path;
}

/// The program examples/server as a process of its own on a port of 127.0.0.1, whose log is appended to a
/// file. It ends with the thread that starts it, at the latest when this ends.
class ExampleServer {
 public:
  /// `arguments` without --listen. Waits until it serves; throws with its log if it does not.
  ExampleServer(std::string program, std::vector<std::string> arguments, std::string log)
      : program_(std::move(program)), arguments_(std::move(arguments)), log_(std::move(log)) {
    start();
  }
  ~ExampleServer() { kill(); }
  ExampleServer(const ExampleServer&) = delete;
  ExampleServer& operator=(const ExampleServer&) = delete;

  [[nodiscard]] int port() const noexcept { return port_; }
  [[nodiscard]] pid_t id() const noexcept { return id_; }

  /// On the same port as before.
  void start() {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) != 0) throw std::system_error(errno, std::generic_category(), "pipe");
    const Descriptor heard(ends[0]);
    Descriptor said(ends[1]);
    std::vector<std::string> words = arguments_;
    words.insert(words.begin(), {program_, "--listen", "127.0.0.1:" + std::to_string(port_)});
    std::vector<char*> pointers;
    for (std::string& word : words) pointers.push_back(word.data());
    pointers.push_back(nullptr);
    id_ = ::fork();
    if (id_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (id_ == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      const int log = ::open(log_.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0644);
      if (log < 0 || ::dup2(said.get(), 1) < 0 || ::dup2(log, 2) < 0) ::_exit(126);
      ::execv(pointers[0], pointers.data());
      ::_exit(127);
    }
    said = Descriptor();
    std::string line;
    for (char c = 0; ::read(heard.get(), &c, 1) == 1 && c != '\n';) line += c;
    const auto colon = line.rfind(':');
    if (!line.starts_with("listening on http") || colon == std::string::npos) {
      kill();
      throw std::runtime_error("examples/server does not start: " + line + "\n" + log());
    }
    port_ = std::stoi(line.substr(colon + 1));
    said_ = Descriptor(::dup(heard.get()), "dup"); // whatever else it prints must not end it
  }

  /// From one instruction to the next.
  void kill() { end(SIGKILL); }
  /// In order; its exit status, or nothing if a signal ended it.
  std::pair<bool, int> stop(int by = SIGTERM) { return end(by); }
  /// The same of one that was told already.
  std::pair<bool, int> wait() { return end(0); }

  [[nodiscard]] std::string log() const {
    std::ifstream file(log_);
    return {std::istreambuf_iterator<char>(file), {}};
  }

 private:
  std::pair<bool, int> end(int signal) {
    if (id_ <= 0) return {false, 0};
    ::kill(id_, signal);
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return {WIFEXITED(status), WEXITSTATUS(status)};
  }

  std::string program_;
  std::vector<std::string> arguments_;
  std::string log_;
  int port_ = 0;
  pid_t id_ = -1;
  Descriptor said_;
};

} // namespace mfa::test
