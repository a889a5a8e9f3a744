#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/challenge_details.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/claims.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/verification.hpp>

namespace mfa::verbs {

/// Tells of one attempt.
inline void emit(const Run& run, const decision::Verdict& verdict, const Verification& verification,
                 std::string_view user_id, Time now) noexcept {
  Event event{verification.valid() ? EventType::verification_succeeded : EventType::verification_failed,
              now,
              verification.factor_type(),
              verification.factor_id(),
              user_id,
              verification.challenge().id(),
              verification.status()};
  run.emit(event);
  const auto emit_also = [&](EventType type) {
    event.type = type;
    run.emit(event);
  };
  if (verdict.first_verification) emit_also(EventType::factor_verified);
  if (verdict.locked_now) emit_also(EventType::factor_locked_out);
  if (verdict.event) emit_also(*verdict.event);
}

/// See `Verifier::verify_challenge`.
Verb<Verification> verify_challenge(const VerbRun auto& run, std::string_view challenge_id,
                                    std::string_view code, const VerifyOptions& options) {
  decision::check_answer(code);
  decision::check_binding("VerifyOptions", options.binding);
  check_challenge_id(challenge_id);
  auto claims = decision::Claims::open;
  for (Rounds rounds("the challenge");; rounds.next()) {
    const factor::Context context = co_await run.now();
    std::optional<storage::ChallengeWithFactor> found;
    if (run.finds_challenge_with_factor())
      co_await run.find_challenge_with_factor(challenge_id, found);
    else
      found = co_await find_challenge_then_factor(run, challenge_id);
    if (!found || !found->factor) {
      // What a known challenge costs too, so that time does not tell them apart.
      if (!options.binding.empty()) (void)context.keys.authenticate(options.binding, challenge_id);
      decision::throw_not_found("challenge");
    }

    storage::ChallengeRecord& challenge = found->challenge;
    storage::FactorRecord& factor = *found->factor;
    const decision::Verdict verdict = decision::verify(factor, challenge, code, options, context, claims);
    Verification verification(verdict, ChallengeDetails(challenge), factor, context);
    const std::string user_id = run.observed() ? factor.user_id : std::string();
    if (verdict.factor_changed || verdict.challenge_changed) {
      storage::Batch batch;
      for (const std::string& id : verdict.claims) batch.counters.push_back(claim(id, factor));
      if (verdict.factor_changed) batch.factors.push_back(std::move(factor));
      if (verdict.challenge_changed) batch.challenges.push_back(std::move(challenge));
      if (!co_await run.commit(batch)) {
        if (!verdict.claims.empty() && co_await is_claimed(run, verdict.claims))
          claims = decision::Claims::taken;
        continue;
      }
    }
    if (run.observed()) emit(run, verdict, verification, user_id, context.now);
    co_return verification;
  }
}

} // namespace mfa::verbs
