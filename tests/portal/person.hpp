#pragma once

#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iterator>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64url.hpp>

#include "support/catch.hpp"
#include "support/qr_reader.hpp"
#include "support/temporary_directory.hpp"
#include "support/web_driver.hpp"

namespace mfa::test {

inline std::string quoted(const std::string& text) { return nlohmann::json(text).dump(); }

inline std::string text_of_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// What axe-core is, as npm has it.
inline const std::string& axe_core() {
  static const std::string source = text_of_file(MFA_NODE_PACKAGES "/node_modules/axe-core/axe.min.js");
  return source;
}

/// Somebody before a browser, who finds fields by their labels and buttons and links by their words. Each
/// page that comes up is held against what every page must be.
class Person {
 public:
  using Json = nlohmann::json;

  /// `origin` is where the site is, "http://localhost:8081".
  explicit Person(std::string origin) : browser(shared_browser()), origin_(std::move(origin)) {
    browser.command("Storage.clearCookies");
    browser.command("Page.enable");
    browser.command("Runtime.enable");
    media("light");
  }

  Browser& browser;            ///< which all persons share, one after the other
  bool by_keyboard = false;    ///< the mouse is not touched
  bool without_script = false; ///< from the next page on

  void open(const std::string& path) {
    leave();
    browser.open(path.starts_with("http") ? path : origin_ + path);
    arrive();
  }
  void go_back() {
    browser.go_back();
    browser.command("Runtime.evaluate",
                    {{"expression", "document.left = false"}}); // it may be the same document
    arrive();
  }
  void reload() {
    leave();
    browser.reload();
    arrive();
  }

  /// Types into the field with this label.
  void fill(const std::string& label, const std::string& text) {
    CAPTURE(label);
    const std::string field = "field(" + quoted(label) + ')';
    if (!by_keyboard) return browser.type(on_page(field), text);
    reach(field);
    std::vector<std::string> keys;
    for (const char c : text) keys.emplace_back(1, c);
    browser.press(keys); // in place of what the field held, which the tabulator selects
  }

  /// Ticks the box with this label, or takes it off.
  void tick(const std::string& label) { touch("field(" + quoted(label) + ')', " "); }

  /// Presses the button or follows the link with these words, which lead to another page.
  void press(const std::string& words) {
    CAPTURE(words);
    leave();
    touch("button(" + quoted(words) + ')', "\uE007");
    arrive();
  }

  /// As an impatient hand does.
  void press_twice(const std::string& words) {
    CAPTURE(words);
    leave();
    const std::string click = "button(" + quoted(words) + ").click()";
    (void)evaluate("(" + click + ", " + click + ")");
    arrive();
  }

  /// As `press`, of a button that leads nowhere by itself.
  void press_here(const std::string& words) {
    CAPTURE(words);
    touch("button(" + quoted(words) + ')', "\uE007");
  }

  /// Waits until the page's expression is true.
  void wait_for(const std::string& expression) {
    CAPTURE(expression);
    for (int tries = 0; evaluate(expression) != true; ++tries) {
      CAPTURE(where(), text());
      REQUIRE(tries < 200);
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
    }
  }

  /// Waits for a page with this heading, to which scripts lead by themselves.
  void wait_for_page(const std::string& heading) {
    CAPTURE(heading);
    wait_until("document.readyState === 'complete' && document.querySelector('h1')?.textContent === " +
               quoted(heading));
    examine();
  }

  /// Opens a page which leads to another by itself.
  void open_and_be_led(const std::string& path, const std::string& heading) {
    browser.open(origin_ + path);
    wait_for_page(heading);
  }

  /// What a script says that went wrong.
  [[nodiscard]] std::string refusal() {
    const std::string said =
        "[...document.querySelectorAll('[data-tell=error]')].map(e => e.textContent).join('')";
    wait_for(said + " !== ''");
    CHECK(evaluate("document.activeElement.closest('form') !== null") == true);
    examine();
    return evaluate(said).get<std::string>();
  }

  [[nodiscard]] Json evaluate(const std::string& expression) { return browser.evaluate(on_page(expression)); }
  [[nodiscard]] std::string where() { return evaluate("location.pathname").get<std::string>(); }
  [[nodiscard]] std::string heading() {
    return evaluate("document.querySelector('h1').textContent").get<std::string>();
  }
  [[nodiscard]] std::string text() { return evaluate("document.body.innerText").get<std::string>(); }
  [[nodiscard]] bool sees(const std::string& words) { return text().find(words) != std::string::npos; }
  /// What went wrong, as the page says it, to which the focus has gone.
  [[nodiscard]] std::string problem() {
    wait_until("document.activeElement.closest('[role=alert], [aria-invalid=true]') !== null");
    return evaluate("[...document.querySelectorAll('[role=alert] li')].map(e => e.textContent).join(' ')")
        .get<std::string>();
  }
  [[nodiscard]] std::string session_cookie() {
    for (const Json& cookie : browser.cookies())
      if (cookie.at("name").get<std::string>().ends_with("session")) return cookie.at("value");
    return {};
  }

  /// The window as it is seen, as PNG.
  [[nodiscard]] std::string screenshot() {
    const Json shot = browser.command("Page.captureScreenshot", {{"format", "png"}});
    return decoded(shot.at("data").get<std::string>());
  }

  /// What an authenticator's camera reads off the screen.
  [[nodiscard]] std::string scan_qr_code() {
    (void)evaluate("document.querySelector('img').scrollIntoView({block: 'center'})");
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/screen.png";
    std::ofstream(file, std::ios::binary) << screenshot();
    return read_image(file);
  }

  struct Look {
    int width = 1280;
    int height = 800;
    double scale = 1;
    bool dark = false;
  };
  void look(const Look& look) {
    browser.command("Emulation.setDeviceMetricsOverride", {{"width", look.width},
                                                           {"height", look.height},
                                                           {"deviceScaleFactor", look.scale},
                                                           {"mobile", false}});
    media(look.dark ? "dark" : "light");
  }
  void look_as_usual() {
    browser.command("Emulation.clearDeviceMetricsOverride");
    media("light");
  }

  /// For the documentation, if the environment's MFA_SCREENSHOTS says where to.
  void picture(const std::string& name, const Look& as) {
    const char* const directory = std::getenv("MFA_SCREENSHOTS");
    if (directory == nullptr) return;
    look(as);
    (void)evaluate("(document.documentElement.style.scrollbarWidth = 'none', document.activeElement.blur(), "
                   "scrollTo(0, 0))");
    std::ofstream(std::string(directory) + '/' + name + ".png", std::ios::binary) << screenshot();
    (void)evaluate("(document.documentElement.style.scrollbarWidth = '', 1)");
    look_as_usual();
  }

  /// Holds what was noted of the network and the console since the last time against what may be there.
  void read_logs() {
    for (const Json& entry : browser.log("performance")) {
      const Json event = Json::parse(entry.at("message").get<std::string>()).at("message");
      if (event.at("method") != "Network.requestWillBeSent") continue;
      const std::string url = event.at("params").at("request").at("url");
      if (url.starts_with("chrome:")) continue; // the first page of the browser itself
      CAPTURE(url);
      CHECK((url.starts_with(origin_ + '/') || url.starts_with(origin_by_number() + '/') ||
             url.starts_with("data:") || url.starts_with("blob:" + origin_)));
      ++requests_seen;
    }
    for (const Json& entry : browser.log("browser")) {
      // Chromium notes each answer that is no success here; which those are, the journeys say.
      if (entry.at("source") == "network" &&
          entry.at("message").get<std::string>().find("status of 4") != std::string::npos)
        continue;
      CAPTURE(entry.dump());
      CHECK(entry.at("level") != "SEVERE");
      CHECK(entry.at("level") != "WARNING");
    }
  }

  /// Holds the page against what every page must be, unless one of its shape was held already.
  void examine() {
    const Json page = evaluate("[document.title, shape()]");
    const std::string title = page.at(0);
    const std::string shape = page.at(1);
    const std::string path = shape.substr(0, shape.find(' '));
    CAPTURE(title, path);
    CHECK(path_of_title.emplace(title, path).first->second == path); // no two pages of one title
    if (!shapes_seen.insert(shape).second) return;
    CHECK(evaluate("document.documentElement.lang !== '' && document.querySelectorAll('h1').length === 1") ==
          true);
    browser.command("Runtime.evaluate", {{"expression", axe_core()}});
    const auto none = Json::array();
    // The rules of WCAG 2.2 are off unless they are asked for.
    CHECK(evaluate("await violations({rules: {'target-size': {enabled: true}}})") == none);
    look({.dark = true});
    CHECK(evaluate("matchMedia('(prefers-color-scheme: dark)').matches") == true);
    CHECK(evaluate("await violations({runOnly: ['color-contrast', 'link-in-text-block']})") == none);
    look({.width = 320, .height = 640, .scale = 2});
    CHECK(evaluate("sideways()") == none);
    look({.width = 640, .height = 400, .scale = 2}); // 200 % zoom of a window of 1280 pixels
    CHECK(evaluate("sideways()") == none);
    look_as_usual();
  }

  /// The same site, where a browser has no cookies of `origin`.
  [[nodiscard]] std::string origin_by_number() const {
    return "http://127.0.0.1" + origin_.substr(origin_.rfind(':'));
  }

  // In a run as a whole.
  inline static std::map<std::string, std::string> path_of_title;
  inline static std::set<std::string> shapes_seen;
  inline static long requests_seen = 0;

 private:
  static Browser& shared_browser() {
    static Browser browser;
    return browser;
  }

  static std::string on_page(const std::string& expression) {
    static const std::string helpers = text_of_file(MFA_SOURCE_DIRECTORY "/tests/portal/person.js");
    return "(async () => { " + helpers + " return " + expression + "; })()";
  }

  static std::string decoded(std::string base64) {
    while (base64.ends_with('=')) base64.pop_back();
    for (char& c : base64) c = c == '+' ? '-' : c == '/' ? '_' : c;
    const auto bytes = mfa::detail::base64url_decode<std::string>(base64);
    REQUIRE(bytes);
    return *bytes;
  }

  /// Goes there by the tabulator.
  void reach(const std::string& element) {
    for (int tries = 0; evaluate("document.activeElement === " + element) != true; ++tries) {
      REQUIRE(tries < 60);
      browser.press({"\uE004"});
    }
  }

  void touch(const std::string& element, const std::string& key) {
    if (!by_keyboard) return browser.click(on_page(element));
    reach(element);
    browser.press({key});
  }

  /// Nothing moves, so that what is seen is seen at once.
  void media(const char* scheme) {
    browser.command("Emulation.setEmulatedMedia",
                    {{"features", Json::array({{{"name", "prefers-color-scheme"}, {"value", scheme}},
                                               {{"name", "prefers-reduced-motion"}, {"value", "reduce"}}})}});
  }

  /// Marks the page, so that the next is told from it.
  void leave() {
    if (without_script) browser.command("Emulation.setScriptExecutionDisabled", {{"value", true}});
    browser.command("Runtime.evaluate", {{"expression", "document.left = true"}});
  }

  void arrive() {
    wait_until("document.readyState === 'complete' && !document.left");
    if (without_script) browser.command("Emulation.setScriptExecutionDisabled", {{"value", false}});
    examine();
  }

  /// Asks the page over and over, also while it gives way to another.
  void wait_until(const std::string& expression) {
    const Json asked{{"expression", expression}, {"returnByValue", true}};
    for (int tries = 0;
         browser.command("Runtime.evaluate", asked).at("result").value("value", Json()) != true; ++tries) {
      REQUIRE(tries < 1000);
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
  }

  std::string origin_;
};

} // namespace mfa::test
