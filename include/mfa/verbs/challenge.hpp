#pragma once

#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sms_delivery.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// A challenge that was created, and what the host must pass on.
struct Created {
  ChallengeDetails challenge;
  factor::ChallengeEffects effects;
};

/// The counter of the first id, taken over from another of them if it is new there.
Verb<storage::CounterRecord> find_counter(const VerbRun auto& run, const std::vector<std::string>& ids) {
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

/// Tells of a challenge that was refused, keeps what its limit learnt of the time (see `factor::count_send`),
/// and throws what refused it.
Verb<void> refuse(const VerbRun auto& run, const storage::FactorRecord& factor,
                  std::optional<storage::CounterRecord> corrected, errc code, std::exception_ptr refusal,
                  Time now) {
  if (code == errc::sms_rate_limited || code == errc::sms_country_not_allowed)
    run.emit(EventType::sms_refused, now, factor, refusal);
  if (code == errc::code_rate_limited) run.emit(EventType::code_refused, now, factor, refusal);
  if (corrected && (code == errc::sms_rate_limited || code == errc::code_rate_limited)) {
    storage::Batch batch;
    batch.counters.push_back(*std::move(corrected));
    (void)co_await run.commit(batch); // or the next attempt does it
  }
  std::rethrow_exception(refusal);
}

/// See `Verifier::challenge_factor`.
Verb<Created> challenge_factor(const VerbRun auto& run, std::string_view factor_id,
                               const ChallengeOptions& options) {
  for (Rounds rounds("the factor");; rounds.next()) {
    const factor::Context context = co_await run.now();
    storage::FactorRecord factor = co_await run.find_factor(factor_id, options.user_id);
    decision::check_challengeable(factor, options, context);

    std::optional<storage::CounterRecord> counter;
    const auto counter_ids =
        factor::with_kind(factor.type, [&](auto kind) { return kind.counter_ids(factor, context); });
    if (!counter_ids.empty()) counter = co_await find_counter(run, counter_ids);

    storage::ChallengeRecord challenge;
    challenge.id = detail::ulid(context.now, detail::challenge_id_prefix);
    factor::ChallengeEffects effects;
    std::exception_ptr refusal; // no policy is called while it is handled: see `send`
    errc refused_as{};
    const std::string counted = counter ? counter->data : std::string();
    try {
      effects =
          decision::create_challenge(factor, challenge, counter ? &*counter : nullptr, options, context);
    } catch (const Error& error) {
      refusal = std::current_exception();
      refused_as = error.code();
    }
    if (refusal) {
      if (counter && counter->data == counted) counter.reset();
      co_await refuse(run, factor, std::move(counter), refused_as, refusal, context.now);
    }

    Created created{ChallengeDetails(challenge), std::move(effects)};
    const Event event{EventType::challenge_created, context.now, factor.type, factor.id, factor.user_id,
                      created.challenge.id()};
    storage::Batch batch;
    if (counter) batch.counters.push_back(*std::move(counter));
    batch.challenges.push_back(std::move(challenge));
    if (created.effects.factor_changed) batch.factors.push_back(factor);
    if (!co_await run.commit(batch)) continue;
    run.emit(event);
    if (created.effects.message) co_await send(run, *created.effects.message, event);
    co_return created;
  }
}

} // namespace mfa::verbs
