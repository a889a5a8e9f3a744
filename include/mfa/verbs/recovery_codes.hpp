#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <mfa/authorization.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/recovery_codes.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// See `Verifier::regenerate_recovery_codes`.
Verb<Enrolled<factor::RecoveryCodesKind>> regenerate_recovery_codes(const VerbRun auto& run,
                                                                    std::string_view factor_id,
                                                                    const Whose& whose,
                                                                    const Authorization& authorization) {
  using Kind = factor::RecoveryCodesKind;
  for (Rounds rounds("the factor");; rounds.next()) {
    const factor::Context context = co_await run.now();
    storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
    if (factor.type != Kind::type)
      throw Error(errc::invalid_argument, "factor " + factor.id + " is of kind " +
                                              std::string(to_string(factor.type)) +
                                              ", not a set of recovery codes");
    storage::Batch batch;
    co_await authorize(run, authorization, factor.user_id, context, batch);
    Kind::Shown shown = Kind::regenerate(factor, context);
    factor.updated_at = context.now;
    Enrolled<Kind> regenerated{FactorDetails(factor, context), std::move(shown)};
    batch.factors.push_back(factor);
    if (!co_await run.commit(batch)) continue;
    run.emit(EventType::recovery_codes_regenerated, context.now, factor);
    co_return regenerated;
  }
}

} // namespace mfa::verbs
