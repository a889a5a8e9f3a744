// The tables of docs/events-and-errors.md and docs/options.md name every value and every option that the code
// has and no other, and give the defaults and ranges of the code.
#include <array>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <regex>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"

namespace {

using Cells = std::vector<std::string>;

std::string read(const std::string& name) {
  std::ifstream file(MFA_SOURCE_DIRECTORY "/" + name);
  if (!file) throw std::runtime_error(name + " is not there");
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::string trimmed(const std::string& text) {
  const auto first = text.find_first_not_of(" `");
  const auto last = text.find_last_not_of(" `");
  return first == std::string::npos ? "" : text.substr(first, last - first + 1);
}

/// The rows of the table below the heading `## name`, without those of the table's own head.
std::vector<Cells> table_of(const std::string& page, const std::string& name) {
  std::stringstream lines(read(page));
  std::vector<Cells> rows;
  bool below = false;
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("## ")) below = line == "## " + name;
    if (!below || !line.starts_with("| ")) continue;
    Cells cells;
    std::stringstream row(line.substr(1));
    for (std::string cell; std::getline(row, cell, '|');) cells.push_back(trimmed(cell));
    rows.push_back(std::move(cells));
  }
  if (rows.size() < 3) throw std::runtime_error(page + " has no table " + name);
  rows.erase(rows.begin(), rows.begin() + 2);
  return rows;
}

Cells column(const std::vector<Cells>& rows, std::size_t number) {
  Cells cells;
  for (const Cells& row : rows) cells.push_back(row.at(number));
  return cells;
}

/// The names of an enumeration's values, but for those that the library calls `unknown`.
template <class Enumeration, class Name> std::set<std::string> names_of(Name name, std::string_view unknown) {
  std::set<std::string> names;
  for (int value = 0; value < 256; ++value)
    if (const std::string found(name(static_cast<Enumeration>(value))); found != unknown) names.insert(found);
  return names;
}

/// Each name once, whatever the order.
std::set<std::string> as_set(const Cells& names) {
  std::set<std::string> all(names.begin(), names.end());
  CHECK(all.size() == names.size());
  return all;
}

struct Member {
  std::string name;
  std::string default_value;
  bool operator==(const Member&) const = default;
};

std::string unit_of(const std::string& chrono_name) {
  static const std::map<std::string, std::string> units{
      {"milliseconds", " ms"}, {"seconds", " s"}, {"minutes", " min"}, {"hours", " h"}};
  return units.at(chrono_name);
}

/// An initializer as the page writes it.
std::string spelled(const std::string& type, const std::string& initializer) {
  std::smatch match;
  if (initializer == "{}") return "none";
  if (std::regex_match(initializer, match, std::regex(R"(std::chrono::(\w+)\((\d+)\))")))
    return match.str(2) + unit_of(match.str(1));
  if (std::regex_match(initializer, match, std::regex(R"(std::chrono::hours\(24 \* (\d+)\))")))
    return match.str(1) + " d";
  if (std::smatch unit; std::regex_match(initializer, match, std::regex(R"(\{(\d+)\})")) &&
                        std::regex_match(type, unit, std::regex("std::chrono::(\\w+)")))
    return match.str(1) + unit_of(unit.str(1));
  if (initializer == "std::string(sms::default_message_template)")
    return '"' + std::string(mfa::sms::default_message_template) + '"';
  if (initializer == "std::string(voice::default_template)")
    return '"' + std::string(mfa::voice::default_template) + '"';
  return std::regex_replace(initializer, std::regex(R"(\{|\}|\w+::)"), ""); // enumerators, and lists of them
}

/// The data members of a struct in a header.
std::vector<Member> members_of(const std::string& header, const std::string& name) {
  const std::string text = read("include/mfa/" + header);
  const auto begin = text.find("struct " + name + " {\n");
  if (begin == std::string::npos) throw std::runtime_error(header + " has no " + name);
  std::stringstream lines(text.substr(begin, text.find("\n};", begin) - begin));
  static const std::regex member(R"(  ([\w:<>, ()&]*[\w>]) (\w+)( = )?(.*);( ///<.*)?)");
  std::vector<Member> members;
  for (std::string line; std::getline(lines, line);) {
    std::smatch match;
    if (line.starts_with("  //") || line.starts_with("  static ")) continue;
    if (std::regex_match(line, match, member))
      members.push_back({match.str(2), spelled(match.str(1), match.str(4))});
  }
  return members;
}

/// "30 s" or "100".
std::int64_t number_of(const std::string& text) {
  static const std::map<std::string, std::int64_t> units{
      {"", 1}, {" s", 1}, {" min", 60}, {" h", 3600}, {" d", 86'400}};
  std::size_t digits = 0;
  const std::int64_t count = std::stoll(text, &digits);
  return count * units.at(text.substr(digits));
}

} // namespace

TEST_CASE("The table of events names every event") {
  CHECK(as_set(column(table_of("docs/events-and-errors.md", "Events"), 0)) ==
        names_of<mfa::EventType>([](auto value) { return to_string(value); }, "unknown"));
}

TEST_CASE("The page of events names every limit that refuses a message") {
  const std::string page = read("docs/events-and-errors.md");
  for (int value = 0; value < 256; ++value) {
    const std::string name(to_string(static_cast<mfa::SendLimit>(value)));
    CAPTURE(name);
    if (name != "unknown") CHECK(page.find('`' + name + '`') != std::string::npos);
  }
}

TEST_CASE("The table of statuses names every status, with a text to show for all but the valid one") {
  const auto rows = table_of("docs/events-and-errors.md", "Statuses");
  CHECK(as_set(column(rows, 0)) ==
        names_of<mfa::Status>([](auto value) { return to_string(value); }, "unknown"));
  for (const Cells& row : rows) {
    CAPTURE(row.at(0));
    CHECK(row.at(1).empty() == (row.at(0) == "valid"));
    CHECK_FALSE(row.at(2).empty());
  }
}

TEST_CASE("The table of errors names every code, with an HTTP status of an error") {
  const auto rows = table_of("docs/events-and-errors.md", "Errors");
  const auto name = [](mfa::errc value) {
    std::string text = mfa::make_error_code(value).message();
    for (char& c : text) c = c == ' ' ? '_' : c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
    return text;
  };
  CHECK(as_set(column(rows, 0)) == names_of<mfa::errc>(name, "unknown_error"));
  for (const Cells& row : rows) CHECK(std::regex_match(row.at(1), std::regex("[45][0-9][0-9]")));
}

TEST_CASE("The tables of options name every option, with the default that the code has") {
  const std::pair<const char*, const char*> structs[]{
      {"Options", "options.hpp"},
      {"SmsBudgets", "sms/budgets.hpp"},
      {"SmsCountryBudget", "sms/budgets.hpp"},
      {"ChallengeOptions", "options.hpp"},
      {"VerifyOptions", "options.hpp"},
      {"DeleteOptions", "options.hpp"},
      {"RevokeOptions", "options.hpp"},
      {"ResetOptions", "options.hpp"},
      {"FactorPolicy", "requirement.hpp"},
      {"PolicyUser", "requirement.hpp"},
      {"EventContext", "event.hpp"},
      {"Page", "page.hpp"},
      {"ImportOptions", "import_types.hpp"},
      {"TokenCsvOptions", "token_csv.hpp"},
      {"PskcOptions", "pskc/read_pskc.hpp"},
      {"PhoneNumberOptions", "phonenumber/read_phone_number.hpp"},
      {"QrCodeOptions", "factor/authenticator.hpp"},
      {"ResealOptions", "key_rotation.hpp"},
      {"KeyFileOptions", "crypto/guarded_file.hpp"},
      {"SqliteOptions", "storage/sqlite.hpp"},
      {"PostgresOptions", "storage/postgres/options.hpp"},
      {"RedisOptions", "storage/redis/options.hpp"},
      {"ThreadsOptions", "async/threads.hpp"},
      {"RelyingPartySettings", "webauthn/settings.hpp"},
      {"ApiOptions", "workos/api_options.hpp"},
  };
  for (const auto& [name, header] : structs) {
    CAPTURE(name);
    std::vector<Member> documented;
    for (const Cells& row : table_of("docs/options.md", name)) documented.push_back({row.at(0), row.at(1)});
    const auto members = members_of(header, name);
    REQUIRE(documented.size() == members.size());
    for (std::size_t i = 0; i < members.size(); ++i) {
      CHECK(documented[i].name == members[i].name);
      CHECK(documented[i].default_value == members[i].default_value);
    }
  }
}

TEST_CASE("The ranges in the table of Options are those that the code takes") {
  using mfa::Options;
  using std::chrono::seconds;
  const auto count = [](unsigned Options::*member) {
    return [member](Options& options, std::int64_t value) {
      options.*member = static_cast<unsigned>(value); // of -1 it makes more than any range has
    };
  };
  const auto time = [](seconds Options::*member) {
    return [member](Options& options, std::int64_t value) { options.*member = seconds(value); };
  };
  const std::map<std::string, std::function<void(Options&, std::int64_t)>> setters{
      {"authorization_lifetime", time(&Options::authorization_lifetime)},
      {"open_challenges_a_user", count(&Options::open_challenges_a_user)},
      {"unverified_factors_a_user", count(&Options::unverified_factors_a_user)},
      {"enrollment_lifetime", time(&Options::enrollment_lifetime)},
      {"sends_a_user_an_hour", count(&Options::sends_a_user_an_hour)},
      {"sends_a_user_a_day", count(&Options::sends_a_user_a_day)},
      {"wrong_codes_a_user_a_day", count(&Options::wrong_codes_a_user_a_day)},
      {"challenge_lifetime", time(&Options::challenge_lifetime)},
      {"conditional_challenge_lifetime", time(&Options::conditional_challenge_lifetime)},
      {"totp_drift_steps", count(&Options::totp_drift_steps)},
      {"totp_learned_drift_steps", count(&Options::totp_learned_drift_steps)},
      {"sms_code_digits", count(&Options::sms_code_digits)},
      {"sms_code_lifetime", time(&Options::sms_code_lifetime)},
      {"sms_most_segments", count(&Options::sms_most_segments)},
      {"sms_characters_before_code",
       [&](Options& options, std::int64_t value) {
         options.sms_template = std::string(160, '.') + std::string(mfa::sms::default_message_template);
         count (&Options::sms_characters_before_code)(options, value);
       }},
      {"sms_send_interval", time(&Options::sms_send_interval)},
      {"sms_sends_an_hour", count(&Options::sms_sends_an_hour)},
      {"sms_sends_a_day", count(&Options::sms_sends_a_day)},
      {"email_code_digits", count(&Options::email_code_digits)},
      {"email_code_lifetime", time(&Options::email_code_lifetime)},
      {"email_send_interval", time(&Options::email_send_interval)},
      {"email_sends_an_hour", count(&Options::email_sends_an_hour)},
      {"email_sends_a_day", count(&Options::email_sends_a_day)},
      {"generic_otp_digits", count(&Options::generic_otp_digits)},
      {"generic_otp_lifetime", time(&Options::generic_otp_lifetime)},
      {"generic_otp_interval", time(&Options::generic_otp_interval)},
      {"generic_otps_an_hour", count(&Options::generic_otps_an_hour)},
      {"generic_otps_a_day", count(&Options::generic_otps_a_day)},
      {"hotp_look_ahead", count(&Options::hotp_look_ahead)},
      {"hotp_resynchronization_window", count(&Options::hotp_resynchronization_window)},
      {"attempts_a_challenge", count(&Options::attempts_a_challenge)},
      {"failures_before_delay", count(&Options::failures_before_delay)},
      {"first_delay", time(&Options::first_delay)},
      {"longest_delay", time(&Options::longest_delay)},
      {"failures_before_lockout", count(&Options::failures_before_lockout)},
      {"challenge_retention", time(&Options::challenge_retention)},
  };
  const auto rows = table_of("docs/options.md", "Options");
  // What a range begins with may be an option, of whose default it is then.
  const auto bound_of = [&](const std::string& text) {
    for (const Cells& row : rows)
      if (row.at(0) == trimmed(text)) return number_of(row.at(1));
    return number_of(text);
  };
  std::set<std::string> tried;
  for (const Cells& row : rows) {
    const std::string& name = row.at(0); // no binding, which clang 14 captures in no lambda
    const std::string& range = row.at(2);
    if (range.empty()) continue;
    CAPTURE(name, range);
    tried.insert(name);
    REQUIRE(setters.contains(name));
    const auto to = range.find(" to ");
    REQUIRE(to != std::string::npos);
    const auto takes = [&](std::int64_t value) {
      Options options;
      setters.at(name)(options, value);
      try {
        mfa::check_options(options);
        return true;
      } catch (const mfa::Error&) {
        return false;
      }
    };
    const std::int64_t least = bound_of(range.substr(0, to));
    const std::int64_t most = bound_of(range.substr(to + 4));
    CHECK(takes(least));
    CHECK(takes(most));
    CHECK_FALSE(takes(least - 1));
    CHECK_FALSE(takes(most + 1));
  }
  CHECK(tried.size() == setters.size());
}
