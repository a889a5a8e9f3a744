#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/delivery.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// A challenge that was created, and what the host must pass on.
struct Created {
  ChallengeDetails challenge;
  factor::Delivery delivery;
  /// How long the next code has to wait, of a kind that sends codes.
  std::optional<std::chrono::seconds> resend_after = {};
  std::vector<factor::Delivery> further = {}; ///< see `factor::ChallengeEffects`
};

[[nodiscard]] inline Created make_created(const storage::ChallengeRecord& challenge, Purpose purpose,
                                          factor::ChallengeEffects effects, const decision::UserRecord& user,
                                          const factor::Context& context) {
  Created created{ChallengeDetails(challenge, purpose, challenge.id), std::move(effects.delivery),
                  effects.resend_after, std::move(effects.further)};
  if (const OutgoingMessage message = created.delivery.message())
    created.challenge.went_by(message.channel());
  if (created.resend_after)
    created.resend_after = std::max(*created.resend_after, decision::wait_for_next(user, context));
  return created;
}

/// Throws `errc::invalid_argument` for an option that is of `challenge_passkey` alone.
inline void check_unconditional(const ChallengeOptions& options) {
  if (options.conditional)
    throw Error(errc::invalid_argument,
                "ChallengeOptions::conditional is for challenge_passkey: the browser then offers whatever "
                "passkeys its user has, so the challenge is put to no factor and to no user");
}

/// The counter of the first id, taken over from another of them if it is new there.
Verb<storage::CounterRecord> find_counter(const VerbRun auto& run, const factor::CounterIds& ids) {
  storage::CounterRecord counter;
  for (const std::string& id : ids) {
    auto found = co_await run.find_counter(id);
    if (!found) continue;
    counter = *std::move(found);
    break;
  }
  if (counter.id != ids.front()) counter.version = 0;
  counter.id = ids.front();
  co_return counter;
}

/// Counters, and what each said when it was found.
struct FoundCounters {
  std::vector<storage::CounterRecord> records = {};
  std::vector<std::string> said = {};
};

/// Those that say something else now.
[[nodiscard]] inline std::vector<storage::CounterRecord> changed(FoundCounters counters) {
  std::vector<storage::CounterRecord> changed;
  for (std::size_t i = 0; i < counters.records.size(); ++i)
    if (counters.records[i].data != counters.said[i]) changed.push_back(std::move(counters.records[i]));
  return changed;
}

/// Those that a message is counted on beside its destination's, the first: what is given back if it never
/// leaves.
[[nodiscard]] inline Counted counted_on(const FoundCounters& counters, factor::Credit credit, Time at) {
  Counted counted{.budgets = {}, .credit = std::move(credit), .at = at};
  for (std::size_t i = 1; i < counters.records.size(); ++i) counted.budgets.push_back(counters.records[i].id);
  return counted;
}

/// The counters of a factor's kind: see `FactorKind`.
Verb<FoundCounters> find_counters(const VerbRun auto& run,
                                  const std::vector<factor::CounterIds>& counter_ids) {
  FoundCounters counters;
  for (const factor::CounterIds& ids : counter_ids) {
    counters.records.push_back(co_await find_counter(run, ids));
    counters.said.push_back(counters.records.back().data);
  }
  co_return counters;
}

/// Tells of a challenge that was refused, keeps what its limit learnt of the time (see `factor::count_send`),
/// and throws what refused it.
Verb<void> refuse(const VerbRun auto& run, const storage::FactorRecord& factor,
                  std::vector<storage::CounterRecord> corrected, const factor::Refusal& refusal, Time now) {
  const std::exception_ptr error = std::make_exception_ptr(refusal.error);
  Event event = about(factor, refusal.event, now);
  event.cause = error;
  event.limit = refusal.limit;
  event.country = refusal.country;
  run.emit(event);
  if (!corrected.empty()) {
    storage::Batch batch;
    batch.counters = std::move(corrected);
    (void)co_await run.commit(batch); // or the next attempt does it
  }
  std::rethrow_exception(error);
}

/// The user's record, if it says something else now.
[[nodiscard]] inline std::vector<storage::CounterRecord> changed(const FoundUser& found, Time now) {
  std::vector<storage::CounterRecord> changed;
  changed.push_back(found.changed(now));
  if (changed.front().data == found.record.data) changed.clear();
  return changed;
}

/// Throws `errc::user_delayed` if too many of the user's codes were wrong within a day, and then keeps what
/// it learnt of the time: a wrong code of a clock that was ahead counts from now, so that the wait counts
/// down.
Verb<void> check_guesses(const VerbRun auto& run, FoundUser& found, const factor::Context& context) {
  const std::optional<Error> refusal = decision::too_many_guesses(found.user, context);
  if (!refusal) co_return;
  storage::Batch batch;
  batch.counters = changed(found, context.now);
  if (!batch.counters.empty()) (void)co_await run.commit(batch); // or the next attempt does it
  throw *refusal;
}

/// Counts one more code for the user of this factor, if its kind sends codes, or refuses it.
Verb<void> count_for_user(const VerbRun auto& run, FoundUser& found, const storage::FactorRecord& factor,
                          const factor::Context& context) {
  std::optional<factor::Refusal> refusal;
  if (factor::facts_of(factor.type).sends_codes) refusal = decision::count_send(found.user, factor, context);
  if (!refusal) co_return;
  if (factor.type == FactorType::sms && run.observed())
    refusal->country = factor::SmsKind::country(factor, context);
  co_await refuse(run, factor, changed(found, context.now), *refusal, context.now);
}

/// Throws `errc::authorization_required` if whoever holds the session could make the answer by himself, and
/// the user has a verified factor. Returns the user's factors if he could.
Verb<std::vector<storage::FactorRecord>> check_may_confirm(const VerbRun auto& run,
                                                           const storage::FactorRecord& factor,
                                                           const Authorization& authorization,
                                                           const decision::UserRecord& user,
                                                           const factor::Context& context) {
  std::vector<storage::FactorRecord> factors;
  if (!factor::facts_of(factor.type).made_by_client || factor.user_id.empty()) co_return factors;
  factors = co_await run.list_factors(factor.user_id);
  if (detail::any_of(factors, is_verified))
    (void)co_await authorize(run, authorization, factor.user_id, user, context);
  co_return factors;
}

/// Puts a question to a factor, whatever it is for. `authorization` is for the confirmation of an enrolment.
Verb<Created> ask(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                  const ChallengeOptions& options, const Authorization& authorization) {
  decision::check_said("ChallengeOptions", options);
  check_unconditional(options);
  for (Rounds rounds("the factor");; rounds.next()) {
    factor::Context context = co_await run.now();
    storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
    std::string device_id; // none of an enrolment, whose wrong codes count for the factor alone
    if (options.purpose != Purpose::confirm_enrollment)
      device_id = co_await asking_device(run, options.device_token, factor.user_id, context);
    decision::check_challengeable(factor, options, device_id, context);
    FoundUser found_user = co_await find_user(run, factor.user_id, factor.id);
    if (is_verified(factor) && device_id.empty() && factor::facts_of(factor.type).guessable)
      co_await check_guesses(run, found_user, context);
    std::vector<storage::FactorRecord> factors_of_user;
    if (options.purpose == Purpose::confirm_enrollment) {
      decision::check_in_time(found_user.user, factor, context.now);
      factors_of_user = co_await check_may_confirm(run, factor, authorization, found_user.user, context);
      context.factors_of_user = &factors_of_user;
    }
    co_await count_for_user(run, found_user, factor, context);
    const auto counter_ids = factor::counter_ids_of(factor, context);
    FoundCounters counters = co_await find_counters(run, counter_ids);

    storage::ChallengeRecord challenge;
    challenge.id = detail::ulid(context.now, detail::challenge_id_prefix);
    factor::ChallengeEffects effects = decision::create_challenge(
        factor, challenge, counters.records, options, device_id, found_user.user.generation, context);
    if (effects.refusal)
      co_await refuse(run, factor, changed(std::move(counters)), *effects.refusal, context.now);

    const bool factor_changed = effects.factor_changed;
    const Counted counted = counted_on(counters, std::move(effects.credit), context.now);
    Created created = make_created(challenge, options.purpose, std::move(effects), found_user.user, context);
    Event event = about(factor, EventType::challenge_created, context.now);
    event.challenge_id = created.challenge.id();
    storage::Batch batch;
    const auto gone = decision::admit(found_user.user, challenge, device_id,
                                      decision::session_of(options, run.keys()), context);
    co_await remove_open_challenges(run, gone, MakesRoom::open_and_exhausted, batch);
    batch.counters.push_back(found_user.changed(context.now));
    for (storage::CounterRecord& counter : counters.records) batch.counters.push_back(std::move(counter));
    batch.challenges.push_back(std::move(challenge));
    if (factor_changed) batch.factors.push_back(factor);
    if (!co_await run.commit(batch)) continue;
    run.emit(event);
    const OutgoingMessage message = created.delivery.message();
    const Withdrawal withdrawal{created.challenge.id()};
    if (message)
      created.challenge.went_by(co_await send(run, message, event, counted, withdrawal, created.further));
    created.further.clear();
    co_return created;
  }
}

/// See `Verifier::challenge_factor`.
Verb<Created> challenge_factor(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                               const ChallengeOptions& options) {
  if (options.purpose == Purpose::confirm_enrollment)
    throw Error(errc::invalid_argument,
                "challenge_factor does not confirm an enrolment; use challenge_enrollment");
  const Authorization none;
  co_return co_await ask(run, factor_id, whose, options, none);
}

/// See `Verifier::challenge_enrollment`.
Verb<Created> challenge_enrollment(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                                   const ChallengeOptions& options, const Authorization& authorization) {
  ChallengeOptions confirming = options;
  confirming.purpose = Purpose::confirm_enrollment;
  co_return co_await ask(run, factor_id, whose, confirming, authorization);
}

} // namespace mfa::verbs
