#pragma once

#include <chrono>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include "server_process.hpp"
#include "temporary_directory.hpp"
#include "test_certificate.hpp"

namespace mfa::test {

/// A mail server on 127.0.0.1 that others have written: tests/transports/smtp_server.py, of whose user `foo`
/// the password is `sesame`. Its tests get MFA_SOURCE_DIRECTORY.
class MailServer {
 public:
  enum class Password { none, required };

  /// `refusal`: what is refused, and how: "MAIL 550 Go away".
  explicit MailServer(const std::string& mode, Password password = Password::none,
                      const TestCertificate& certificate = TestCertificate(),
                      const std::string& refusal = std::string())
      : scheme_(mode == "smtps" ? "smtps" : "smtp") {
    std::ofstream(directory_.path() + "/certificate.pem") << certificate.pem();
    std::ofstream(directory_.path() + "/key.pem") << certificate.key_pem();
    std::vector<std::string> command = {
        "/usr/bin/python3", MFA_SOURCE_DIRECTORY "/tests/transports/smtp_server.py", directory_.path(), mode};
    if (password == Password::required) command.emplace_back("password");
    if (!refusal.empty()) command.push_back(refusal);
    server_ = start_server(command, directory_.path() + "/log", nullptr);
    for (int i = 0; i < 2000 && !std::filesystem::exists(directory_.path() + "/port"); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    port_ = text_of(directory_.path() + "/port");
    if (port_.empty())
      throw std::runtime_error("the mail server does not start: " + text_of(directory_.path() + "/log"));
  }
  MailServer(const MailServer&) = delete;
  MailServer& operator=(const MailServer&) = delete;
  ~MailServer() { stop_server(server_, SIGKILL); }

  [[nodiscard]] std::string url() const { return scheme_ + "://127.0.0.1:" + port_; }
  [[nodiscard]] std::string ca_file() const { return directory_.path() + "/certificate.pem"; }

  /// The mail of this number, from 1 on; null if there is none.
  [[nodiscard]] nlohmann::json mail(int number) const {
    const std::string text = text_of(directory_.path() + "/mail-" + std::to_string(number) + ".json");
    return text.empty() ? nlohmann::json() : nlohmann::json::parse(text);
  }

 private:
  static std::string text_of(const std::string& path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  TemporaryDirectory directory_;
  std::string scheme_;
  pid_t server_ = -1;
  std::string port_;
};

} // namespace mfa::test
