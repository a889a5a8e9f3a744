// What becomes of a challenge whose message was not delivered, by the reason that the transport gave.
#include <chrono>
#include <exception>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include <mfa/delivery/failure.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"

namespace {

using mfa::DeliveryFailure;
using mfa::errc;

/// Sends nothing, for the reason it is told.
struct Gateway {
  std::optional<DeliveryFailure> failure = {};
  std::vector<std::string> sent = {};

  void send(const mfa::SmsMessage& message) {
    using namespace std::chrono_literals;
    if (failure == DeliveryFailure::throttled)
      throw mfa::DeliveryError(*failure, "the gateway takes no more now; wait", 17s);
    if (failure) throw mfa::DeliveryError(*failure, "the gateway says no; ask it why");
    sent.push_back(message.id);
  }
};

struct Heard {
  std::vector<std::string> events = {};

  void operator()(const mfa::Event& event) {
    if (event.channel)
      events.push_back(std::string(to_string(event.type)) + " by " + std::string(to_string(*event.channel)));
  }
};

TEST_CASE("A challenge whose message was not delivered is withdrawn, unless the message may arrive") {
  struct Row {
    DeliveryFailure failure;
    bool stands;
    std::string said;
    std::string event;
  };
  const auto row = GENERATE(values<Row>({
      {DeliveryFailure::invalid_recipient, false, "offer the user another factor", "sms_not_sent by sms"},
      {DeliveryFailure::opted_out, false, "offer the user another factor", "sms_not_sent by sms"},
      {DeliveryFailure::not_permitted, false, "create another", "sms_not_sent by sms"},
      {DeliveryFailure::throttled, false, "create another", "sms_not_sent by sms"},
      {DeliveryFailure::credentials_refused, false, "create another", "sms_not_sent by sms"},
      {DeliveryFailure::balance_empty, false, "create another", "sms_not_sent by sms"},
      {DeliveryFailure::message_refused, false, "create another", "sms_not_sent by sms"},
      {DeliveryFailure::unavailable, false, "create another", "sms_not_sent by sms"},
      {DeliveryFailure::unclear, true, "", "message_unclear by sms"},
  }));
  CAPTURE(to_string(row.failure));

  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  Gateway gateway;
  Heard heard;
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  options.observer = [&heard](const mfa::Event& event) { heard(event); };
  const mfa::Verifier verifier{storage, clock, gateway, options};
  const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"});
  gateway.failure = row.failure;

  try {
    const auto challenge = verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
    CHECK(row.stands);
    CHECK(verifier.get_challenge(challenge.id(), "u_42").state() == mfa::ChallengeState::pending);
  } catch (const mfa::Error& error) {
    CHECK_FALSE(row.stands);
    CHECK(error.code() == errc::sms_not_sent);
    CHECK(std::string(error.what()).find(to_string(row.failure)) != std::string::npos);
    CHECK(std::string(error.what()).find(row.said) != std::string::npos);
    CHECK(mfa::delivery_failure(error.cause()) == row.failure);
    CHECK(error.retry_after().has_value() == (row.failure == DeliveryFailure::throttled));
  }
  CHECK(heard.events == std::vector{row.event});
}

TEST_CASE("A reason is that of the transport, and nothing else has one") {
  const auto thrown = [](auto error) { return std::make_exception_ptr(error); };
  CHECK(mfa::delivery_failure(thrown(mfa::DeliveryError(DeliveryFailure::opted_out, "x"))) ==
        DeliveryFailure::opted_out);
  CHECK_FALSE(mfa::delivery_failure(thrown(mfa::Error(errc::sms_not_sent, "x"))));
  CHECK_FALSE(mfa::delivery_failure(thrown(std::runtime_error("x"))));
  CHECK_FALSE(mfa::delivery_failure(nullptr));
}

/// One who waits for a code, and what is told of it.
struct Waiting {
  explicit Waiting(mfa::Options options = {}) : verifier{storage, clock, gateway, with(std::move(options))} {
    const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u"});
    factor_id = enrolled.factor.id();
    ask();
  }

  void ask() { challenge_id = verifier.challenge_enrollment(factor_id, "u").id(); }

  void ask_again() {
    clock.advance(std::chrono::seconds(30));
    (void)verifier.resend_challenge(challenge_id, "u");
  }

  [[nodiscard]] bool stands() const {
    try {
      return verifier.get_challenge(challenge_id, "u").state() == mfa::ChallengeState::pending;
    } catch (const mfa::Error&) {
      return false;
    }
  }

  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  Gateway gateway;
  std::vector<std::string> heard = {};
  mfa::Verifier<mfa::storage::Memory, mfa::testing::ManualClock, Gateway> verifier;
  std::string factor_id;
  std::string challenge_id;

 private:
  mfa::Options with(mfa::Options options) {
    options.sms_allowed_country_codes = {"1"};
    options.observer = [this](const mfa::Event& event) {
      if (event.report)
        heard.push_back(std::string(to_string(event.type)) + " " + std::string(to_string(*event.report)) +
                        " to " + std::string(event.country) + " of " + std::string(event.challenge_id));
    };
    return options;
  }
};

using mfa::DeliveryReport;

TEST_CASE("A message that does not arrive ends its challenge, whenever that is known") {
  const auto report = GENERATE(DeliveryReport::undelivered, DeliveryReport::not_sent);
  Waiting user;
  CHECK(user.verifier.report_delivery(user.gateway.sent.back(), DeliveryReport::delivered));
  CHECK(user.stands());
  CHECK(user.verifier.report_delivery(user.gateway.sent.back(), report));
  CHECK_FALSE(user.stands());
  CHECK_FALSE(user.verifier.report_delivery(user.gateway.sent.back(), report)); // which comes twice
  CHECK(user.heard == std::vector<std::string>{"delivery_reported delivered to US of " + user.challenge_id,
                                               "delivery_reported " + std::string(to_string(report)) +
                                                   " to US of " + user.challenge_id});
}

TEST_CASE("A report on a message ends no challenge whose code was sent again since") {
  const bool same = GENERATE(false, true);
  Waiting user{{.resend_same_code = same}};
  user.ask_again();
  user.ask_again();
  REQUIRE(user.gateway.sent.back() == user.challenge_id + ".3");
  CHECK(user.verifier.report_delivery(user.challenge_id, DeliveryReport::undelivered));
  CHECK(user.verifier.report_delivery(user.challenge_id + ".2", DeliveryReport::not_sent));
  CHECK(user.stands());
  CHECK(user.verifier.report_delivery(user.challenge_id + ".3", DeliveryReport::not_sent));
  CHECK(user.stands() == same); // as an earlier message may have brought the same code
}

TEST_CASE("Reports on what is no message of a challenge say nothing") {
  Waiting user;
  user.ask_again();
  for (const std::string& id :
       {std::string(), std::string("x"), user.factor_id, user.challenge_id + ".0", user.challenge_id + ".1",
        user.challenge_id + ".3", user.challenge_id + ".02", user.challenge_id + ".",
        user.challenge_id + ".2.2", user.challenge_id + ".-2", user.challenge_id + ".99999999999999999999",
        user.challenge_id + " "}) {
    CAPTURE(id);
    CHECK_FALSE(user.verifier.report_delivery(id, DeliveryReport::not_sent));
  }
  CHECK(user.stands());
  CHECK(user.heard.empty());
  const auto totp =
      user.verifier.enroll_factor(mfa::Totp{.issuer = "Foo", .user = "u", .user_id = "u"}, mfa::by_operator);
  const auto challenge = user.verifier.challenge_enrollment(totp.factor.id(), "u");
  CHECK_FALSE(user.verifier.report_delivery(challenge.id(), DeliveryReport::not_sent));
}

TEST_CASE("What never left is counted on no budget, once for each report") {
  mfa::SmsBudgets budgets{.unanswered_a_prefix = 0, .unanswered_a_country = 0, .unanswered = 0};
  budgets.a_country_an_hour = 2;
  Waiting user{{.sms_budgets = budgets,
                .sms_send_interval = std::chrono::seconds(0),
                .sms_sends_an_hour = 100,
                .sms_sends_a_day = 100}};
  for (int i = 0; i < 3; ++i) {
    CHECK(user.verifier.report_delivery(user.gateway.sent.back(), DeliveryReport::not_sent));
    CHECK_FALSE(user.verifier.report_delivery(user.gateway.sent.back(), DeliveryReport::not_sent));
    user.ask();
  }
  CHECK(user.verifier.report_delivery(user.gateway.sent.back(), DeliveryReport::undelivered)); // it has cost
  user.ask();
  try {
    user.ask();
    FAIL("a third was sent");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::sms_budget_spent);
  }
}

} // namespace
