#pragma once

#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>

#include <httplib.h>
#include <nlohmann/json.hpp>

#include <mfa/mfa.hpp>
#include <mfa/webauthn/relying_party.hpp>

#include "../../examples/security_key_site.hpp"
#include "support/catch.hpp"
#include "support/web_driver.hpp"

/// The example's site, its pages in a browser, and the browser's virtual authenticators.
namespace mfa::test {

using Json = nlohmann::json;

/// A server on a port of its own, until this ends.
class Listening {
 public:
  Listening() : port_(server.bind_to_any_port("127.0.0.1")) { REQUIRE(port_ > 0); }
  ~Listening() {
    server.stop();
    if (thread_.joinable()) thread_.join();
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;

  httplib::Server server;

  void start() {
    thread_ = std::thread([this] { (void)server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  [[nodiscard]] std::string address(const std::string& host) const {
    return "http://" + host + ':' + std::to_string(port_);
  }

 private:
  int port_;
  std::thread thread_;
};

/// The example's site, which knows two pages and is served at a third that it does not know.
struct Site {
  using Verifier = mfa::Verifier<mfa::storage::Memory>;

  Site() {
    known.start();
    unknown.start();
  }

  Listening known;
  Listening unknown;
  mfa::storage::Memory storage;
  Verifier verifier{
      storage, mfa::clock::System{},
      mfa::Options{.webauthn = mfa::webauthn::relying_party(
                       {.id = "localhost",
                        .name = "Test",
                        .origins = {known.address("localhost"), known.address("login.localhost")}})}};
  SecurityKeySite<Verifier> pages{known.server, verifier, script(), "localhost"};
  SecurityKeySite<Verifier> pages_elsewhere{unknown.server, verifier, script(), "localhost"};

 private:
  static std::string script() {
    std::ifstream file(MFA_SOURCE_DIRECTORY "/examples/passkeys.js");
    return {std::istreambuf_iterator<char>(file), {}};
  }
};

/// What the page's answer is. The status, or what the browser threw.
inline std::string status_of(const Json& answer) {
  return answer.contains("status") ? answer.at("status").get<std::string>() : answer.dump();
}

inline std::string quoted(const std::string& text) { return Json(text).dump(); }

/// Puts the authenticator's one credential back as it was, but for what `change` says.
inline void replace_credential(Browser& browser, const std::string& authenticator, const Json& change) {
  Json credential = browser.credentials(authenticator).at(0);
  browser.remove_credentials(authenticator);
  credential.update(change);
  browser.add_credential(authenticator, credential);
}

/// As in browsers from before 2025.
inline void delete_json_functions(Browser& browser) {
  browser.evaluate("{ delete PublicKeyCredential.parseCreationOptionsFromJSON;"
                   "  delete PublicKeyCredential.parseRequestOptionsFromJSON;"
                   "  delete PublicKeyCredential.prototype.toJSON; return 1; }");
  CHECK(browser.evaluate("PublicKeyCredential.prototype.toJSON === undefined") == true);
}

inline const Json security_key{{"protocol", "ctap2"}, {"transport", "usb"}, {"hasUserVerification", false}};
inline const Json platform{{"protocol", "ctap2"},
                           {"transport", "internal"},
                           {"hasResidentKey", true},
                           {"hasUserVerification", true},
                           {"isUserVerified", true}};

} // namespace mfa::test
