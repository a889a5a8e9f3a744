#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

namespace mfa::test {

/// One end of a connection between two processes that carries whole messages, in order, of 1 to 4,096 bytes.
class Channel {
 public:
  explicit Channel(int descriptor) noexcept : descriptor_(descriptor) {}
  ~Channel() {
    if (descriptor_ >= 0) ::close(descriptor_);
  }
  Channel(Channel&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  Channel& operator=(Channel&&) = delete;

  /// Two ends, for a parent and its child.
  static std::pair<Channel, Channel> pair() {
    std::array<int, 2> ends{};
    if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
      throw std::system_error(errno, std::generic_category(), "socketpair");
    return {Channel(ends[0]), Channel(ends[1])};
  }

  /// Throws if the other side is gone.
  void send(std::string_view message) const {
    if (::send(descriptor_, message.data(), message.size(), MSG_NOSIGNAL) < 0)
      throw std::system_error(errno, std::generic_category(), "send");
  }

  /// None if the other side is gone.
  [[nodiscard]] std::optional<std::string> receive() const {
    std::array<char, 4096> buffer{};
    const ssize_t size = ::recv(descriptor_, buffer.data(), buffer.size(), 0);
    if (size <= 0) return std::nullopt;
    return std::string(buffer.data(), static_cast<std::size_t>(size));
  }

  /// Whether `receive` will return at once. Waits up to `timeout` for that.
  [[nodiscard]] bool wait(std::chrono::microseconds timeout) const {
    const timespec time{timeout.count() / 1'000'000, timeout.count() % 1'000'000 * 1000};
    pollfd polled{descriptor_, POLLIN, 0};
    return ::ppoll(&polled, 1, &time, nullptr) > 0;
  }

 private:
  int descriptor_;
};

/// A process forked from this one, to whose end of a channel it talks. It is killed and reaped at the latest
/// when this ends. Fork while there is one thread, and no storage is open.
class ChildProcess {
 public:
  /// Runs `body(channel)` in the child, which ends with status 0 if that returns and 1 if it throws.
  template <class Body> explicit ChildProcess(Body body) : ChildProcess(std::move(body), Channel::pair()) {}
  ~ChildProcess() {
    if (id_ > 0) kill();
  }
  ChildProcess(ChildProcess&& other) noexcept
      : id_(std::exchange(other.id_, -1)), channel_(std::move(other.channel_)) {}
  ChildProcess& operator=(ChildProcess&&) = delete;

  [[nodiscard]] const Channel& channel() const noexcept { return channel_; }

  /// Ends it on the spot (SIGKILL).
  void kill() noexcept {
    ::kill(id_, SIGKILL);
    (void)wait();
  }

  /// Gives what it says to `hear` for so long; false if it ends before.
  template <class Hear> [[nodiscard]] bool hear_for(std::chrono::microseconds time, Hear&& hear) const {
    const auto end = std::chrono::steady_clock::now() + time;
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::microseconds>(end - std::chrono::steady_clock::now());
      if (left <= std::chrono::microseconds(0) || !channel_.wait(left)) return true;
      const auto message = channel_.receive();
      if (!message) return false;
      hear(*message);
    }
  }

  /// Ends it on the spot, and gives to `hear` what it said until then and was not heard yet.
  template <class Hear> void kill_and_hear(Hear&& hear) {
    kill();
    while (const auto message = channel_.receive()) hear(*message);
  }

  /// Waits for its end; its exit status, or nothing if a signal ended it.
  std::optional<int> wait() noexcept {
    int status = 0;
    while (::waitpid(id_, &status, 0) < 0 && errno == EINTR) {
    }
    id_ = -1;
    return WIFEXITED(status) ? std::optional(WEXITSTATUS(status)) : std::nullopt;
  }

 private:
  template <class Body>
  ChildProcess(Body body, std::pair<Channel, Channel> ends) : id_(::fork()), channel_(std::move(ends.first)) {
    if (id_ < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (id_ > 0) return;
    int status = 1;
    try {
      const Channel parent = std::move(ends.second);
      {
        const Channel not_ours = std::move(channel_); // so that either side sees the other's end
      }
      body(parent);
      status = 0;
    } catch (...) { // told by the status
    }
    ::_exit(status);
  }

  pid_t id_;
  Channel channel_;
};

} // namespace mfa::test
