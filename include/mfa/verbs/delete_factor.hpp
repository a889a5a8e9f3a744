#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/claims.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// See `Verifier::delete_factor`.
Verb<void> delete_factor(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                         const Authorization& authorization) {
  for (Rounds rounds("the factor");; rounds.next()) {
    const factor::Context context = co_await run.now();
    const storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
    if (is_verified(factor)) (void)co_await authorize(run, authorization, factor.user_id, context);
    storage::Batch batch;
    batch.removals = co_await removals_of_claims(run, factor);
    batch.removals.push_back({storage::RecordKind::factor, factor.id, factor.version});
    std::vector<std::string> devices;
    if (is_verified(factor) && !factor.user_id.empty())
      batch.counters.push_back(co_await end_trust(run, factor, context.now, devices));
    if (!co_await run.commit(batch)) continue;
    run.emit(EventType::factor_deleted, context.now, factor);
    for (const std::string& device_id : devices)
      run.emit({.type = EventType::device_revoked,
                .at = context.now,
                .user_id = factor.user_id,
                .device_id = device_id});
    co_return;
  }
}

} // namespace mfa::verbs
