#pragma once

#include <chrono>
#include <cstddef>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <thread>
#include <utility>

#include <asio/buffer.hpp>
#include <asio/connect.hpp>
#include <asio/io_context.hpp>
#include <asio/ip/tcp.hpp>
#include <asio/read.hpp>
#include <asio/write.hpp>
#include <nlohmann/json.hpp>
#include <stdlib.h>

#include <filesystem>

#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>

#include "application.hpp"
#include "settings.hpp"

namespace server {

/// A client for the self-test: a connection a request.
class SelfTestClient {
 public:
  SelfTestClient(std::uint16_t port, std::string key) : port_(port), key_(std::move(key)) {}

  /// Status and body.
  std::pair<int, std::string> send(const std::string& method, const std::string& target,
                                   const std::string& body = {}) const {
    asio::io_context context;
    asio::ip::tcp::socket socket(context);
    socket.connect({asio::ip::address_v4::loopback(), port_});
    asio::write(socket,
                asio::buffer(method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" +
                             "Authorization: Bearer " + key_ +
                             "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body));
    std::string answer;
    asio::error_code end;
    asio::read(socket, asio::dynamic_buffer(answer), end);
    const auto at = answer.find("\r\n\r\n");
    if (at == std::string::npos) return {0, answer};
    return {std::stoi(answer.substr(9, 3)), answer.substr(at + 4)};
  }

 private:
  std::uint16_t port_;
  std::string key_;
};

/// One journey over HTTP: enrol, challenge, verify, and once without a key.
inline bool self_test() {
  std::string folder = (std::filesystem::temp_directory_path() / "mfa-server-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr) return false;
  const std::string key = "a-key-of-the-self-test-alone";
  const std::string key_file = folder + "/keys";
  std::ofstream(key_file) << key << '\n';
  std::filesystem::permissions(key_file, std::filesystem::perms::owner_read);
  bool all_held = true;
  const auto expect = [&all_held](bool holds, const std::string& what, const std::string& came) {
    std::cout << what << ": " << (holds ? "ok" : "NOT as expected: " + came) << '\n';
    all_held = all_held && holds;
  };
  {
    for (const Setting& known : all_settings) // what is set here may be another server's, with its storage
      ::unsetenv(Settings::environment_name(known.name).c_str());
    Problems problems;
    const Settings settings({"--listen", "127.0.0.1:0", "--api-key-file", key_file, "--totp-issuer",
                             "Foo Corp", "--log", "error", "--sms", "log:" + folder + "/messages",
                             "--sms-countries", "US"},
                            {}, problems);
    Application application(settings);
    std::cout << "listening on " << application.url() << '\n';
    std::thread serving([&application] { (void)application.run(); });
    try {
      const auto port =
          static_cast<std::uint16_t>(std::stoi(application.url().substr(application.url().rfind(':') + 1)));
      const SelfTestClient client(port, key);
      const auto [status, body] =
          client.send("POST", "/auth/factors/enroll", R"({"type":"totp","totp_user":"alan@example.com"})");
      expect(status == 201, "a factor is enrolled", std::to_string(status));
      const auto enrolled = nlohmann::json::parse(body);
      const std::string factor = enrolled.at("id");
      const auto secret = mfa::otp::base32_decode(enrolled.at("totp").at("secret").get<std::string>());
      const auto asked = client.send("POST", "/auth/factors/" + factor + "/challenge", "{}");
      expect(asked.first == 201, "it is challenged", asked.second);
      const std::string challenge = nlohmann::json::parse(asked.second).at("id");
      const std::string code = mfa::otp::totp(secret, std::chrono::system_clock::now());
      const auto verified =
          client.send("POST", "/auth/challenges/" + challenge + "/verify", R"({"code":")" + code + "\"}");
      expect(verified.first == 201 && nlohmann::json::parse(verified.second).at("valid") == true,
             "the right code is valid", verified.second);
      const auto phone =
          client.send("POST", "/auth/factors/enroll", R"({"type":"sms","phone_number":"+14155550123"})");
      const std::string phone_id = nlohmann::json::parse(phone.second).at("id");
      (void)client.send("POST", "/auth/factors/" + phone_id + "/challenge", "{}");
      std::ifstream messages(folder + "/messages");
      const std::string sent{std::istreambuf_iterator<char>(messages), {}};
      expect(sent.find(R"("to":"+14155550123")") != std::string::npos, "a text message is sent", sent);
      const SelfTestClient stranger(port, "another-key-of-nobody");
      expect(stranger.send("GET", "/auth/factors/" + factor).first == 401, "no other key is taken", "");
      expect(client.send("GET", "/health/ready").first == 200, "it is ready", "");
      expect(client.send("GET", "/metrics")
                     .second.find(R"(mfa_verifications_total{kind="totp",status="valid"} 1)") !=
                 std::string::npos,
             "it counts", "");
    } catch (const std::exception& error) {
      expect(false, "the journey", error.what());
    }
    application.stop();
    serving.join();
  }
  std::filesystem::remove_all(folder);
  return all_held;
}

} // namespace server
