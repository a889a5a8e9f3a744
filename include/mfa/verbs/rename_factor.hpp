#pragma once

#include <string_view>

#include <mfa/encoding/checked_text.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// See `Verifier::rename_factor`.
Verb<FactorDetails> rename_factor(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                                  std::string_view friendly_name) {
  detail::check_text("friendly_name", friendly_name, storage::longest_friendly_name);
  for (Rounds rounds("the factor");; rounds.next()) {
    const factor::Context context = co_await run.now();
    storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
    factor.friendly_name = friendly_name;
    factor.updated_at = context.now;
    storage::Batch batch;
    batch.factors.push_back(factor);
    if (!co_await run.commit(batch)) continue;
    run.emit(EventType::factor_renamed, context.now, factor);
    co_return FactorDetails(factor, context);
  }
}

} // namespace mfa::verbs
