#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/resend.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/delivery.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// What the kind and the rules of a new challenge are asked again, of one that has these terms.
[[nodiscard]] inline ChallengeOptions asked_again(const ResendOptions& options,
                                                  const decision::ChallengeTerms& terms) {
  ChallengeOptions asked;
  asked.sms_template = options.sms_template;
  asked.sms_values = options.sms_values;
  asked.email_template = options.email_template;
  asked.email_values = options.email_values;
  asked.email_link = options.email_link;
  asked.link_works_in_any_browser = options.link_works_in_any_browser;
  asked.purpose = terms.purpose;
  asked.required = terms.required;
  return asked;
}

/// See `Verifier::resend_challenge`.
Verb<Created> resend_challenge(const VerbRun auto& run, std::string_view challenge_id, const Whose& whose,
                               const ResendOptions& options) {
  check_whose(whose);
  for (Rounds rounds("the challenge");; rounds.next()) {
    const factor::Context context = co_await run.now();
    auto found = co_await find_challenge_and_factor(run, challenge_id);
    if (!found || !found->factor) {
      // What a known challenge costs too, so that time does not tell them apart.
      if (options.binding) (void)context.keys.authenticate(*options.binding, challenge_id);
      decision::throw_not_found("challenge");
    }
    storage::FactorRecord factor = *std::move(found->factor);
    storage::ChallengeRecord challenge = std::move(found->challenge);
    decision::ChallengeTerms terms = decision::take_terms(challenge);
    decision::check_bound_alike(challenge, options.binding, whose.include(factor.user_id), context);
    if (challenge.state == ChallengeState::pending && decision::is_over(challenge, context.now)) {
      decision::expire(challenge, context.now);
      decision::put_terms(challenge, terms);
      storage::Batch batch;
      batch.challenges.push_back(std::move(challenge));
      (void)co_await run.commit(batch);
      continue; // which finds it over
    }
    decision::check_resendable(factor, challenge);

    const ChallengeOptions asked = asked_again(options, terms);
    decision::check_challengeable(factor, asked, terms.device_id, context);
    FoundUser found_user = co_await find_user(run, factor.user_id, factor.id);
    if (terms.purpose == Purpose::confirm_enrollment)
      decision::check_in_time(found_user.user, factor, context.now);
    else if (is_verified(factor) && terms.device_id.empty() && factor::facts_of(factor.type).guessable)
      decision::check_guesses(found_user.user, context);
    co_await count_for_user(run, found_user, factor, context);

    const auto counter_ids = factor::counter_ids_of(factor, context);
    FoundCounters counters = co_await find_counters(run, counter_ids);
    ResentChallenge resent{challenge, {}};
    factor::ChallengeEffects effects =
        decision::send_again(factor, challenge, counters.records, asked, context);
    if (effects.refusal)
      co_await refuse(run, factor, changed(std::move(counters)), *effects.refusal, context.now);
    resent.after = challenge;
    const Counted counted = counted_on(counters, effects.credit, context.now);
    terms.credit = std::move(effects.credit);

    Created created = make_created(challenge, terms.purpose, std::move(effects), found_user.user, context);
    Event event = about(factor, EventType::challenge_resent, context.now);
    event.challenge_id = created.challenge.id();
    storage::Batch batch;
    batch.counters.push_back(found_user.changed(context.now));
    for (storage::CounterRecord& counter : counters.records) batch.counters.push_back(std::move(counter));
    decision::put_terms(challenge, terms);
    batch.challenges.push_back(std::move(challenge));
    batch.factors.push_back(factor);
    if (!co_await run.commit(batch)) continue;
    run.emit(event);
    const OutgoingMessage message = created.delivery.message();
    if (message) co_await send(run, message, event, counted, &resent);
    co_return created;
  }
}

} // namespace mfa::verbs
