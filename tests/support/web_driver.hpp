#pragma once

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <vector>

#include <fcntl.h>
#include <httplib.h>
#include <nlohmann/json.hpp>
#ifdef __linux__
#include <sys/prctl.h>
#endif
#include <sys/wait.h>
#include <unistd.h>

#include "catch.hpp"
#include "loopback.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// A headless Chromium, driven by chromedriver (W3C WebDriver, with the commands of WebAuthn Level 3 section
/// 11 for virtual authenticators). Both end with the test, however that ends.
class Browser {
 public:
  using Json = nlohmann::json;

  Browser() : port_(free_port()), driver_(start()), client_("127.0.0.1", port_) {
    client_.set_read_timeout(std::chrono::seconds(60));
    client_.set_keep_alive(true); // a walk is thousands of small commands
    client_.set_tcp_nodelay(true);
    for (int tries = 0; !client_.Get("/status"); ++tries) {
      REQUIRE(tries < 300);
      std::this_thread::sleep_for(std::chrono::milliseconds(100));
    }
    Json arguments = Json::array();
    for (const char* const argument :
         {"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
          "--disable-background-networking", "--disable-component-update", "--disable-sync",
          "--disable-dev-shm-usage"})
      arguments.push_back(argument);
    arguments.push_back("--user-data-dir=" + profile_.path());
    const Json session = send("POST", "/session",
                              {{"capabilities",
                                {{"alwaysMatch",
                                  {{"browserName", "chrome"},
                                   {"goog:chromeOptions", {{"args", arguments}}},
                                   {"goog:loggingPrefs", {{"browser", "ALL"}, {"performance", "ALL"}}}}}}}});
    session_ = "/session/" + session.at("sessionId").get<std::string>();
  }

  ~Browser() {
    if (!session_.empty()) (void)client_.Delete(session_);
    ::kill(driver_, SIGTERM);
    (void)::waitpid(driver_, nullptr, 0);
  }
  Browser(const Browser&) = delete;
  Browser& operator=(const Browser&) = delete;

  void open(const std::string& url) { send("POST", session_ + "/url", {{"url", url}}); }
  void go_back() { send("POST", session_ + "/back", Json::object()); }
  void reload() { send("POST", session_ + "/refresh", Json::object()); }

  /// A command of the Chrome DevTools Protocol.
  Json command(const std::string& method, const Json& parameters = Json::object()) {
    return send("POST", session_ + "/goog/cdp/execute", {{"cmd", method}, {"params", parameters}});
  }

  /// What has been noted since it was last asked for: "browser", the console, or "performance", the events of
  /// the DevTools Protocol.
  Json log(const std::string& kind) { return send("POST", session_ + "/se/log", {{"type", kind}}); }

  /// Clicks on the element that the page's expression gives, and waits for the page to which that leads.
  void click(const std::string& expression) { send("POST", element(expression) + "/click", Json::object()); }

  /// Types into the element that the page's expression gives, in place of what it holds.
  void type(const std::string& expression, const std::string& text) {
    const std::string field = element(expression);
    send("POST", field + "/clear", Json::object());
    send("POST", field + "/value", {{"text", text}});
  }

  /// Presses these keys, one after the other, wherever the focus is. "\uE004" is the tabulator, "\uE007"
  /// enter (WebDriver, section 17.4.2).
  void press(const std::vector<std::string>& keys) {
    Json actions = Json::array();
    for (const std::string& key : keys)
      for (const char* const action : {"keyDown", "keyUp"})
        actions.push_back({{"type", action}, {"value", key}});
    const Json keyboard{{"type", "key"}, {"id", "keyboard"}, {"actions", std::move(actions)}};
    send("POST", session_ + "/actions", {{"actions", Json::array({keyboard})}});
  }

  Json cookies() { return send("GET", session_ + "/cookie", {}); }

  /// The tab that is used, and another; `show` makes it the one that is used.
  std::string tab() { return send("GET", session_ + "/window", {}).get<std::string>(); }
  std::string open_tab() {
    return send("POST", session_ + "/window/new", {{"type", "tab"}}).at("handle").get<std::string>();
  }
  void close_tab() { send("DELETE", session_ + "/window", {}); }
  void show(const std::string& tab) { send("POST", session_ + "/window", {{"handle", tab}}); }

  /// What the page's expression comes to, or `{"thrown": name}`. Awaited if it is a promise.
  Json evaluate(const std::string& expression) {
    return send("POST", session_ + "/execute/async",
                {{"script", "const done = arguments[arguments.length - 1];"
                            "(async () => " +
                                expression + ")().then(done, e => done({thrown: e.name}));"},
                 {"args", Json::array()}});
  }

  std::string add_authenticator(const Json& settings) {
    return send("POST", session_ + "/webauthn/authenticator", settings).get<std::string>();
  }
  void remove_authenticator(const std::string& id) {
    send("DELETE", session_ + "/webauthn/authenticator/" + id, {});
  }
  Json credentials(const std::string& authenticator) {
    return send("GET", session_ + "/webauthn/authenticator/" + authenticator + "/credentials", {});
  }
  void add_credential(const std::string& authenticator, const Json& credential) {
    send("POST", session_ + "/webauthn/authenticator/" + authenticator + "/credential", credential);
  }
  /// Whether the PIN or biometric is shown from now on.
  void set_user_verified(const std::string& authenticator, bool verified) {
    send("POST", session_ + "/webauthn/authenticator/" + authenticator + "/uv",
         {{"isUserVerified", verified}});
  }
  void remove_credentials(const std::string& authenticator) {
    send("DELETE", session_ + "/webauthn/authenticator/" + authenticator + "/credentials", {});
  }

 private:
  [[nodiscard]] pid_t start() const {
    const pid_t id = ::fork();
    if (id < 0) throw std::system_error(errno, std::generic_category(), "fork");
    if (id > 0) return id;
#ifdef __linux__
    ::prctl(PR_SET_PDEATHSIG, SIGTERM);
#endif
    const int nowhere = ::open("/dev/null", O_RDWR);
    for (const int descriptor : {0, 1, 2}) ::dup2(nowhere, descriptor);
    const std::string port = "--port=" + std::to_string(port_);
    ::execlp("chromedriver", "chromedriver", port.c_str(), static_cast<char*>(nullptr));
    ::_exit(127);
  }

  std::string element(const std::string& expression) {
    const Json found = evaluate(expression);
    INFO(expression << ": " << found.dump());
    REQUIRE(found.is_object());
    REQUIRE(found.contains("element-6066-11e4-a52e-4f735466cecf")); // the name that WebDriver has for it
    return session_ + "/element/" + found.begin()->get<std::string>();
  }

  Json send(const std::string& method, const std::string& path, const Json& body) {
    httplib::Request request;
    request.method = method;
    request.path = path;
    if (method == "POST") {
      request.body = body.dump();
      request.set_header("Content-Type", "application/json");
    }
    const auto answer = client_.send(request);
    REQUIRE(answer);
    INFO(method << ' ' << path << ": " << answer->body.substr(0, 2000));
    REQUIRE(answer->status == 200);
    return Json::parse(answer->body).at("value");
  }

  TemporaryDirectory profile_;
  std::uint16_t port_;
  pid_t driver_;
  httplib::Client client_;
  std::string session_;
};

} // namespace mfa::test
