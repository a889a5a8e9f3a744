// The portal (examples/portal) as a person meets it in a browser, with an independent authenticator
// (oathtool, which is given what zbarimg reads off the screen), and axe-core's rules held against every page.
#include <cctype>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "person.hpp"
#include "portal.hpp"
#include "support/node_packages.hpp"
#include "support/program.hpp"
#include "support/temporary_directory.hpp"

using namespace mfa::test;
using namespace std::chrono_literals;
using Catch::Matchers::StartsWith;

namespace {

using Json = Browser::Json;

constexpr auto alan = "alan@example.com";
constexpr auto password = "correct horse battery";

/// The portal, and somebody before it.
struct Visit : Portal, Person {
  explicit Visit(portal::Settings settings = {}) : Portal(std::move(settings)), Person(origin) {
    REQUIRE_FALSE(axe_core().empty());
  }
  ~Visit() {
    read_logs();
    offer_as_usual();
  }

  void sign_up(const std::string& email = alan) {
    open("/sign-up");
    fill("E-mail address", email);
    fill("Password", password);
    press("Sign up");
    REQUIRE(where() == "/");
  }

  void sign_out() {
    press("Sign out");
    REQUIRE(where() == "/sign-in");
  }

  void show_password(const std::string& email = alan, const std::string& at = "") {
    open(at + "/sign-in");
    fill("E-mail address", email);
    fill("Password", password);
    press("Sign in");
  }

  /// What the authenticator shows that scanned this URI.
  [[nodiscard]] std::string code_of(const std::string& uri) const {
    constexpr std::string_view key = "?secret=";
    const std::size_t start = uri.find(key) + key.size();
    const std::string secret = uri.substr(start, uri.find('&') - start);
    const auto now = std::chrono::floor<std::chrono::seconds>(clock.now().time_since_epoch());
    std::string code =
        output_of("oathtool --totp --base32 --now=@" + std::to_string(now.count()) + ' ' + secret);
    REQUIRE(code.size() == 7);
    code.pop_back();
    return code;
  }

  /// Adds an authenticator app from the page "Security", and returns what it has scanned.
  std::string add_app(const std::string& name = "My phone") {
    press("Security");
    press("Authenticator app");
    REQUIRE(heading() == "Add an authenticator app");
    const std::string uri = scan_qr_code();
    CHECK_THAT(uri, StartsWith("otpauth://totp/Foo%20Corp:"));
    fill("Name", name);
    fill("Code", code_of(uri));
    press("Add this app");
    REQUIRE(sees(name));
    clock.advance(30s);
    return uri;
  }

  /// As in a browser that offers no passkeys in fields, from the next page on.
  void offer_no_passkeys() {
    before_each_page("PublicKeyCredential.getClientCapabilities = async () => "
                     "({conditionalGet: false, conditionalCreate: false});");
  }

  /// As in a browser whose password manager makes passkeys by itself, from the next page on. Chromium waits
  /// for a password that its manager filled in, which no driver can do, so it makes one as at a button.
  void make_passkeys_without_asking() {
    before_each_page("PublicKeyCredential.getClientCapabilities = async () => "
                     "({conditionalGet: false, conditionalCreate: true});"
                     "const create = navigator.credentials.create.bind(navigator.credentials);"
                     "navigator.credentials.create = ({mediation, ...asked}) =>"
                     "  { window.mediation = mediation; return create(asked); };");
  }

  /// The code in the latest message, as the page "Inbox" shows it in a tab of its own: of a call, which says
  /// each digit by itself, as it is heard.
  std::string code_in_inbox() {
    const std::string before = browser.tab();
    browser.show(browser.open_tab());
    open("/inbox");
    const auto code =
        evaluate("(document.querySelector('main').innerText.match(/\\b\\d(?:(?:, )?\\d){5}\\b/)?.[0] "
                 "?? '').replaceAll(', ', '')");
    browser.close_tab();
    browser.show(before);
    return code.get<std::string>();
  }

  /// As Chromium is, from the next page on.
  void offer_as_usual() {
    for (const Json& script : scripts_) browser.command("Page.removeScriptToEvaluateOnNewDocument", script);
    scripts_.clear();
  }

 private:
  void before_each_page(const char* script) {
    scripts_.push_back(browser.command("Page.addScriptToEvaluateOnNewDocument", {{"source", script}}));
  }

  std::vector<Json> scripts_; ///< that this page of the browser, which all visits share, has by now
};

std::string other_code(std::string code) {
  code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
  return code;
}

std::string with_space(std::string code) { return code.insert(3, " "); }

} // namespace

TEST_CASE("npm has axe-core") {
  if (!have_node_packages(MFA_NODE_PACKAGES, "axe-core@4.14.1", "axe-core")) std::exit(0);
}

TEST_CASE("Somebody signs up, adds an authenticator app by the code on the screen, and signs in with it") {
  const std::string by = GENERATE("mouse", "keyboard", "without script");
  CAPTURE(by);
  Visit visit;
  visit.by_keyboard = by == "keyboard";
  visit.without_script = by == "without script";

  visit.open("/sign-up");
  visit.fill("E-mail address", alan);
  visit.fill("Password", "short");
  visit.press("Sign up");
  CHECK_THAT(visit.problem(), contains("at least 8 characters"));
  visit.fill("Password", password);
  visit.press("Sign up");
  REQUIRE(visit.where() == "/");
  CHECK(visit.sees(alan));

  visit.press("Security");
  visit.press("Authenticator app");
  const std::string uri = visit.scan_qr_code();
  CHECK_THAT(uri, StartsWith("otpauth://totp/Foo%20Corp:alan%40example.com?secret="));
  visit.fill("Name", "My phone");
  visit.fill("Code", other_code(visit.code_of(uri)));
  visit.press("Add this app");
  CHECK_THAT(visit.problem(), contains("This code is wrong"));
  CHECK(visit.scan_qr_code() == uri);
  const std::string first_code = visit.code_of(uri);
  visit.fill("Code", with_space(first_code));
  visit.press("Add this app");
  REQUIRE(visit.sees("My phone"));
  const std::string session = visit.session_cookie();
  visit.press("Sign out");

  visit.open("/sign-in");
  visit.fill("E-mail address", alan);
  visit.fill("Password", "not this one");
  visit.press("Sign in");
  CHECK_THAT(visit.problem(), contains("do not belong together"));
  visit.fill("Password", password);
  visit.press("Sign in");
  REQUIRE(visit.where() == "/sign-in/second-step");
  visit.press("My phone");
  CHECK(visit.evaluate("document.activeElement.autocomplete + document.activeElement.inputMode") ==
        "one-time-codenumeric");
  visit.fill("Code", first_code);
  visit.press("Confirm");
  CHECK_THAT(visit.problem(), contains("used before"));
  visit.clock.advance(30s);
  const std::string before = visit.session_cookie();
  visit.fill("Code", with_space(visit.code_of(uri)));
  visit.press("Confirm");
  CHECK(visit.where() == "/");
  CHECK(visit.session_cookie() != before);
  CHECK(visit.session_cookie() != session);
}

TEST_CASE(
    "Codes come by text message and by e-mail, are wrong, late, replaced and sent again, and then right") {
  Visit visit;
  visit.without_script = true;
  visit.sign_up();
  struct Kind {
    std::string offer, page, label, wrong, right, name;
  };
  for (const Kind& kind :
       {Kind{"Text message", "/security/phone", "Phone number", "0415 555", "+1 (415) 555-0123", "My mobile"},
        Kind{"E-mail code", "/security/mailbox", "E-mail address", "alan@example,com", "alan@example.com",
             "My mailbox"}}) {
    CAPTURE(kind.offer);
    // Adding one.
    visit.press("Security");
    visit.press(kind.offer);
    if (visit.where().starts_with("/step-up")) { // the second factor is asked for by the first
      visit.press("My mobile");
      visit.fill("Code", visit.code_in_inbox());
      visit.press("Confirm");
    }
    REQUIRE(visit.where() == kind.page);
    visit.fill(kind.label, kind.wrong);
    (void)visit.browser.evaluate("document.querySelector('main form').noValidate = true");
    visit.press("Send a code");
    CHECK(visit.problem() != "");
    CHECK(visit.evaluate("field(" + quoted(kind.label) + ").value") == kind.wrong);
    visit.fill(kind.label, kind.right);
    visit.press("Send a code");
    REQUIRE(visit.where() == kind.page + "/code");
    visit.fill("Code", other_code(visit.code_in_inbox()));
    visit.press("Add it");
    CHECK_THAT(visit.problem(), contains("This code is wrong"));
    visit.press("Send the code again");
    CHECK_THAT(visit.problem(), contains("Wait"));
    visit.clock.advance(30s);
    const std::string former = visit.code_in_inbox();
    visit.press("Send the code again");
    CHECK(visit.sees("We have sent a new code"));
    visit.fill("Name", kind.name);
    visit.fill("Code", former);
    visit.press("Add it");
    CHECK(visit.problem() != "");
    visit.fill("Code", with_space(visit.code_in_inbox()));
    visit.press("Add it");
    REQUIRE(visit.sees(kind.name));

    // Signing in with it.
    visit.sign_out();
    visit.clock.advance(5min);
    visit.show_password();
    visit.press(kind.name);
    visit.clock.advance(10min);
    visit.fill("Code", visit.code_in_inbox());
    visit.press("Confirm");
    CHECK_THAT(visit.problem(), contains("run out"));
    visit.press(kind.name);
    visit.fill("Code", visit.code_in_inbox());
    visit.press("Confirm");
    CHECK(visit.where() == "/");
  }
}

TEST_CASE("Somebody who gets no text message is called, as he adds his phone and as he signs in") {
  Visit visit;
  visit.without_script = true;
  visit.sign_up();
  visit.press("Security");
  visit.press("Text message");
  visit.fill("Phone number", "+1 415 555 0123");
  visit.press("Send a code");
  const std::string texted = visit.code_in_inbox();
  visit.press("Call me instead");
  CHECK_THAT(visit.problem(), contains("No further message can be sent now. Wait 30 seconds"));
  visit.clock.advance(30s);
  visit.press("Call me instead");
  CHECK(visit.sees("We are calling +1"));
  visit.fill("Name", "My mobile");
  visit.fill("Code", texted);
  visit.press("Add it");
  CHECK_THAT(visit.problem(), contains("This code is wrong"));
  CHECK(visit.evaluate("field('Name').value") == "My mobile");
  visit.fill("Code", visit.code_in_inbox());
  visit.press("Add it");
  REQUIRE(visit.sees("My mobile"));

  visit.sign_out();
  visit.clock.advance(1min);
  visit.show_password();
  visit.press("My mobile");
  CHECK(visit.sees("We have sent a code to +"));
  visit.clock.advance(30s);
  visit.press("Call me instead");
  CHECK(visit.sees("We are calling +"));
  visit.fill("Code", other_code(visit.code_in_inbox()));
  visit.press("Confirm");
  CHECK_THAT(visit.problem(), contains("This code is wrong"));
  visit.fill("Code", with_space(visit.code_in_inbox()));
  visit.press("Confirm");
  CHECK(visit.where() == "/");
}

TEST_CASE(
    "Somebody signs out all other browsers: there his password is asked for again, and more than that") {
  Visit visit;
  visit.sign_up();
  const std::string uri = visit.add_app();
  const std::string own = visit.browser.tab();
  const std::string elsewhere = visit.browser.open_tab(); // at another computer, so to speak
  const auto sign_in_elsewhere = [&] {
    visit.browser.show(elsewhere);
    visit.show_password(alan, visit.origin_by_number());
  };
  sign_in_elsewhere();
  visit.press("My phone");
  visit.tick("Remember this browser for 30 days");
  visit.fill("Code", visit.code_of(uri));
  visit.press("Confirm");
  REQUIRE(visit.where() == "/");

  visit.browser.show(own);
  visit.press("Security");
  visit.press("Sign out all other browsers");
  CHECK(visit.sees("All other browsers are signed out, and remembered ones are forgotten."));
  CHECK(visit.sees("None. When you sign in"));
  visit.press("Activity");
  CHECK(visit.heading() == "Activity");
  CHECK(visit.sees(std::string(portal::title_of_event("others_signed_out"))));

  visit.browser.show(elsewhere);
  visit.press("Activity");
  CHECK(visit.where() == "/sign-in");
  CHECK_FALSE(visit.sees(alan));
  sign_in_elsewhere();
  CHECK(visit.where() == "/sign-in/second-step");
  visit.browser.close_tab();
  visit.browser.show(own);
}

TEST_CASE("Somebody chooses among his factors, confirms before what matters, and names and removes them") {
  Visit visit;
  visit.sign_up();
  const std::string first = visit.add_app("My phone");
  const std::string second = visit.add_app("My tablet");
  visit.sign_out();
  visit.show_password();
  CHECK(visit.sees("My phone"));
  visit.press("My tablet");
  visit.fill("Code", visit.code_of(first)); // of the other
  visit.press("Confirm");
  CHECK_THAT(visit.problem(), contains("This code is wrong"));
  visit.press("Choose another way");
  visit.press("My phone");
  visit.fill("Code", visit.code_of(first));
  visit.press("Confirm");
  REQUIRE(visit.where() == "/");

  // Fresh from the sign-in, he may go on; ten minutes later he is asked.
  visit.press("Security");
  visit.press("Rename My tablet");
  visit.fill("Name", "<b>Old</b> & 'tablet'");
  visit.press("Save the name");
  CHECK(visit.sees("<b>Old</b> & 'tablet'"));
  visit.press("Remove <b>Old</b>");
  CHECK_THAT(visit.heading(), StartsWith("Remove: "));
  visit.clock.advance(11min);
  visit.press("Remove it");
  REQUIRE(visit.heading() == "Confirm that it is you");
  visit.press("My phone");
  visit.fill("Code", visit.code_of(first));
  visit.press("Confirm");
  REQUIRE_THAT(visit.heading(), StartsWith("Remove: "));
  visit.press("Remove it");
  CHECK(visit.sees("is removed"));
  CHECK_FALSE(visit.sees("Rename <b>Old</b>"));

  // The words of an action are what is allowed, and nothing else.
  visit.press("Change the e-mail address");
  visit.fill("New e-mail address", "turing@example.com");
  visit.press("Go on");
  CHECK(visit.sees("You are about to change the e-mail address to turing@example.com."));
  visit.press("My phone");
  visit.clock.advance(30s);
  visit.fill("Code", visit.code_of(first));
  visit.press("Confirm");
  CHECK(visit.sees("You sign in with turing@example.com from now on."));

  visit.press("Change the password");
  visit.fill("Your password now", "not this one");
  visit.fill("New password", "password");
  visit.press("Change the password");
  CHECK_THAT(visit.problem(), contains("This is not your password.") && contains("guessed first"));
  visit.fill("Your password now", password);
  visit.fill("New password", "staple battery horse");
  visit.press("Change the password");
  CHECK(visit.sees("Your password is changed."));
}

TEST_CASE("Somebody is locked out by wrong codes, and let in again by support") {
  Visit visit;
  visit.sign_up();
  const std::string uri = visit.add_app();
  visit.sign_out();
  visit.show_password();
  std::string said;
  for (int i = 0; i < 30 && !visit.sees("locked"); ++i) {
    if (visit.where() != "/sign-in/code") visit.press("My phone");
    if (visit.where() == "/sign-in/code") {
      visit.fill("Code", other_code(visit.code_of(uri)));
      visit.press("Confirm");
    }
    said = visit.problem();
    visit.clock.advance(15min);
  }
  CHECK_THAT(said, contains("locked after too many wrong codes"));
  visit.press("My phone");
  CHECK_THAT(visit.problem(), contains("locked"));
  const std::string own = visit.browser.tab();
  const std::string of_support = visit.browser.open_tab(); // at another computer, so to speak
  visit.browser.show(of_support);
  visit.open(visit.origin_by_number() + "/operator");
  REQUIRE(visit.where() == "/operator/sign-in");
  visit.fill("Operator password", "guessed");
  visit.press("Sign in as operator");
  CHECK_THAT(visit.problem(), contains("not the operator's password"));
  visit.fill("Operator password", Portal::operator_password);
  visit.press("Sign in as operator");
  visit.press(alan);
  visit.press("Unlock My phone");
  CHECK(visit.sees("It is unlocked."));

  visit.browser.show(own);
  visit.press("My phone");
  visit.fill("Code", visit.code_of(uri));
  visit.press("Confirm");
  CHECK(visit.where() == "/");
  visit.press("Activity");
  for (const char* const event : {"password_accepted", "verification_failed", "factor_locked_out",
                                  "factor_unlocked", "verification_succeeded", "signed_in"})
    CHECK(visit.sees(std::string(portal::title_of_event(event))));

  visit.browser.show(of_support);
  visit.reload();
  visit.press("Remove all ways to confirm");
  CHECK(visit.sees("All is removed."));
  visit.browser.close_tab();
  visit.browser.show(own);
  visit.open("/security");
  REQUIRE(visit.where() == "/sign-in");
  visit.show_password();
  CHECK(visit.where() == "/security"); // by the password alone
}

TEST_CASE("From a deadline on, an account needs a second factor") {
  Visit visit;
  visit.sign_up();
  CHECK(visit.sees("by 8 January 2026"));
  visit.clock.advance(24h * 7);
  visit.show_password();
  CHECK(visit.where() == "/security");
  CHECK(visit.sees("Add one to go on."));
  visit.open("/account/email");
  CHECK(visit.where() == "/security");
  visit.add_app();
  visit.open("/");
  CHECK(visit.where() == "/");
  CHECK_FALSE(visit.sees("Add one to go on."));
  // And keeps it.
  visit.press("Security");
  visit.press("Remove My phone");
  visit.press("Remove it");
  CHECK_THAT(visit.problem(), contains("your last way"));
}

TEST_CASE("Going back, sending twice and working in two tabs leave nothing half done") {
  Visit visit;
  visit.sign_up();
  const std::string uri = visit.add_app();
  visit.sign_out();
  visit.open("/no-such-page");
  CHECK(visit.heading() == "Page not found");
  visit.go_back();
  // Back after the sign-out shows nothing of the account.
  visit.go_back();
  CHECK(visit.where() == "/sign-in");
  visit.show_password();
  visit.press("My phone");
  const std::string first = visit.browser.tab();
  const std::string second = visit.browser.open_tab();
  visit.browser.show(second);
  visit.open("/sign-in/second-step");
  visit.press("My phone"); // a challenge of its own
  visit.browser.show(first);
  const std::string code = visit.code_of(uri);
  visit.fill("Code", code);
  visit.press("Confirm");
  CHECK(visit.where() == "/security"); // where he wanted to go back to
  visit.browser.show(second);
  visit.fill("Code", code);
  visit.press("Confirm"); // the form is of the session before
  CHECK(visit.heading() == "This form is out of date");
  visit.open("/");
  CHECK(visit.sees(alan));
  visit.browser.close_tab();
  visit.browser.show(first);
  // Back to the code's page: the question is answered.
  visit.go_back();
  visit.reload();
  CHECK(visit.where() == "/");
  // A double click sends one form twice.
  visit.press("Security");
  visit.press("Rename My phone");
  visit.fill("Name", "Twice");
  visit.press_twice("Save the name");
  CHECK(visit.where() == "/security");
  CHECK(visit.sees("Twice"));
}

TEST_CASE("A passkey signs in from the field of the user name, and at a button with no user name") {
  Visit visit;
  visit.sign_up();
  const std::string uri = visit.add_app();
  const std::string device = visit.browser.add_authenticator({{"protocol", "ctap2"},
                                                              {"transport", "internal"},
                                                              {"hasResidentKey", true},
                                                              {"hasUserVerification", true},
                                                              {"isUserVerified", true}});
  visit.press("Passkey");
  REQUIRE(visit.heading() == "Create a passkey");
  visit.browser.set_user_verified(device, false); // the wrong finger
  visit.press_here("Create a passkey");
  CHECK_THAT(visit.refusal(), contains("Nothing was created"));
  visit.browser.set_user_verified(device, true);
  visit.press("Create a passkey");
  REQUIRE(visit.where() == "/security");
  CHECK(visit.sees("Passkey or security key"));
  Json passkey = visit.browser.credentials(device).at(0);
  visit.browser.remove_credentials(device);
  visit.sign_out();
  visit.browser.add_credential(device, passkey);
  visit.open_and_be_led("/sign-in", "Overview"); // the field offers it, and the browser takes it
  CHECK(visit.sees(alan));
  CHECK(visit.sees("protected against phishing"));

  passkey = visit.browser.credentials(device).at(0); // it has counted
  visit.browser.remove_credentials(device);
  visit.sign_out();
  visit.press_here("Sign in with a passkey");
  CHECK_THAT(visit.refusal(), contains("Nothing answered"));
  visit.offer_no_passkeys();
  visit.open("/sign-in");
  visit.browser.add_credential(device, passkey);
  const std::string before = visit.session_cookie();
  visit.press("Sign in with a passkey");
  CHECK(visit.heading() == "Overview");
  CHECK(visit.session_cookie() != before);

  // As the second step after the password, and before what matters.
  visit.sign_out();
  visit.show_password();
  visit.press("Passkey or security key");
  visit.press("Use a passkey or security key");
  REQUIRE(visit.where() == "/");
  visit.clock.advance(11min);
  visit.press("Security");
  visit.press("Remove Passkey");
  REQUIRE(visit.where() == "/step-up");
  visit.press("Passkey or security key");
  visit.press("Use a passkey or security key");
  visit.press("Remove it");
  CHECK(visit.sees("is removed"));

  // The browser was told; what it kept all the same is refused.
  visit.sign_out();
  if (visit.browser.credentials(device).empty()) visit.browser.add_credential(device, passkey);
  visit.press_here("Sign in with a passkey");
  CHECK(visit.refusal() != "");
  visit.browser.remove_authenticator(device);
}

TEST_CASE(
    "After a password a passkey is offered: made at the button, made by the browser itself, or not now") {
  Visit visit;
  const std::string device = visit.browser.add_authenticator({{"protocol", "ctap2"},
                                                              {"transport", "internal"},
                                                              {"hasResidentKey", true},
                                                              {"hasUserVerification", true},
                                                              {"isUserVerified", true}});
  const auto is_offered = [&] { return visit.sees("Sign in faster next time"); };

  // At the button, while the browser waits for its password manager.
  visit.sign_up();
  CHECK(is_offered());
  visit.press("Create a passkey");
  REQUIRE(visit.where() == "/security");
  CHECK(visit.sees("Passkey or security key"));
  visit.press("Overview");
  CHECK_FALSE(is_offered());
  visit.browser.remove_credentials(device); // the next page would sign in with it
  visit.sign_out();

  // By the browser itself, which asks nobody.
  visit.sign_up("grace@example.com");
  visit.sign_out();
  visit.make_passkeys_without_asking();
  visit.show_password("grace@example.com");
  visit.wait_for("document.body.innerText.includes('Your password manager has made a passkey for you.')");
  CHECK(visit.evaluate("window.mediation") == "conditional");
  CHECK(visit.evaluate("button('Create a passkey') === null && button('Not now') === null") == true);
  visit.examine();
  visit.press("Security");
  CHECK(visit.sees("Passkey or security key"));
  CHECK(visit.browser.credentials(device).size() == 1);
  visit.sign_out();
  visit.press("Sign in with a passkey");
  CHECK(visit.where() == "/");
  CHECK(visit.sees("grace@example.com"));
  visit.sign_out();

  // Not now, nor after the next sign-in.
  visit.browser.remove_credentials(device);
  visit.offer_as_usual();
  visit.sign_up("ada@example.com");
  CHECK(is_offered());
  visit.press("Not now");
  CHECK_FALSE(is_offered());
  visit.sign_out();
  visit.show_password("ada@example.com");
  CHECK(visit.where() == "/");
  CHECK_FALSE(is_offered());
  visit.browser.remove_authenticator(device);
}

TEST_CASE("A security key confirms after the password, and one that is not his does not") {
  Visit visit;
  visit.by_keyboard = true;
  visit.offer_no_passkeys();
  const Json settings{{"protocol", "ctap2"}, {"transport", "usb"}, {"hasUserVerification", false}};
  std::string key = visit.browser.add_authenticator(settings);
  visit.sign_up();
  visit.press("Security");
  visit.press("Security key");
  visit.fill("Name", "Blue key");
  visit.press("Register it");
  REQUIRE(visit.where() == "/security");
  CHECK(visit.sees("Blue key"));
  // The same one again.
  visit.press("Security key");
  visit.press_here("Register it");
  CHECK_THAT(visit.refusal(), contains("registered with your account already"));
  visit.sign_out();
  const Json credential = visit.browser.credentials(key).at(0);
  visit.browser.remove_authenticator(key);
  key = visit.browser.add_authenticator(settings); // another key
  visit.show_password();
  visit.press("Passkey or security key");
  visit.press_here("Use a passkey or security key");
  CHECK_THAT(visit.refusal(), contains("Nothing answered"));
  visit.browser.add_credential(key, credential);
  visit.press("Use a passkey or security key");
  CHECK(visit.where() == "/");
  visit.browser.remove_authenticator(key);
}

TEST_CASE("Recovery codes are printed, downloaded and copied, and each signs in once") {
  Visit visit;
  visit.sign_up();
  (void)visit.add_app();
  visit.press("Make recovery codes");
  visit.press("Make recovery codes");
  REQUIRE(visit.heading() == "Your recovery codes");
  const Json shown = visit.evaluate("[...document.querySelectorAll('#codes code')].map(e => e.textContent)");
  REQUIRE(shown.size() >= 8);
  for (const int width : {320, 390, 480, 1280}) { // none over another or outside of the card
    CAPTURE(width);
    visit.look({.width = width});
    CHECK(
        visit.evaluate(
            "(() => { const edge = document.querySelector('.card').getBoundingClientRect().right;"
            "  const all = [...document.querySelectorAll('#codes code')].map(e => e.getBoundingClientRect());"
            "  return all.every(a => a.right < edge && all.every(b => a === b || a.right + 20 < b.left || "
            "    b.right + 20 < a.left || a.bottom <= b.top || b.bottom <= a.top)); })()") == true);
  }
  visit.look_as_usual();

  visit.browser.command("Browser.grantPermissions",
                        {{"permissions", {"clipboardReadWrite", "clipboardSanitizedWrite"}}});
  visit.press_here("Copy");
  visit.wait_for("document.querySelector('[data-codes-status]').textContent.startsWith('Copied')");
  const std::string copied = visit.evaluate("await navigator.clipboard.readText()");
  (void)visit.evaluate("(window.print = () => { window.printed = true; }, 1)");
  visit.press_here("Print");
  CHECK(visit.evaluate("window.printed") == true);
  visit.browser.command("Emulation.setEmulatedMedia", {{"media", "print"}});
  CHECK(visit.evaluate("document.querySelector('#codes').checkVisibility() && "
                       "!document.querySelector('nav').checkVisibility()") == true);
  visit.browser.command("Emulation.setEmulatedMedia", {{"media", ""}});
  const TemporaryDirectory downloads;
  visit.browser.command("Browser.setDownloadBehavior",
                        {{"behavior", "allow"}, {"downloadPath", downloads.path()}});
  visit.press_here("Download");
  std::string file;
  for (int tries = 0; tries < 100 && file.empty(); ++tries) {
    std::this_thread::sleep_for(50ms);
    file = text_of_file(downloads.path() + "/recovery-codes.txt");
  }
  for (const auto& code : shown) {
    CHECK_THAT(copied, contains(code.get<std::string>() + "\n"));
    CHECK_THAT(file, contains(code.get<std::string>() + "\r\n"));
  }
  visit.press("I have kept them");

  std::string code = shown.at(0);
  for (char& c : code) c = c == '-' ? ' ' : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  for (const bool first : {true, false}) {
    visit.sign_out();
    visit.show_password();
    visit.press("Recovery codes");
    visit.fill("Recovery code", code);
    visit.press("Confirm");
    if (first) {
      CHECK(visit.where() == "/");
      CHECK(visit.sees("You have " + std::to_string(shown.size() - 1) + " of"));
    } else {
      CHECK_THAT(visit.problem(), contains("used before"));
      visit.fill("Recovery code", shown.at(1).get<std::string>());
      visit.press("Confirm");
      CHECK(visit.where() == "/");
    }
  }
}

TEST_CASE("A remembered browser asks for the password alone, until it is forgotten") {
  Visit visit;
  visit.sign_up();
  const std::string uri = visit.add_app();
  visit.sign_out();
  visit.show_password();
  visit.press("My phone");
  visit.tick("Remember this browser for 30 days");
  visit.fill("Code", visit.code_of(uri));
  visit.press("Confirm");
  visit.sign_out();
  visit.show_password();
  REQUIRE(visit.where() == "/");
  visit.press("Security");
  CHECK(visit.sees("Chrome on Linux"));
  // It is no factor, so changes are confirmed all the same.
  visit.clock.advance(11min);
  visit.press("Remove My phone");
  CHECK(visit.where() == "/step-up");
  visit.press("Go back without confirming");
  visit.press("Forget");
  visit.sign_out();
  visit.show_password();
  CHECK(visit.where() == "/sign-in/second-step");
}

TEST_CASE("The pictures of the documentation are taken, where MFA_SCREENSHOTS says") {
  if (std::getenv("MFA_SCREENSHOTS") == nullptr) return;
  const Person::Look phone{.width = 390, .height = 780, .scale = 1.5};
  const Person::Look phone_in_the_dark{.width = 390, .height = 780, .scale = 1.5, .dark = true};
  const Person::Look desk{.width = 1000, .height = 860};
  Visit visit;
  visit.clock.set(std::chrono::sys_days(std::chrono::year(2026) / 11 / 27) + 9h + 41min);
  visit.offer_no_passkeys();
  visit.open("/sign-in");
  visit.picture("sign-in", phone);
  visit.sign_up();
  visit.press("Security");
  visit.press("Authenticator app");
  visit.picture("authenticator-app", desk);
  visit.open("/security");
  (void)visit.add_app("My phone");
  visit.press("Text message");
  visit.fill("Phone number", "+1 415 555 0123");
  visit.press("Send a code");
  visit.fill("Code", visit.code_in_inbox());
  visit.fill("Name", "My mobile");
  visit.press("Add it");
  visit.clock.advance(3min);
  const std::string device = visit.browser.add_authenticator({{"protocol", "ctap2"},
                                                              {"transport", "internal"},
                                                              {"hasResidentKey", true},
                                                              {"hasUserVerification", true},
                                                              {"isUserVerified", true}});
  visit.press("Passkey");
  visit.press("Create a passkey");
  visit.clock.advance(1min);
  visit.press("Make recovery codes");
  visit.press("Make recovery codes");
  visit.picture("recovery-codes", phone);
  visit.press("I have kept them");
  visit.picture("security", desk);
  visit.sign_out();
  visit.clock.advance(26h);
  visit.show_password();
  visit.picture("choose", phone_in_the_dark);
  visit.press("Passkey or security key");
  visit.press("Use a passkey or security key");
  visit.press("Activity");
  visit.picture("activity", {.width = 1000, .height = 860, .dark = true});
  visit.browser.remove_authenticator(device);
}
