#pragma once

#include <cerrno>
#include <cstdint>
#include <system_error>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

namespace mfa::test {

/// A file descriptor, closed at its end.
class Descriptor {
 public:
  Descriptor() = default;
  /// Throws what errno says if it is negative.
  explicit Descriptor(int value, const char* what = "socket") : value_(value) {
    if (value < 0) throw std::system_error(errno, std::generic_category(), what);
  }
  ~Descriptor() {
    if (value_ >= 0) ::close(value_);
  }
  Descriptor(Descriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(value_, other.value_);
    return *this;
  }

  [[nodiscard]] int get() const noexcept { return value_; }

 private:
  int value_ = -1;
};

/// 127.0.0.1; port 0 stands for any free one.
inline sockaddr_in loopback_address(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

/// A socket that is bound to a free port of 127.0.0.1, and that port.
inline std::pair<Descriptor, std::uint16_t> bind_free_port() {
  Descriptor bound(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address = loopback_address(0);
  socklen_t size = sizeof address;
  if (::bind(bound.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0 ||
      ::getsockname(bound.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::system_error(errno, std::generic_category(), "bind");
  return {std::move(bound), ntohs(address.sin_port)};
}

/// A port of 127.0.0.1 that was free a moment ago: a server that finds it taken should be given another.
inline std::uint16_t free_port() { return bind_free_port().second; }

} // namespace mfa::test
