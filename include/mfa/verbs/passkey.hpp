#pragma once

#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/webauthn_ceremony.hpp>
#include <mfa/factor/webauthn_sign_in.hpp>
#include <mfa/options.hpp>
#include <mfa/purpose.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/passkey_challenge.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/user_record.hpp>
#include <mfa/verbs/verb.hpp>
#include <mfa/verification.hpp>

namespace mfa::verbs {

/// Throws `errc::invalid_argument` for what cannot be said of a challenge that is put to no factor.
inline void check_passkey_options(std::string_view verb, const ChallengeOptions& options) {
  decision::check_said("ChallengeOptions", options);
  if (options.purpose == Purpose::confirm_enrollment)
    throw Error(errc::invalid_argument,
                std::string(verb) + " does not confirm an enrolment; use challenge_enrollment");
  if (options.initialize_user_verification)
    throw Error(
        errc::invalid_argument,
        "ChallengeOptions::initialize_user_verification is of one authenticator; use challenge_factor");
  if (!factor::facts_of(FactorType::webauthn).best_assurance.meets(options.required))
    throw Error(errc::insufficient_assurance, "no security key or passkey shows what "
                                              "ChallengeOptions::required asks for; require less");
}

/// A challenge of this user, or of whoever comes, that any of these factors may answer, or any passkey.
[[nodiscard]] inline Created make_passkey_challenge(const Run& run, const std::optional<UserId>& user_id,
                                                    const std::vector<storage::FactorRecord>* factors,
                                                    const ChallengeOptions& options,
                                                    const factor::Context& context) {
  PasskeyChallenge asked;
  storage::ChallengeRecord& challenge = asked.challenge;
  challenge.id = detail::ulid(context.now, detail::challenge_id_prefix);
  decision::begin_challenge(challenge, context.now, context.options);
  challenge.expires_at = context.now + factor::credential::passkey_lifetime(options, context);
  asked.terms = decision::note_terms(challenge, options, std::string_view(), context.keys);
  // Whoever shows a passkey alone shows all that he shows.
  if (factors == nullptr) asked.terms.required.factors = std::max(asked.terms.required.factors, 2U);
  if (user_id) asked.user = context.keys.authenticate(user_id->text(), user_context(challenge.id));
  const std::string id = id_of(asked, context.keys);
  Created created{
      ChallengeDetails(challenge, options.purpose, id),
      factor::ToClient{factor::credential::passkey_options(factors, bytes_to_sign(id), options, context)}};
  Event event;
  event.type = EventType::challenge_created;
  event.at = context.now;
  event.factor_type = FactorType::webauthn;
  event.challenge_id = challenge.id;
  if (user_id) event.user_id = user_id->text();
  run.emit(event);
  return created;
}

/// See `Verifier::challenge_user`.
Verb<Created> challenge_user(const VerbRun auto& run, const UserId& user_id,
                             const ChallengeOptions& options) {
  check_passkey_options("challenge_user", options);
  check_unconditional(options);
  check_user_id("the user_id", user_id);
  const factor::Context context = co_await run.now();
  const std::vector<storage::FactorRecord> factors = co_await run.list_factors(user_id.text());
  const std::optional<UserId> user(user_id);
  co_return make_passkey_challenge(run, user, &factors, options, context);
}

/// See `Verifier::challenge_passkey`.
Verb<Created> challenge_passkey(const VerbRun auto& run, const ChallengeOptions& options) {
  check_passkey_options("challenge_passkey", options);
  const factor::Context context = co_await run.now();
  const std::optional<UserId> nobody;
  co_return make_passkey_challenge(run, nobody, nullptr, options, context);
}

/// The verified factor that an answer to a passkey challenge names, into `factor`; or why there is none that
/// the answer could be laid to. Throws `errc::unknown_key` and `errc::seal_broken` if nobody can say.
Verb<std::optional<Status>> find_named_factor(const VerbRun auto& run, const PasskeyChallenge& asked,
                                              std::string_view answer, const factor::Context& context,
                                              std::optional<storage::FactorRecord>& factor) {
  const auto named = factor::credential::named_credential(answer, context);
  if (!named) co_return Status::malformed_code;
  const std::string claim_id = factor::credential::claim_to(named->id);
  // One that cannot be read throws: it is no unknown one, which browsers are told to forget for good.
  auto claim = co_await run.find_sealed_counter(claim_id);
  if (claim) run.open(*claim);
  if (claim && detail::is_id(claim->data, detail::factor_id_prefix))
    factor = co_await run.find_factor_if_any(claim->data);
  if (!factor || factor->type != FactorType::webauthn || !is_verified(*factor))
    co_return Status::unknown_credential;
  // WebAuthn section 7.2 step 6: an answer of whoever comes says who he is.
  const bool named_rightly =
      asked.user.empty() ? named->names_user
                         : context.keys.matches(asked.user, factor->user_id, user_context(asked.challenge.id),
                                                {"challenge", asked.challenge.id});
  if (!named_rightly) co_return Status::wrong_credential;
  co_return std::nullopt;
}

/// For a passkey challenge, of which `found` is the record if there is one. If not, makes the challenge of
/// the factor that its answer names, into `found`, or refuses the answer, of which nothing is stored.
Verb<std::optional<Verification>> take_up(const VerbRun auto& run, std::string_view challenge_id,
                                          std::string_view answer, const VerifyOptions& options,
                                          const factor::Context& context,
                                          std::optional<storage::ChallengeWithFactor>& found) {
  auto asked = read_passkey_challenge(challenge_id, context);
  if (!asked) decision::throw_not_found("challenge");
  if (found) co_return std::nullopt;
  storage::ChallengeRecord& challenge = asked->challenge;
  std::optional<storage::FactorRecord> factor;
  std::optional<Status> refused;
  if (decision::is_over(challenge, context.now))
    refused = Status::expired;
  else
    refused = co_await find_named_factor(run, *asked, answer, context, factor);
  const bool of_the_user = asked->user.empty() ? !factor || options.user.include(factor->user_id)
                                               : is_of(*asked, options.user, context);
  decision::check_asked_for(challenge, asked->terms, of_the_user, options, context);
  if (refused) {
    if (*refused == Status::expired) challenge.state = ChallengeState::expired;
    storage::FactorRecord none;
    none.type = FactorType::webauthn;
    decision::Verdict verdict;
    verdict.status = *refused;
    Verification verification(verdict, ChallengeDetails(challenge, asked->terms.purpose, challenge_id), none,
                              false, context);
    Event event;
    event.type = EventType::verification_failed;
    event.at = context.now;
    event.factor_type = FactorType::webauthn;
    event.challenge_id = challenge.id;
    event.status = *refused;
    run.emit(event);
    co_return verification;
  }
  found.emplace();
  challenge.factor_id = factor->id;
  // Not before every clock says that the id can be answered no more.
  challenge.purge_at = std::max(challenge.purge_at, *challenge.expires_at + std::chrono::hours(24));
  factor::credential::expect_sign_in(challenge, bytes_to_sign(challenge_id), context);
  decision::put_terms(challenge, asked->terms);
  found->challenge = std::move(challenge);
  found->factor = std::move(factor);
  co_return std::nullopt;
}

/// The record of the user with one more challenge, which the answer to a passkey challenge made: so that it
/// ends, and what it allows, with his others, of whose generation it becomes. The open ones of that kind have
/// room of their own, as nobody has to show a password for them; into `batch` goes what ends for it.
Verb<storage::CounterRecord> admit_taken_up(const VerbRun auto& run, const storage::FactorRecord& factor,
                                            const storage::ChallengeRecord& challenge,
                                            decision::ChallengeTerms& terms, const factor::Context& context,
                                            storage::Batch& batch) {
  FoundUser found = co_await find_user(run, factor.user_id, factor.id);
  terms.generation = found.user.generation;
  const auto gone =
      decision::admit(found.user, challenge, decision::put_to_no_factor, std::string(), context);
  co_await remove_open_challenges(run, gone, MakesRoom::open, batch); // or an id could be answered anew
  co_return found.changed(context.now);
}

} // namespace mfa::verbs
