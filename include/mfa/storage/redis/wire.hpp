#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
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
  explicit TimedOut(std::chrono::milliseconds time)
      : ConnectionLost("no answer within " + std::to_string(time.count()) + " ms") {}
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

/// What every connection does, whether it waits in a system call or in an event loop. hiredis connects,
/// writes the protocol and reads it; the bytes go through our own send and recv, since those of hiredis raise
/// SIGPIPE and start their time-out anew with every part of an answer. Functions throw `ConnectionLost`,
/// after which this is of no more use.
class Wire {
 public:
  static constexpr std::size_t most_at_once = 16'384;

  /// Of a context that hiredis has connected, or has begun to connect if it is a non-blocking one.
  Wire(redisContext* context, const Address& address) : context_(context) {
    if (!context_) throw std::bad_alloc();
    if (context_->err != 0) throw ConnectionLost(static_cast<const char*>(context_->errstr));
    bool ready = ::fcntl(descriptor(), F_SETFD, FD_CLOEXEC) == 0;
    if (address.unix_socket.empty()) {
      ready = ready && redisEnableKeepAlive(context_.get()) == REDIS_OK && set(IPPROTO_TCP, TCP_NODELAY);
    }
#ifdef SO_NOSIGPIPE
    ready = ready && set(SOL_SOCKET, SO_NOSIGPIPE);
#endif
    if (!ready) fail(errno);
  }

  [[nodiscard]] int descriptor() const noexcept { return context_->fd; }

  /// False if the server has ended the connection, or sent what nobody asked for.
  [[nodiscard]] bool is_idle() const noexcept {
    char byte = 0;
    return ::recv(descriptor(), &byte, 1, MSG_PEEK | MSG_DONTWAIT) < 0 && is_would_block(errno);
  }

  /// How many of the bytes it took; nothing if it takes none for now.
  [[nodiscard]] std::optional<std::size_t> send(std::string_view bytes) const {
    const auto sent = ::send(descriptor(), bytes.data(), bytes.size(), no_signal);
    if (sent >= 0) return static_cast<std::size_t>(sent);
    if (is_would_block(errno)) return std::nullopt;
    if (errno != EINTR) fail(errno);
    return 0;
  }

  /// Takes what has come, for `next_reply`, up to `most_at_once`. How many bytes; nothing if there are none
  /// for now.
  [[nodiscard]] std::optional<std::size_t> receive() {
    std::array<char, most_at_once> buffer;
    const auto received = ::recv(descriptor(), buffer.data(), buffer.size(), 0);
    if (received == 0) throw ConnectionLost("the server closed the connection");
    if (received < 0) {
      if (is_would_block(errno)) return std::nullopt;
      if (errno != EINTR) fail(errno);
      return 0;
    }
    const auto size = static_cast<std::size_t>(received);
    if (redisReaderFeed(context_->reader, buffer.data(), size) != REDIS_OK) throw std::bad_alloc();
    return size;
  }

  /// The next answer, once all of it has come.
  [[nodiscard]] std::optional<Reply> next_reply() {
    void* reply = nullptr;
    if (redisReaderGetReply(context_->reader, &reply) != REDIS_OK)
      throw ConnectionLost("what answers does not speak Redis' protocol");
    if (reply == nullptr) return std::nullopt;
    return Reply(static_cast<redisReply*>(reply));
  }

  [[noreturn]] static void fail(int error) { throw ConnectionLost(std::generic_category().message(error)); }

 private:
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

  [[nodiscard]] bool set(int level, int option) const noexcept {
    const int on = 1;
    return ::setsockopt(descriptor(), level, option, &on, sizeof on) == 0;
  }

  std::unique_ptr<redisContext, Free> context_;
};

} // namespace mfa::detail::redis
