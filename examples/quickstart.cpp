// The demo: enrol an authenticator app and a phone, challenge them, verify what you type.
#include <array>
#include <chrono>
#include <cstdio>
#include <exception>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <sys/stat.h>
#include <unistd.h>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

namespace {

constexpr std::string_view usage = R"(usage: quickstart [--state FILE] [--self-test]

Enrols your authenticator app and your phone, and asks both for a code. Run it
again, and it asks those that you enrolled before.

  --state FILE  keep the factors in FILE and their key in FILE.key; both are
                made when missing (default: mfa-demo.db in this directory)
  --self-test   play the authenticator and the phone too, and exit with 0 only
                if every verdict is right. So it does if the input is no terminal
  --help        this text
)";

constexpr std::string_view user_id = "demo";

/// A server would get its key from a KMS or a file that only it can read. Here: a file beside the database.
mfa::KeyRing load_or_make_key(const std::string& state) {
  const std::string path = state + ".key";
  std::string key;
  if (std::filesystem::exists(path)) {
    std::ifstream in(path, std::ios::binary);
    key.assign(std::istreambuf_iterator<char>(in), {});
    if (key.size() != mfa::KeyRing::key_size)
      throw std::runtime_error(path + " is no key: give another --state, or delete it and " + state +
                               " to start anew");
  } else {
    if (std::filesystem::exists(state))
      throw std::runtime_error(state + " exists and its key " + path +
                               " does not: put the key back, give another --state, or delete " + state +
                               " to start anew");
    std::array<unsigned char, mfa::KeyRing::key_size> fresh{};
    mfa::crypto::random_bytes(fresh);
    key = mfa::crypto::text_of(fresh);
    const auto everybody = ::umask(S_IRWXG | S_IRWXO);
    std::ofstream out(path, std::ios::binary);
    ::umask(everybody);
    if (!(out << key).flush())
      throw std::runtime_error("cannot write " + path +
                               ": give a --state in a directory where you may write");
  }
  return {"demo", mfa::crypto::bytes_of(key)};
}

/// Asks until there is a line that is not empty; nothing at the end of input.
std::optional<std::string> ask(std::string_view question) {
  std::string line;
  while (line.empty()) {
    std::cout << question << std::flush;
    if (!std::getline(std::cin, line)) return std::nullopt;
  }
  return line;
}

/// What to tell a user of a refusal.
std::string_view advice(mfa::Status status) {
  switch (status) {
  case mfa::Status::wrong_code: return "Try again";
  case mfa::Status::code_already_used: return "That code was used before: wait for the next one";
  case mfa::Status::malformed_code: return "Type the digits of the code alone";
  case mfa::Status::delayed: return "Too many wrong codes in a row: wait";
  case mfa::Status::locked_out:
    return "Too many wrong codes in a row: only an operator can unlock this factor";
  default: return "This challenge is over: run the demo again for another";
  }
}

/// The user's tries, which `check` answers, until one is right: that answer. None if the challenge is over
/// before, or the user has left.
template <class Check> auto try_codes(Check check) -> std::optional<decltype(check(std::string()))> {
  while (const auto code = ask("Code: ")) {
    auto answer = check(*code);
    if (answer.status() == mfa::Status::valid) return answer;
    const bool over = answer.challenge().state() != mfa::ChallengeState::pending || answer.factor_locked();
    std::cout << to_string(answer.status()) << ": "
              << advice(answer.factor_locked()        ? mfa::Status::locked_out
                        : answer.attempts_left() == 0 ? mfa::Status::too_many_attempts
                                                      : answer.status());
    if (const auto wait = answer.retry_after()) std::cout << " (" << wait->count() << " s)";
    std::cout << ". Attempts left: " << answer.attempts_left() << '\n';
    if (over) return std::nullopt;
  }
  std::cout << "\nBye.\n";
  return std::nullopt;
}

/// One enrolment's end: the user shows that he has what was enrolled.
template <class Factor> std::optional<mfa::Confirmation> confirm(const Factor& factor) {
  const auto challenge = factor.challenge_enrollment();
  auto confirmation = try_codes([&](const std::string& code) { return challenge.confirm(code); });
  if (confirmation) std::cout << "confirmed: from now on it signs you in\n\n";
  return confirmation;
}

/// One login.
template <class Factor> std::optional<mfa::Verification> log_in(const Factor& factor) {
  const auto challenge = factor.challenge();
  auto verification = try_codes([&](const std::string& code) { return challenge.verify(code); });
  if (verification)
    std::cout << "valid: this is the moment to start a session (amr \"" << verification->amr().front()
              << "\")\n\n";
  return verification;
}

/// What the user has shown allows him to enrol others. None if he has shown nothing.
template <class Answer> std::optional<mfa::Authorization> allowed_by(const std::optional<Answer>& answer) {
  return answer ? std::optional<mfa::Authorization>(*answer) : std::nullopt;
}

template <class Verifier> std::optional<mfa::Authorization> authenticator(Verifier& verifier) {
  for (const auto& factor : verifier.list_factors(user_id)) {
    if (!factor.totp() || !factor.verified()) continue;
    std::cout << "You enrolled \"" << factor.totp()->issuer << " (" << factor.totp()->user
              << ")\" in an earlier run: type the code that your authenticator shows.\n";
    return allowed_by(log_in(factor));
  }
  const auto enrolled = verifier.enroll_factor(
      mfa::Totp{.issuer = "mfa", .user = "demo", .user_id = user_id}); // short, to fit a screen
  std::cout << mfa::qr::terminal(mfa::qr::encode(enrolled.totp.uri, mfa::qr::ErrorCorrection::low))
            << "Scan it with an authenticator app, or type in " << enrolled.totp.secret << '\n'
            << "or open " << enrolled.totp.uri << "\nThen type the code that the app shows. ";
  return allowed_by(confirm(enrolled.factor));
}

template <class Verifier> bool phone(Verifier& verifier, const mfa::Authorization& authorization) {
  for (const auto& factor : verifier.list_factors(user_id)) {
    if (!factor.sms() || !factor.verified()) continue;
    std::cout << "A text message goes to " << factor.sms()->phone_number << " (that is, to this console).\n";
    try {
      return log_in(factor).has_value();
    } catch (const mfa::Error& error) {
      if (error.code() != mfa::errc::sms_rate_limited) throw;
      std::cout << "Refused, " << error.what() << '\n'; // a second run comes sooner than a second message may
      return false;
    }
  }
  while (const auto number =
             ask("Now a phone. Its number, as +14155550123 (any will do, the message comes here): ")) {
    try {
      const auto enrolled =
          verifier.enroll_factor(mfa::Sms{.phone_number = *number, .user_id = user_id}, authorization);
      return confirm(enrolled.factor).has_value();
    } catch (const mfa::Error& error) {
      if (error.code() != mfa::errc::invalid_phone_number) throw;
      std::cout << error.what() << '\n';
    }
  }
  std::cout << "\nBye.\n";
  return false;
}

int interactive(const std::string& state) {
  auto keys = load_or_make_key(state);
  mfa::storage::Sqlite storage{state};
  mfa::Verifier verifier{
      storage, mfa::clock::System{}, mfa::sms::Console{},
      mfa::Options{.key_ring = std::move(keys), .sms_allowed_country_codes = mfa::sms::every_country()}};
  std::cout << "State: " << state << " (key: " << state << ".key). Delete both to start anew.\n\n";
  const auto shown = authenticator(verifier);
  if (shown && phone(verifier, *shown)) std::cout << "Run the demo again: it will know both factors.\n";
  return 0;
}

/// Plays the authenticator from the URI, as the app would that scanned it.
std::string authenticator_code(std::string_view uri, std::chrono::system_clock::time_point now) {
  constexpr std::string_view key = "?secret=";
  const auto start = uri.find(key) + key.size();
  return mfa::otp::totp(mfa::otp::base32_decode(uri.substr(start, uri.find('&', start) - start)), now);
}

int self_test() {
  using mfa::Status;
  using namespace std::chrono_literals;
  std::string directory = (std::filesystem::temp_directory_path() / "mfa-demo-XXXXXX").string();
  if (::mkdtemp(directory.data()) == nullptr) throw std::runtime_error("cannot make a temporary directory");
  struct Remove {
    std::string path;
    ~Remove() { std::filesystem::remove_all(path); }
  } const remove{directory};

  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  const std::string state = directory + "/demo.db";
  const mfa::Options options{
      .key_ring = load_or_make_key(state), .sms_template = "{{code}}", .sms_allowed_country_codes = {"1"}};
  int wrong_answers = 0;
  const auto expect = [&](const char* what, Status status, Status expected) {
    std::cout << what << ": " << to_string(status) << (status == expected ? "\n" : "  <- NOT as expected\n");
    wrong_answers += status != expected;
  };
  const auto other = [](std::string code) {
    code.front() = code.front() == '9' ? '0' : static_cast<char>(code.front() + 1);
    return code;
  };

  const std::string user(user_id);
  std::string factor_id;
  std::string uri;
  {
    mfa::storage::Sqlite storage{state};
    mfa::Verifier verifier{storage, clock, sms, options};
    const auto enrolled = verifier.enroll_factor(
        mfa::Totp{.issuer = "mfa-cpp demo", .user = "you@example.com", .user_id = user});
    factor_id = enrolled.factor.id();
    uri = enrolled.totp.uri;
    const std::string code = authenticator_code(uri, clock.now());
    expect("TOTP, wrong code", verifier.confirm_enrollment(factor_id, other(code)).status(),
           Status::wrong_code);
    expect("TOTP, right code", verifier.confirm_enrollment(factor_id, code).status(), Status::valid);
    expect("TOTP, replayed code", verifier.challenge_factor(factor_id, user).verify(code).status(),
           Status::code_already_used);
  }
  clock.advance(30s);
  mfa::storage::Sqlite storage{state}; // a second run
  mfa::Verifier verifier{storage, clock, sms, options};
  const auto challenge = verifier.challenge_factor(factor_id, user);
  const std::string next = authenticator_code(uri, clock.now());
  const auto signed_in = verifier.verify_challenge(challenge.id(), next);
  expect("TOTP, next code after a restart", signed_in.status(), Status::valid);
  expect("TOTP, the same challenge again", challenge.verify(next).status(), Status::already_verified);
  expect(
      "TOTP, a code of five minutes ago",
      verifier.challenge_factor(factor_id, user).verify(authenticator_code(uri, clock.now() - 5min)).status(),
      Status::wrong_code);

  const mfa::Sms request{.phone_number = "+14155550123", .user_id = user};
  const auto phone = verifier.enroll_factor(request, signed_in).factor;
  const auto enrollment = phone.challenge_enrollment();
  expect("SMS, wrong code", enrollment.confirm(other(sms.last().body)).status(), Status::wrong_code);
  expect("SMS, right code", enrollment.confirm(sms.last().body).status(), Status::valid);
  clock.advance(1min);
  const auto late = phone.challenge();
  clock.advance(10min);
  expect("SMS, expired code", late.verify(sms.last().body).status(), Status::expired);
  const auto in_time = phone.challenge();
  expect("SMS, next code in time", in_time.verify(sms.last().body).status(), Status::valid);
  expect("SMS, replayed code", in_time.verify(sms.last().body).status(), Status::already_verified);
  std::cout << (wrong_answers == 0 ? "all as expected\n" : "NOT all as expected\n");
  return wrong_answers == 0 ? 0 : 1;
}

} // namespace

int main(int argc, char** argv) try {
  std::string state = "mfa-demo.db";
  bool test = ::isatty(STDIN_FILENO) == 0;
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--self-test") {
      test = true;
    } else if (argument == "--state" && i + 1 < argc) {
      state = argv[++i];
    } else if (argument == "--help") {
      std::cout << usage;
      return 0;
    } else {
      std::cerr << "quickstart: "
                << (argument == "--state" ? "--state needs a file"
                                          : "unknown option " + std::string(argument))
                << "\n\n"
                << usage;
      return 2;
    }
  }
  return test ? self_test() : interactive(state);
} catch (const std::exception& error) {
  std::cerr << "quickstart: " << error.what() << '\n';
  return 1;
}
