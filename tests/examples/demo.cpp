// The demo as a person meets it on a terminal, with an independent authenticator (oathtool) for a phone.
#include <algorithm>
#include <csignal>
#include <cstddef>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "support/catch.hpp"
#include "support/program.hpp"
#include "support/qr_reader.hpp"
#include "support/temporary_directory.hpp"
#include "support/terminal.hpp"

using mfa::test::contains;
using mfa::test::output_of;
using mfa::test::TemporaryDirectory;
using mfa::test::Terminal;

namespace {

/// The demo with a state of its own.
struct Demo {
  TemporaryDirectory directory;
  std::string state = directory.path() + "/demo.db";

  std::vector<std::string> command() const { return {MFA_QUICKSTART, "--state", state}; }
};

/// What a phone's camera reads of the QR code on the screen.
std::string scan(const std::string& shown) {
  const std::size_t start = shown.find("\x1b[38;5;16;48;5;231m");
  constexpr std::string_view end_of_line = "\x1b[0m\n";
  const std::size_t end = shown.rfind(end_of_line);
  REQUIRE(start != std::string::npos);
  REQUIRE(end != std::string::npos);
  return mfa::test::Screen(std::string_view(shown).substr(start, end + end_of_line.size() - start), false)
      .read();
}

/// What the authenticator shows that scanned this URI.
std::string authenticator(const std::string& uri, const std::string& when = "now") {
  constexpr std::string_view key = "?secret=";
  const std::size_t start = uri.find(key) + key.size();
  const std::string secret = uri.substr(start, uri.find('&') - start);
  std::string code = output_of("oathtool --totp --base32 --now='" + when + "' " + secret);
  REQUIRE(code.size() == 7);
  code.pop_back();
  return code;
}

std::string other_code(std::string code) {
  code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
  return code;
}

/// The code in the message that is on the screen.
std::string code_sent(const std::string& shown) {
  const std::string_view words = "Your verification code is ";
  return shown.substr(shown.find(words) + words.size(), 6);
}

const std::string confirmed = "confirmed: from now on it signs you in";

/// Enrols the authenticator and confirms it, and returns its URI.
std::string enroll_authenticator(Terminal& terminal) {
  const std::string uri = scan(terminal.wait_for("Code: "));
  terminal.type(authenticator(uri) + "\n");
  (void)terminal.wait_for(confirmed);
  return uri;
}

} // namespace

TEST_CASE("A person enrols an authenticator app and a phone, and the next run knows both") {
  const Demo demo;
  std::string uri;
  std::string used_code;
  {
    Terminal terminal(demo.command());
    const std::string shown = terminal.wait_for("Code: ");
    uri = scan(shown);
    CHECK_THAT(uri, Catch::Matchers::StartsWith("otpauth://totp/mfa:demo?secret="));
    CHECK_THAT(shown, contains(uri)); // for who cannot scan it
    // From the top of the QR code to the prompt, all is on the screen.
    const std::string from_code_on = shown.substr(shown.find('\x1b'));
    CHECK(std::ranges::count(from_code_on, '\n') < 24);

    used_code = authenticator(uri);
    terminal.type("hello\n");
    CHECK_THAT(terminal.wait_for("Code: "), contains("malformed_code: Type the digits of the code alone"));
    terminal.type(other_code(used_code) + "\n");
    CHECK_THAT(terminal.wait_for("Code: "), contains("wrong_code: Try again. Attempts left: 4"));
    terminal.type(used_code + "\n");
    (void)terminal.wait_for(confirmed);

    (void)terminal.wait_for("Its number");
    terminal.type("4155550123\n");
    CHECK_THAT(terminal.wait_for("Its number"), contains("has no country code; begin it with a plus sign"));
    terminal.type("+1 (415) 555-0123\n");
    const std::string message = terminal.wait_for("Code: ");
    CHECK_THAT(message, contains("SMS to +14155550123: Your verification code is "));
    terminal.type(other_code(code_sent(message)) + "\n");
    CHECK_THAT(terminal.wait_for("Code: "), contains("wrong_code: Try again. Attempts left: 4"));
    terminal.type(code_sent(message) + "\n");
    (void)terminal.wait_for(confirmed);
    CHECK_THAT(terminal.rest(), contains("Run the demo again: it will know both factors."));
    CHECK(terminal.status() == 0);
  }
  for (const std::string& file : {demo.state, demo.state + ".key"})
    CHECK((std::filesystem::status(file).permissions() & std::filesystem::perms::all) ==
          (std::filesystem::perms::owner_read | std::filesystem::perms::owner_write));

  Terminal terminal(demo.command());
  CHECK_THAT(terminal.wait_for("Code: "), contains("You enrolled \"mfa (demo)\" in an earlier run"));
  terminal.type(used_code + "\n");
  CHECK_THAT(terminal.wait_for("Code: "), contains("code_already_used: That code was used before"));
  terminal.type(authenticator(uri, "30 seconds") + "\n");
  (void)terminal.wait_for("valid: this is the moment to start a session (amr \"otp\")");
  (void)terminal.wait_for("A text message goes to +*******0123");
  // So soon after the first message there is none yet.
  CHECK_THAT(terminal.rest(),
             contains("Refused, too many messages to this phone number; the next one may be"));
  CHECK(terminal.status() == 0);
}

TEST_CASE("Five wrong codes end the challenge, and the next one must wait") {
  const Demo demo;
  std::string uri;
  {
    Terminal terminal(demo.command());
    uri = enroll_authenticator(terminal);
  }
  {
    Terminal terminal(demo.command());
    for (int i = 0; i < 5; ++i) {
      (void)terminal.wait_for("Code: ");
      terminal.type(other_code(authenticator(uri, "1 hour")) + "\n");
    }
    CHECK_THAT(terminal.rest(),
               contains("wrong_code: This challenge is over: run the demo again for another (30 s)"));
    CHECK(terminal.status() == 0);
  }
  Terminal terminal(demo.command());
  (void)terminal.wait_for("Code: ");
  terminal.type(authenticator(uri, "30 seconds") + "\n");
  CHECK_THAT(terminal.wait_for("Code: "), contains("delayed: Too many wrong codes in a row: wait ("));
}

TEST_CASE("A person leaves with control and C, or with control and D") {
  const Demo demo;
  for (const auto& [keys, status] : {std::pair{"\x03", 128 + SIGINT}, std::pair{"\x04", 0}}) {
    Terminal terminal(demo.command());
    (void)terminal.wait_for("Code: ");
    terminal.type(keys);
    const std::string shown = terminal.rest();
    if (status == 0) CHECK_THAT(shown, contains("Bye."));
    CHECK(terminal.status() == status);
  }
  Terminal terminal(demo.command());
  (void)enroll_authenticator(terminal); // what was left half done is in no one's way
  (void)terminal.wait_for("Its number");
  terminal.type("\x04");
  CHECK_THAT(terminal.rest(), contains("Bye."));
  CHECK(terminal.status() == 0);
}

TEST_CASE("Not on a terminal, or when told to, the demo plays the authenticator itself") {
  const Demo demo;
  const std::string told = "cd '" + demo.directory.path() + "' && '" MFA_QUICKSTART "' </dev/null; echo $?";
  const std::string shown = output_of(told);
  for (const std::string line :
       {"TOTP, wrong code: wrong_code", "TOTP, right code: valid", "TOTP, replayed code: code_already_used",
        "SMS, expired code: expired", "SMS, right code: valid"})
    CHECK_THAT(shown, contains(line + "\n"));
  CHECK_THAT(shown, Catch::Matchers::EndsWith("all as expected\n0\n"));
  Terminal terminal({MFA_QUICKSTART, "--self-test"});
  CHECK_THAT(terminal.rest(), contains("all as expected"));
  CHECK(terminal.status() == 0);
  CHECK(std::filesystem::is_empty(demo.directory.path()));
}

TEST_CASE("What the demo cannot do, it says with the remedy") {
  const Demo demo;
  const std::string missing = demo.directory.path() + "/missing/demo.db";
  const std::string no_database = demo.directory.path() + "/notes.txt";
  const std::string short_key = demo.directory.path() + "/short.db";
  std::ofstream(no_database) << "not a database";
  std::ofstream(no_database + ".key") << "a key of thirty-two bytes in all";
  std::ofstream(short_key + ".key") << "short";
  std::ofstream(demo.state) << "";
  struct Row {
    std::vector<std::string> arguments;
    int status;
    std::string says;
  };
  const std::vector<Row> rows{
      {{"--help"}, 0, "usage: quickstart [--state FILE] [--self-test]"},
      {{"--color"}, 2, "unknown option --color"},
      {{"demo.db"}, 2, "unknown option demo.db"},
      {{"--state"}, 2, "--state needs a file"},
      {{"--state", missing}, 1, "cannot write " + missing + ".key: give a --state in a directory where"},
      {{"--state", no_database}, 1, "The file is not a SQLite database: give another path."},
      {{"--state", short_key}, 1, short_key + ".key is no key: give another --state, or delete it"},
      {{"--state", demo.state}, 1, demo.state + " exists and its key " + demo.state + ".key does not"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.arguments);
    std::vector<std::string> command{MFA_QUICKSTART};
    command.insert(command.end(), row.arguments.begin(), row.arguments.end());
    Terminal terminal(command);
    CHECK_THAT(terminal.rest(), contains(row.says));
    CHECK(terminal.status() == row.status);
  }
}
