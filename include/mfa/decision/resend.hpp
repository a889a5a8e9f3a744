#pragma once

#include <optional>
#include <string>

#include <mfa/channel.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::decision {

/// Refuses what sends nothing, and what no code can answer any more.
inline void check_resendable(const storage::FactorRecord& factor, const storage::ChallengeRecord& challenge) {
  if (!factor::facts_of(factor.type).sends_codes)
    throw Error(errc::invalid_argument, "challenge " + challenge.id + " is of kind " +
                                            std::string(to_string(factor.type)) +
                                            ", which sends nothing that could be sent again");
  const auto over = [&](const std::string& why) {
    throw Error(errc::challenge_over, "challenge " + challenge.id + " " + why +
                                          ", so nothing is sent for it again; create another");
  };
  switch (challenge.state) {
  case ChallengeState::pending: break;
  case ChallengeState::verified: over("was answered already"); break;
  case ChallengeState::expired: over("has expired"); break;
  case ChallengeState::exhausted: over("has taken too many wrong codes"); break;
  }
  if (!is_current(factor, challenge)) over("was replaced by a later one");
}

/// Refuses a channel that codes of this factor's kind do not go by.
inline void check_channel(const storage::FactorRecord& factor, std::optional<Channel> channel) {
  if (channel && factor.type != FactorType::sms && channel != usual_channel(factor.type))
    throw Error(errc::invalid_argument, "ResendOptions::channel is " + std::string(to_string(*channel)) +
                                            ", by which codes of kind " +
                                            std::string(to_string(factor.type)) + " do not go; leave it out");
}

/// Puts a stored challenge's question again: the same code or a new one, of which what was left of time and
/// attempts remains. Changes the records as `create_challenge` does.
inline factor::ChallengeEffects send_again(storage::FactorRecord& factor, storage::ChallengeRecord& challenge,
                                           factor::Counters counters, const ChallengeOptions& request,
                                           const factor::Context& context) {
  auto effects = prepare(factor, challenge, counters, request, context);
  challenge.updated_at = context.now;
  return effects;
}

} // namespace mfa::decision
