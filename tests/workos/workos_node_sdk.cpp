// WorkOS's SDK for node, as npm has it, is answered in each of its MFA and user management methods as it
// expects, and as WorkOS's OpenAPI file says; and what docs/http-api.md shows of other languages works as it
// stands.
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include <httplib.h>

#include "support/catch.hpp"
#include "support/node_packages.hpp"
#include "support/webauthn_host.hpp"
#include "support/workos_host.hpp"

using mfa::test::BlockingWorkosHost;

namespace {

/// The API over cpp-httplib, and beside it what the script turns.
class Server {
 public:
  Server() : port_(server_.bind_to_any_port("127.0.0.1")) {
    const auto control = [this](const char* path, auto answer) {
      server_.Post(path, [this, answer](const httplib::Request& in, httplib::Response& out) {
        const std::lock_guard lock(mutex_);
        out.set_content(answer(in), "text/plain");
      });
    };
    using std::chrono::seconds;
    control("/test/now", [this](const auto&) {
      return std::to_string(std::chrono::floor<seconds>(host_.clock.now().time_since_epoch()).count());
    });
    control("/test/advance", [this](const httplib::Request& in) {
      host_.clock.advance(seconds(std::stoi(in.get_param_value("seconds"))));
      return std::string();
    });
    control("/test/sms", [this](const auto&) { return host_.sms.last().body.str(); });
    control("/test/messages", [this](const auto&) { return std::to_string(host_.sms.messages().size()); });
    control("/test/fail", [this](const auto&) {
      host_.sms.fail_next();
      return std::string();
    });
    control("/test/begin", [this](const httplib::Request& in) {
      host_.pending.users["token_1"] = {.user_id = in.get_param_value("user"),
                                        .may_enroll = in.get_param_value("may_enroll") != "no"};
      return std::string("token_1");
    });
    const auto serve = [this](const httplib::Request& in, httplib::Response& out) {
      const std::lock_guard lock(mutex_);
      auto answer = host_.handle({in.method, in.target, {in.headers.begin(), in.headers.end()}, in.body});
      out.status = answer.status;
      for (const auto& [name, value] : answer.headers) out.set_header(name, value);
      out.body = std::move(answer.body);
    };
    server_.Get(".*", serve).Post(".*", serve).Patch(".*", serve).Delete(".*", serve);
    thread_ = std::thread([this] { (void)server_.listen_after_bind(); });
    while (!server_.is_running()) std::this_thread::yield();
  }
  ~Server() {
    server_.stop();
    thread_.join();
  }
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  [[nodiscard]] int port() const noexcept { return port_; }

 private:
  BlockingWorkosHost host_{{.totp_issuer = "Foo Corp", .client_id = "client_1"},
                           {.webauthn = mfa::webauthn::relying_party(mfa::test::example_settings())}};
  std::mutex mutex_; ///< of the host, whose clock and sign-ins are no server's
  httplib::Server server_;
  int port_;
  std::thread thread_;
};

constexpr const char* packages = "@workos-inc/node@11.0.0 @workos/openapi-spec@0.1.0 ajv@8.20.0 yaml@2.9.1";

} // namespace

TEST_CASE("What docs/http-api.md has of shell and Python works as it stands") {
  const Server server;
  const std::string run = "python3 " MFA_SOURCE_DIRECTORY
                          "/tests/workos/documented_http.py " MFA_SOURCE_DIRECTORY
                          "/docs/http-api.md http://127.0.0.1:" +
                          std::to_string(server.port()) + " " + std::string(mfa::test::api_key) + " 2>&1";
  CHECK(std::system(run.c_str()) == 0);
}

TEST_CASE("What docs/http-api.md has of JavaScript works as it stands") {
  const Server server;
  const std::string run = "node " MFA_SOURCE_DIRECTORY
                          "/tests/workos/documented_http.mjs " MFA_SOURCE_DIRECTORY
                          "/docs/http-api.md http://127.0.0.1:" +
                          std::to_string(server.port()) + " " + std::string(mfa::test::api_key) + " 2>&1";
  CHECK(std::system(run.c_str()) == 0);
}

TEST_CASE("WorkOS's SDK for node takes each answer") {
  const std::filesystem::path directory = MFA_NODE_PACKAGES;
  if (!mfa::test::have_node_packages(directory, packages, "@workos-inc/node")) return;
  const Server server;
  const std::string run = "cd '" + directory.string() +
                          "' && node " MFA_SOURCE_DIRECTORY "/tests/workos/workos_node_sdk.mjs " +
                          std::to_string(server.port()) + " 2>&1";
  CHECK(std::system(run.c_str()) == 0);
}
