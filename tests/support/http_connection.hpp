#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>

#include <poll.h>
#include <sys/socket.h>

#include "loopback.hpp"

namespace mfa::test {

/// What came of a request.
struct HttpReply {
  int status = 0; ///< 0: the connection ended without an answer
  std::string head;
  std::string body;
};

/// A connection to a server on 127.0.0.1, whose bytes are those of the test.
class HttpConnection {
 public:
  explicit HttpConnection(int port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    const sockaddr_in address = loopback_address(static_cast<std::uint16_t>(port));
    if (::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
      throw std::system_error(errno, std::generic_category(), "connect");
  }

  /// False if the other side is gone.
  bool write(std::string_view bytes) const {
    while (!bytes.empty()) {
      const auto count = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (count <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
  }

  /// The next answer, waiting up to `at_most` for each part of it.
  HttpReply read(std::chrono::milliseconds at_most = std::chrono::seconds(10)) {
    std::size_t end = 0;
    while ((end = buffer_.find("\r\n\r\n")) == std::string::npos)
      if (!read_some(at_most)) return {};
    HttpReply reply;
    reply.head = buffer_.substr(0, end + 2);
    buffer_.erase(0, end + 4);
    reply.status = std::stoi(reply.head.substr(9, 3));
    const auto at = reply.head.find("Content-Length: ");
    const std::size_t size = at == std::string::npos ? 0 : std::stoul(reply.head.substr(at + 16));
    while (buffer_.size() < size)
      if (!read_some(at_most)) return {};
    reply.body = buffer_.substr(0, size);
    buffer_.erase(0, size);
    return reply;
  }

  /// Whether the server closes the connection, within this time.
  bool ends_within(std::chrono::milliseconds time) {
    for (;;) {
      if (!buffer_.empty()) buffer_.clear();
      if (!read_some(time)) return ended_;
    }
  }

  void close() { socket_ = Descriptor(); }

 private:
  bool read_some(std::chrono::milliseconds at_most) {
    pollfd polled{socket_.get(), POLLIN, 0};
    if (::poll(&polled, 1, static_cast<int>(at_most.count())) <= 0) return false;
    std::array<char, 65'536> bytes{};
    const auto count = ::recv(socket_.get(), bytes.data(), bytes.size(), 0);
    if (count <= 0) {
      ended_ = true;
      return false;
    }
    buffer_.append(bytes.data(), static_cast<std::size_t>(count));
    return true;
  }

  Descriptor socket_;
  std::string buffer_;
  bool ended_ = false;
};

} // namespace mfa::test
