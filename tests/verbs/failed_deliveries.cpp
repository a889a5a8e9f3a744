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

} // namespace
