#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/assurance.hpp>
#include <mfa/authorization.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

[[nodiscard]] inline bool is_verified(const storage::FactorRecord& factor) noexcept {
  return factor.state == FactorState::verified;
}

/// Whether this challenge, with its factor, allows a change of the factors of a user of this generation now.
[[nodiscard]] inline bool allows(const storage::ChallengeWithFactor& found, std::string_view user_id,
                                 std::uint64_t generation, const factor::Context& context) {
  storage::ChallengeRecord challenge = found.challenge;
  const decision::ChallengeTerms terms = decision::take_terms(challenge);
  return !user_id.empty() && challenge.state == ChallengeState::verified && found.factor &&
         is_verified(*found.factor) && found.factor->user_id == user_id && terms.purpose != Purpose::action &&
         terms.generation == generation &&
         is_fresh(challenge.updated_at, context.options.authorization_lifetime, context.now);
}

/// Throws `errc::authorization_required` unless the change of this user's factors is allowed now. Returns the
/// factor that vouches for it; none for an operator. `user` was read before.
Verb<std::optional<std::string>> authorize(const VerbRun auto& run, const Authorization& authorization,
                                           std::string_view user_id, const decision::UserRecord& user,
                                           const factor::Context& context) {
  if (authorization.is_by_operator()) co_return std::nullopt;
  const std::string_view challenge_id = detail::stored_part_of(authorization.challenge_id());
  if (detail::is_id(challenge_id, detail::challenge_id_prefix)) {
    auto found = co_await find_challenge_and_factor(run, challenge_id);
    if (found && allows(*found, user_id, user.generation, context))
      co_return std::move(found->challenge.factor_id);
  }
  throw Error(errc::authorization_required,
              "this changes the second factors of a user who has one; have the user show it, and give the "
              "Verification, which counts for Options::authorization_lifetime, or its challenge's id");
}

/// The same for what has not read the record of the user.
Verb<std::optional<std::string>> authorize(const VerbRun auto& run, const Authorization& authorization,
                                           std::string_view user_id, const factor::Context& context) {
  FoundUser found;
  if (!authorization.is_by_operator() && !user_id.empty())
    found = co_await find_user(run, user_id, std::string_view());
  co_return co_await authorize(run, authorization, user_id, found.user, context);
}

/// The same for what changes one record of the user's, with the batch: a password that is changed, or a
/// factor that is deleted or reset, between this and the commit makes the commit fail.
Verb<void> authorize(const VerbRun auto& run, const Authorization& authorization, std::string_view user_id,
                     const factor::Context& context, storage::Batch& batch) {
  FoundUser found;
  const bool asks = !authorization.is_by_operator() && !user_id.empty();
  if (asks) found = co_await find_user(run, user_id, std::string_view());
  (void)co_await authorize(run, authorization, user_id, found.user, context);
  if (asks) batch.counters.push_back(found.changed(context.now));
}

} // namespace mfa::verbs
