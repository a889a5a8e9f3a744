// A host author whose storage, clock or SMS transport lacks a function is told so by the compiler's first
// error, in the words of the line to add.
#include <cstddef>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compiler.hpp"

using mfa::test::Compiler;
using mfa::test::first_error;

namespace {

/// A host that uses every verb with policies of its own, which are right until a test changes a line.
const std::string host = R"(
struct Storage {
  static constexpr bool ephemeral = true;
  std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id);
  std::optional<mfa::storage::ChallengeRecord> find_challenge(std::string_view id);
  std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id);
  std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id);
  bool commit(const mfa::storage::Batch& batch);
};
struct Clock {
  std::chrono::system_clock::time_point now() const;
};
struct SmsTransport {
  void send(const mfa::SmsMessage& message);
};
bool log_in(Storage& storage, Clock& clock, SmsTransport& sms) {
  mfa::Verifier verifier{storage, clock, sms, mfa::Options{}};
  const auto totp = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto phone = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
  const auto challenge = verifier.challenge_factor(totp.factor.id(), mfa::any_user);
  for (const auto& factor : verifier.list_factors("u_42")) factor.remove(mfa::by_operator);
  return challenge.verify("123456").valid() &&
         phone.factor.challenge_enrollment().confirm("123456").confirmed();
}
)";

} // namespace

TEST_CASE("The first error names the function that a policy lacks, on a page that fits a screen") {
  struct Row {
    std::string right; ///< a line of the host, or a part of one
    std::string wrong;
    std::string first_error;
  };
  const std::string find_factor =
      "std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id)";
  const std::string find_challenge =
      "std::optional<mfa::storage::ChallengeRecord> find_challenge(std::string_view id)";
  const std::string find_counter =
      "std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id)";
  const std::string list_factors =
      "std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id)";
  const std::string commit = "bool commit(const mfa::storage::Batch& batch)";
  const std::string now = "std::chrono::system_clock::time_point now() const";
  const std::string send = "void send(const mfa::SmsMessage& message)";
  const std::string storage_needs = "mfa: the storage needs: ";
  const std::vector<Row> rows{
      // missing
      {find_factor + ';', "", storage_needs + find_factor},
      {find_challenge + ';', "", storage_needs + find_challenge},
      {find_counter + ';', "", storage_needs + find_counter},
      {list_factors + ';', "", storage_needs + list_factors},
      {commit + ';', "", storage_needs + commit},
      {now + ';', "", "mfa: the clock needs: " + now},
      {send + ';', "", "mfa: the SMS transport needs: " + send},
      // of another type
      {find_factor, "mfa::storage::FactorRecord* find_factor(std::string_view id)",
       storage_needs + find_factor},
      {list_factors, "std::vector<std::string> list_factors(std::string_view user_id)",
       storage_needs + list_factors},
      {commit, "bool commit(mfa::storage::Batch& batch)", storage_needs + commit},
      {now, "std::chrono::system_clock::time_point now()", "mfa: the clock needs: " + now},
      {send, "void send(const std::string& to, const std::string& body)",
       "mfa: the SMS transport needs: " + send},
      // not there for what is asked
      {"verifier{storage, clock, sms, mfa::Options{}}", "verifier{storage, clock}",
       "mfa: this Verifier sends no text messages; pass an SMS transport as its third argument"},
      {"mfa::Sms{.phone_number = \"+14155550123\"}", "mfa::Email{.address = \"alan@example.com\"}",
       "mfa: this Verifier sends no e-mails; give its third argument a function: void send(const "
       "mfa::EmailMessage& message)"},
      {"verifier{storage, clock, sms, mfa::Options{}}", "verifier{storage, sms, clock}",
       "mfa: the clock needs: " + now},
  };
  for (const std::string compiler_name : {"g++", "clang++"}) {
    if (!Compiler::available(compiler_name)) {
      WARN(compiler_name << " is not here and was not asked");
      continue;
    }
    const Compiler compiler(compiler_name, "#include <mfa/mfa.hpp>\n");
    CAPTURE(compiler_name);
    REQUIRE(compiler.complaints(host).empty());
    for (const Row& row : rows) {
      CAPTURE(row.right, row.wrong);
      const std::size_t at = host.find(row.right);
      REQUIRE(at != std::string::npos);
      const auto lines = compiler.complaints(std::string(host).replace(at, row.right.size(), row.wrong));
      CHECK_THAT(first_error(lines), mfa::test::contains(row.first_error));
      CHECK(lines.size() <= 40);
    }
  }
}

namespace {

/// A host that makes its transport of others, which are right until a test changes a line.
const std::string decorating_host = R"(
template <class Result> struct Task {
  struct promise_type {
    Task get_return_object() { return {}; }
    std::suspend_never initial_suspend() noexcept { return {}; }
    std::suspend_never final_suspend() noexcept { return {}; }
    void return_void() {}
    void unhandled_exception() {}
  };
  bool await_ready() { return true; }
  void await_suspend(std::coroutine_handle<>) {}
  void await_resume() {}
};
struct Twilio {
  void send(const mfa::SmsMessage& message);
};
struct Vonage {
  void send(const mfa::SmsMessage& message);
};
struct Awaited {
  Task<void> send(const mfa::SmsMessage& message);
};
struct Timer {
  std::chrono::steady_clock::time_point now() const;
  Task<void> sleep(std::chrono::milliseconds time);
};
void blocking(Twilio& twilio, Vonage& vonage) {
  mfa::delivery::Background sms{mfa::delivery::Retry{mfa::delivery::Failover{twilio, vonage}}};
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::clock::System(), sms, mfa::Options{}};
  (void)verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
}
Task<void> awaited(Awaited& awaited, Timer& timer, const mfa::SmsMessage& message) {
  mfa::delivery::Retry retry{awaited, mfa::delivery::RetryOptions(), timer};
  co_await retry.send(message);
}
)";

const std::string decorators = R"(
#include <coroutine>
#include <mfa/mfa.hpp>
#include <mfa/delivery/background.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/retry.hpp>
)";

} // namespace

TEST_CASE("The first error names what a transport of a decorator lacks") {
  struct Row {
    std::string right; ///< a line of the host, or a part of one
    std::string wrong;
    std::string first_error;
  };
  const std::string vonage = "struct Vonage {\n  void send(const mfa::SmsMessage& message);";
  const std::vector<Row> rows{
      {vonage, "struct Vonage {", "mfa: the SMS transport needs: void send(const mfa::SmsMessage& message)"},
      {vonage, "struct Vonage {\n  void send(const std::string& to, const std::string& body);",
       "mfa: the SMS transport needs: void send(const mfa::SmsMessage& message)"},
      {"Failover{twilio, vonage}", "Failover{&twilio, vonage}",
       "mfa: give delivery::Failover the transports themselves, not pointers: *transport borrows it"},
      {vonage, "struct Vonage {\n  Task<void> send(const mfa::SmsMessage& message);",
       "mfa: delivery::Background sends in threads of its own, which wait: give it a transport whose send() "
       "blocks"},
      {"  Task<void> sleep", "  void sleep",
       "mfa: delivery::Retry over a transport that is awaited needs a timer whose "
       "sleep(std::chrono::milliseconds) is awaited, as its third argument"},
  };
  for (const std::string compiler_name : {"g++", "clang++"}) {
    if (!Compiler::available(compiler_name)) {
      WARN(compiler_name << " is not here and was not asked");
      continue;
    }
    const Compiler compiler(compiler_name, decorators);
    CAPTURE(compiler_name);
    REQUIRE(compiler.complaints(decorating_host).empty());
    for (const Row& row : rows) {
      CAPTURE(row.right, row.wrong);
      const std::size_t at = decorating_host.find(row.right);
      REQUIRE(at != std::string::npos);
      const auto lines =
          compiler.complaints(std::string(decorating_host).replace(at, row.right.size(), row.wrong));
      CHECK_THAT(first_error(lines), mfa::test::contains(row.first_error));
      CHECK(lines.size() <= 40);
    }
  }
}
