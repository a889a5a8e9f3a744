#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <mfa/mfa.hpp>

#include "../database.hpp"
#include "../site.hpp"

namespace portal {

namespace detail {

/// When remembered browsers were last used, by the ids of their devices: the library keeps no such times.
/// Usable from many threads.
class BrowserUses {
 public:
  explicit BrowserUses(const std::string& path) : database_(path) {
    database_.execute(
        "CREATE TABLE IF NOT EXISTS portal_browsers (id TEXT PRIMARY KEY, used_at INTEGER NOT NULL) "
        "STRICT");
  }

  void note(std::string_view id, Time at) {
    const std::lock_guard guard(lock_);
    Database::Run run(database_,
                      "INSERT INTO portal_browsers (id, used_at) VALUES (?, ?) ON CONFLICT (id) DO "
                      "UPDATE SET used_at = excluded.used_at");
    run.bind(id).bind(std::int64_t{at.time_since_epoch().count()}).step();
  }

  [[nodiscard]] Time of(const mfa::TrustedDevice& device) {
    const std::lock_guard guard(lock_);
    Database::Run run(database_, "SELECT used_at FROM portal_browsers WHERE id = ?");
    return run.bind(device.id).step() ? Time(std::chrono::milliseconds(run.number(0))) : device.remembered_at;
  }

  void forget_before(Time at) {
    const std::lock_guard guard(lock_);
    Database::Run run(database_, "DELETE FROM portal_browsers WHERE used_at < ?");
    run.bind(std::int64_t{at.time_since_epoch().count()}).step();
  }

  void forget(std::string_view id) {
    const std::lock_guard guard(lock_);
    Database::Run(database_, "DELETE FROM portal_browsers WHERE id = ?").bind(id).step();
  }

 private:
  std::mutex lock_;
  Database database_;
};

/// "Firefox on Windows", of the header User-Agent: for the user to know it again, and proof of nothing.
inline std::string browser_name(std::string_view user_agent) {
  struct Mark {
    std::string_view text;
    std::string_view name;
  };
  // Most name the browsers that they descend from as well, so the order counts.
  constexpr std::array browsers = std::to_array<Mark>({{"Edg", "Edge"},
                                                       {"OPR/", "Opera"},
                                                       {"SamsungBrowser/", "Samsung Internet"},
                                                       {"Firefox/", "Firefox"},
                                                       {"FxiOS/", "Firefox"},
                                                       {"HeadlessChrome/", "Headless Chrome"},
                                                       {"Chrome/", "Chrome"},
                                                       {"CriOS/", "Chrome"},
                                                       {"Safari/", "Safari"}});
  constexpr std::array systems = std::to_array<Mark>({{"iPhone", "iPhone"},
                                                      {"iPad", "iPad"},
                                                      {"Android", "Android"},
                                                      {"Windows", "Windows"},
                                                      {"CrOS", "ChromeOS"},
                                                      {"Mac OS X", "Mac"},
                                                      {"Linux", "Linux"}});
  const auto name_in = [&](const auto& marks) {
    for (const Mark& mark : marks)
      if (user_agent.find(mark.text) != std::string_view::npos) return std::string(mark.name);
    return std::string();
  };
  const std::string browser = name_in(browsers);
  const std::string system = name_in(systems);
  if (browser.empty()) return system.empty() ? "A browser" : "A browser on " + system;
  return system.empty() ? browser : browser + " on " + system;
}

} // namespace detail

/// "Remember this browser": a browser in which the password alone signs in for a while.
template <class Clock> void add_trusted_browsers(Site<Clock>& site) {
  constexpr const char* name = "browser"; // of the cookie
  const auto uses = std::make_shared<detail::BrowserUses>(site.settings.data);
  const auto token_of = [&site](const Call& call) {
    return mfa::crypto::SecretString(site.cookie_of(call.request, name));
  };

  site.seams.below_code.push_back([](Call&) {
    return html(
        "<div class=\"field\"><label class=\"check\"><input type=\"checkbox\" name=\"remember\" "
        "value=\"yes\" "
        "aria-describedby=\"remember-hint\"><span>Remember this browser for 30 days</span></label>"
        "<p class=\"hint\" id=\"remember-hint\">Your password is then enough here. Not on a device that "
        "others use.</p></div>");
  });

  site.seams.device_token = token_of;

  site.seams.is_remembered = [&site, uses, token_of](Call& call) {
    const auto token = token_of(call);
    if (token.empty()) return false;
    const auto device = site.verifier.check_device(token.view(), call.session.user_id, call.context());
    if (device) uses->note(device->id, call.now);
    return device.has_value();
  };

  site.seams.signed_in.push_back(
      [&site, uses](Call& call, const mfa::Verification& verification, Answer& answer) {
        if (call.param("remember") != "yes") return;
        const auto label = detail::browser_name(call.request.get_header_value("User-Agent"));
        const auto remembered = site.verifier.remember_device(call.session.user_id, label, verification,
                                                              mfa::usual_device_lifetime, call.context());
        uses->note(remembered.device.id, call.now);
        answer.headers.push_back(site.cookie(name, remembered.token.view(), mfa::usual_device_lifetime));
      });

  site.seams.on_security.push_back([&site, uses](Call& call) {
    const auto devices = site.verifier.list_devices(call.user->id);
    if (devices.empty())
      return card(
          html("<h2>Remembered browsers</h2><p>None. When you sign in, you can have a browser remembered, in "
               "which your password is then enough.</p>"));
    Html items;
    for (const auto& device : devices) {
      const std::string title = "browser-" + device.id;
      items += html(
          "<li class=\"factor\"><div><h3 id=\"{}\">{}</h3><p class=\"hint\">Last used {} · remembered {} · "
          "until {}</p></div><div class=\"actions\">{}</div></li>",
          title, device.label, moment_of(uses->of(device)), day_of(device.remembered_at),
          day_of(device.expires_at),
          form("/security/browsers/forget", call.session.csrf,
               hidden("device", device.id) +
                   html("<button class=\"button quiet\" aria-describedby=\"{}\">Forget</button>", title)));
    }
    return card(
        html("<h2>Remembered browsers</h2><p>In these your password is enough.</p><ul class=\"factors\" "
             "id=\"browsers\">{}</ul>{}",
             items,
             form("/security/browsers/forget-all", call.session.csrf, quiet_button("Forget all browsers"))));
  });

  site.seams.daily.push_back([uses](Time at) { uses->forget_before(at - mfa::usual_device_lifetime); });

  // Ends trust, so it needs no more than the session.
  site.post("/security/browsers/forget", Access::enrolling, [&site, uses](Call& call) {
    const std::string id = call.param("device");
    const bool was_there = site.verifier.revoke_device(call.user->id, id, call.context());
    if (was_there) uses->forget(id);
    call.session.flash.notice = was_there
                                    ? "The browser is forgotten: there, you confirm again that it is you."
                                    : "It was forgotten before.";
    return go_to("/security");
  });

  site.post("/security/browsers/forget-all", Access::enrolling, [&site, uses](Call& call) {
    for (const auto& device : site.verifier.list_devices(call.user->id)) uses->forget(device.id);
    site.verifier.revoke_devices(call.user->id, {.event_context = call.context()});
    call.session.flash.notice = "All browsers are forgotten.";
    Answer answer = go_to("/security");
    answer.headers.push_back(site.cookie(name, "", std::chrono::seconds(0)));
    return answer;
  });
}

} // namespace portal
