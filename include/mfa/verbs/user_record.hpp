#pragma once

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/decision/user_record.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// A user's record as it was found, or a new one, and what it says.
struct FoundUser {
  storage::CounterRecord record;
  decision::UserRecord user;

  /// Says in the record what `user` says now, for the batch that is committed.
  [[nodiscard]] storage::CounterRecord changed(Time now) const {
    storage::CounterRecord written = record;
    decision::encode_user(user, written, now);
    return written;
  }
};

Verb<FoundUser> find_user(const VerbRun auto& run, std::string_view user_id, std::string_view factor_id) {
  FoundUser found;
  const std::string id = decision::user_record_id(user_id, factor_id);
  auto record = co_await run.find_counter(id);
  if (record) found.record = *std::move(record);
  found.record.id = id;
  found.user = decision::decode_user(found.record);
  co_return found;
}

/// Which challenges to remove. An answered one allows what its user does next, for a while.
enum class Removed : bool { open_ones, all };

/// Removes these challenges with the batch, as far as they are there, under whatever key they are sealed: one
/// of a key that was retired must not be in the way of the next.
Verb<void> remove_challenges(const VerbRun auto& run, const std::vector<std::string>& ids, Removed removed,
                             storage::Batch& batch) {
  for (const std::string& id : ids) {
    const auto challenge = co_await run.find_sealed_challenge(id);
    if (challenge && (removed == Removed::all || challenge->state == ChallengeState::pending))
      batch.removals.push_back({storage::RecordKind::challenge, id, challenge->version});
  }
}

/// Removes those of the user's `factors` that are unverified and have these ids, with the batch.
inline void remove_unverified(const std::vector<storage::FactorRecord>& factors,
                              const std::vector<std::string>& ids, storage::Batch& batch) {
  for (const storage::FactorRecord& factor : factors)
    if (factor.state != FactorState::verified && std::find(ids.begin(), ids.end(), factor.id) != ids.end())
      batch.removals.push_back({storage::RecordKind::factor, factor.id, factor.version});
}

} // namespace mfa::verbs
