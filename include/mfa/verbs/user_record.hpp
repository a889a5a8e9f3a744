#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/decision/challenge.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sealed_records.hpp>
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

/// Which of the challenges that make room for a further one are removed.
enum class MakesRoom : bool { open, open_and_exhausted };

/// Removes these challenges, with the batch, under whatever key they are sealed: one of a key that was
/// retired must not be in the way of the next. What an answered one allows stays.
Verb<void> remove_open_challenges(const VerbRun auto& run, const std::vector<std::string>& ids,
                                  MakesRoom which, storage::Batch& batch) {
  for (const std::string& id : ids) {
    const auto challenge = co_await run.find_sealed_challenge(id);
    if (!challenge) continue;
    if (challenge->state == ChallengeState::pending ||
        (challenge->state == ChallengeState::exhausted && which == MakesRoom::open_and_exhausted))
      batch.removals.push_back({storage::RecordKind::challenge, id, challenge->version});
  }
}

/// A challenge, without its seal; nothing if there is none, or none that can be read.
Verb<std::optional<storage::ChallengeRecord>> find_readable_challenge(const VerbRun auto& run,
                                                                      std::string_view id) {
  try {
    co_return co_await run.find_challenge(id);
  } catch (const Error& error) {
    if (!is_of_the_record(error)) throw;
  }
  co_return std::nullopt;
}

/// Ends a user's challenge, with the batch: an answered one too, as it allows its session what its user does
/// next, for a while. One that was put to no factor keeps its record, without which its id could be answered
/// once more; if that cannot be read, no answer is looked at either. `factor_id`: if not empty, only if the
/// challenge is of this factor.
Verb<void> end_challenge(const VerbRun auto& run, const decision::UserRecord::OpenChallenge& open,
                         std::string_view factor_id, Time now, storage::Batch& batch) {
  const bool keeps_record = open.device_id == decision::put_to_no_factor;
  std::optional<storage::ChallengeRecord> challenge;
  if (keeps_record)
    challenge = co_await find_readable_challenge(run, open.id);
  else
    challenge = co_await run.find_sealed_challenge(open.id);
  if (!challenge || (!factor_id.empty() && challenge->factor_id != factor_id)) co_return;
  if (!keeps_record) {
    batch.removals.push_back({storage::RecordKind::challenge, open.id, challenge->version});
    co_return;
  }
  const decision::ChallengeTerms terms = decision::take_terms(*challenge);
  challenge->state = ChallengeState::expired;
  challenge->updated_at = now;
  challenge->answer.clear();
  decision::put_terms(*challenge, terms);
  batch.challenges.push_back(*std::move(challenge));
}

/// Removes those of the user's `factors` that are unverified and have these ids, with the batch.
inline void remove_unverified(const std::vector<storage::FactorRecord>& factors,
                              const std::vector<std::string>& ids, storage::Batch& batch) {
  for (const storage::FactorRecord& factor : factors)
    if (factor.state != FactorState::verified && detail::contains(ids, factor.id))
      batch.removals.push_back({storage::RecordKind::factor, factor.id, factor.version});
}

} // namespace mfa::verbs
