#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/decision/lockout.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::decision {

/// What a challenge's bound value is tied to.
[[nodiscard]] inline std::string binding_context(const storage::ChallengeRecord& challenge) {
  return "binding " + challenge.id;
}

inline constexpr std::size_t longest_binding = 4096; ///< bytes

/// Refuses a bound value that is too long to be looked at; `whose` names the options that hold it.
inline void check_binding(std::string_view whose, std::string_view binding) {
  if (binding.size() > longest_binding)
    throw Error(errc::invalid_argument, std::string(whose) + "::binding has " +
                                            std::to_string(binding.size()) + " bytes; it may have " +
                                            std::to_string(longest_binding) + ". Bind a hash of it");
}

/// Refuses what must not be challenged: another user's factor, an unverified one if verified ones were asked
/// for, one too weak for what is required, and a locked one.
inline void check_challengeable(const storage::FactorRecord& factor, const ChallengeOptions& request,
                                const factor::Context& context) {
  if (!request.user_id.empty() && request.user_id != factor.user_id) throw_not_found("factor");
  if (request.verified_only && factor.state != FactorState::verified)
    throw Error(errc::factor_not_verified,
                "factor " + factor.id +
                    " was never verified; have its user confirm the enrolment, or challenge "
                    "it without verified_only");
  const bool can_meet =
      factor::with_kind(factor.type, [&](auto kind) { return kind.best_assurance.meets(request.required); });
  if (!can_meet)
    throw Error(errc::insufficient_assurance,
                "factor " + factor.id + " is of kind " + std::string(to_string(factor.type)) +
                    ", which never shows what ChallengeOptions::required asks for; challenge another factor");
  if (lockout(factor, context.now, context.options).locked)
    throw Error(errc::factor_locked_out,
                "factor " + factor.id +
                    " is locked after too many wrong codes; offer the user another factor, "
                    "or have an operator call unlock_factor");
}

/// Fills in a new challenge, whose id is set, and changes the factor and the counter as its kind wants.
/// `counter` is null if the kind asked for none. Nothing but the counter counts of a challenge that is
/// refused.
inline factor::ChallengeEffects create_challenge(storage::FactorRecord& factor,
                                                 storage::ChallengeRecord& challenge,
                                                 storage::CounterRecord* counter,
                                                 const ChallengeOptions& request,
                                                 const factor::Context& context) {
  check_binding("ChallengeOptions", request.binding);
  challenge.factor_id = factor.id;
  challenge.state = ChallengeState::pending;
  challenge.created_at = challenge.updated_at = context.now;
  challenge.purge_at = context.now + context.options.challenge_retention;
  challenge.attempts_left = context.options.attempts_a_challenge;
  if (!request.binding.empty())
    challenge.binding = context.keys.authenticate(request.binding, binding_context(challenge));
  auto effects = factor::with_kind(
      factor.type, [&](auto kind) { return kind.challenge(factor, challenge, counter, request, context); });
  if (effects.factor_changed) factor.updated_at = context.now;
  return effects;
}

} // namespace mfa::decision
