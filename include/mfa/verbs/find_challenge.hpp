#pragma once

#include <optional>
#include <string_view>
#include <utility>

#include <mfa/storage/record.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// For a storage that does not read both at once. An unknown challenge costs the reads that a known one does.
Verb<std::optional<storage::ChallengeWithFactor>> find_challenge_then_factor(const VerbRun auto& run,
                                                                             std::string_view id) {
  constexpr std::string_view decoy_factor_id = "auth_factor_00000000000000000000000000";
  auto challenge = co_await run.find_challenge(id);
  auto factor =
      co_await run.find_factor_if_any(challenge ? std::string_view(challenge->factor_id) : decoy_factor_id);
  std::optional<storage::ChallengeWithFactor> found;
  if (challenge) {
    found.emplace();
    found->challenge = *std::move(challenge);
    found->factor = std::move(factor);
  }
  co_return found;
}

/// A challenge with its factor, in one read where the storage can.
Verb<std::optional<storage::ChallengeWithFactor>> find_challenge_and_factor(const VerbRun auto& run,
                                                                            std::string_view id) {
  if (!run.finds_challenge_with_factor()) co_return co_await find_challenge_then_factor(run, id);
  std::optional<storage::ChallengeWithFactor> found;
  co_await run.find_challenge_with_factor(id, found);
  co_return found;
}

} // namespace mfa::verbs
