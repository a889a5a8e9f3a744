#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <limits>
#include <string>

#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <hiredis/hiredis.h>

#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// One connection, for one thread at a time, which waits in system calls.
class Connection {
 public:
  Connection(const Address& address, std::chrono::milliseconds connect_timeout,
             std::chrono::milliseconds command_timeout)
      : command_timeout_(command_timeout), wire_(connect(address, timeval_of(connect_timeout)), address) {
    const timeval wait = timeval_of(command_timeout);
    if (::setsockopt(wire_.descriptor(), SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) != 0 ||
        ::setsockopt(wire_.descriptor(), SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) != 0)
      Wire::fail(errno);
  }

  [[nodiscard]] bool is_idle() const noexcept { return wire_.is_idle(); }

  /// Sends a command and waits for its answer. Throws `ConnectionLost`, after which this is of no more use.
  [[nodiscard]] Reply ask(Words words) {
    const auto deadline = Clock::now() + command_timeout_;
    send(Command(words), deadline);
    for (bool first = true;; first = false) {
      if (!first) wait(POLLIN, deadline); // the first wait is the socket's own, which spares a system call
      if (!wire_.receive()) throw TimedOut(command_timeout_);
      if (auto reply = wire_.next_reply()) return *std::move(reply);
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  static redisContext* connect(const Address& address, timeval timeout) {
    return address.unix_socket.empty() ? redisConnectWithTimeout(address.host.c_str(), address.port, timeout)
                                       : redisConnectUnixWithTimeout(address.unix_socket.c_str(), timeout);
  }

  static timeval timeval_of(std::chrono::milliseconds time) noexcept {
    timeval result{};
    result.tv_sec = static_cast<decltype(result.tv_sec)>(time.count() / 1000);
    result.tv_usec = static_cast<decltype(result.tv_usec)>(time.count() % 1000 * 1000);
    return result;
  }

  void send(const Command& command, Clock::time_point deadline) {
    for (auto rest = command.bytes(); !rest.empty();) {
      const auto sent = wire_.send(rest);
      if (!sent) throw TimedOut(command_timeout_);
      rest.remove_prefix(*sent);
      if (!rest.empty()) wait(POLLOUT, deadline);
    }
  }

  void wait(short event, Clock::time_point deadline) const {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) throw TimedOut(command_timeout_);
      pollfd socket{wire_.descriptor(), event, 0};
      const int ready =
          ::poll(&socket, 1, static_cast<int>(std::min<std::int64_t>(left, std::numeric_limits<int>::max())));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) Wire::fail(errno);
    }
  }

  std::chrono::milliseconds command_timeout_;
  Wire wire_;
};

} // namespace mfa::detail::redis
