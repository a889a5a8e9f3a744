#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/options.hpp>
#include <mfa/remaining.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/claims.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// Removes a factor with the batch, and whatever else says that the user has it.
Verb<void> remove_factor(const VerbRun auto& run, const storage::FactorRecord& factor,
                         decision::UserRecord& user, const factor::Context& context, storage::Batch& batch) {
  const auto claims = co_await removals_of_claims(run, factor);
  batch.removals.insert(batch.removals.end(), claims.begin(), claims.end());
  batch.removals.push_back({storage::RecordKind::factor, factor.id, factor.version});
  decision::forget_enrollment(user, factor.id);
  decision::keep_used_secret(user, factor, context);
}

/// A factor that signs in by itself, and does not only stand in for another.
[[nodiscard]] inline bool is_primary(const storage::FactorRecord& factor) noexcept {
  return is_verified(factor) && factor.type != FactorType::recovery_codes;
}

/// Throws `errc::last_factor` if a verified factor is the last but these of its user, or his last primary
/// one.
inline void check_is_not_last(const storage::FactorRecord& factor,
                              const std::vector<storage::FactorRecord>& others) {
  const bool leaves_primary = detail::any_of(others, is_primary);
  if (leaves_primary || (!is_primary(factor) && detail::any_of(others, is_verified))) return;
  throw Error(errc::last_factor,
              "factor " + factor.id +
                  " is the last of its user beside recovery codes; have the user enrol another "
                  "before, or delete it without DeleteOptions::refuse_last");
}

/// See `Verifier::delete_factor`.
Verb<Remaining> delete_factor(const VerbRun auto& run, std::string_view factor_id, const Whose& whose,
                              const Authorization& authorization, const DeleteOptions& options) {
  for (Rounds rounds("the factor");; rounds.next()) {
    const factor::Context context = co_await run.now();
    const storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
    const bool trusted = is_verified(factor) && !factor.user_id.empty(); // devices may rest on it
    // Before the list of factors and what allows the deletion: a factor that is confirmed, enrolled or
    // deleted after them makes the commit fail.
    FoundUser found = co_await find_user(run, factor.user_id, factor.id);
    storage::CounterRecord device_record;
    std::vector<StoredDevice> devices;
    if (trusted) devices = co_await find_all_devices(run, factor.user_id, device_record);
    if (is_verified(factor))
      (void)co_await authorize(run, authorization, factor.user_id, found.user, context);
    std::vector<storage::FactorRecord> others;
    if (!factor.user_id.empty()) others = co_await run.list_factors(factor.user_id);
    detail::erase_if(others, [&](const storage::FactorRecord& other) { return other.id == factor.id; });
    if (options.refuse_last && is_verified(factor)) check_is_not_last(factor, others);

    std::vector<storage::FactorRecord> deleted(1, factor);
    if (options.take_recovery_codes && is_primary(factor) && !detail::any_of(others, is_primary)) {
      for (const storage::FactorRecord& other : others)
        if (is_verified(other)) deleted.push_back(other);
      detail::erase_if(others, is_verified);
    }
    storage::Batch batch;
    for (const storage::FactorRecord& goes : deleted)
      co_await remove_factor(run, goes, found.user, context, batch);
    batch.counters.push_back(found.changed(context.now));
    std::vector<std::string> ended;
    if (trusted) {
      ended = end_trust(devices, deleted, others);
      encode_devices(devices, device_record, context.now);
      batch.counters.push_back(std::move(device_record));
    }
    Remaining remaining;
    for (const storage::FactorRecord& other : others) remaining.add(FactorDetails(other, context));
    if (!co_await run.commit(batch)) continue;
    for (const storage::FactorRecord& gone : deleted) run.emit(EventType::factor_deleted, context.now, gone);
    for (const std::string& device_id : ended)
      run.emit({.type = EventType::device_revoked,
                .at = context.now,
                .user_id = factor.user_id,
                .device_id = device_id});
    co_return remaining;
  }
}

} // namespace mfa::verbs
