#pragma once

#include <string>
#include <vector>

#include <mfa/factor/kinds.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// The record by which a verified factor alone has what `id` names: a counter that is written once.
[[nodiscard]] inline storage::CounterRecord claim(const std::string& id,
                                                  const storage::FactorRecord& factor) {
  return {.id = id, .version = 0, .data = factor.id, .purge_at = storage::never};
}

/// Whether one of these claims is made.
Verb<bool> is_claimed(const VerbRun auto& run, const std::vector<std::string>& ids) {
  for (const std::string& id : ids)
    if (co_await run.find_counter(id)) co_return true;
  co_return false;
}

/// What to remove together with a factor.
Verb<std::vector<storage::Removal>> removals_of_claims(const VerbRun auto& run,
                                                       const storage::FactorRecord& factor) {
  std::vector<storage::Removal> removals;
  std::vector<std::string> ids;
  if (factor.state == FactorState::verified) ids = factor::claims_of(factor);
  for (const std::string& id : ids) {
    const auto made = co_await run.find_counter(id);
    if (made && (made->data == factor.id || made->data.empty())) // empty: see `Run::find_counter`
      removals.push_back({storage::RecordKind::counter, made->id, made->version});
  }
  co_return removals;
}

} // namespace mfa::verbs
