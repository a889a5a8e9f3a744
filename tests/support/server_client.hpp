#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/types.hpp>

namespace mfa::test {

/// What examples/server answered; status 0: nothing, and whether it did what it was asked is not known.
struct ServerAnswer {
  int status = 0;
  nlohmann::json body = {};

  [[nodiscard]] bool is(int expected) const noexcept { return status == expected; }
  [[nodiscard]] std::string text(const char* member) const {
    return body.is_object() ? body.value(member, std::string()) : std::string();
  }
  [[nodiscard]] bool valid() const { return status == 201 && body.value("valid", false); }
  [[nodiscard]] bool invalid() const { return status == 201 && !body.value("valid", true); }
};

/// A client of examples/server, for one thread.
class ServerClient {
 public:
  ServerClient(int port, std::string_view api_key) : client_("127.0.0.1", port) {
    client_.set_default_headers({{"Authorization", "Bearer " + std::string(api_key)}});
    client_.set_keep_alive(true);
    client_.set_tcp_nodelay(true);
    client_.set_read_timeout(std::chrono::seconds(20));
  }

  ServerAnswer post(const std::string& path, const nlohmann::json& body = nlohmann::json::object()) {
    return answer_of(client_.Post(path, body.dump(), "application/json"));
  }
  ServerAnswer get(const std::string& path) { return answer_of(client_.Get(path)); }
  /// What is no JSON; empty if it was not answered.
  std::string text(const std::string& path) {
    const auto result = client_.Get(path);
    return result ? result->body : "";
  }

  ServerAnswer enroll_totp(const std::string& user_id) {
    return post("/auth/factors/enroll", {{"type", "totp"},
                                         {"totp_issuer", "Foo Corp"},
                                         {"totp_user", "alan.turing@example.com"},
                                         {"user_id", user_id}});
  }
  ServerAnswer challenge(const std::string& factor_id) {
    return post("/auth/factors/" + factor_id + "/challenge");
  }
  ServerAnswer verify(const std::string& challenge_id, const std::string& code) {
    return post("/auth/challenges/" + challenge_id + "/verify", {{"code", code}});
  }

 private:
  static ServerAnswer answer_of(const httplib::Result& result) {
    if (!result) return {};
    ServerAnswer answer{result->status, nlohmann::json::parse(result->body, nullptr, false)};
    return answer;
  }

  httplib::Client client_;
};

/// An authenticator app with an enrolment's secret, by the machine's own clock.
class Authenticator {
 public:
  explicit Authenticator(const ServerAnswer& enrolled)
      : secret_(otp::base32_decode(enrolled.body.at("totp").at("secret").get<std::string>())) {}

  /// The code of so many periods after the first that was asked for.
  [[nodiscard]] std::string code(int steps) const {
    return otp::totp(secret_,
                     std::chrono::time_point_cast<Time::duration>(begin_) + steps * std::chrono::seconds(30));
  }
  [[nodiscard]] std::string wrong_code() const {
    std::string code = this->code(-40);
    return code == this->code(0) || code == this->code(1) || code == this->code(-1) ? this->code(-41) : code;
  }

 private:
  crypto::SecretBytes secret_;
  std::chrono::system_clock::time_point begin_ = std::chrono::system_clock::now();
};

} // namespace mfa::test
