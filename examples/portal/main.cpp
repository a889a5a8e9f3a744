// A portal with every journey of the library: sign up, passwords, authenticator apps, text messages, e-mail
// codes, passkeys, security keys, recovery codes, remembered browsers, support. What a product team starts
// from.
//   portal [--listen 127.0.0.1:8081] [--origin URL] [--data FILE] [--inbox-for-everybody]
//   portal --self-test   talks to itself and ends
// Without --data all is in memory, and gone at the end. --origin is where browsers find it, if that is not
// http://localhost: behind a proxy that speaks TLS, "https://portal.example.com". Then, and if it listens to
// others than this machine, there is no page of all that is sent, unless --inbox-for-everybody asks for it:
// whoever sees it has everybody's codes.
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <string_view>
#include <thread>

#include "portal.hpp"

#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>

namespace {

struct Arguments {
  std::string host = "127.0.0.1";
  int port = 8081;
  std::string origin;
  std::string data;
  bool inbox_for_everybody = false;
  bool self_test = false;
  bool good = true;
};

Arguments read(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc && arguments.good; ++i) {
    const std::string_view name = argv[i];
    if (name == "--self-test") {
      arguments.self_test = true;
      arguments.port = 0;
      continue;
    }
    if (name == "--inbox-for-everybody") {
      arguments.inbox_for_everybody = true;
      continue;
    }
    const std::string value = i + 1 < argc ? argv[++i] : "";
    if (name == "--data")
      arguments.data = value;
    else if (name == "--origin")
      arguments.origin = value;
    else if (name == "--listen" && value.rfind(':') != std::string::npos) {
      arguments.host = value.substr(0, value.rfind(':'));
      arguments.port = std::atoi(value.c_str() + value.rfind(':') + 1);
    } else
      arguments.good = false;
    arguments.good = arguments.good && !value.empty();
  }
  return arguments;
}

/// A browser that keeps its cookie and sends what is in the last page's first form.
class Browser {
 public:
  explicit Browser(int port) : client_("127.0.0.1", port) {
    client_.set_follow_location(false);
    client_.set_read_timeout(std::chrono::seconds(60)); // a busy machine is no failure
  }

  std::string get(std::string path) {
    for (int hops = 0; hops < 5; ++hops) {
      const auto answer = client_.Get(path, headers());
      if (!answer) return {};
      keep(*answer);
      if (answer->status != 303) return answer->body;
      path = answer->get_header_value("Location");
    }
    return {};
  }

  std::string post(const std::string& path, httplib::Params fields) {
    fields.emplace("csrf", between(page_, "name=\"csrf\" value=\"", "\""));
    const auto answer = client_.Post(path, headers(), fields);
    if (!answer) return {};
    keep(*answer);
    return answer->status == 303 ? get(answer->get_header_value("Location")) : answer->body;
  }

  static std::string between(const std::string& text, const std::string& before, const std::string& after) {
    const auto from = text.find(before);
    if (from == std::string::npos) return {};
    return text.substr(from + before.size(), text.find(after, from + before.size()) - from - before.size());
  }

 private:
  httplib::Headers headers() const { return {{"Cookie", cookie_}}; }
  void keep(const httplib::Response& answer) {
    const std::string cookie = answer.get_header_value("Set-Cookie");
    if (!cookie.empty()) cookie_ = cookie.substr(0, cookie.find(';'));
    if (!answer.body.empty()) page_ = answer.body;
  }

  httplib::Client client_;
  std::string cookie_;
  std::string page_;
};

/// A new user adds an authenticator app and signs in with it.
bool talks(int port) {
  Browser browser(port);
  const auto has = [](const std::string& page, const char* text) {
    return page.find(text) != std::string::npos;
  };
  browser.get("/sign-up");
  if (!has(browser.post("/sign-up", {{"email", "alan@example.com"}, {"new-password", "a correct horse"}}),
           "Your account is ready"))
    return false;
  const std::string secret = Browser::between(browser.get("/security/app"), "id=\"secret\">", "<");
  const auto code = [&](std::chrono::seconds later) {
    return std::string(
        mfa::otp::totp(mfa::otp::base32_decode(secret), std::chrono::system_clock::now() + later));
  };
  if (!has(browser.post("/security/app", {{"code", code({})}, {"name", "My phone"}}), "My phone"))
    return false;
  browser.post("/sign-out", {});
  const std::string choices =
      browser.post("/sign-in", {{"email", "Alan@example.com"}, {"password", "a correct horse"}});
  const std::string factor = Browser::between(choices, "name=\"factor\" value=\"", "\"");
  browser.post("/sign-in/second-step", {{"factor", factor}});
  if (!has(browser.post("/sign-in/code", {{"code", "not a code"}}), "This is not a code")) return false;
  return has(browser.post("/sign-in/code", {{"code", code(std::chrono::seconds(30))}}),
             "protected by a second factor");
}

int run(const Arguments& arguments) {
  httplib::Server server;
  int port = arguments.port;
  if (port == 0)
    port = server.bind_to_any_port(arguments.host.c_str());
  else if (!server.bind_to_port(arguments.host.c_str(), port))
    port = -1;
  if (port <= 0) {
    std::cerr << "cannot listen on " << arguments.host << ':' << arguments.port
              << "; give another by --listen\n";
    return 1;
  }

  // Browsers offer passkeys and security keys to https pages, and to http://localhost for trying things out.
  const std::string here = std::to_string(port);
  portal::Settings settings{
      .origin = arguments.origin.empty() ? "http://localhost:" + here : arguments.origin,
      .data = arguments.data,
      .operator_password = portal::random_id().substr(0, 16),
      .messages = portal::messages_of(arguments.host, arguments.origin, arguments.inbox_for_everybody),
      .sources = MFA_SOURCE_DIRECTORY};
  mfa::clock::System clock;
  portal::Site site(server, clock, settings);
  portal::add_journeys(site);

  if (settings.messages == portal::Messages::nowhere)
    std::cerr << "portal: no text message and no e-mail goes out: set a transport in place of Inbox "
                 "(docs/portal.md), or, where it does no harm that everybody sees all codes, start with "
                 "--inbox-for-everybody\n";
  if (!arguments.self_test) {
    std::cout << "listening on http://" << arguments.host << ':' << here << "\nOpen " << settings.origin
              << "/ in a browser on this machine. Ctrl-C ends.\nThe operator's password for "
              << settings.origin << "/operator is " << settings.operator_password << '\n'
              << std::flush;
    return server.listen_after_bind() ? 0 : 1;
  }
  std::thread listening([&] { (void)server.listen_after_bind(); });
  while (!server.is_running()) std::this_thread::yield();
  const bool done = talks(port);
  server.stop();
  listening.join();
  std::cout << (done ? "ok\n" : "failed\n");
  return done ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) {
  const Arguments arguments = read(argc, argv);
  if (!arguments.good) {
    std::cerr << "portal [--listen 127.0.0.1:8081] [--origin URL] [--data FILE] "
                 "[--inbox-for-everybody] [--self-test]\n";
    return 2;
  }
  try {
    return run(arguments);
  } catch (const std::exception& error) {
    std::cerr << "portal: " << error.what() << '\n';
    return 1;
  }
}
