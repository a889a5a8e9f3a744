#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/challenge_details.hpp>
#include <mfa/confirmation.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/sms_budgets.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/claims.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/passkey.hpp>
#include <mfa/verbs/passkey_challenge.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sealed_records.hpp>
#include <mfa/verbs/user_record.hpp>
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
              stored_part(verification.challenge().id()),
              verification.status()};
  run.emit(event);
  const auto emit_also = [&](EventType type) {
    event.type = type;
    run.emit(event);
  };
  if (verdict.first_verification) emit_also(EventType::factor_verified);
  if (verdict.locked_now) emit_also(EventType::factor_locked_out);
  for (const EventType also : verdict.events) emit_also(also);
}

/// What is committed when the enrolment of this factor is confirmed. Throws `errc::enrollment_expired`, and
/// `errc::authorization_required` if it was enrolled as the user's first and another was verified meanwhile.
Verb<storage::CounterRecord> end_enrollment(const VerbRun auto& run, const storage::FactorRecord& factor,
                                            const factor::Context& context) {
  FoundUser found = co_await find_user(run, factor.user_id, factor.id);
  decision::check_in_time(found.user, factor, context.now);
  const auto* const enrollment = decision::enrollment_of(found.user, factor.id);
  if (!factor.user_id.empty() && (enrollment == nullptr || !enrollment->authorized)) {
    const auto factors = co_await run.list_factors(factor.user_id);
    for (const storage::FactorRecord& other : factors)
      if (is_verified(other) && other.id != factor.id)
        throw Error(errc::authorization_required,
                    "factor " + factor.id +
                        " was enrolled as the user's first, and another was verified meanwhile; have the "
                        "user show that one, and enrol this one anew with the Verification");
  }
  decision::forget_enrollment(found.user, factor.id);
  co_return found.changed(context.now);
}

/// Adds to what is committed with a wrong code: the count of the device that it came from, or else that of
/// the user if codes of this kind can be guessed. A right code does not ask for these counters. So a wrong
/// one is counted without them, on the factor and the challenge, if their records are broken, or, without
/// `beside`, if they move all the time: whoever writes to the storage can do both. So is one of a device that
/// is trusted no more; the verdict then says what comes of it. The last one that either may have in a day
/// ends the challenge, so that each which is still open takes one more at most. Returns how they are broken.
Verb<std::exception_ptr> count_wrong_code(const VerbRun auto& run, storage::FactorRecord& factor,
                                          storage::ChallengeRecord& challenge,
                                          const decision::ChallengeTerms& terms,
                                          const factor::Context& context, bool beside,
                                          decision::Verdict& verdict, storage::Batch& batch) {
  // A stranger could enrol a factor to use its user's up; but it may have been verified since.
  const bool enrolls = terms.purpose == Purpose::confirm_enrollment && !is_verified(factor);
  if (enrolls || !factor::facts_of(factor.type).guessable) co_return nullptr;
  std::exception_ptr broken;
  bool by_device = false;
  bool last = false;
  try {
    if (beside && !terms.device_id.empty()) {
      auto device = co_await count_wrong_code(run, factor.user_id, terms.device_id, context.now, last);
      by_device = device.has_value();
      if (device) batch.counters.push_back(*std::move(device));
    }
    if (beside && !by_device) {
      FoundUser found = co_await find_user(run, factor.user_id, factor.id);
      last = decision::count_wrong_code(found.user, context);
      batch.counters.push_back(found.changed(context.now));
    }
  } catch (const Error& error) {
    if (!is_of_the_record(error)) throw;
    broken = std::current_exception();
  }
  if (!by_device && !terms.device_id.empty()) decision::count_on_factor(verdict, factor, context);
  if (last) decision::exhaust(challenge);
  co_return broken;
}

/// Adds to what is committed with a right answer that the message was answered. A counter that cannot be
/// read is in no right answer's way.
Verb<void> credit_answer(const VerbRun auto& run, const decision::ChallengeTerms& terms,
                         const storage::ChallengeRecord& challenge, storage::Batch& batch) {
  for (const std::string& id : terms.credit.counters) {
    try {
      auto counter = co_await run.find_counter(id);
      if (!counter) continue;
      const std::string said = counter->data;
      factor::credit_answer(*counter, terms.credit, challenge.created_at);
      if (counter->data != said) batch.counters.push_back(*std::move(counter));
    } catch (const Error& error) {
      if (error.code() != errc::seal_broken && error.code() != errc::unknown_key &&
          error.code() != errc::corrupt_record)
        throw;
    }
  }
}

/// One attempt on a challenge, whatever it is for.
Verb<Verification> attempt(const VerbRun auto& run, std::string_view challenge_id, std::string_view code,
                           const VerifyOptions& options) {
  decision::check_answer(code);
  decision::check_said("VerifyOptions", options);
  check_whose(options.user);
  const std::string_view stored_id = stored_part(challenge_id);
  auto claims = decision::Claims::open;
  for (Rounds rounds("the challenge");; rounds.next()) {
    const factor::Context context = co_await run.now();
    std::optional<storage::ChallengeWithFactor> found;
    if (run.finds_challenge_with_factor())
      co_await run.find_challenge_with_factor(stored_id, found); // with no coroutine between
    else
      found = co_await find_challenge_then_factor(run, stored_id);
    if (stored_id.size() != challenge_id.size()) {
      auto refused = co_await take_up(run, challenge_id, code, options, context, found);
      if (refused) co_return *std::move(refused);
    }
    if (!found || !found->factor) {
      // What a known challenge costs too, so that time does not tell them apart.
      if (options.binding) (void)context.keys.authenticate(*options.binding, challenge_id);
      decision::throw_not_found("challenge");
    }

    storage::ChallengeRecord& challenge = found->challenge;
    storage::FactorRecord& factor = *found->factor;
    decision::ChallengeTerms terms = decision::take_terms(challenge);
    auto trust = decision::DeviceTrust::stands;
    if (decision::hangs_on_device(factor, terms, context) &&
        !co_await is_still_trusted(run, factor.user_id, terms.device_id, context.now))
      trust = decision::DeviceTrust::ended;
    decision::Verdict verdict =
        decision::verify(factor, challenge, terms, code, options, context, claims, trust);
    constexpr int most_rounds_beside = 100;
    const bool beside = rounds.done() < most_rounds_beside;
    storage::Batch batch;
    std::exception_ptr broken;
    if (verdict.wrong_code)
      broken = co_await count_wrong_code(run, factor, challenge, terms, context, beside, verdict, batch);
    const bool by_device =
        !terms.device_id.empty() && !verdict.on_factor && trust == decision::DeviceTrust::stands;
    Verification verification(
        verdict,
        ChallengeDetails(challenge, terms.purpose, challenge_id, decision::channel_of(terms, factor.type)),
        factor, by_device, context);
    const std::string user_id = run.observed() ? factor.user_id : std::string();
    if (verdict.factor_changed || verdict.challenge_changed) {
      if (verdict.first_verification && terms.purpose == Purpose::confirm_enrollment)
        batch.counters.push_back(co_await end_enrollment(run, factor, context));
      if (challenge.version == 0)
        batch.counters.push_back(co_await admit_taken_up(run, factor, challenge, terms, context, batch));
      if (verdict.status == Status::valid && !terms.credit.counters.empty() && beside)
        co_await credit_answer(run, terms, challenge, batch);
      for (const std::string& id : verdict.claims) batch.counters.push_back(claim(id, factor));
      if (verdict.factor_changed) batch.factors.push_back(std::move(factor));
      if (verdict.challenge_changed) {
        decision::put_terms(challenge, terms);
        batch.challenges.push_back(std::move(challenge));
      }
      if (!co_await run.commit(batch)) {
        if (!verdict.claims.empty() && co_await is_claimed(run, verdict.claims))
          claims = decision::Claims::taken;
        continue;
      }
    }
    if (run.observed()) emit(run, verdict, verification, user_id, context.now);
    if (broken) std::rethrow_exception(broken);
    co_return verification;
  }
}

/// See `Verifier::verify_challenge`.
Verb<Verification> verify_challenge(const VerbRun auto& run, std::string_view challenge_id,
                                    std::string_view code, const VerifyOptions& options) {
  if (options.purpose == Purpose::confirm_enrollment)
    throw Error(errc::invalid_argument,
                "verify_challenge does not confirm an enrolment; use confirm_enrollment");
  co_return co_await attempt(run, challenge_id, code, options);
}

/// The options of the challenge that a confirmation makes for itself.
[[nodiscard]] inline ChallengeOptions challenge_for(const VerifyOptions& options) {
  ChallengeOptions challenge;
  challenge.binding = options.binding;
  challenge.event_context = options.event_context;
  return challenge;
}

/// See `Verifier::confirm_enrollment`.
Verb<Confirmation> confirm_enrollment(const VerbRun auto& run, std::string_view id, std::string_view code,
                                      const VerifyOptions& options) {
  VerifyOptions confirming = options;
  confirming.purpose = Purpose::confirm_enrollment;
  if (!detail::is_id(id, detail::factor_id_prefix))
    co_return Confirmation(co_await attempt(run, id, code, confirming));
  const storage::FactorRecord factor = co_await run.find_factor(id, options.user);
  if (!factor::facts_of(factor.type).comes_unasked)
    throw Error(errc::invalid_argument,
                "factor " + factor.id + " is of kind " + std::string(to_string(factor.type)) +
                    ", whose answer must be asked for; use challenge_enrollment, and confirm its challenge");
  const ChallengeOptions challenge_options = challenge_for(options);
  const Authorization none;
  const Created created = co_await challenge_enrollment(run, id, options.user, challenge_options, none);
  co_return Confirmation(co_await attempt(run, created.challenge.id(), code, confirming));
}

} // namespace mfa::verbs
