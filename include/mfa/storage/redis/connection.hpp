#pragma once

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <limits>
#include <memory>
#include <new>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/types.h>

#include <hiredis/hiredis.h>

#include <mfa/compiler.hpp>

namespace mfa::detail::redis {

/// The words of one command.
using Words = std::span<const std::string_view>;

/// What a server answered.
class Reply {
 public:
  explicit Reply(redisReply* reply) noexcept : owned_(reply), reply_(reply) {}

  [[nodiscard]] bool is_error() const noexcept { return reply_->type == REDIS_REPLY_ERROR; }
  [[nodiscard]] bool is_nil() const noexcept { return reply_->type == REDIS_REPLY_NIL; }
  [[nodiscard]] bool is_text() const noexcept {
    return reply_->type == REDIS_REPLY_STRING || reply_->type == REDIS_REPLY_STATUS;
  }
  [[nodiscard]] bool is_integer() const noexcept { return reply_->type == REDIS_REPLY_INTEGER; }
  [[nodiscard]] long long integer() const noexcept { return reply_->integer; }

  /// Of a text or an error.
  [[nodiscard]] std::string_view text() const noexcept { return {reply_->str, reply_->len}; }

  /// The elements of an array, which live as long as this does; none of anything else.
  [[nodiscard]] std::size_t size() const noexcept {
    return reply_->type == REDIS_REPLY_ARRAY ? reply_->elements : 0;
  }
  [[nodiscard]] Reply operator[](std::size_t index) const noexcept {
    return {reply_->element[index], Part{}};
  }

 private:
  struct Part {};
  struct Free {
    void operator()(redisReply* reply) const noexcept { freeReplyObject(reply); }
  };

  Reply(redisReply* reply, Part) noexcept : reply_(reply) {}

  std::unique_ptr<redisReply, Free> owned_;
  redisReply* reply_;
};

/// There is no connection, or none any more. Whether a command that was sent on it ran is not known.
class ConnectionLost : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// No answer came in time.
class TimedOut : public ConnectionLost {
 public:
  using ConnectionLost::ConnectionLost;
};

/// Where a server listens.
struct Address {
  std::string host;
  int port = 0;
  std::string unix_socket;

  bool operator==(const Address&) const = default;

  [[nodiscard]] std::string text() const {
    if (!unix_socket.empty()) return unix_socket;
    return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + std::to_string(port);
  }
};

/// One connection, for one thread at a time. hiredis connects, writes the protocol and reads it; the bytes go
/// through our own send and recv, since those of hiredis raise SIGPIPE and start their time-out anew with
/// every part of an answer.
class Connection {
 public:
  Connection(const Address& address, std::chrono::milliseconds connect_timeout,
             std::chrono::milliseconds command_timeout)
      : command_timeout_(command_timeout) {
    const timeval timeout = timeval_of(connect_timeout);
    context_.reset(address.unix_socket.empty()
                       ? redisConnectWithTimeout(address.host.c_str(), address.port, timeout)
                       : redisConnectUnixWithTimeout(address.unix_socket.c_str(), timeout));
    if (!context_) throw std::bad_alloc();
    if (context_->err != 0) throw ConnectionLost(static_cast<const char*>(context_->errstr));
    const timeval wait = timeval_of(command_timeout);
    bool ready = ::fcntl(context_->fd, F_SETFD, FD_CLOEXEC) == 0 &&
                 ::setsockopt(context_->fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof wait) == 0 &&
                 ::setsockopt(context_->fd, SOL_SOCKET, SO_SNDTIMEO, &wait, sizeof wait) == 0;
    if (address.unix_socket.empty()) ready = ready && redisEnableKeepAlive(context_.get()) == REDIS_OK;
#ifdef SO_NOSIGPIPE
    const int on = 1;
    ready = ready && ::setsockopt(context_->fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof on) == 0;
#endif
    if (!ready) fail(errno);
  }

  /// False if the server has ended the connection, or sent what nobody asked for.
  [[nodiscard]] bool is_idle() const noexcept {
    char byte = 0;
    return ::recv(context_->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && is_would_block(errno);
  }

  /// Sends a command and waits for its answer. Throws `ConnectionLost`, after which this is of no more use.
  [[nodiscard]] Reply ask(Words words) {
    const auto deadline = Clock::now() + command_timeout_;
    send(Command(words), deadline);
    for (bool first = true;; first = false) {
      receive(first, deadline);
      void* reply = nullptr;
      if (redisReaderGetReply(context_->reader, &reply) != REDIS_OK)
        throw ConnectionLost("what answers does not speak Redis' protocol");
      if (reply != nullptr) return Reply(static_cast<redisReply*>(reply));
    }
  }

 private:
  using Clock = std::chrono::steady_clock;

  /// A command as it is sent.
  class Command {
   public:
    explicit Command(Words words) {
      std::vector<const char*> starts;
      std::vector<std::size_t> sizes;
      starts.reserve(words.size());
      sizes.reserve(words.size());
      for (const auto word : words) {
        starts.push_back(word.data() == nullptr ? "" : word.data());
        sizes.push_back(word.size());
      }
      char* bytes = nullptr;
      const auto size =
          redisFormatCommandArgv(&bytes, static_cast<int>(words.size()), starts.data(), sizes.data());
      if (size < 0) throw std::bad_alloc();
      bytes_.reset(bytes);
      size_ = static_cast<std::size_t>(size);
    }

    [[nodiscard]] std::string_view bytes() const noexcept { return {bytes_.get(), size_}; }

   private:
    struct Free {
      void operator()(char* bytes) const noexcept { redisFreeCommand(bytes); }
    };
    std::unique_ptr<char, Free> bytes_;
    std::size_t size_ = 0;
  };

  struct Free {
    void operator()(redisContext* context) const noexcept { redisFree(context); }
  };

#ifdef MSG_NOSIGNAL
  static constexpr int no_signal = MSG_NOSIGNAL;
#else
  static constexpr int no_signal = 0; // SO_NOSIGPIPE does it
#endif

  /// Two numbers on some systems.
  static bool is_would_block(int error) noexcept {
    if constexpr (EAGAIN != EWOULDBLOCK)
      if (error == EWOULDBLOCK) return true;
    return error == EAGAIN;
  }

  static timeval timeval_of(std::chrono::milliseconds time) noexcept {
    timeval result{};
    result.tv_sec = static_cast<decltype(result.tv_sec)>(time.count() / 1000);
    result.tv_usec = static_cast<decltype(result.tv_usec)>(time.count() % 1000 * 1000);
    return result;
  }

  [[noreturn]] void fail(int error) const {
    if (is_would_block(error)) {
      throw TimedOut("no answer within " + std::to_string(command_timeout_.count()) + " ms");
    }
    throw ConnectionLost(std::generic_category().message(error));
  }

  void send(const Command& command, Clock::time_point deadline) {
    for (auto rest = command.bytes(); !rest.empty();) {
      const auto sent = ::send(context_->fd, rest.data(), rest.size(), no_signal);
      if (sent >= 0) rest.remove_prefix(static_cast<std::size_t>(sent));
      if (sent < 0 && errno != EINTR) fail(errno);
      if (!rest.empty()) wait(POLLOUT, deadline);
    }
  }

  /// The first wait is that of the socket's own time-out, which spares a system call.
  void receive(bool first, Clock::time_point deadline) {
    std::array<char, 16'384> buffer;
    for (;; first = false) {
      if (!first) wait(POLLIN, deadline);
      const auto received = ::recv(context_->fd, buffer.data(), buffer.size(), 0);
      if (received == 0) throw ConnectionLost("the server closed the connection");
      if (received < 0 && errno != EINTR) fail(errno);
      if (received < 0) continue;
      if (redisReaderFeed(context_->reader, buffer.data(), static_cast<std::size_t>(received)) != REDIS_OK)
        throw std::bad_alloc();
      return;
    }
  }

  void wait(short event, Clock::time_point deadline) const {
    for (;;) {
      const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now()).count();
      if (left <= 0) fail(EAGAIN);
      pollfd socket{context_->fd, event, 0};
      const int ready =
          ::poll(&socket, 1, static_cast<int>(std::min<std::int64_t>(left, std::numeric_limits<int>::max())));
      if (ready > 0) return;
      if (ready < 0 && errno != EINTR) fail(errno);
    }
  }

  std::chrono::milliseconds command_timeout_;
  std::unique_ptr<redisContext, Free> context_;
};

} // namespace mfa::detail::redis
