#pragma once

#include <chrono>
#include <optional>
#include <string_view>

#include <mfa/decision/challenge.hpp>
#include <mfa/decision/context.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// What a caller may say about one attempt.
struct VerifyOptions {
  /// Must equal the challenge's binding; both empty if there is none. Otherwise the challenge is not found.
  std::string_view binding = {};
  /// If given, the factor must be this user's; otherwise the challenge is not found.
  std::string_view user_id = {};
};

namespace decision {

/// The longest answer that is looked at, in bytes.
inline constexpr std::size_t longest_answer = 65'536;

/// What one attempt comes to.
struct Verdict {
  Status status{};
  bool factor_changed = false;    ///< to be committed, with the challenge,
  bool challenge_changed = false; ///< before anybody learns the status
  bool first_verification = false;
  bool locked_now = false;
  std::optional<std::chrono::seconds> retry_after = {};
};

/// Decides one attempt on a challenge and its factor, and changes both records to what must be committed.
/// Throws `errc::entity_not_found` for another user's challenge or another binding.
[[nodiscard]] inline Verdict verify(storage::FactorRecord& factor, storage::ChallengeRecord& challenge,
                                    std::string_view answer, const VerifyOptions& request,
                                    const Context& context) {
  const bool bound_alike =
      challenge.binding.empty()
          ? request.binding.empty()
          : context.keys.matches(challenge.binding, request.binding, binding_context(challenge),
                                 "challenge " + challenge.id);
  if (!bound_alike || (!request.user_id.empty() && request.user_id != factor.user_id))
    throw_not_found("challenge");

  const auto end_challenge = [&](ChallengeState state) {
    challenge.state = state;
    challenge.answer.clear();
  };
  switch (challenge.state) {
  case ChallengeState::pending: break;
  case ChallengeState::verified: return {.status = Status::already_verified};
  case ChallengeState::expired: return {.status = Status::expired};
  case ChallengeState::exhausted: return {.status = Status::too_many_attempts};
  }
  if (challenge.expires_at && context.now >= *challenge.expires_at) {
    end_challenge(ChallengeState::expired); // so that it stays expired if the clock goes back
    challenge.updated_at = context.now;
    return {.status = Status::expired, .challenge_changed = true};
  }
  const bool current =
      factor::with_kind(factor.type, [&](auto kind) { return kind.is_current(factor, challenge); });
  if (!current) return {.status = Status::superseded};
  const Lockout lock = lockout(factor, context.now, context.options);
  if (lock.locked) return {.status = Status::locked_out};
  if (lock.wait.count() > 0) return {.status = Status::delayed, .retry_after = lock.wait};

  const Answer said = factor::with_kind(
      factor.type, [&](auto kind) { return kind.check(factor, challenge, answer, context); });
  if (said == Answer::malformed) return {.status = Status::malformed_code};

  Verdict verdict{.factor_changed = true, .challenge_changed = true};
  challenge.updated_at = factor.updated_at = context.now;
  if (said == Answer::right) {
    verdict.status = Status::valid;
    verdict.first_verification = factor.state != FactorState::verified;
    end_challenge(ChallengeState::verified);
    factor.state = FactorState::verified;
    factor.last_used_at = context.now;
    forget_failures(factor);
    return verdict;
  }
  verdict.status = said == Answer::used ? Status::code_already_used : Status::wrong_code;
  challenge.attempts_left -= challenge.attempts_left > 0 ? 1 : 0;
  if (challenge.attempts_left == 0) end_challenge(ChallengeState::exhausted);
  count_failure(factor, context.now);
  const Lockout next = lockout(factor, context.now, context.options);
  verdict.locked_now = next.locked;
  if (next.wait.count() > 0) verdict.retry_after = next.wait;
  return verdict;
}

} // namespace decision
} // namespace mfa
