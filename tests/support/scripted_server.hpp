#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <openssl/ssl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include "loopback.hpp"
#include "temporary_directory.hpp"
#include "test_certificate.hpp"

namespace mfa::test {

/// What a scripted server does with one request.
struct ScriptedAnswer {
  enum class Then {
    stay,       ///< for the next request
    close,      ///< ends the connection as it should be
    cut,        ///< ends it without TLS's own end
    untie,      ///< goes on without TLS
    reset,      ///< the connection breaks
    half_close, ///< says that it will say no more, and goes on reading
    hang,       ///< says nothing more, until the client goes
  };

  std::string bytes = {}; ///< as they are
  Then then = Then::stay;
  std::chrono::milliseconds delay{0}; ///< before the bytes
};

/// An HTTP answer with its length.
inline ScriptedAnswer answer(int status, std::string_view body, std::string_view headers = {}) {
  return {.bytes = "HTTP/1.1 " + std::to_string(status) + " Said\r\nContent-Length: " +
                   std::to_string(body.size()) + "\r\n" + std::string(headers) + "\r\n" + std::string(body)};
}

/// A server on 127.0.0.1 that reads HTTP requests and does with each what a script says, over TLS.
class ScriptedServer {
 public:
  using Script = std::function<ScriptedAnswer(const std::string& request)>;

  enum class Tls {
    right,
    wrong_name,        ///< a certificate for somebody else
    unknown_authority, ///< one that `ca_file` does not vouch for
    refuses,           ///< the connection ends in the middle of the handshake
    stalls,            ///< nothing is said at all
  };

  explicit ScriptedServer(Script script, Tls tls = Tls::right)
      : script_(std::move(script)), tls_(tls),
        certificate_(tls == Tls::wrong_name ? "DNS:other.example" : "IP:127.0.0.1,DNS:localhost"),
        context_(SSL_CTX_new(TLS_server_method()), &SSL_CTX_free) {
    std::ofstream(ca_file()) << (tls == Tls::unknown_authority ? TestCertificate().pem()
                                                               : certificate_.pem());
    if (SSL_CTX_use_certificate(context_.get(), certificate_.certificate()) != 1 ||
        SSL_CTX_use_PrivateKey(context_.get(), certificate_.key()) != 1)
      throw std::runtime_error("the server cannot use its certificate");
    auto [socket, port] = bind_free_port();
    listening_ = std::move(socket);
    port_ = port;
    if (::listen(listening_.get(), 128) != 0) throw std::runtime_error("the server cannot listen");
    accepting_ = std::thread([this] { accept_all(); });
  }
  ScriptedServer(const ScriptedServer&) = delete;
  ScriptedServer& operator=(const ScriptedServer&) = delete;
  ~ScriptedServer() {
    ending_ = true;
    accepting_.join();
    for (std::thread& connection : connections_) connection.join();
  }

  [[nodiscard]] std::string url() const { return "https://127.0.0.1:" + std::to_string(port_); }
  [[nodiscard]] std::string ca_file() const { return directory_.path() + "/ca.pem"; }

  /// All that came, in the order in which it came whole.
  [[nodiscard]] std::vector<std::string> requests() const {
    const std::lock_guard lock(mutex_);
    return requests_;
  }
  [[nodiscard]] std::size_t accepted() const { return accepted_; }

 private:
  void accept_all() {
    sigset_t pipe;
    sigemptyset(&pipe);
    sigaddset(&pipe, SIGPIPE);
    pthread_sigmask(SIG_BLOCK, &pipe, nullptr); // for this thread and those that it starts
    while (!ending_) {
      if (!readable(listening_.get())) continue;
      const int socket = ::accept4(listening_.get(), nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      ++accepted_;
      connections_.emplace_back([this, socket] { serve(Descriptor(socket)); });
    }
  }

  /// Waits a moment.
  static bool readable(int socket) {
    pollfd polled{socket, POLLIN, 0};
    return ::poll(&polled, 1, 10) > 0;
  }

  void wait_for_end_of(int socket) {
    std::array<char, 4096> ignored{};
    while (!ending_)
      if (readable(socket) && ::recv(socket, ignored.data(), ignored.size(), 0) <= 0) return;
  }

  void serve(const Descriptor& socket) {
    if (tls_ == Tls::stalls) return wait_for_end_of(socket.get());
    if (tls_ == Tls::refuses) {
      while (!ending_ && !readable(socket.get())) {
      }
      return;
    }
    const std::unique_ptr<SSL, decltype(&SSL_free)> ssl(SSL_new(context_.get()), &SSL_free);
    SSL_set_fd(ssl.get(), socket.get());
    if (SSL_accept(ssl.get()) != 1) return;
    std::string received;
    while (read_request(ssl.get(), socket.get(), received)) {
      const std::size_t size = size_of(received);
      const std::string request = received.substr(0, size);
      received.erase(0, size);
      {
        const std::lock_guard lock(mutex_);
        requests_.push_back(request);
      }
      if (!carry_out(script_(request), ssl.get(), socket.get())) return;
    }
  }

  /// False if the connection has ended.
  bool carry_out(const ScriptedAnswer& answer, SSL* ssl, int socket) {
    const auto end = std::chrono::steady_clock::now() + answer.delay;
    while (!ending_ && std::chrono::steady_clock::now() < end)
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (std::string_view rest = answer.bytes; !rest.empty();) {
      const int sent =
          SSL_write(ssl, rest.data(), static_cast<int>(std::min<std::size_t>(rest.size(), 16384)));
      if (sent <= 0) return false;
      rest.remove_prefix(static_cast<std::size_t>(sent));
    }
    switch (answer.then) {
    case ScriptedAnswer::Then::stay: return true;
    case ScriptedAnswer::Then::close: SSL_shutdown(ssl); return false;
    case ScriptedAnswer::Then::cut: return false;
    case ScriptedAnswer::Then::untie: {
      constexpr std::string_view plain = "HTTP/1.1 201 Created\r\n\r\n";
      (void)::send(socket, plain.data(), plain.size(), MSG_NOSIGNAL);
      wait_for_end_of(socket);
      return false;
    }
    case ScriptedAnswer::Then::reset: {
      const linger at_once{1, 0};
      ::setsockopt(socket, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
      return false;
    }
    case ScriptedAnswer::Then::half_close:
      SSL_shutdown(ssl);
      ::shutdown(socket, SHUT_WR);
      wait_for_end_of(socket);
      return false;
    case ScriptedAnswer::Then::hang: wait_for_end_of(socket); return false;
    }
    return false;
  }

  /// Of the first request, once it is whole; otherwise 0.
  static std::size_t size_of(std::string_view received) {
    const auto head = received.find("\r\n\r\n");
    if (head == std::string_view::npos) return 0;
    std::size_t body = 0;
    if (const auto at = received.find("Content-Length: "); at < head)
      body = std::stoul(std::string(received.substr(at + 16, 12)));
    return received.size() >= head + 4 + body ? head + 4 + body : 0;
  }

  bool read_request(SSL* ssl, int socket, std::string& received) {
    std::array<char, 16384> buffer{};
    while (size_of(received) == 0) {
      if (ending_) return false;
      if (SSL_pending(ssl) == 0 && !readable(socket)) continue;
      const int count = SSL_read(ssl, buffer.data(), static_cast<int>(buffer.size()));
      if (count <= 0) return false;
      received.append(buffer.data(), static_cast<std::size_t>(count));
    }
    return true;
  }

  const Script script_;
  const Tls tls_;
  const TemporaryDirectory directory_;
  const TestCertificate certificate_;
  const std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context_;
  Descriptor listening_;
  std::uint16_t port_ = 0;
  std::atomic<bool> ending_ = false;
  std::atomic<std::size_t> accepted_ = 0;
  mutable std::mutex mutex_;
  std::vector<std::string> requests_;
  std::vector<std::thread> connections_; ///< of the thread that accepts, until it has ended
  std::thread accepting_;
};

/// The body of a request as the server read it.
inline std::string body_of(const std::string& request) {
  return request.substr(request.find("\r\n\r\n") + 4);
}

/// The value of a header of it; empty if there is none.
inline std::string header_of(const std::string& request, const std::string& name) {
  const auto at = request.find("\r\n" + name + ": ");
  if (at == std::string::npos) return {};
  const auto start = at + name.size() + 4;
  return request.substr(start, request.find("\r\n", start) - start);
}

} // namespace mfa::test
