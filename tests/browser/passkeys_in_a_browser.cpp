// examples/passkeys.js in a real browser with virtual authenticators, on the example's page.
#include <algorithm>
#include <chrono>
#include <string>
#include <thread>

#include "example_site.hpp"

using namespace mfa::test;

namespace {

/// The page in a browser, with nothing offered in its field until the test asks for it, and notes of the
/// signals that it gives.
struct Page {
  explicit Page(const Json& settings = with(platform, "defaultBackupEligibility", true)) {
    open();
    if (!settings.is_null()) authenticator = browser.add_authenticator(settings);
  }

  void open() {
    browser.open(site.known.address("localhost"));
    browser.evaluate(
        "{ passkeys.stopOffer(); window.signals = [];"
        "  for (const name of ['signalUnknownCredential', 'signalAllAcceptedCredentials',"
        "                      'signalCurrentUserDetails']) {"
        "    const signal = PublicKeyCredential[name].bind(PublicKeyCredential);"
        "    PublicKeyCredential[name] = json => { signals.push({...json, signal: name}); return "
        "signal(json); };"
        "  } return 1; }");
  }

  static Json with(Json settings, const char* name, bool value) {
    settings[name] = value;
    return settings;
  }

  void type(const std::string& user) {
    browser.evaluate("document.getElementById('user').value = " + quoted(user));
  }

  /// The factor's id.
  std::string enroll(const std::string& user) {
    type(user);
    const Json enrolled = browser.evaluate("enroll('passkey')");
    REQUIRE(status_of(enrolled) == "valid");
    return enrolled.at("factor_id");
  }

  /// As the other functions of the page.
  Json sign_in_by_passkey() {
    type("");
    return browser.evaluate("signInByPasskey()");
  }

  Json signals(const std::string& name) {
    return browser.evaluate("signals.filter(({signal}) => signal === " + quoted(name) + ")");
  }

  Site site;
  Browser browser;
  std::string authenticator;
};

constexpr auto alan = "alan@example.org";
constexpr auto grace = "grace@example.org";

} // namespace

TEST_CASE(
    "A passkey signs in with no user name at the button and in the field, with and without the browser's "
    "JSON functions") {
  for (const bool json_functions : {true, false}) {
    CAPTURE(json_functions);
    Page page;
    if (!json_functions) delete_json_functions(page.browser);
    const std::string factor = page.enroll(alan);
    for (const std::string ceremony : {"signInByPasskey()", "offer()"}) {
      CAPTURE(ceremony);
      page.type("");
      const Json signed_in = page.browser.evaluate(ceremony);
      REQUIRE(status_of(signed_in) == "valid");
      CHECK(signed_in.at("user") == alan);
      CHECK(signed_in.at("amr") == Json{"pop", "user", "mfa"});
      CHECK(signed_in.at("factors") == 2);
    }
    page.type(alan);
    CHECK(status_of(page.browser.evaluate("signInByName()")) == "valid");
    const Json credential = page.browser.credentials(page.authenticator).at(0);
    for (const auto& accepted : page.signals("signalAllAcceptedCredentials"))
      CHECK(accepted.at("allAcceptedCredentialIds") == Json{credential.at("credentialId")});
    CHECK(page.signals("signalAllAcceptedCredentials").size() == 3);
    CHECK(page.signals("signalCurrentUserDetails").size() == 3);
  }
}

TEST_CASE("The page offers passkeys in the field when it is opened") {
  Page page;
  page.enroll(alan);
  page.browser.open(page.site.known.address("localhost"));
  Json answer = Json::object();
  for (int tries = 0; tries < 100 && answer.value("status", "") != "valid"; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const std::string shown = page.browser.evaluate("document.getElementById('answer').value");
    answer = Json::parse(shown, nullptr, false);
    if (!answer.is_object()) answer = Json::object();
  }
  CHECK(answer.value("status", "") == "valid");
  CHECK(page.browser.evaluate("document.getElementById('user').value") == alan);
}

TEST_CASE(
    "An offer in the field is renewed before its challenge expires, makes room for other ceremonies, comes "
    "back, and asks for a fresh challenge after a refusal") {
  Page page{Json()};
  page.browser.evaluate(R"({
    window.asks = 0;
    window.refusals = [];
    window.refuseNext = true;
    const post = async (path, body) => (await fetch(path, {method: 'POST', body: JSON.stringify(body)})).json();
    window.offered = passkeys.offerInField({
      ask: async () => { ++asks; return {...await post('/challenge-passkey', {conditional: true}), lifetime: 400}; },
      answer: async (response, {challenge_id}) => {
        if (!refuseNext) return post('/verify', {challenge_id, response});
        refuseNext = false;
        return {status: 'expired'};
      },
      refused: answer => { if (answer.status) refusals.push(answer.status); }});
    return 1; })");
  std::this_thread::sleep_for(std::chrono::milliseconds(1500));
  CHECK(page.browser.evaluate("asks").get<int>() >= 3);
  // Chromium declines by itself as long as the virtual authenticator has no passkey, which is no answer.
  page.browser.add_authenticator(Page::with(platform, "defaultBackupEligibility", true));
  // The enrolment ends the offer, which then comes back and finds the passkey.
  page.enroll(alan);
  const Json answer = page.browser.evaluate("offered");
  CHECK(status_of(answer) == "valid");
  CHECK(page.browser.evaluate("refusals") == Json{"expired"});
}

TEST_CASE("A browser that ends each offer in the field by itself is not asked again at once") {
  Page page{Json()};
  const Json asks = page.browser.evaluate(R"({
    navigator.credentials.get = async () => { throw new DOMException('by another script', 'AbortError'); };
    let asks = 0, told = [];
    const offered = passkeys.offerInField({
      ask: async () => { if (++asks > 20) await new Promise(() => {}); return {options: {challenge: 'AAAA'}}; },
      answer: async () => ({}),
      refused: error => told.push(error.name)});
    await new Promise(r => setTimeout(r, 2000));
    passkeys.stopOffer();
    return {asks, told}; })");
  CHECK(asks.at("asks") == 2); // after a second, and after two more
  CHECK(asks.at("told") == Json{"AbortError", "AbortError"});
}

TEST_CASE("An offer in the field ends when it is told to, and when the user has signed in at a button") {
  Page page;
  CHECK(page.browser.evaluate("{ const offered = offer(); await new Promise(r => setTimeout(r, 300));"
                              "  passkeys.stopOffer(); return await offered === undefined; }") == true);
  page.browser.evaluate(
      "{ window.offered = offer(); await new Promise(r => setTimeout(r, 300)); return 1; }");
  const std::string other = page.browser.add_authenticator(security_key);
  page.type(alan);
  const Json enrolled = page.browser.evaluate("enroll('security-key')");
  REQUIRE(status_of(enrolled) == "valid");
  CHECK(status_of(page.browser.evaluate("signInByName()")) == "valid");
  CHECK(page.browser.evaluate("await offered === undefined") == true);
}

TEST_CASE("Two users have passkeys on one authenticator") {
  Page page;
  const std::string of_alan = page.enroll(alan);
  const std::string of_grace = page.enroll(grace);
  CHECK(page.browser.credentials(page.authenticator).size() == 2);
  for (const std::string user : {alan, grace}) {
    CAPTURE(user);
    page.type(user);
    const Json signed_in = page.browser.evaluate("signInByName()");
    REQUIRE(status_of(signed_in) == "valid");
    CHECK(signed_in.at("user") == user);
  }
  // Whose it is, the passkey says; the browser chooses here.
  const Json signed_in = page.sign_in_by_passkey();
  REQUIRE(status_of(signed_in) == "valid");
  CHECK((signed_in.at("user") == alan || signed_in.at("user") == grace));
}

TEST_CASE("A passkey that was deleted at the server is unknown, and the browser is told to forget it") {
  Page page;
  const std::string factor = page.enroll(alan);
  const Json credential = page.browser.credentials(page.authenticator).at(0);
  page.site.verifier.delete_factor(factor, alan, mfa::by_operator);
  CHECK(status_of(page.sign_in_by_passkey()) == "unknown_credential");
  CHECK(page.signals("signalUnknownCredential") ==
        Json::array({{{"signal", "signalUnknownCredential"},
                      {"rpId", "localhost"},
                      {"credentialId", credential.at("credentialId")}}}));
  CHECK(page.browser.credentials(page.authenticator).empty());
}

TEST_CASE("A passkey that its user deletes in the page is no longer accepted, as his browser is told") {
  Page page;
  const std::string factor = page.enroll(alan);
  page.browser.evaluate("remove(" + quoted(factor) + ")");
  const Json told = page.signals("signalAllAcceptedCredentials");
  REQUIRE(told.size() == 1);
  CHECK(told.at(0).at("allAcceptedCredentialIds").empty());
  CHECK(page.browser.credentials(page.authenticator).empty());
}

TEST_CASE("Nobody signs in by a passkey whose PIN or biometric was not shown") {
  Page page;
  page.enroll(alan);
  page.browser.set_user_verified(page.authenticator, false);
  CHECK(page.sign_in_by_passkey() == Json{{"thrown", "NotAllowedError"}});
  // A page that asks the browser for less gets no further.
  page.browser.evaluate("{ const get = navigator.credentials.get.bind(navigator.credentials);"
                        "  navigator.credentials.get = asked =>"
                        "    { asked.publicKey.userVerification = window.verification; return get(asked); };"
                        "  return window.verification = 'discouraged'; }");
  CHECK(status_of(page.sign_in_by_passkey()) == "user_not_verified");
  page.browser.evaluate("window.verification = 'required'");
  page.browser.set_user_verified(page.authenticator, true);
  CHECK(status_of(page.sign_in_by_passkey()) == "valid");
}

TEST_CASE("A counter that stands still is a copy of a device-bound passkey, and nothing of one that is "
          "synchronised") {
  for (const bool synchronised : {true, false}) {
    CAPTURE(synchronised);
    Page page(Page::with(platform, "defaultBackupEligibility", synchronised));
    page.enroll(alan);
    CHECK(status_of(page.sign_in_by_passkey()) == "valid");
    CHECK(status_of(page.sign_in_by_passkey()) == "valid"); // it counts
    replace_credential(page.browser, page.authenticator, {{"signCount", 0}});
    CHECK(status_of(page.sign_in_by_passkey()) == (synchronised ? "valid" : "cloned_authenticator"));
  }
}

TEST_CASE("A passkey is made after a password where the browser offers it, and nobody is asked where not") {
  Page page;
  // Chromium offers it, but waits for a password that its manager filled in, which no driver can do; the next
  // ceremony ends that.
  if (page.browser.evaluate("passkeys.offersUpgrade()") == true) {
    page.type(alan);
    page.browser.evaluate(
        "{ window.upgraded = upgrade(); await new Promise(r => setTimeout(r, 500)); return 1; }");
    page.enroll(grace);
    CHECK(page.browser.evaluate("await upgraded === undefined") == true);
    // Or the time that its options have.
    page.type(alan);
    CHECK(page.browser.evaluate("await passkeys.upgrade({ask: async () => {"
                                "  const answer = await fetch('/enroll', {method: 'POST', body:"
                                "    JSON.stringify({user: 'alan@example.org', authenticator: 'upgrade'})});"
                                "  const asked = await answer.json();"
                                "  asked.options.timeout = 300; return asked; }}) === undefined") == true);
  }
  // So here the browser makes it as any other.
  page.type(alan);
  page.browser.evaluate(
      "{ const create = navigator.credentials.create.bind(navigator.credentials);"
      "  navigator.credentials.create = ({mediation, ...asked}) =>"
      "    { window.mediation = mediation; return create(asked); };"
      "  PublicKeyCredential.getClientCapabilities = async () => ({conditionalCreate: true});"
      "  return 1; }");
  CHECK(status_of(page.browser.evaluate("upgrade()")) == "valid");
  CHECK(page.browser.evaluate("mediation") == "conditional");
  page.type(alan);
  CHECK(status_of(page.browser.evaluate("signInByName()")) == "valid");

  page.browser.evaluate("{ PublicKeyCredential.getClientCapabilities = undefined;"
                        "  navigator.credentials.create = undefined; return 1; }");
  CHECK(page.browser.evaluate("await upgrade() === undefined") == true);
}

TEST_CASE("The script's own conversion is the browser's") {
  Json settings = platform;
  settings["protocol"] = "ctap2_1";
  settings["extensions"] = {"largeBlob", "prf"};
  Page page(settings);
  page.enroll(alan);
  const Json made = page.browser.evaluate(R"({
    const post = async (path, body) => (await fetch(path, {method: 'POST', body: JSON.stringify(body)})).json();
    const helpers = {create: PublicKeyCredential.parseCreationOptionsFromJSON,
                     get: PublicKeyCredential.parseRequestOptionsFromJSON, json: PublicKeyCredential.prototype.toJSON};
    const without = () => { delete PublicKeyCredential.parseCreationOptionsFromJSON;
                            delete PublicKeyCredential.parseRequestOptionsFromJSON;
                            delete PublicKeyCredential.prototype.toJSON; };
    const back = () => { PublicKeyCredential.parseCreationOptionsFromJSON = helpers.create;
                         PublicKeyCredential.parseRequestOptionsFromJSON = helpers.get;
                         PublicKeyCredential.prototype.toJSON = helpers.json; };
    const both = async (ceremony, options) => {
      const made = [];
      for (const prepare of [without, back]) {
        prepare();
        const publicKey = ceremony === 'create' ? passkeys.creationOptions(options) : passkeys.requestOptions(options);
        const credential = await navigator.credentials[ceremony]({publicKey});
        back();
        const browsers = credential.toJSON();
        // WebKit's may end the page, and those of extensions for passwords throw: it is never called.
        credential.toJSON = () => { throw new Error('called'); };
        made.push({own: passkeys.credentialJson(credential), browsers});
      }
      return made;
    };
    const first = 'AAECAwQFBgc_-w', second = '_-7dzLuq';
    const {options: enrolment} = await post('/enroll', {user: 'grace@example.org', authenticator: 'passkey'});
    const created = await both('create', {...enrolment, extensions:
      {credProps: true, largeBlob: {support: 'preferred'}, prf: {eval: {first, second}}}});
    const id = created[0].own.id;
    const {options: asking} = await post('/challenge-passkey', {});
    const allowCredentials = [{type: 'public-key', id: created[1].own.id}];
    const written = await both('get', {...asking, allowCredentials, extensions:
      {largeBlob: {write: first}, prf: {evalByCredential: {[created[1].own.id]: {first, second}}}}});
    const read = await both('get', {...asking, allowCredentials, extensions: {largeBlob: {read: true}}});
    return [...created, ...written, ...read]; })");
  INFO(made.dump());
  REQUIRE(made.size() == 6);
  for (const Json& one : made) {
    const Json& own = one.at("own");
    const Json& browsers = one.at("browsers");
    for (const char* const name :
         {"id", "rawId", "type", "authenticatorAttachment", "clientExtensionResults"})
      CHECK(own.at(name) == browsers.at(name));
    for (const auto& [name, value] : own.at("response").items())
      CHECK(value == browsers.at("response").at(name));
  }
  // What was asked was the same too.
  const auto outputs = [&](std::size_t i) { return made.at(i).at("own").at("clientExtensionResults"); };
  CHECK(outputs(2).at("largeBlob") == Json{{"written", true}});
  CHECK(outputs(2).at("prf").at("results").contains("second"));
  CHECK(outputs(2) == outputs(3));
  CHECK(outputs(4).at("largeBlob") == Json{{"blob", "AAECAwQFBgc_-w"}});
  CHECK(outputs(4) == outputs(5));
}

TEST_CASE("A passkey on another device signs in") {
  Json phone = platform;
  phone["transport"] = "hybrid";
  Page page(phone);
  page.enroll(alan);
  const auto factors = page.site.verifier.list_factors(alan);
  CHECK(std::ranges::count(factors.at(0).webauthn()->transports, "hybrid") == 1);
  CHECK(status_of(page.sign_in_by_passkey()) == "valid");
}
