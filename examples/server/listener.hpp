#pragma once

#include <atomic>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <asio/awaitable.hpp>
#include <asio/buffer.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/address.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/redirect_error.hpp>
#include <asio/ssl/context.hpp>
#include <asio/ssl/stream.hpp>
#include <asio/steady_timer.hpp>
#include <asio/strand.hpp>
#include <asio/use_awaitable.hpp>

#include <mfa/crypto/guarded_file.hpp>
#include <mfa/error.hpp>

#include "connections.hpp"
#include "settings.hpp"

namespace server {

/// TLS 1.2 and later with the certificate and key of the settings; null if there are none. Throws what is
/// wrong.
[[nodiscard]] inline std::shared_ptr<asio::ssl::context> tls_context(const Settings& settings) {
  const std::string certificate = settings.text("tls-certificate");
  const std::string key = settings.text("tls-key");
  if (certificate.empty() && key.empty()) return nullptr;
  if (certificate.empty() || key.empty())
    throw std::invalid_argument("--tls-certificate and --tls-key belong together; set both");
  auto context = std::make_shared<asio::ssl::context>(asio::ssl::context::tls_server);
  context->set_options(asio::ssl::context::no_tlsv1 | asio::ssl::context::no_tlsv1_1);
  SSL_CTX_set_mode(context->native_handle(), SSL_MODE_RELEASE_BUFFERS);
  asio::error_code error;
  const auto refuse = [&](std::string_view name, const std::string& path) {
    throw std::invalid_argument(
        settings.said(name) + ": cannot use '" + path + "': " + error.message() +
        "; it must be PEM, and the key that of the first certificate, without a password");
  };
  // A key that a password seals is an error, and not a question on a terminal.
  context->set_password_callback([](std::size_t, asio::ssl::context::password_purpose) { return ""; });
  if (context->use_certificate_chain_file(certificate, error)) refuse("tls-certificate", certificate);
  try {
    const auto bytes = mfa::detail::read_guarded_file("key of TLS", key, {});
    (void)context->use_private_key(asio::buffer(bytes.data(), bytes.size()), asio::ssl::context::pem, error);
  } catch (const mfa::Error& unusable) {
    throw std::invalid_argument(settings.said("tls-key") + ": " + unusable.what());
  }
  if (error) refuse("tls-key", key);
  return context;
}

/// "127.0.0.1:8080" or "[::1]:8080".
[[nodiscard]] inline asio::ip::tcp::endpoint endpoint_of(const Settings& settings) {
  const std::string given = settings.text("listen");
  const auto colon = given.rfind(':');
  std::string host = given.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  asio::error_code error;
  const auto address = asio::ip::make_address(host, error);
  unsigned port = 65'536;
  if (colon != std::string::npos) {
    const char* const end = given.data() + given.size();
    if (std::from_chars(given.data() + colon + 1, end, port).ptr != end) port = 65'536;
  }
  if (error || port > 65'535)
    throw std::invalid_argument(settings.said("listen") + " is '" + given +
                                "', and must be an address and a port, as 127.0.0.1:8080 or [::1]:8080");
  return {address, static_cast<std::uint16_t>(port)};
}

/// Counts something as under way as long as it lives.
class UnderWay {
 public:
  explicit UnderWay(std::atomic<std::size_t>& counter) : counter_(&counter) { ++counter; }
  UnderWay(UnderWay&& other) noexcept : counter_(std::exchange(other.counter_, nullptr)) {}
  UnderWay(const UnderWay&) = delete;
  UnderWay& operator=(const UnderWay&) = delete;
  UnderWay& operator=(UnderWay&&) = delete;
  ~UnderWay() {
    if (counter_ != nullptr) --*counter_;
  }

 private:
  std::atomic<std::size_t>* counter_;
};

/// Takes connections, and ends those that take too long.
class Listener {
 public:
  /// Binds; throws what is wrong. `answer` and `refused` must be usable from all threads that run the
  /// context.
  Listener(asio::io_context& context, const Settings& settings, Limits limits, Answer answer, Hear refused)
      : context_(context), acceptor_(asio::make_strand(context)), limits_(limits), answer_(std::move(answer)),
        refused_(std::move(refused)), tls_(tls_context(settings)) {
    const auto endpoint = endpoint_of(settings);
    asio::error_code error;
    acceptor_.open(endpoint.protocol(), error);
    if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
    if (!error) acceptor_.bind(endpoint, error);
    if (!error) acceptor_.listen(4096, error);
    if (error)
      throw std::invalid_argument(settings.said("listen") + ": cannot listen on " + settings.text("listen") +
                                  ": " + error.message() + "; choose another port, or end what uses it");
  }

  [[nodiscard]] std::uint16_t port() const { return acceptor_.local_endpoint().port(); }
  [[nodiscard]] std::string url() const {
    const auto address = acceptor_.local_endpoint().address();
    const std::string host = address.is_v6() ? "[" + address.to_string() + "]" : address.to_string();
    return (tls_ ? "https://" : "http://") + host + ":" + std::to_string(port());
  }

  void start() {
    asio::co_spawn(acceptor_.get_executor(), accept(UnderWay(under_way_)), asio::detached);
    asio::co_spawn(context_, end_what_is_late(), asio::detached);
  }

  /// For connections that are made from now on.
  void replace_tls(std::shared_ptr<asio::ssl::context> tls) {
    const std::lock_guard lock(mutex_);
    tls_ = std::move(tls);
  }

  /// Takes no further connection and no further request.
  void stop() {
    stopping_ = true;
    asio::post(acceptor_.get_executor(), [this] {
      asio::error_code ignored;
      acceptor_.close(ignored);
      connections_.end_idle();
    });
  }

  [[nodiscard]] bool stopping() const noexcept { return stopping_; }
  [[nodiscard]] Connections& connections() noexcept { return connections_; }
  /// Connections that were accepted and are not over, counted before anything is done with them, and one more
  /// until it is sure that no further one is accepted. When it is 0 after `stop`, it stays so.
  [[nodiscard]] std::size_t under_way() const noexcept { return under_way_; }

 private:
  using Socket = asio::ip::tcp::socket;

  asio::awaitable<void> accept([[maybe_unused]] UnderWay counted) {
    asio::steady_timer pause(acceptor_.get_executor());
    while (!stopping_) {
      asio::error_code error;
      Socket socket(asio::make_strand(context_));
      co_await acceptor_.async_accept(socket, asio::redirect_error(asio::use_awaitable, error));
      if (error && stopping_) break;
      if (error) { // no descriptors, say
        pause.expires_after(std::chrono::milliseconds(50));
        co_await pause.async_wait(asio::redirect_error(asio::use_awaitable, error));
        continue;
      }
      const auto executor = socket.get_executor();
      asio::co_spawn(executor, serve(std::move(socket), UnderWay(under_way_)), asio::detached);
    }
  }

  asio::awaitable<void> serve(Socket socket, [[maybe_unused]] UnderWay counted) {
    asio::error_code ignored;
    socket.set_option(asio::ip::tcp::no_delay(true), ignored);
    if (const auto tls = current_tls()) {
      asio::ssl::stream<Socket> stream(std::move(socket), *tls);
      const auto connection = connections_.add(stream.next_layer(), limits_.most_connections);
      const Leaving leaving(*this, connection);
      connection->expect_within(limits_.head, Connection::State::reading);
      asio::error_code error;
      co_await stream.async_handshake(asio::ssl::stream_base::server,
                                      asio::redirect_error(asio::use_awaitable, error));
      if (error) co_return;
      Conversation conversation(stream, *connection, limits_, answer_, refused_, stopping_);
      co_await conversation.run();
    } else {
      const auto connection = connections_.add(socket, limits_.most_connections);
      const Leaving leaving(*this, connection);
      Conversation conversation(socket, *connection, limits_, answer_, refused_, stopping_);
      co_await conversation.run();
    }
  }

  /// At the end of a connection's coroutine, on its strand.
  struct Leaving {
    Leaving(Listener& of, std::shared_ptr<Connection> left) : listener(of), connection(std::move(left)) {}
    Leaving(const Leaving&) = delete;
    Leaving& operator=(const Leaving&) = delete;
    ~Leaving() {
      connection->gone();
      listener.connections_.remove(connection);
    }
    Listener& listener;
    std::shared_ptr<Connection> connection;
  };

  asio::awaitable<void> end_what_is_late() {
    asio::steady_timer timer(context_);
    for (;;) {
      timer.expires_after(std::chrono::milliseconds(250));
      co_await timer.async_wait(asio::use_awaitable);
      connections_.end_late();
      if (stopping_) connections_.end_idle(); // those that have become idle since
    }
  }

  std::shared_ptr<asio::ssl::context> current_tls() {
    const std::lock_guard lock(mutex_);
    return tls_;
  }

  asio::io_context& context_;
  asio::ip::tcp::acceptor acceptor_;
  const Limits limits_;
  const Answer answer_;
  const Hear refused_;
  std::mutex mutex_;
  std::shared_ptr<asio::ssl::context> tls_;
  std::atomic<bool> stopping_{false};
  std::atomic<std::size_t> under_way_{0};
  Connections connections_;
};

} // namespace server
