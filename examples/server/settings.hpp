#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdlib>
#include <functional>
#include <map>
#include <set>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <unistd.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/guarded_file.hpp>
#include <mfa/error.hpp>

namespace server {

/// One setting: `--name`, `MFA_NAME` and `name = ...` in the file.
struct Setting {
  std::string_view name;
  std::string_view value;   ///< what it takes, for --help; empty: yes or no
  std::string_view usual;   ///< the default; empty: none
  std::string_view meaning; ///< for --help
};

/// All that can be set. docs/server.md has the same table, and a test compares them.
inline constexpr auto all_settings = std::to_array<Setting>({
    {"config", "FILE", "", "a file with a line NAME = VALUE for each setting"},
    {"listen", "ADDRESS:PORT", "127.0.0.1:8080", "where to serve; port 0: any free one"},
    {"storage", "URL", "memory:",
     "sqlite:FILE, postgres:CONNECTION, redis://HOST:PORT/DATABASE, or memory: which forgets everything"},
    {"storage-name", "NAME", "mfa", "the schema in PostgreSQL, what keys begin with in Redis"},
    {"redis-durability", "required|every_second|accept_volatile", "required",
     "what a Redis server must promise to keep"},
    {"key-ring-file", "FILE", "", "the keys that seal what is stored; needed unless the storage is memory:"},
    {"api-key-file", "FILE", "", "the keys of those who may call, one a line"},
    {"totp-issuer", "NAME", "", "what authenticator apps show where a request does not say"},
    {"sms", "PROVIDER:FILE|log:FILE|none", "none",
     "who sends text messages: twilio, twilio_verify, vonage, sns, messagebird, sinch or webhook with a file "
     "of its settings; two with a comma between: the second when the first fails"},
    {"sms-countries", "LIST", "", "where they may go, as US,GB or 1,44; or all"},
    {"sms-template", "TEXT", "", "what they say, with {{code}}"},
    {"email", "smtp:FILE|log:FILE|none", "none", "who sends e-mails, likewise"},
    {"mask-phone-numbers", "", "no", "whether answers show the last digits of phone numbers alone"},
    {"webauthn-id", "DOMAIN", "", "the domain of security keys and passkeys; without it there are none"},
    {"webauthn-name", "NAME", "", "what browsers show with it"},
    {"webauthn-origins", "LIST", "", "the pages that may ask for them, as https://example.com"},
    {"webhook", "LIST", "", "URLs that events are posted to, https or on this machine"},
    {"webhook-secret-file", "FILE", "", "what they are signed with: a line for each URL, or one for all"},
    {"webhook-outbox", "FILE", "", "where events wait until they are taken, of this process alone"},
    {"webhook-events", "LIST", "", "which events are posted, as factor_verified,user_reset; usually all"},
    {"webhook-days", "NUMBER", "3", "after how many days an event that nobody takes is given up"},
    {"webhook-private-addresses", "", "no", "whether names in the URLs may lead to private networks"},
    {"webhook-ca-file", "FILE", "", "PEM, the authorities that receivers' certificates are of"},
    {"tls-certificate", "FILE", "", "PEM, the server's first; without it HTTP is plain"},
    {"tls-key", "FILE", "", "PEM"},
    {"asynchronous", "", "no", "whether requests wait for the storage without a thread of their own"},
    {"threads", "NUMBER", "16", "how many requests work at once, and connections to the storage"},
    {"event-threads", "NUMBER", "", "threads that read and write sockets; usually one a processor"},
    {"max-waiting", "NUMBER", "1000", "requests that wait for a thread; further ones are answered 503"},
    {"max-connections", "NUMBER", "4096", "of clients; a further one ends the one that was silent longest"},
    {"head-timeout", "SECONDS", "10", "for a request's line and headers, from its first byte"},
    {"body-timeout", "SECONDS", "20", "for its body"},
    {"write-timeout", "SECONDS", "10", "for taking an answer"},
    {"idle-timeout", "SECONDS", "60", "for the next request on the same connection"},
    {"drain", "SECONDS", "20", "for requests and messages under way when it is told to stop"},
    {"log", "info|error", "info", "whether requests and events are logged, or what went wrong alone"},
});

/// What is wrong with the settings, each thing with its remedy.
class Problems {
 public:
  void add(std::string problem) { all_.push_back(std::move(problem)); }

  /// Runs something that throws what is wrong; each thing is told once.
  template <class Try> void collect(Try attempt) {
    try {
      attempt();
    } catch (const std::exception& error) {
      for (const std::string& known : all_)
        if (known == error.what()) return;
      add(error.what());
    }
  }

  [[nodiscard]] bool none() const noexcept { return all_.empty(); }
  [[nodiscard]] const std::vector<std::string>& all() const noexcept { return all_; }

 private:
  std::vector<std::string> all_;
};

/// What was set. A flag beats the environment, which beats the file. A variable that is empty is not set, as
/// those are that a compose file passes on without a value.
class Settings {
 public:
  /// `arguments` without the program's name and without what `actions` names ("--check"), which is returned
  /// by `action`.
  Settings(const std::vector<std::string>& arguments, const std::vector<std::string_view>& actions,
           Problems& problems) {
    read_flags(arguments, actions, problems);
    read_environment();
    if (const auto config = values_.find("config"); config != values_.end())
      read_file(config->second.text, problems);
  }

  /// Variables of the environment that are called as settings are, and are none: misspelt ones, it may be.
  [[nodiscard]] const std::vector<std::string>& unknown_variables() const noexcept { return unknown_; }

  /// "--check" or the like; empty: to serve.
  [[nodiscard]] const std::string& action() const noexcept { return action_; }

  [[nodiscard]] std::string text(std::string_view name) const {
    const auto found = values_.find(std::string(name));
    return found == values_.end() ? std::string(setting(name)->usual) : found->second.text;
  }
  [[nodiscard]] bool is_set(std::string_view name) const { return !text(name).empty(); }

  [[nodiscard]] bool yes(std::string_view name) const {
    const std::string given = text(name);
    if (given == "yes" || given == "true" || given == "1") return true;
    if (given == "no" || given == "false" || given == "0") return false;
    throw std::invalid_argument(said(name) + " is neither yes nor no");
  }

  /// Throws unless it is from `least` to `most`.
  [[nodiscard]] std::size_t number(std::string_view name, std::size_t least, std::size_t most) const {
    const std::string given = text(name);
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), value);
    if (error != std::errc() || end != given.data() + given.size() || value < least || value > most)
      throw std::invalid_argument(said(name) + " is no number from " + std::to_string(least) + " to " +
                                  std::to_string(most));
    return value;
  }

  [[nodiscard]] std::chrono::seconds seconds(std::string_view name) const {
    return std::chrono::seconds(number(name, 1, 3600));
  }

  /// Parts between commas, without spaces around them.
  [[nodiscard]] std::vector<std::string> list(std::string_view name) const {
    std::vector<std::string> parts;
    const std::string all = text(name);
    for (std::string_view rest = all; !rest.empty();) {
      const auto comma = rest.find(',');
      const auto part = trimmed(rest.substr(0, comma));
      rest = comma == std::string_view::npos ? "" : rest.substr(comma + 1);
      if (!part.empty()) parts.emplace_back(part);
    }
    return parts;
  }

  /// How it is called where it was set, for messages: "--threads", "MFA_THREADS" or "threads in FILE".
  [[nodiscard]] std::string said(std::string_view name) const {
    const auto found = values_.find(std::string(name));
    return found == values_.end() ? "--" + std::string(name) : found->second.source;
  }

  [[nodiscard]] static std::string_view trimmed(std::string_view text) noexcept {
    constexpr std::string_view spaces = " \t\r";
    const auto begin = text.find_first_not_of(spaces);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(spaces) - begin + 1);
  }

  /// `take(number, line)` for each line of a file, without white space around it, but for empty ones and
  /// those that begin with #.
  static void for_each_line(std::string_view text, const auto& take) {
    for (std::size_t number = 1; !text.empty(); ++number) {
      const auto end = text.find('\n');
      const std::string_view line = trimmed(text.substr(0, end));
      text = end == std::string_view::npos ? "" : text.substr(end + 1);
      if (!line.empty() && !line.starts_with('#')) take(number, line);
    }
  }

  [[nodiscard]] static std::string environment_name(std::string_view name) {
    std::string variable = "MFA_";
    for (const char c : name)
      variable += c == '-' ? '_' : static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c);
    return variable;
  }

 private:
  struct Value {
    std::string text;
    std::string source;
  };

  static const Setting* setting(std::string_view name) noexcept {
    for (const Setting& known : all_settings)
      if (known.name == name) return &known;
    return nullptr;
  }

  void read_flags(const std::vector<std::string>& arguments, const std::vector<std::string_view>& actions,
                  Problems& problems) {
    for (std::size_t i = 0; i < arguments.size(); ++i) {
      const std::string& argument = arguments[i];
      bool is_action = false;
      for (const std::string_view known : actions) is_action = is_action || argument == known;
      if (is_action) {
        if (!action_.empty()) problems.add(action_ + " and " + argument + " are two things; do one of them");
        action_ = argument;
        continue;
      }
      const auto equals = argument.find('=');
      const std::string flag = argument.substr(0, equals);
      const Setting* const known = flag.starts_with("--") ? setting(flag.substr(2)) : nullptr;
      if (known == nullptr) {
        problems.add("there is no '" + flag + "'; --help lists what there is");
        continue;
      }
      std::string value = "yes";
      if (equals != std::string::npos) {
        value = argument.substr(equals + 1);
      } else if (!known->value.empty()) {
        if (i + 1 == arguments.size() || arguments[i + 1].starts_with("--")) {
          problems.add(flag + " needs a value: " + flag + " " + std::string(known->value));
          continue;
        }
        value = arguments[++i];
      }
      if (!values_.emplace(known->name, Value{std::move(value), flag}).second)
        problems.add(flag + " is given twice; give it once");
    }
  }

  void read_environment() {
    std::set<std::string, std::less<>> known_variables;
    for (const Setting& known : all_settings) {
      const std::string variable = environment_name(known.name);
      if (const char* const value = std::getenv(variable.c_str()); value != nullptr && *value != '\0')
        values_.emplace(known.name, Value{value, variable});
      known_variables.insert(variable);
    }
    for (char** each = ::environ; each != nullptr && *each != nullptr; ++each) {
      const std::string_view variable = std::string_view(*each).substr(0, std::string_view(*each).find('='));
      if (variable.starts_with("MFA_") && !known_variables.contains(variable))
        unknown_.emplace_back(variable);
    }
  }

  void read_file(const std::string& path, Problems& problems) {
    std::string text;
    try { // others may read it, but must not write it
      const auto bytes =
          mfa::detail::read_guarded_file("configuration file", path, {.accept_readable_by_all = true});
      text = mfa::crypto::text_of(bytes);
    } catch (const mfa::Error& error) {
      problems.add(said("config") + ": " + error.what());
      return;
    }
    std::map<std::string, Value> read;
    for_each_line(text, [&](std::size_t number, std::string_view line) {
      const std::string where = path + ", line " + std::to_string(number);
      const auto equals = line.find('=');
      const std::string name(trimmed(line.substr(0, equals)));
      const Setting* const known = setting(name);
      if (equals == std::string_view::npos || known == nullptr || known->name == "config") {
        problems.add(where + ": there is no such setting; write NAME = VALUE, and --help lists the names");
        return;
      }
      if (!read.emplace(name, Value{std::string(trimmed(line.substr(equals + 1))), name + " in " + where})
               .second)
        problems.add(where + ": " + name + " is set twice; set it once");
    });
    values_.merge(read);
  }

  std::map<std::string, Value> values_;
  std::vector<std::string> unknown_;
  std::string action_;
};

} // namespace server
