#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/channel.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/resend.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/sent_code.hpp>
#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/delivery.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// A challenge before its code was sent again and after, without its terms.
struct ResentChallenge {
  storage::ChallengeRecord before;
  std::optional<Channel> channel_before; ///< as in the terms
  storage::ChallengeRecord after = {};

  static constexpr std::string_view undone =
      "; the challenge stands, and the code that was sent before counts";
  static constexpr std::string_view not_undone =
      ", and the storage could not make the code count that was sent before";
  static constexpr std::string_view remedy = "try again later";

  /// See `take_back`.
  Verb<bool> undo(const VerbRun auto& run) const { return take_back(run, *this); }
};

/// Makes the code that was sent before count again, unless the challenge has ended or its code went out once
/// more; false if the storage fails.
Verb<bool> take_back(const VerbRun auto& run, const ResentChallenge& resent) {
  try {
    for (Rounds rounds("the challenge");; rounds.next()) {
      auto challenge = co_await run.find_challenge(resent.after.id);
      if (!challenge) co_return true;
      decision::ChallengeTerms terms = decision::take_terms(*challenge);
      if (challenge->answer != resent.after.answer) co_return true;
      factor::take_code_back(*challenge, resent.before);
      terms.channel = resent.channel_before;
      decision::put_terms(*challenge, terms);
      storage::Batch batch;
      batch.challenges.push_back(*std::move(challenge));
      if (co_await run.commit(batch)) co_return true;
    }
  } catch (...) { // told by the result
  }
  co_return false;
}

/// What the kind and the rules of a new challenge are asked again, of one of this kind that has these terms.
[[nodiscard]] inline ChallengeOptions asked_again(const ResendOptions& options,
                                                  const decision::ChallengeTerms& terms, FactorType type) {
  ChallengeOptions asked;
  if (const auto channel = options.channel ? options.channel : decision::channel_of(terms, type))
    asked.channels = {*channel};
  asked.voice_template = options.voice_template;
  asked.voice_language = options.voice_language;
  asked.email_address = options.email_address;
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
  if (options.binding) decision::check_bound("ResendOptions", "binding", *options.binding);
  check_whose(whose);
  if (!detail::is_id(challenge_id, detail::challenge_id_prefix)) decision::throw_not_found("challenge");
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

    decision::check_channel(factor, options.channel);
    const ChallengeOptions asked = asked_again(options, terms, factor.type);
    decision::check_challengeable(factor, asked, terms.device_id, context);
    FoundUser found_user = co_await find_user(run, factor.user_id, factor.id);
    if (terms.purpose == Purpose::confirm_enrollment)
      decision::check_in_time(found_user.user, factor, context.now);
    else if (is_verified(factor) && terms.device_id.empty() && factor::facts_of(factor.type).guessable)
      co_await check_guesses(run, found_user, context);
    co_await count_for_user(run, found_user, factor, context);

    const auto counter_ids = factor::counter_ids_of(factor, context);
    FoundCounters counters = co_await find_counters(run, counter_ids);
    ResentChallenge resent{challenge, terms.channel};
    factor::ChallengeEffects effects =
        decision::send_again(factor, challenge, counters.records, asked, context);
    if (effects.refusal)
      co_await refuse(run, factor, changed(std::move(counters)), *effects.refusal, context.now);
    resent.after = challenge;
    const Counted counted = counted_on(counters, effects.credit, context.now);
    terms.credit = std::move(effects.credit);
    if (const OutgoingMessage message = effects.delivery.message())
      decision::go_by(terms, message.channel(), factor.type);

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
    if (message) (void)co_await send(run, message, event, counted, resent, created.further);
    co_return created;
  }
}

} // namespace mfa::verbs
