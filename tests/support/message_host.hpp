#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

namespace mfa::test {

/// A host whose messages are more than the code, and a user of it who has a phone.
struct MessageHost {
  storage::Memory storage;
  testing::ManualClock clock;
  testing::RecordingSms sms;
  Verifier<storage::Memory, testing::ManualClock, testing::RecordingSms> verifier;
  std::string factor_id;

  explicit MessageHost(Options options) : verifier(storage, clock, sms, anywhere(std::move(options))) {
    factor_id = verifier.enroll_factor(Sms{.phone_number = "+14155550123", .user_id = "u_42"}).factor.id();
    const auto challenge = verifier.challenge_enrollment(factor_id, any_user);
    if (!challenge.confirm(last_code()).confirmed())
      throw std::logic_error("the enrolment was not confirmed");
    clock.advance(std::chrono::hours(25));
  }

  auto challenge(const ChallengeOptions& options = {}) {
    return verifier.challenge_factor(factor_id, any_user, options);
  }

  [[nodiscard]] std::string last_message() const { return std::string(sms.last().body); }
  [[nodiscard]] std::string last_code() const { return std::string(sms.last().code); }

 private:
  static Options anywhere(Options options) {
    options.sms_allowed_country_codes = sms::every_country();
    return options;
  }
};

} // namespace mfa::test
