// The example magic_link as its users, and what else opens their links, meet it: over HTTP, with cookies,
// pages whose buttons are pressed, and a mailbox.
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>

#include <httplib.h>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "../../examples/magic_link_site.hpp"
#include "support/catch.hpp"

using mfa::test::contains;
using namespace std::chrono_literals;

namespace {

using Verifier = mfa::Verifier<mfa::storage::Memory, mfa::testing::ManualClock, InboxOnAPage>;

/// The site, served until this ends.
struct Site {
  explicit Site(unsigned wrong_codes = mfa::Options().wrong_codes_a_user_a_day)
      : wrong_codes_a_day(wrong_codes) {
    REQUIRE(port > 0);
    serving = std::thread([this] { (void)server.listen_after_bind(); });
    while (!server.is_running()) std::this_thread::yield();
  }
  ~Site() {
    server.stop();
    serving.join();
  }
  Site(const Site&) = delete;
  Site& operator=(const Site&) = delete;

  httplib::Server server;
  int port = server.bind_to_any_port("127.0.0.1");
  std::string origin = "http://localhost:" + std::to_string(port);
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  InboxOnAPage inbox;
  unsigned wrong_codes_a_day; ///< of a user
  Verifier verifier{storage, clock, inbox, options()};
  MagicLinkSite<Verifier> pages{server, verifier, inbox};
  std::thread serving;

  [[nodiscard]] mfa::Options options() const {
    mfa::Options options = magic_link_options(origin);
    options.wrong_codes_a_user_a_day = wrong_codes_a_day;
    return options;
  }
  [[nodiscard]] std::string last_mail() const {
    const auto mails = inbox.mails();
    REQUIRE_FALSE(mails.empty());
    return std::string(mails.back().text);
  }
  /// Without what stands before its path.
  [[nodiscard]] std::string last_link() const {
    const std::string mail = last_mail();
    const auto begin = mail.find(origin) + origin.size();
    return mail.substr(begin, mail.find('\n', begin) - begin);
  }
  [[nodiscard]] std::string last_code() const {
    const std::string mail = last_mail();
    constexpr std::string_view before = "into that browser: ";
    return mail.substr(mail.find(before) + before.size(), 6);
  }
};

/// As `name=value` and `name='value'` give it.
std::string attribute(const std::string& tag, const std::string& name) {
  const auto at = tag.find(' ' + name + '=');
  if (at == std::string::npos) return {};
  const auto begin = at + name.size() + 2;
  if (tag[begin] == '\'') return tag.substr(begin + 1, tag.find('\'', begin + 1) - begin - 1);
  return tag.substr(begin, tag.find_first_of(" >", begin) - begin);
}

/// A browser: it keeps cookies, follows redirections, and sends forms.
class Browser {
 public:
  explicit Browser(const Site& site) : client_("127.0.0.1", site.port) { client_.set_follow_location(false); }

  std::string cookie; ///< of the session
  std::string body;
  int status = 0;
  httplib::Headers headers;

  void open(const std::string& path) { took(client_.Get(path, cookies())); }

  /// Sends the form of the page, with what the user types where it can be typed.
  void press_button(const std::string& typed = {}) {
    const auto begin = body.find("<form");
    REQUIRE(begin != std::string::npos);
    std::string action = attribute(body.substr(begin, body.find('>', begin) - begin + 1), "action");
    httplib::Params fields;
    for (auto at = body.find("<input", begin); at != std::string::npos; at = body.find("<input", at + 1)) {
      const std::string tag = body.substr(at, body.find('>', at) - at + 1);
      const bool hidden = attribute(tag, "type") == "hidden";
      fields.emplace(attribute(tag, "name"), hidden ? attribute(tag, "value") : typed);
    }
    took(client_.Post(action, cookies(), fields));
  }

  void ask(const std::string& address) {
    open("/");
    press_button(address);
  }

  [[nodiscard]] std::string who_is_signed_in() {
    open("/");
    constexpr std::string_view before = "You are signed in as ";
    const auto begin = body.find(before);
    if (begin == std::string::npos) return {};
    return body.substr(begin + before.size(), body.find(".</p>") - begin - before.size());
  }

 private:
  [[nodiscard]] httplib::Headers cookies() const {
    return cookie.empty() ? httplib::Headers() : httplib::Headers{{"Cookie", "theme=dark; " + cookie}};
  }

  void took(const httplib::Result& answer) {
    REQUIRE(answer);
    body = answer->body;
    status = answer->status;
    headers = answer->headers;
    if (const std::string set = answer->get_header_value("Set-Cookie"); !set.empty())
      cookie = set.substr(0, set.find(';'));
    if (status == 303) open(answer->get_header_value("Location"));
  }

  httplib::Client client_;
};

/// A user whose address is confirmed, who has asked for a link.
struct Asked : Site {
  explicit Asked(unsigned wrong_codes = mfa::Options().wrong_codes_a_user_a_day) : Site(wrong_codes) {
    user.ask("alan@example.com");
    user.open(last_link());
    user.press_button();
    CHECK_THAT(user.body, contains("The address is confirmed"));
    CHECK(user.who_is_signed_in().empty()); // that is what the next link is for
    clock.advance(1min);
    user.ask("alan@example.com");
    CHECK(user.status == 200);
  }

  Browser user{*this};
};

} // namespace

TEST_CASE("A user confirms his address by a link, and signs in by the next, by link or by code") {
  for (const bool by_link : {true, false}) {
    CAPTURE(by_link);
    Asked site;
    const std::string before = site.user.cookie;
    if (by_link) site.user.open(site.last_link());
    site.user.press_button(by_link ? std::string() : site.last_code()); // which he reads on his telephone
    CHECK(site.user.status == 200);
    CHECK(site.user.who_is_signed_in() == "alan@example.com");
    CHECK(site.user.cookie != before);
    site.user.press_button();
    CHECK(site.user.who_is_signed_in().empty());
  }
}

TEST_CASE("What looks at links before the user does uses none up, however often and whatever it presses") {
  Asked site;
  const std::string link = site.last_link();
  for (int i = 0; i < 4; ++i) {
    Browser scanner(site);
    scanner.open(link);
    CHECK(scanner.status == 200);
    CHECK(scanner.headers.count("Set-Cookie") == 0);
    httplib::Client prober("127.0.0.1", site.port);
    const auto head = prober.Head(link);
    REQUIRE(head);
    CHECK(head->status == 200);
    scanner.press_button(); // as those do that run pages in a browser
    CHECK(scanner.status == 403);
    CHECK(scanner.who_is_signed_in().empty());
  }
  site.user.open(link);
  site.user.open(link); // and reloads
  site.user.press_button();
  CHECK(site.user.who_is_signed_in() == "alan@example.com");
}

TEST_CASE("Another browser is refused with any session, and takes nothing from the user") {
  Asked site;
  const std::string link = site.last_link();
  Browser other(site);
  other.ask("bob@example.com"); // which gives it a session
  const std::string link_of_other = site.last_link();
  other.open(link);
  other.press_button();
  CHECK(other.status == 403);
  CHECK_THAT(other.body, contains("Open it in the browser in which you asked for it"));
  CHECK(other.who_is_signed_in().empty());
  site.user.open(link_of_other);
  site.user.press_button();
  CHECK(site.user.status == 403);
  site.user.open(link);
  site.user.press_button();
  CHECK(site.user.who_is_signed_in() == "alan@example.com");
}

TEST_CASE("Who begins a sign-in as another, and has him click in the mail, is not signed in") {
  Asked site;
  site.clock.advance(1min);
  Browser stranger(site);
  stranger.ask("alan@example.com");
  CHECK(stranger.status == 200);
  site.user.open(site.last_link());
  site.user.press_button();
  CHECK(site.user.status == 403);
  CHECK(stranger.who_is_signed_in().empty());
  CHECK(site.user.who_is_signed_in().empty());
}

TEST_CASE("A link signs in once, and not when it is late or replaced") {
  SECTION("once") {
    Asked site;
    site.user.open(site.last_link());
    Browser second_click(site);
    second_click.cookie = site.user.cookie;
    second_click.body = site.user.body;
    Browser later(site);
    later.body = site.user.body;
    site.user.press_button();
    CHECK(site.user.who_is_signed_in() == "alan@example.com");
    second_click.press_button();
    CHECK(second_click.status == 403);
    CHECK_THAT(second_click.body, contains("or no longer good."));
    CHECK(second_click.who_is_signed_in().empty()); // the session has another id since
    later.cookie = site.user.cookie;
    later.press_button();
    CHECK(later.status == 403);
  }
  SECTION("late") {
    Asked site;
    site.clock.advance(10min);
    site.user.open(site.last_link());
    CHECK(site.user.status == 200);
    site.user.press_button();
    CHECK(site.user.status == 403);
    CHECK_THAT(site.user.body, contains("or no longer good."));
  }
  SECTION("replaced") {
    Asked site;
    const std::string link = site.last_link();
    site.clock.advance(1min);
    site.user.ask("alan@example.com");
    site.user.open(link);
    site.user.press_button();
    CHECK_THAT(site.user.body, contains("or no longer good."));
    site.user.open(site.last_link());
    site.user.press_button();
    CHECK(site.user.who_is_signed_in() == "alan@example.com");
  }
}

TEST_CASE("The page shows what the link holds as text, and its address goes to nobody") {
  const Site site;
  Browser browser(site);
  browser.open("/sign-in?challenge=%27%3E%3Cscript%3E&token=%22%27%3E%3Cimg%20src%3Dx%3E");
  CHECK_THAT(browser.body, contains("value='&#39;&gt;&lt;script&gt;'"));
  CHECK_THAT(browser.body, !contains("<script") && !contains("<img"));
  CHECK(browser.headers.find("Referrer-Policy")->second == "no-referrer");
  CHECK(browser.headers.find("Cache-Control")->second == "no-store");
  CHECK_THAT(browser.headers.find("Content-Security-Policy")->second, contains("frame-ancestors 'none'"));
  browser.press_button();
  CHECK(browser.status == 403);
  browser.open("/sign-in"); // as a mail program that cuts the address gives it
  CHECK(browser.status == 200);
  browser.press_button();
  CHECK(browser.status == 403);
}

TEST_CASE(
    "A mail goes to the address that was enrolled, whatever spelling was typed, and none tells of users") {
  Asked site;
  site.clock.advance(1min);
  const auto page_for = [&](const std::string& typed) {
    Browser asking(site);
    asking.ask(typed);
    CHECK(asking.status == 200);
    const auto id = asking.body.find("auth_challenge_");
    return asking.body.replace(id, asking.body.find('\'', id) - id, "");
  };
  const std::string of_user = page_for("Alan Turing <ALAN@Example.COM>");
  CHECK(site.inbox.mails().back().to == "alan@example.com");
  CHECK(page_for("nobody@example.com") == of_user);
  CHECK(site.inbox.mails().back().to == "nobody@example.com");

  // Nor does a wrong code for a mail that was replaced by another.
  const auto refusal_for = [&](const std::string& typed) {
    site.clock.advance(1h);
    Browser asking(site);
    asking.ask(typed);
    const std::string first = asking.body;
    site.clock.advance(1min);
    asking.ask(typed);
    CHECK(asking.status == 200);
    asking.body = first;
    asking.press_button("no code");
    CHECK(asking.status == 403);
    return asking.body;
  };
  CHECK(refusal_for("alan@example.com") == refusal_for("somebody@example.com"));
}

TEST_CASE("Whose codes were guessed at too often is answered as whoever asks too often") {
  Asked site(10);
  Browser guesser(site);
  std::size_t mails = 0;
  do {
    site.clock.advance(2h); // as long as no delay of the factor lasts
    mails = site.inbox.mails().size();
    guesser.ask("alan@example.com");
    const std::string page = guesser.body;
    for (int i = 0; i < 5 && site.inbox.mails().size() > mails; ++i) {
      guesser.body = page;
      guesser.press_button(site.last_code() == "000000" ? "000001" : "000000");
    }
  } while (site.inbox.mails().size() > mails);
  CHECK(mails < 10); // which are all that an address gets in a day
  CHECK(guesser.status == 429);
  CHECK(guesser.headers.count("Retry-After") == 1);
  CHECK_THAT(guesser.body, contains("Please wait"));
}

TEST_CASE("Who types no address, or asks too often, is told so") {
  Asked site;
  const auto sent = site.inbox.mails().size();
  site.user.ask("alan@example,com");
  CHECK(site.user.status == 400);
  CHECK_THAT(site.user.body, contains("comma"));
  site.user.ask("alan@example.com");
  CHECK(site.user.status == 429);
  CHECK(site.user.headers.find("Retry-After")->second == "30");
  CHECK(site.inbox.mails().size() == sent);
  site.user.open("/inbox");
  CHECK_THAT(site.user.body, contains("<a href='" + site.origin + "/sign-in?challenge="));
}

TEST_CASE("Nobody sends the site more than a form") {
  const Site site;
  httplib::Client client("127.0.0.1", site.port);
  const auto answer = client.Post("/ask", std::string(100'000, 'a'), "text/plain");
  REQUIRE(answer);
  CHECK(answer->status == 413);
}
