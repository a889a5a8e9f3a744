#pragma once

#include <chrono>
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "plain_rules.hpp"

namespace mfa::test {

inline FactorView view(const FactorDetails& factor) {
  return {factor.type(),       factor.state(),        factor.user_id(),  factor.created_at(),
          factor.updated_at(), factor.last_used_at(), factor.failures(), factor.friendly_name()};
}

inline ChallengeView view(const ChallengeDetails& challenge) {
  return {challenge.purpose(),    challenge.state(),      challenge.created_at(),
          challenge.updated_at(), challenge.expires_at(), challenge.attempts_left()};
}

/// In milliseconds from the start of the clock.
inline std::string text(Time time) {
  static const Time start = std::chrono::floor<std::chrono::milliseconds>(testing::ManualClock().now());
  return std::to_string((time - start).count()) + " ms";
}

inline std::string text(const Answer& answer) {
  std::string text_of = answer.error ? make_error_code(*answer.error).message() : "done";
  if (answer.status) text_of = to_string(*answer.status);
  if (answer.retry_after) text_of += ", retry after " + std::to_string(answer.retry_after->count()) + " s";
  if (!answer.user_id.empty()) text_of += ", user " + answer.user_id;
  if (answer.verified_at) text_of += ", at " + text(*answer.verified_at);
  if (answer.assurance)
    text_of += ", " + std::to_string(answer.assurance->factors) + " factors shown" +
               (answer.assurance->phishing_resistant ? ", beyond phishing" : "");
  if (answer.clock_skew) text_of += ", a clock " + std::to_string(answer.clock_skew->count()) + " s off";
  if (answer.devices != 0) text_of += ", " + std::to_string(answer.devices) + " devices";
  if (answer.purged != 0) text_of += ", " + std::to_string(answer.purged) + " purged";
  if (const auto& left = answer.remaining)
    text_of += ", " + std::to_string(left->factors) + " factors left, " + std::to_string(left->unverified) +
               " unverified, " + std::to_string(left->recovery_codes) + " recovery codes, at best " +
               std::to_string(left->best.factors) + (left->best.phishing_resistant ? " beyond phishing" : "");
  if (const auto& reset = answer.reset)
    text_of += ", " + std::to_string(reset->factors) + " factors and " + std::to_string(reset->devices) +
               " devices reset";
  if (const auto& challenge = answer.challenge) {
    text_of += "; the challenge: " + std::string(to_string(challenge->purpose)) + ", " +
               std::string(to_string(challenge->state)) + ", " + std::to_string(challenge->attempts_left) +
               " attempts left, created " + text(challenge->created_at) + ", updated " +
               text(challenge->updated_at);
    if (challenge->expires_at) text_of += ", expires " + text(*challenge->expires_at);
  }
  for (const auto& factor : answer.factors) {
    text_of += "; factor: " + std::string(to_string(factor.type)) + " of '" + factor.user_id + "', " +
               std::string(to_string(factor.state)) + ", " + std::to_string(factor.failures) +
               " failures, created " + text(factor.created_at) + ", updated " + text(factor.updated_at);
    if (!factor.friendly_name.empty()) text_of += ", called " + factor.friendly_name;
    if (factor.last_used_at) text_of += ", used " + text(*factor.last_used_at);
  }
  return text_of;
}

} // namespace mfa::test
