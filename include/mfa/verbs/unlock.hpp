#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/sms.hpp>
#include <mfa/factor/sms_budgets.hpp>
#include <mfa/sms/country.hpp>
#include <mfa/sms/phone_number.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// See `Verifier::unlock_factor`.
Verb<void> unlock_factor(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                         const Authorization& authorization) {
  for (Rounds rounds("the factor");; rounds.next()) {
    const factor::Context context = co_await run.now();
    storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
    storage::Batch batch;
    co_await authorize(run, authorization, factor.user_id, context, batch);
    decision::forget_failures(factor);
    factor::with_kind(factor.type, [&](auto kind) { kind.unlock(factor, context); });
    factor.updated_at = context.now;
    batch.factors.push_back(factor);
    if (!co_await run.commit(batch)) continue;
    run.emit(EventType::factor_unlocked, context.now, factor);
    co_return;
  }
}

/// Removes what was counted under these ids, and of the user of `sender`, if there is one, how many codes
/// were sent, and tells; false if there was nothing.
Verb<bool> reset_counts(const VerbRun auto& run, const std::vector<std::string>& ids,
                        const storage::FactorRecord* sender, const Event& event) {
  for (Rounds rounds("the count of what was sent");; rounds.next()) {
    storage::Batch batch;
    for (const std::string& id : ids) {
      const auto counter = co_await run.find_counter(id);
      if (counter) batch.removals.push_back({storage::RecordKind::counter, counter->id, counter->version});
    }
    if (sender != nullptr) {
      FoundUser found = co_await find_user(run, sender->user_id, sender->id);
      const bool sent = !found.user.sends.empty();
      found.user.sends.clear();
      if (sent) batch.counters.push_back(found.changed(event.at));
    }
    if (batch.removals.empty() && batch.counters.empty()) co_return false;
    if (!co_await run.commit(batch)) continue;
    run.emit(event);
    co_return true;
  }
}

/// See `Verifier::reset_sms_limits`.
Verb<bool> reset_sms_limits(const VerbRun auto& run, std::string_view phone_number) {
  const factor::Context context = co_await run.now();
  const auto ids = factor::sms_counter_ids(sms::parse_phone_number(phone_number), context.keys);
  const Event event{.type = EventType::send_limits_reset, .at = context.now, .factor_type = FactorType::sms};
  co_return co_await reset_counts(run, ids, nullptr, event);
}

/// See `Verifier::reset_sms_budgets`.
Verb<bool> reset_sms_budgets(const VerbRun auto& run, std::string_view which) {
  const factor::Context context = co_await run.now();
  const auto ids = factor::sms_budget_ids(which, context);
  Event event{.type = EventType::send_limits_reset, .at = context.now};
  event.country = sms::is_country(which) ? which : std::string_view();
  co_return co_await reset_counts(run, ids, nullptr, event);
}

/// See `Verifier::reset_send_limits`.
Verb<bool> reset_send_limits(const VerbRun auto& run, std::string_view factor_id, const Whose& whose) {
  const factor::Context context = co_await run.now();
  const storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
  const auto counters = factor::counter_ids_of(factor, context);
  const factor::CounterIds ids = counters.empty() ? factor::CounterIds() : counters.front();
  const bool sends = factor::facts_of(factor.type).sends_codes;
  const Event event = about(factor, EventType::send_limits_reset, context.now);
  co_return co_await reset_counts(run, ids, sends ? &factor : nullptr, event);
}

} // namespace mfa::verbs
