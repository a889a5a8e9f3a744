#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <future>
#include <stdexcept>
#include <string>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

/// A mail server for the self-test: takes one message on loopback and hands it over.
class SmtpSink {
 public:
  SmtpSink() : listening_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    if (listening_ < 0 || ::bind(listening_, generic, size) != 0 || ::listen(listening_, 1) != 0 ||
        ::getsockname(listening_, generic, &size) != 0)
      throw std::runtime_error("the mail sink cannot listen on loopback");
    port_ = ntohs(address.sin_port);
    message_ = std::async(std::launch::async, [this] { return serve(); });
  }
  ~SmtpSink() {
    ::shutdown(listening_, SHUT_RDWR); // ends the wait for a client, if none came
    ::close(listening_);
  }
  SmtpSink(const SmtpSink&) = delete;
  SmtpSink& operator=(const SmtpSink&) = delete;

  [[nodiscard]] std::string url() const { return "smtp://127.0.0.1:" + std::to_string(port_); }

  /// Waits for the message.
  [[nodiscard]] std::string message() { return message_.get(); }

 private:
  static void say(int client, std::string_view line) {
    const std::string text = std::string(line) + "\r\n";
    if (::send(client, text.data(), text.size(), MSG_NOSIGNAL) < 0)
      throw std::runtime_error("the mail client left");
  }

  std::string serve() const {
    const int client = ::accept(listening_, nullptr, nullptr);
    std::string received;
    std::string message;
    bool in_message = false;
    say(client, "220 sink");
    std::array<char, 1024> buffer{};
    for (ssize_t count = 0; (count = ::recv(client, buffer.data(), buffer.size(), 0)) > 0;) {
      received.append(buffer.data(), static_cast<std::size_t>(count));
      for (auto end = received.find("\r\n"); end != std::string::npos; end = received.find("\r\n")) {
        const std::string line = received.substr(0, end);
        received.erase(0, end + 2);
        if (in_message && line != ".") {
          message += line + '\n';
        } else if (in_message || line.starts_with("EHLO") || line.starts_with("MAIL") ||
                   line.starts_with("RCPT")) {
          in_message = false;
          say(client, "250 OK");
        } else if (line == "DATA") {
          in_message = true;
          say(client, "354 go on");
        } else {
          say(client, "221 bye");
        }
      }
    }
    ::close(client);
    return message;
  }

  int listening_;
  std::uint16_t port_ = 0;
  std::future<std::string> message_;
};
