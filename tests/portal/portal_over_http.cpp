// The portal as programs meet it that are no browser: what its answers say to browsers, what it refuses, and
// how its sessions begin and end. People are in portal_in_a_browser.cpp.
#include <chrono>
#include <cstddef>
#include <mutex>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <sys/stat.h>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64url.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>

#include "portal.hpp"
#include "support/catch.hpp"
#include "support/software_authenticator.hpp"
#include "support/temporary_directory.hpp"

using mfa::test::contains;
using mfa::test::Portal;
using namespace std::chrono_literals;

namespace {

constexpr auto alan = "alan@example.com";
constexpr auto password = "correct horse battery";

std::string between(const std::string& text, const std::string& before, const std::string& after) {
  const auto from = text.find(before);
  if (from == std::string::npos) return {};
  const auto start = from + before.size();
  return text.substr(start, text.find(after, start) - start);
}

/// Keeps its cookies and follows where it is sent.
class Browser {
 public:
  explicit Browser(const Portal& served) : served_(&served), client_("127.0.0.1", served.port) {
    client_.set_follow_location(false);
  }

  int status = 0; ///< of the last page
  std::string body;
  std::string path;
  httplib::Headers headers;
  std::string cookie;     ///< "session=..."
  std::string set_cookie; ///< as it came last
  std::string remembered; ///< "browser=...; " of a browser that is remembered
  bool wants_json = false;

  /// As the page's script does: asks for the options of a ceremony, and sends what `answer` makes of them.
  template <class Answer>
  nlohmann::json run_ceremony(const std::string& ask, const std::string& take, httplib::Params fields,
                              Answer answer) {
    fields.emplace("csrf", between(body, "name=\"csrf\" value=\"", "\""));
    wants_json = true;
    post(ask, fields);
    const auto asked = nlohmann::json::parse(body);
    CAPTURE(body);
    REQUIRE(asked.contains("options"));
    fields.emplace("challenge", asked.at("challenge").get<std::string>());
    fields.emplace("response", answer(asked.at("options").dump()));
    post(take, fields);
    wants_json = false;
    return nlohmann::json::parse(body);
  }

  void open(const std::string& where) {
    path = where;
    took(client_.Get(where, sent()));
  }
  /// With the token of the last page, unless `fields` has one.
  void post(const std::string& where, httplib::Params fields = {}) {
    if (fields.count("csrf") == 0) fields.emplace("csrf", between(body, "name=\"csrf\" value=\"", "\""));
    path = where;
    took(client_.Post(where, sent(), fields));
  }

  void sign_up(const std::string& email = alan) {
    open("/sign-up");
    post("/sign-up", {{"email", email}, {"new-password", password}});
    REQUIRE(is_signed_in());
  }
  void show_password(const std::string& typed = password, const std::string& email = alan) {
    open("/sign-in");
    post("/sign-in", {{"email", email}, {"password", typed}});
  }
  [[nodiscard]] bool is_signed_in() {
    open("/activity");
    return path == "/activity";
  }

  /// Returns the secret of an authenticator app that is in use from now on.
  std::string add_app() {
    open("/security/app");
    const std::string secret = between(body, "id=\"secret\">", "<");
    REQUIRE_FALSE(secret.empty());
    post("/security/app", {{"code", code_of(secret)}, {"name", "My phone"}});
    REQUIRE_THAT(body, contains("My phone"));
    return secret;
  }
  [[nodiscard]] std::string code_of(const std::string& secret) const {
    return std::string(mfa::otp::totp(mfa::otp::base32_decode(secret), served_->clock.now()));
  }
  /// After the password.
  void show_code(const std::string& secret) {
    post("/sign-in/second-step", {{"factor", between(body, "name=\"factor\" value=\"", "\"")}});
    post("/sign-in/code", {{"code", code_of(secret)}});
  }

 private:
  [[nodiscard]] httplib::Headers sent() const {
    httplib::Headers headers_sent;
    if (!cookie.empty()) headers_sent.emplace("Cookie", "theme=dark; " + remembered + cookie);
    if (wants_json) headers_sent.emplace("Accept", "application/json");
    return headers_sent;
  }
  void took(const httplib::Result& answer) {
    REQUIRE(answer);
    status = answer->status;
    headers = answer->headers;
    for (std::size_t i = 0; i < answer->get_header_value_count("Set-Cookie"); ++i) {
      const std::string set = answer->get_header_value("Set-Cookie", i);
      const std::string pair = set.substr(0, set.find(';'));
      if (pair.starts_with("browser=")) {
        remembered = pair + "; ";
        continue;
      }
      set_cookie = set;
      cookie = pair;
    }
    if (status == 303) return open(answer->get_header_value("Location"));
    body = answer->body;
  }

  const Portal* served_;
  httplib::Client client_;
};

std::string header(const Browser& browser, const std::string& name) {
  const auto found = browser.headers.find(name);
  return found == browser.headers.end() ? "" : found->second;
}

} // namespace

TEST_CASE(
    "Every page forbids frames, what is not its own, and caches; it has one heading and nothing inline") {
  Portal served;
  Browser visitor(served);
  Browser user(served);
  user.sign_up();
  std::set<std::string> titles;
  std::set<std::string> pages;
  for (const auto& route : served.site->routes) {
    if (route.changes) continue;
    for (Browser* const browser : {&visitor, &user}) {
      CAPTURE(route.path);
      browser->open(route.path);
      if (header(*browser, "Content-Type").find("text/html") == std::string::npos) continue;
      const std::string policy = header(*browser, "Content-Security-Policy");
      CHECK_THAT(policy, contains("default-src 'none'") && contains("frame-ancestors 'none'") &&
                             contains("base-uri 'none'") && contains("form-action 'self'"));
      CHECK_THAT(policy, contains("script-src 'self';") && contains("style-src 'self';"));
      CHECK(policy.find("unsafe") == std::string::npos);
      CHECK(header(*browser, "X-Frame-Options") == "DENY");
      CHECK(header(*browser, "Cross-Origin-Opener-Policy") == "same-origin");
      CHECK(header(*browser, "Cross-Origin-Resource-Policy") == "same-origin");
      CHECK_THAT(header(*browser, "Permissions-Policy"), contains("camera=()"));
      CHECK(header(*browser, "Cache-Control") == "no-store");
      CHECK(header(*browser, "X-Content-Type-Options") == "nosniff");
      CHECK(header(*browser, "Referrer-Policy") == "no-referrer");
      CHECK(browser->body.find("<h1>") != std::string::npos);
      CHECK(browser->body.find("<h1>") == browser->body.rfind("<h1>"));
      CHECK(browser->body.find(" style=") == std::string::npos);
      CHECK(browser->body.find(" onclick=") == std::string::npos);
      for (auto at = browser->body.find("<script"); at != std::string::npos;
           at = browser->body.find("<script", at + 1))
        CHECK(browser->body.compare(at, 26, "<script type=\"module\" src=") == 0);
      if (browser->status == 200 && browser->path == route.path && pages.insert(route.path).second)
        CHECK(titles.insert(between(browser->body, "<title>", "</title>")).second);
    }
  }
  CHECK(pages.size() > 10);
}

TEST_CASE("No form is taken without the session's token, and nobody comes where he may not") {
  Portal served;
  Browser user(served);
  user.sign_up();
  Browser other(served);
  other.open("/sign-in");
  const std::string token_of_another = between(other.body, "name=\"csrf\" value=\"", "\"");
  for (const auto& route : served.site->routes) {
    CAPTURE(route.path, route.changes);
    if (route.changes) {
      for (const std::string& token : {std::string(), std::string("x"), token_of_another}) {
        user.post(route.path, {{"csrf", token}});
        CHECK(user.status == 403);
      }
    }
    if (route.access == portal::Access::anybody) continue;
    Browser visitor(served);
    visitor.open("/sign-in");
    if (route.changes)
      visitor.post(route.path);
    else
      visitor.open(route.path);
    CHECK(visitor.path == (route.access == portal::Access::support ? "/operator/sign-in" : "/sign-in"));
  }
  CHECK(user.is_signed_in());
}

TEST_CASE("A session gets a new id with each thing shown, and ends after half an hour alone or half a day") {
  Portal served;
  Browser user(served);
  user.open("/sign-up");
  CHECK_THAT(user.set_cookie, contains("HttpOnly") && contains("SameSite=Lax") && contains("Path=/"));
  CHECK(user.set_cookie.find("Secure") == std::string::npos); // it would not come back over http
  const std::string visitor = user.cookie;
  const std::string token = between(user.body, "name=\"csrf\" value=\"", "\"");
  user.sign_up();
  CHECK(user.cookie != visitor);
  user.post("/sign-out", {{"csrf", token}}); // of the page before
  CHECK(user.status == 403);
  CHECK(user.is_signed_in());
  const std::string secret = user.add_app();

  user.open("/");
  const std::string signed_in = user.cookie;
  user.post("/sign-out");
  CHECK(user.cookie != signed_in);
  CHECK_FALSE(user.is_signed_in());
  Browser thief(served);
  for (const std::string& former : {visitor, signed_in}) {
    thief.cookie = former;
    CHECK_FALSE(thief.is_signed_in());
  }

  served.clock.advance(30s);
  const std::string before = user.cookie;
  user.show_password();
  const std::string half = user.cookie;
  CHECK(half != before);
  CHECK_FALSE(user.is_signed_in());
  CHECK(user.path == "/sign-in/second-step");
  user.show_code(secret);
  CHECK(user.cookie != half);
  CHECK(user.is_signed_in());
  thief.cookie = half;
  CHECK_FALSE(thief.is_signed_in());

  for (int minutes = 0; minutes < 60; minutes += 29) {
    served.clock.advance(29min);
    CHECK(user.is_signed_in());
  }
  served.clock.advance(31min);
  CHECK_FALSE(user.is_signed_in());

  Browser busy(served);
  busy.sign_up("busy@example.com");
  for (auto spent = 0min; spent < 12h - 20min; spent += 20min) {
    served.clock.advance(20min);
    REQUIRE(busy.is_signed_in());
  }
  served.clock.advance(25min);
  CHECK_FALSE(busy.is_signed_in());
}

TEST_CASE(
    "Who waits with a former id, while the session's user shows something or is signed out, is a stranger") {
  Portal served;
  Browser(served).sign_up();
  Browser victim(served);
  victim.open("/sign-in");
  Browser thief(served);
  thief.cookie = victim.cookie; // he has set it
  const auto id_of = [](const Browser& browser) {
    return browser.cookie.substr(browser.cookie.find('=') + 1);
  };
  const auto waiting = [&](Browser& browser, const auto& meanwhile) {
    auto session = served.site->sessions.find(id_of(browser), served.site->now());
    REQUIRE(session);
    std::unique_lock guard(session->lock);
    const long before = session.use_count();
    browser.set_cookie.clear();
    std::thread request([&] { browser.open("/activity"); });
    while (session.use_count() == before) std::this_thread::yield();
    meanwhile(*session);
    guard.unlock();
    request.join();
  };
  waiting(thief, [&](portal::Session& session) {
    session.user_id = served.site->users.find_by_email(alan)->id;
    session.stage = portal::Stage::signed_in;
    served.site->sessions.renew(session, served.site->now());
    victim.cookie = "session=" + session.id;
  });
  CHECK(thief.path == "/sign-in");
  CHECK(thief.cookie != victim.cookie);
  CHECK(victim.is_signed_in());

  // No cookie goes over the one that the browser has got meanwhile.
  const auto last = [](portal::Session&) {};
  waiting(victim, last);
  CHECK(victim.path == "/activity");
  CHECK(victim.set_cookie.empty());
  waiting(victim, [&](portal::Session& session) { served.site->sessions.end_others(session.user_id, ""); });
  CHECK(victim.path == "/sign-in");
}

TEST_CASE("Who is signing in while all other browsers are signed out is signed out with them") {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/portal.db";
  Portal served({.data = file});
  Browser(served).sign_up();
  const std::string user = served.site->users.find_by_email(alan)->id;
  Browser slow(served);
  slow.open("/sign-in");
  Browser later(served);
  later.open("/sign-in");
  {
    portal::Database database(file);
    portal::Database::Run(database, "UPDATE portal_users SET password = ?")
        .bind(portal::Passwords(16).stored(password)) // takes a while to compare
        .step();
    std::thread sign_in([&] { slow.post("/sign-in", {{"email", alan}, {"password", password}}); });
    while (!portal::Database::Run(database, "SELECT count FROM portal_wrong_passwords").step())
      std::this_thread::yield();
    CHECK(served.site->sessions.end_others(user, "") == 1); // the one that signed up
    sign_in.join();
  }
  CHECK(slow.path == "/sign-in");
  CHECK_FALSE(slow.is_signed_in());
  for (Browser* const browser : {&slow, &later}) {
    browser->post("/sign-in", {{"email", alan}, {"password", password}});
    CHECK(browser->is_signed_in());
  }

  portal::Sessions sessions;
  const portal::Time now{1'800'000'000s};
  const auto begin = [&](const char* user_id) {
    auto session = sessions.begin(now);
    session->user_id = user_id;
    return session;
  };
  const auto of_user = begin("user");
  const auto of_another = begin("another");
  const auto late = begin("user");
  (void)sessions.end_others("user", "");
  CHECK_FALSE(sessions.renew(*of_user, now));
  CHECK_FALSE(sessions.find(of_user->id, now));
  CHECK(sessions.renew(*of_another, now));
  CHECK(sessions.renew(*begin("user"), now)); // who begins later
  // However many others are ended meanwhile.
  for (std::size_t i = 0; i < portal::Sessions::most; ++i)
    (void)sessions.end_others("user " + std::to_string(i), "");
  CHECK_FALSE(sessions.renew(*late, now));
  CHECK(sessions.renew(*begin("user"), now));
}

TEST_CASE("Strangers who ask for many sessions sign nobody out") {
  portal::Sessions sessions;
  portal::Time now{1'800'000'000s};
  const auto user = sessions.begin(now);
  user->user_id = "user";
  sessions.renew(*user, now);
  const auto support = sessions.begin(now);
  support->is_operator = true;
  sessions.renew(*support, now);
  const std::string stranger = sessions.begin(now)->id;
  now += 1s;
  for (std::size_t i = 3; i < portal::Sessions::most + 10; ++i) (void)sessions.begin(now);
  CHECK(sessions.find(user->id, now));
  CHECK(sessions.find(support->id, now));
  CHECK_FALSE(sessions.find(stranger, now));
}

TEST_CASE("Behind TLS the cookie is the host's alone") {
  Portal served({.origin = "https://portal.example.com"});
  Browser user(served);
  user.open("/sign-in");
  CHECK_THAT(user.set_cookie, Catch::Matchers::StartsWith("__Host-session="));
  CHECK_THAT(user.set_cookie, contains("; Secure"));
  CHECK_THAT(header(user, "Strict-Transport-Security"), contains("max-age="));
  user.sign_up();
  CHECK(user.is_signed_in());
}

TEST_CASE("Wrong passwords are answered alike for whoever has an account and for nobody, and slow down") {
  Portal served;
  Browser(served).sign_up();
  Browser guesser(served);
  for (const std::string email : {alan, "nobody@example.com"}) {
    CAPTURE(email);
    for (int i = 0; i < 10; ++i) {
      guesser.show_password("wrong " + std::to_string(i), email);
      CHECK_THAT(guesser.body, contains("do not belong together"));
    }
    guesser.show_password(password, email);
    CHECK_THAT(guesser.body, contains("Too many wrong passwords for this address. Wait 30 seconds"));
    CHECK_FALSE(guesser.is_signed_in());
  }
  served.clock.advance(31s);
  guesser.show_password();
  CHECK(guesser.is_signed_in());
}

TEST_CASE("A password that is changed while it is compared is a wrong one, and is not written back") {
  portal::Database database("");
  std::mutex lock;
  portal::Users users(database, lock, 4);
  const portal::Time now{1'800'000'000s};
  const auto user = users.sign_up(alan, password, now);
  REQUIRE(user);
  const auto keep = [&](const std::string& stored) {
    const std::lock_guard guard(lock);
    portal::Database::Run(database, "UPDATE portal_users SET password = ?").bind(stored).step();
  };
  const auto is_comparing = [&] { // the attempt is counted as the kept password is read
    const std::lock_guard guard(lock);
    return portal::Database::Run(database, "SELECT count FROM portal_wrong_passwords").step();
  };
  const std::string changed = portal::Passwords(4).stored("another long password");
  keep(portal::Passwords(16).stored(password)); // takes a while, and is written anew with the cost of today
  portal::Users::Answer answer;
  std::thread sign_in([&] { answer = users.check(alan, password, now); });
  while (!is_comparing()) std::this_thread::yield();
  keep(changed);
  sign_in.join();
  CHECK_FALSE(answer.user);
  CHECK(answer.whose == user->id);
  CHECK_FALSE(users.check(alan, password, now).user);
  CHECK(users.check(alan, "another long password", now).user);
}

TEST_CASE("Guesses at the operator's password slow down, also when each comes from a session of its own, and "
          "who signs out is no operator any more") {
  Portal served;
  const auto guess = [&](Browser& browser, const std::string& typed) {
    browser.open("/operator/sign-in");
    browser.post("/operator/sign-in", {{"password", typed}});
  };
  for (int i = 0; i < 10; ++i) {
    Browser guesser(served);
    guess(guesser, "wrong");
    CHECK_THAT(guesser.body, contains("This is not the operator&#39;s password."));
  }
  Browser support(served);
  guess(support, "only for the operator");
  CHECK_THAT(support.body, contains("Too many wrong passwords. Wait 30 seconds"));
  served.clock.advance(31s);
  const std::string before = support.cookie;
  guess(support, "only for the operator");
  CHECK(support.path == "/operator");
  CHECK(support.cookie != before);
  support.post("/sign-out");
  support.open("/operator");
  CHECK(support.path == "/operator/sign-in");
}

TEST_CASE(
    "Support removes all that a user has, which ends his sessions; without a password there is no support") {
  Portal served;
  Browser user(served);
  user.sign_up();
  (void)user.add_app();
  Browser support(served);
  support.open("/operator/sign-in");
  support.post("/operator/sign-in", {{"password", "only for the operator"}});
  support.post("/operator/reset", {{"user", served.site->users.find_by_email(alan)->id}});
  CHECK_THAT(support.body, contains("All is removed."));
  CHECK_FALSE(user.is_signed_in());
  CHECK_THAT(served.site->inbox.messages().front().subject, contains("all ways to confirm were removed"));

  Portal without({}, "");
  Browser visitor(without);
  visitor.open("/sign-in");
  visitor.post("/operator/sign-in", {{"password", ""}});
  CHECK(visitor.status == 404);
  visitor.open("/operator");
  CHECK(visitor.status == 404);
}

TEST_CASE("What is kept of a password is of no use to whoever reads it, and follows a new cost at the next "
          "sign-in") {
  const portal::Passwords now(15);
  const std::string first = now.stored(password);
  const std::string second = now.stored(password);
  CHECK(first != second);
  CHECK_THAT(first, Catch::Matchers::StartsWith("scrypt:15:"));
  CHECK(now.matches(password, first));
  CHECK_FALSE(now.matches("correct horse batterz", first));
  CHECK_FALSE(now.matches("nobody has this one", ""));
  const portal::Passwords later(16);
  CHECK(later.matches(password, first));
  CHECK(later.is_outdated(first));
  CHECK_FALSE(now.is_outdated(first));
  CHECK(portal::password_problem("1234567", alan) == "Choose a password of at least 8 characters.");
  CHECK_FALSE(portal::password_problem("\xC3\xA4\xC3\xA4\xC3\xA4\xC3\xA4", alan).empty()); // four characters
  CHECK_FALSE(portal::password_problem("Password1", alan).empty());
  CHECK_FALSE(portal::password_problem("Alan@example.com", alan).empty());
  CHECK(portal::password_problem(std::string(256, 'x'), alan).empty());
  CHECK_FALSE(portal::password_problem(std::string(257, 'x'), alan).empty());
  CHECK(portal::Settings().password_cost >= 15);
  CHECK(portal::password_problem("all small and with spaces", alan).empty());
}

TEST_CASE("A new password signs out all other browsers, and what was shown before allows nothing") {
  Portal served;
  Browser user(served);
  user.sign_up();
  const std::string secret = user.add_app();
  served.clock.advance(30s);
  Browser elsewhere(served);
  elsewhere.show_password();
  elsewhere.show_code(secret);
  CHECK(elsewhere.is_signed_in());
  user.open("/account/password");
  user.post("/account/password", {{"password", "not this"}, {"new-password", "short"}});
  CHECK_THAT(user.body, contains("This is not your password.") && contains("at least 8 characters"));
  CHECK(elsewhere.is_signed_in());
  const std::string before = user.cookie;
  user.post("/account/password", {{"password", password}, {"new-password", "another long password"}});
  CHECK_THAT(user.body, contains("Other browsers that were signed out: 1."));
  CHECK(user.cookie != before);
  CHECK(user.is_signed_in());
  CHECK_FALSE(elsewhere.is_signed_in());
  user.open("/security/phone");
  CHECK(user.path == "/step-up");
  elsewhere.show_password();
  CHECK_FALSE(elsewhere.is_signed_in());
  CHECK_THAT(served.site->inbox.messages().front().subject, contains("your password was changed"));
}

TEST_CASE("The first second factor signs out browsers that have shown a password alone, and a further one "
          "leaves those that have shown more") {
  Portal served;
  Browser user(served);
  user.sign_up();
  Browser elsewhere(served);
  elsewhere.show_password();
  REQUIRE(elsewhere.is_signed_in());
  const std::string secret = user.add_app();
  CHECK_THAT(user.body, contains("Other browsers that were signed out: 1."));
  CHECK_FALSE(elsewhere.is_signed_in());
  served.clock.advance(30s);
  elsewhere.show_password();
  elsewhere.show_code(secret);
  REQUIRE(elsewhere.is_signed_in());
  user.open("/security/phone");
  user.post("/security/phone", {{"to", "+1 415 555 2671"}});
  user.post("/security/phone/code",
            {{"code", served.site->inbox.messages().front().text.substr(0, 6)}, {"name", "Phone"}});
  CHECK_THAT(user.body, contains("Text message added."));
  CHECK(elsewhere.is_signed_in());
}

TEST_CASE("Nothing is sent to a new phone or mailbox by who has not shown lately that it is he, and the code "
          "of one is not the other's") {
  Portal served;
  Browser user(served);
  user.sign_up();
  user.open("/security/phone");
  served.clock.advance(11min);
  for (const std::string path : {"/security/phone", "/security/mailbox"}) {
    user.post(path, {{"to", path == "/security/phone" ? "+1 415 555 2671" : alan}});
    CHECK(user.path == "/step-up/password");
  }
  CHECK(served.site->inbox.messages().empty());
  user.open("/security/app");
  CHECK(user.path == "/step-up/password");
  user.post("/security/passkey/options");
  CHECK(user.status == 403);
  CHECK_THAT(user.body, contains("Confirm first that it is you."));
  user.open("/security/mailbox");
  user.post("/step-up/password", {{"password", "not this"}});
  CHECK_THAT(user.body, contains("This is not your password."));
  user.post("/step-up/password", {{"password", password}});
  REQUIRE(user.path == "/security/mailbox");
  user.post("/security/mailbox", {{"to", alan}});
  REQUIRE(user.path == "/security/mailbox/code");
  user.open("/security/phone/code");
  CHECK(user.path == "/security/phone");
  user.post("/security/phone/code", {{"code", "123456"}, {"name", "Phone"}});
  CHECK(user.path == "/security/phone");
  user.post("/security/app", {{"code", "123456"}, {"name", "App"}});
  CHECK(user.path == "/security/app");
  CHECK(user.body.find("This code is wrong.") == std::string::npos);
}

TEST_CASE(
    "A passkey that was made after a password without a prompt signs in alone once it has shown its PIN "
    "after one") {
  Portal served;
  mfa::test::SoftwareAuthenticator manager; // a password manager
  manager.rp_id = "localhost";
  manager.origin = served.origin;
  manager.flags = manager.backup_eligible | manager.backed_up;
  const auto get = [&](const std::string& options) { return manager.get(options).json(); };
  Browser user(served);
  user.sign_up();
  user.open("/");
  auto said = user.run_ceremony("/security/passkey/options", "/security/passkey", {{"upgrade", "yes"}},
                                [&](const std::string& options) {
                                  manager.user_handle = mfa::detail::base64url_decode(
                                      nlohmann::json::parse(options).at("user").at("id").get<std::string>());
                                  return manager.create(options).json();
                                });
  CAPTURE(said.dump());
  REQUIRE_FALSE(said.contains("message"));
  manager.flags |= manager.user_present | manager.user_verified;

  Browser another(served);
  another.open("/sign-in");
  said = another.run_ceremony("/sign-in/passkey/options", "/sign-in/passkey", {}, get);
  CHECK(said.at("status") == "insufficient_assurance");
  CHECK_THAT(said.at("message").get<std::string>(), contains("Sign in with your password"));
  another.show_password();
  another.open("/sign-in/security-key");
  (void)another.run_ceremony("/sign-in/security-key/options", "/sign-in/security-key", {}, get);
  CHECK(another.is_signed_in());

  Browser third(served);
  third.open("/sign-in");
  (void)third.run_ceremony("/sign-in/passkey/options", "/sign-in/passkey", {}, get);
  CHECK(third.is_signed_in());
}

TEST_CASE("Who has a second factor shows it before he removes one, his password alone does not do") {
  Portal served;
  Browser user(served);
  user.sign_up();
  const std::string secret = user.add_app();
  user.open("/security");
  const std::string factor = between(user.body, "/security/rename?factor=", "\"");
  const auto has_factor = [&] {
    return !served.site->verified_factors(served.site->users.find_by_email(alan)->id).empty();
  };
  served.clock.advance(11min);
  user.open("/account/email");
  user.post("/account/email", {{"email", "turing@example.com"}});
  CHECK(user.path == "/step-up");
  user.post("/step-up/password", {{"password", password}});
  CHECK(user.path == "/step-up");
  CHECK_FALSE(served.site->users.find_by_email("turing@example.com"));
  user.open("/security/remove?factor=" + factor);
  CHECK(user.path == "/step-up");
  user.post("/step-up/password", {{"password", password}});
  CHECK(user.path == "/step-up");
  user.post("/security/remove", {{"factor", factor}});
  CHECK(user.path == "/step-up");
  user.post("/security/recovery-codes");
  CHECK(user.path == "/step-up");
  CHECK(has_factor());
  user.post("/step-up", {{"factor", factor}});
  user.post("/step-up/code", {{"code", user.code_of(secret)}});
  REQUIRE(user.path == "/security/recovery-codes");
  user.post("/security/remove", {{"factor", factor}});
  CHECK(user.path == "/security");
  CHECK_FALSE(has_factor());
  CHECK_THAT(served.site->inbox.messages().front().subject, contains("a way to confirm was removed"));
}

TEST_CASE("From the deadline on, who has no second factor comes to no page but those on which he adds one") {
  Portal served;
  Browser user(served);
  user.sign_up();
  user.open("/account/email");
  CHECK(user.path == "/account/email");
  served.clock.advance(24h * 7);
  user.show_password();
  for (const auto& route : served.site->routes) {
    if (route.access != portal::Access::signed_in) continue;
    CAPTURE(route.path, route.changes);
    if (route.changes)
      user.post(route.path, {{"email", "turing@example.com"}});
    else
      user.open(route.path);
    CHECK(user.path == "/security");
  }
  user.open("/");
  CHECK(user.path == "/security");
  (void)user.add_app();
  user.open("/account/email");
  CHECK(user.path == "/account/email");
  user.open("/security");
  user.post("/security/remove", {{"factor", between(user.body, "/security/rename?factor=", "\"")}});
  CHECK_THAT(user.body, contains("This is your last way to confirm"));
}

TEST_CASE(
    "Who signs out all other browsers is alone, and none is remembered that was; nor one that asked for "
    "nothing of that kind") {
  Portal served;
  Browser user(served);
  user.sign_up();
  const std::string secret = user.add_app();
  Browser elsewhere(served);
  const auto sign_in_elsewhere = [&](const char* remember) {
    served.clock.advance(30s);
    elsewhere.show_password();
    if (elsewhere.path != "/sign-in/second-step") return false;
    elsewhere.post("/sign-in/second-step",
                   {{"factor", between(elsewhere.body, "name=\"factor\" value=\"", "\"")}});
    elsewhere.post("/sign-in/code", {{"code", elsewhere.code_of(secret)}, {"remember", remember}});
    REQUIRE(elsewhere.is_signed_in());
    elsewhere.post("/sign-out");
    return true; // he was asked
  };
  CHECK(sign_in_elsewhere("no"));
  CHECK(sign_in_elsewhere("yes"));
  CHECK_FALSE(sign_in_elsewhere("yes"));
  REQUIRE(elsewhere.is_signed_in());
  CHECK(user.is_signed_in());
  user.post("/sign-out-everywhere");
  CHECK(user.path == "/security");
  CHECK(user.is_signed_in());
  CHECK_THAT(user.body, contains("All other browsers were signed out"));
  CHECK_FALSE(elsewhere.is_signed_in());
  CHECK(sign_in_elsewhere("no"));
}

TEST_CASE("Who has no second factor shows his password again before his address changes, and support finds "
          "him by it") {
  Portal served;
  Browser user(served);
  user.sign_up();
  served.clock.advance(11min);
  user.open("/account/email");
  user.post("/account/email", {{"email", "no address"}});
  CHECK_THAT(user.body, contains("This is no e-mail address."));
  user.post("/account/email", {{"email", "turing@example.com"}});
  REQUIRE(user.path == "/step-up/password");
  CHECK_THAT(user.body, contains("change the e-mail address to turing@example.com"));
  user.post("/step-up/password", {{"password", "not this"}});
  CHECK_THAT(user.body, contains("This is not your password."));
  user.post("/step-up/password", {{"password", password}});
  CHECK_THAT(user.body, contains("You sign in with turing@example.com from now on."));
  CHECK(served.site->inbox.messages().front().to == alan);

  Browser support(served);
  support.open("/operator");
  CHECK(support.path == "/operator/sign-in");
  support.post("/operator/sign-in", {{"password", "only for the operator"}});
  support.open("/operator?email=alan%40example.com");
  CHECK_THAT(support.body, contains("Nobody has this address."));
  support.open("/operator?email=Turing%40example.com");
  CHECK_THAT(support.body, contains("<h1>turing@example.com</h1>"));
}

TEST_CASE("A code of a phone comes by a call where the user asks for that, and one of them counts") {
  Portal served;
  Browser user(served);
  user.sign_up();
  user.open("/security/phone");
  user.post("/security/phone", {{"to", "+1 415 555 2671"}});
  REQUIRE(user.path == "/security/phone/code");
  const std::string texted = served.site->inbox.messages().front().text.substr(0, 6);
  user.post("/security/phone/code/again", {{"channel", "voice"}});
  CHECK_THAT(user.body, contains("No further message can be sent now. Wait 30 seconds"));
  served.clock.advance(31s);
  user.post("/security/phone/code/again", {{"channel", "voice"}});
  CHECK_THAT(user.body, contains("We are calling you."));
  const auto call = served.site->inbox.messages().front();
  CHECK(call.channel == mfa::Channel::voice);
  std::string spoken;
  for (const char c : call.text)
    if (c >= '0' && c <= '9' && spoken.size() < 6) spoken += c;
  user.post("/security/phone/code", {{"code", texted}, {"name", "Phone"}});
  CHECK(user.path == "/security/phone/code");
  user.post("/security/phone/code", {{"code", spoken}, {"name", "Phone"}});
  CHECK_THAT(user.body, contains("Text message added."));
}

TEST_CASE("Who waits for a code is told where it comes, or that none will") {
  using portal::Messages;
  for (const Messages messages : {Messages::on_page, Messages::nowhere, Messages::sent}) {
    CAPTURE(static_cast<int>(messages));
    Portal served({.messages = messages});
    Browser user(served);
    user.sign_up();
    user.open("/security/phone");
    const auto is_told = [&] {
      const bool of_page = user.body.find("href=\"/inbox\" target=") != std::string::npos;
      const bool of_none = user.body.find("no code will come") != std::string::npos;
      CHECK(of_page == (messages == Messages::on_page));
      CHECK(of_none == (messages == Messages::nowhere));
    };
    const auto code = [&] { return served.site->inbox.messages().front().text.substr(0, 6); };
    is_told();
    user.post("/security/phone", {{"to", "+1 415 555 2671"}});
    REQUIRE(user.path == "/security/phone/code");
    is_told();
    user.post("/security/phone/code", {{"code", code()}, {"name", "Phone"}});
    REQUIRE_THAT(user.body, contains("Text message added."));
    user.post("/sign-out");
    served.clock.advance(1min);
    user.show_password();
    user.post("/sign-in/second-step", {{"factor", between(user.body, "name=\"factor\" value=\"", "\"")}});
    REQUIRE(user.path == "/sign-in/code");
    is_told();
    user.post("/sign-in/code", {{"code", code()}});
    REQUIRE(user.is_signed_in());
    user.open("/inbox");
    CHECK(user.status == (messages == Messages::on_page ? 200 : 404));
  }
}

TEST_CASE("Where to go next is a path of this site, and no body is longer than a form") {
  CHECK(portal::local_path("/security/remove?factor=x") == "/security/remove?factor=x");
  for (const std::string away : {"//example.com", "/\\example.com", "https://example.com",
                                 "javascript:alert(1)", "", "/a\r\nSet-Cookie: x", "/a b", "example.com"})
    CHECK(portal::local_path(away) == "/");

  Portal served;
  Browser user(served);
  user.open("/sign-in");
  user.post("/sign-in", {{"email", std::string(100'000, 'a')}, {"password", "x"}});
  CHECK(user.status == 413);
  user.open("/sign-in?next=https://example.com");
  CHECK(user.status == 200);
  user.open("/no-such-page");
  CHECK(user.status == 404);
  CHECK_THAT(user.body, contains("Page not found"));
  CHECK_THAT(header(user, "Content-Security-Policy"), contains("default-src 'none'"));
}

TEST_CASE(
    "What happened more than a year ago is forgotten, and a database that fails is told to nobody outside") {
  const mfa::test::TemporaryDirectory directory;
  Portal served({.data = directory.path() + "/portal.db"});
  Browser user(served);
  user.sign_up();
  const std::string id = served.site->users.find_by_email(alan)->id;
  served.clock.advance(364 * 24h);
  user.show_password();
  CHECK(served.site->trail.of_user(id).back().type == "signed_up");
  served.clock.advance(2 * 24h);
  user.show_password();
  CHECK(served.site->trail.of_user(id).back().type == "password_accepted");

  portal::Database(directory.path() + "/portal.db").execute("DROP TABLE portal_users");
  user.open("/");
  CHECK(user.status == 500);
  CHECK_THAT(user.body, contains("Something went wrong"));
  CHECK(user.body.find("portal_users") == std::string::npos);
  for (const auto& [name, value] : user.headers) CHECK(value.find("portal_users") == std::string::npos);
}

TEST_CASE("What users write is text on every page") {
  Portal served;
  Browser user(served);
  user.sign_up();
  user.add_app();
  user.open("/security");
  const std::string factor = between(user.body, "/security/rename?factor=", "\"");
  user.open("/security/rename?factor=" + factor);
  user.post("/security/rename", {{"factor", factor}, {"name", "<script>alert(\"1\")</script>'&"}});
  CHECK_THAT(user.body, contains("&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt;&#39;&amp;"));
  CHECK(user.body.find("<script>alert") == std::string::npos);
}

TEST_CASE("A file of recovery codes has codes in it and nothing else") {
  using portal::detail::read_codes;
  CHECK(read_codes("7KQP-X2M9-T4WD\r\nAAAA-BBBB-CCCC\r\n").size() == 2);
  for (const std::string other : {"<script>alert(1)</script>", "AAAA-BBBB-CCCC\nhttps://example.com", "aaaa"})
    CHECK(read_codes(other).empty());
  CHECK(read_codes(std::string(33, 'A')).empty());
}

TEST_CASE("With a file, users and what they have outlive the program, and nobody else reads them") {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/portal.db";
  std::string secret;
  {
    Portal served({.data = file});
    Browser user(served);
    user.sign_up();
    secret = user.add_app();
  }
  for (const std::string& kept : {file, file + ".keys"}) {
    CAPTURE(kept);
    struct stat status {};
    REQUIRE(::stat(kept.c_str(), &status) == 0);
    CHECK((status.st_mode & 0077) == 0);
  }
  Portal served({.data = file});
  served.clock.advance(30s);
  Browser user(served);
  user.show_password();
  CHECK(user.path == "/sign-in/second-step");
  user.show_code(secret);
  CHECK(user.is_signed_in());
  CHECK_THAT(user.body, contains("You made this account"));
}

TEST_CASE(
    "What is sent comes to a page where nobody but this machine sees the site, and elsewhere if asked") {
  using portal::Messages;
  for (const char* const host : {"127.0.0.1", "localhost", "::1", "127.0.0.5"}) {
    CHECK(portal::messages_of(host, "", false) == Messages::on_page);
    CHECK(portal::messages_of(host, "http://localhost:8081", false) == Messages::on_page);
    for (const char* const origin : {"https://portal.example.com", "http://portal.example.com",
                                     "http://localhost.example.com", "http://192.0.2.1:8081"}) {
      CHECK(portal::messages_of(host, origin, false) == Messages::nowhere);
      CHECK(portal::messages_of(host, origin, true) == Messages::on_page);
    }
  }
  for (const char* const host : {"0.0.0.0", "::", "192.0.2.1", "portal.example.com"}) {
    CHECK(portal::messages_of(host, "", false) == Messages::nowhere);
    CHECK(portal::messages_of(host, "http://localhost:8081", false) == Messages::nowhere);
    CHECK(portal::messages_of(host, "", true) == Messages::on_page);
  }
}

TEST_CASE("A session keeps little of what a stranger sends") {
  const Portal served;
  Browser stranger(served);
  stranger.open("/sign-up");
  const std::string much(4'000, 'a');
  stranger.post("/sign-up", {{"email", much}, {"new-password", password}});
  CHECK(stranger.path == "/sign-up");
  CHECK_THAT(stranger.body, contains("This is no e-mail address"));
  CHECK(stranger.body.find(much.substr(0, 1'001)) == std::string::npos);
  stranger.post("/sign-up", {{"email", "alan@example"}, {"new-password", password}});
  CHECK_THAT(stranger.body, contains("alan@example"));

  Browser user(served);
  user.sign_up();
  user.post("/sign-out");
  user.open("/activity?" + much);
  CHECK(user.path == "/sign-in");
  user.post("/sign-in", {{"email", alan}, {"password", password}});
  CHECK(user.path == "/");
  user.post("/sign-out");
  user.open("/activity?a=b");
  user.post("/sign-in", {{"email", alan}, {"password", password}});
  CHECK(user.path == "/activity?a=b");
}

TEST_CASE("As much is written of a wrong password for nobody's address as for somebody's, and for a day") {
  const Portal served;
  Browser user(served);
  user.sign_up();
  Browser guesser(served);
  guesser.show_password("wrong wrong wrong");
  guesser.show_password("wrong wrong wrong", "nobody@example.com");
  CHECK(served.site->trail.of_user("").size() == 1);
  served.clock.advance(25h);
  guesser.open("/sign-in");
  CHECK(served.site->trail.of_user("").empty());
}
