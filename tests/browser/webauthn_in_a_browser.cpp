// A real browser with virtual authenticators on the example's page: what it makes is accepted, and what a
// phishing page or a cloned authenticator makes is not.
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

namespace {

using mfa::test::Browser;
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
  SecurityKeySite<Verifier> pages{known.server, verifier};
  SecurityKeySite<Verifier> pages_elsewhere{unknown.server, verifier};
};

/// What the page's answer is. The status, or what the browser threw.
std::string status_of(const Json& answer) {
  return answer.contains("status") ? answer.at("status").get<std::string>() : answer.dump();
}

std::string quoted(const std::string& text) { return Json(text).dump(); }

/// Puts the authenticator's one credential back as it was, but for what `change` says.
void replace_credential(Browser& browser, const std::string& authenticator, const Json& change) {
  Json credential = browser.credentials(authenticator).at(0);
  browser.remove_credentials(authenticator);
  credential.update(change);
  browser.add_credential(authenticator, credential);
}

const Json security_key{{"protocol", "ctap2"}, {"transport", "usb"}, {"hasUserVerification", false}};
const Json platform{{"protocol", "ctap2"},
                    {"transport", "internal"},
                    {"hasResidentKey", true},
                    {"hasUserVerification", true},
                    {"isUserVerified", true}};

} // namespace

TEST_CASE("A browser registers and signs in, and is refused with a counter rolled back, on another page, or "
          "for another "
          "relying party id") {
  Site site;
  Browser browser;
  struct Kind {
    std::string name;
    Json authenticator;
    Json amr;
    int factors;
  };
  for (const Kind& kind : {Kind{"security-key", security_key, {"pop", "user"}, 1},
                           Kind{"platform", platform, {"pop", "user", "mfa"}, 2}}) {
    CAPTURE(kind.name);
    const std::string authenticator = browser.add_authenticator(kind.authenticator);
    browser.open(site.known.address("localhost"));
    const Json enrolled = browser.evaluate("enroll(" + quoted(kind.name) + ")");
    REQUIRE(status_of(enrolled) == "valid");
    const std::string id = enrolled.at("factor_id");
    const std::string sign_in = "signIn(" + quoted(id) + ")";

    const Json signed_in = browser.evaluate(sign_in);
    CHECK(status_of(signed_in) == "valid");
    CHECK(signed_in.at("amr") == kind.amr);
    CHECK(signed_in.at("factors") == kind.factors);
    CHECK(status_of(browser.evaluate(sign_in)) == "valid");

    // The same authenticator again: the browser knows from the exclude list.
    CHECK(browser.evaluate("enroll(" + quoted(kind.name) + ")") == Json{{"thrown", "InvalidStateError"}});

    // A copy of the key, whose counter is behind.
    const auto count = browser.credentials(authenticator).at(0).at("signCount").get<int>();
    CHECK(count >= 3);
    replace_credential(browser, authenticator, {{"signCount", 1}});
    CHECK(status_of(browser.evaluate(sign_in)) == "cloned_authenticator");
    replace_credential(browser, authenticator, {{"signCount", count + 10}});
    CHECK(status_of(browser.evaluate(sign_in)) == "valid");

    // The same page at another port is another origin.
    browser.open(site.unknown.address("localhost"));
    CHECK(status_of(browser.evaluate(sign_in)) == "wrong_origin");
    // At an address the browser refuses by itself.
    browser.open(site.known.address("127.0.0.1"));
    CHECK(browser.evaluate(sign_in) == Json{{"thrown", "SecurityError"}});

    // A credential for another relying party id, though on a page that is known: the browser is asked for
    // that.
    browser.open(site.known.address("login.localhost"));
    replace_credential(browser, authenticator, {{"rpId", "login.localhost"}, {"signCount", count + 50}});
    CHECK(status_of(browser.evaluate("{ const parse = requestOptions;"
                                     "  requestOptions = json => parse({...json, rpId: 'login.localhost'});"
                                     "  try { return await " +
                                     sign_in + "; } finally { requestOptions = parse; } }")) ==
          "wrong_relying_party");

    site.verifier.unlock_factor(id, mfa::any_user, mfa::by_operator);
    replace_credential(browser, authenticator, {{"rpId", "localhost"}, {"signCount", count + 60}});
    browser.open(site.known.address("localhost"));
    CHECK(status_of(browser.evaluate(sign_in)) == "valid");
    browser.remove_authenticator(authenticator);
  }
}

TEST_CASE("The page works in browsers without the JSON functions") {
  Site site;
  Browser browser;
  (void)browser.add_authenticator(security_key);
  browser.open(site.known.address("localhost"));
  browser.evaluate("{ delete PublicKeyCredential.parseCreationOptionsFromJSON;"
                   "  delete PublicKeyCredential.parseRequestOptionsFromJSON;"
                   "  delete PublicKeyCredential.prototype.toJSON; return 1; }");
  CHECK(browser.evaluate("PublicKeyCredential.prototype.toJSON === undefined") == true);
  const Json enrolled = browser.evaluate("enroll('security-key')");
  REQUIRE(status_of(enrolled) == "valid");
  CHECK(status_of(browser.evaluate("signIn(" + quoted(enrolled.at("factor_id")) + ")")) == "valid");
}
