// A real browser with virtual authenticators on the example's page: what it makes is accepted, and what a
// phishing page or a cloned authenticator makes is not.
#include <string>

#include "example_site.hpp"

using namespace mfa::test;

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
    CHECK(status_of(browser.evaluate("{ const get = navigator.credentials.get.bind(navigator.credentials);"
                                     "  navigator.credentials.get = asked =>"
                                     "    { asked.publicKey.rpId = 'login.localhost'; return get(asked); };"
                                     "  return await " +
                                     sign_in + "; }")) == "wrong_relying_party");

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
  delete_json_functions(browser);
  const Json enrolled = browser.evaluate("enroll('security-key')");
  REQUIRE(status_of(enrolled) == "valid");
  CHECK(status_of(browser.evaluate("signIn(" + quoted(enrolled.at("factor_id")) + ")")) == "valid");
}
