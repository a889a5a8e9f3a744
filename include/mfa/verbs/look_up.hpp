#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/page.hpp>
#include <mfa/purpose.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/find_challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/passkey_challenge.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// See `Verifier::get_factor`.
Verb<FactorDetails> get_factor(const VerbRun auto& run, std::string_view factor_id, const Whose& whose) {
  const storage::FactorRecord factor = co_await run.find_factor(factor_id, whose);
  const factor::Context context = co_await run.now();
  co_return FactorDetails(factor, context);
}

/// Whether anybody can have factors under this id. Throws `errc::invalid_argument` for an empty one.
[[nodiscard]] inline bool can_be(const UserId& user_id) {
  if (user_id.text().empty()) check_user_id("the user_id", user_id);
  return detail::is_plain_text(user_id.text(), storage::longest_user_id);
}

Verb<std::vector<FactorDetails>> describe(const VerbRun auto& run,
                                          const std::vector<storage::FactorRecord>& records) {
  std::vector<FactorDetails> factors;
  if (records.empty()) co_return factors;
  const factor::Context context = co_await run.now();
  for (const storage::FactorRecord& record : records) factors.emplace_back(record, context);
  co_return factors;
}

/// See `Verifier::list_factors`.
Verb<std::vector<FactorDetails>> list_factors(const VerbRun auto& run, const UserId& user_id) {
  std::vector<storage::FactorRecord> records;
  if (can_be(user_id)) records = co_await run.list_factors(user_id.text());
  co_return co_await describe(run, records);
}

/// See `Verifier::list_factors` by pages.
Verb<std::vector<FactorDetails>> list_factors(const VerbRun auto& run, const UserId& user_id,
                                              const Page& page) {
  if (!page.after.empty() && !detail::is_id(page.after, detail::factor_id_prefix))
    throw Error(errc::invalid_argument,
                "Page::after is no factor id; give the last id of the page before, or nothing");
  if (page.limit < 1 || page.limit > Page::most)
    throw Error(errc::invalid_argument, "Page::limit is " + std::to_string(page.limit) + "; it may be 1 to " +
                                            std::to_string(Page::most));
  std::vector<storage::FactorRecord> records;
  if (can_be(user_id)) records = co_await run.list_factors(user_id.text(), page.after, page.limit);
  co_return co_await describe(run, records);
}

/// See `Verifier::get_challenge`.
Verb<ChallengeDetails> get_challenge(const VerbRun auto& run, std::string_view challenge_id,
                                     const Whose& whose) {
  const std::string_view stored_id = stored_part(challenge_id);
  check_whose(whose);
  auto found = co_await find_challenge_and_factor(run, stored_id);
  if (stored_id.size() != challenge_id.size()) {
    const factor::Context context = co_await run.now();
    auto asked = read_passkey_challenge(challenge_id, context);
    if (asked && !found && is_of(*asked, whose, context)) {
      if (decision::is_over(asked->challenge, context.now)) asked->challenge.state = ChallengeState::expired;
      co_return ChallengeDetails(asked->challenge, asked->terms.purpose, challenge_id);
    }
    if (!asked) found.reset();
  }
  if (!found || !found->factor || !whose.include(found->factor->user_id))
    decision::throw_not_found("challenge");
  const decision::ChallengeTerms terms = decision::take_terms(found->challenge);
  co_return ChallengeDetails(found->challenge, terms.purpose, challenge_id,
                             decision::channel_of(terms, found->factor->type));
}

} // namespace mfa::verbs
