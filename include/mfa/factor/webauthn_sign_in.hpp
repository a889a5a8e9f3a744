#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/webauthn_ceremony.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/options.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/search.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

/// How a credential signs in.
namespace mfa::factor::credential {

/// Whether its PIN or biometric counts as a factor.
[[nodiscard]] inline bool is_user_verification_initialized(const storage::FactorRecord& record,
                                                           const Context& context) {
  return webauthn::decode_key(record, open_secret(record, context.keys)).user_verification_initialized;
}

/// Refuses to ask for two factors where the answer cannot show them.
inline void check_user_verification_initialized(const storage::FactorRecord& record, const Context& context) {
  if (!is_user_verification_initialized(record, context))
    throw Error(
        errc::insufficient_assurance,
        "factor " + record.id +
            " was registered without a PIN or biometric, so one that it shows now does not count as a "
            "second factor; challenge another factor, and after its verification this one with "
            "ChallengeOptions::initialize_user_verification");
}

/// The most that this verified credential can show at a sign-in. One whose key cannot be read shows nothing
/// more than it would by a touch.
[[nodiscard]] inline Assurance best_assurance_of(const storage::FactorRecord& record,
                                                 const Context& context) {
  Assurance best{.factors = 1, .phishing_resistant = true};
  try {
    if (is_user_verification_initialized(record, context)) best.factors = 2;
  } catch (const Error&) { // for whoever challenges it to hear of
  }
  return best;
}

/// Asks for a sign-in.
inline ChallengeEffects ask_to_sign_in(const storage::FactorRecord& record,
                                       storage::ChallengeRecord& challenge,
                                       const webauthn::FactorParameters& parameters,
                                       const ChallengeOptions& request, const Context& context) {
  const webauthn::RelyingParty& party = relying_party(context);
  ChallengeEffects effects;
  const std::string bytes = draw_challenge(record, context.now);
  const bool initialize = request.initialize_user_verification;
  const bool verify_user = initialize || request.required.factors > 1;
  if (request.required.factors > 1) check_user_verification_initialized(record, context);
  challenge.expires_at = end_of(party, context);
  expect(challenge, initialize ? Ceremony::initializing_assertion : Ceremony::assertion, bytes, context);
  effects.delivery = ToClient{party.request_options(
      {.challenge = bytes,
       .allow = {{parameters.credential_id, parameters.transports, parameters.u2f}},
       .user_verification = verify_user ? webauthn::UserVerification::required : parameters.user_verification,
       .hints = request.webauthn_hints,
       .extensions = request.webauthn_extensions})};
  return effects;
}

/// Compares the answer, and keeps what it tells of the authenticator.
inline Answer finish_assertion(storage::FactorRecord& record, std::string_view answer,
                               const webauthn::Expectation& expected, Ceremony ceremony,
                               webauthn::FactorParameters& parameters, const Context& context) {
  const crypto::SecretBytes sealed = open_secret(record, context.keys);
  auto key = webauthn::decode_key(record, sealed);
  auto assertion = relying_party(context).verify_assertion(answer, expected,
                                                           {.id = parameters.credential_id,
                                                            .public_key = key.public_key,
                                                            .sign_count = key.sign_count,
                                                            .backup_eligible = key.backup_eligible,
                                                            .u2f = parameters.u2f});
  if (assertion.status != Status::valid) return refused(assertion.status);
  const bool backup_changed = parameters.backed_up != assertion.backed_up;
  if (backup_changed) {
    parameters.backed_up = assertion.backed_up;
    record.parameters = encode(parameters);
  }
  // The sign-in that initializes it must not be relied on for it (section 7.2 step 24, section 4).
  const bool user_verified = assertion.user_verified && key.user_verification_initialized;
  const bool initialized = ceremony == Ceremony::initializing_assertion && assertion.user_verified &&
                           !key.user_verification_initialized;
  if (key.sign_count != assertion.sign_count || initialized) {
    key.sign_count = assertion.sign_count;
    key.user_verification_initialized = key.user_verification_initialized || initialized;
    seal_secret(record, crypto::bytes_of(encode(key)), context.keys);
  } else {
    reseal_secret(record, sealed, context.keys);
  }
  Answer answered = accepted(key.in_hardware, true, user_verified, std::move(assertion.outputs));
  const auto tell = [&](bool happened, EventType event) {
    if (happened) answered.events.push_back(event);
  };
  tell(assertion.counter_behind, EventType::signature_counter_behind);
  tell(assertion.backup_eligibility_changed, EventType::backup_eligibility_changed);
  tell(backup_changed, EventType::backup_state_changed);
  tell(initialized, EventType::user_verification_initialized);
  return answered;
}

// --- challenges that are put to no factor: see verbs/passkey_challenge.hpp

/// The credential that an answer says it is of; nothing if it is no answer.
inline std::optional<webauthn::NamedCredential> named_credential(std::string_view answer,
                                                                 const Context& context) {
  return relying_party(context).named_credential(answer);
}

/// How long such a challenge can be answered.
inline std::chrono::milliseconds passkey_lifetime(const ChallengeOptions& request, const Context& context) {
  const webauthn::RelyingParty& party = relying_party(context); // which is needed anyhow
  return request.conditional ? context.options.conditional_challenge_lifetime : party.timeout();
}

/// Those that can show what is required. Throws `errc::entity_not_found` if there are none, and
/// `errc::insufficient_assurance` if none of them can.
inline Credentials usable_for(const Assurance& required, const std::vector<storage::FactorRecord>& factors,
                              const Context& context) {
  Credentials enrolled = enrolled_of(factors);
  if (enrolled.empty())
    throw Error(errc::entity_not_found,
                "the user has no verified security key or passkey; challenge another factor of list_factors");
  if (required.factors <= 1) return enrolled;
  mfa::detail::erase_if(enrolled, [&](const storage::FactorRecord* factor) {
    return !is_user_verification_initialized(*factor, context);
  });
  if (enrolled.empty())
    throw Error(errc::insufficient_assurance,
                "none of the user's security keys was registered with a PIN or biometric, so none shows two "
                "factors by itself; challenge one with ChallengeOptions::initialize_user_verification after "
                "another factor, or require less");
  return enrolled;
}

/// What to ask of an authenticator that may be any of these: what each was registered for is looked at when
/// it has answered.
inline webauthn::UserVerification common_verification(const Credentials& enrolled) {
  std::optional<webauthn::UserVerification> common;
  for (const storage::FactorRecord* const factor : enrolled) {
    const auto own = webauthn::decode_parameters(*factor).user_verification;
    if (common && *common != own) return webauthn::UserVerification::preferred;
    common = own;
  }
  return common.value_or(webauthn::UserVerification::preferred);
}

/// Options for the browser: any of these factors may answer, which are a user's, or whoever has a passkey
/// here, who then shows his PIN or biometric, as nothing else was shown. Throws as
/// `usable_for`.
inline std::string passkey_options(const std::vector<storage::FactorRecord>* factors,
                                   std::string_view challenge, const ChallengeOptions& request,
                                   const Context& context) {
  webauthn::AssertionRequest asked{.challenge = std::string(challenge),
                                   .user_verification = webauthn::UserVerification::required,
                                   .hints = request.webauthn_hints,
                                   .extensions = request.webauthn_extensions,
                                   .conditional = request.conditional};
  if (factors != nullptr) {
    const auto usable = usable_for(request.required, *factors, context);
    asked.allow = to_name(usable);
    if (request.required.factors <= 1) asked.user_verification = common_verification(usable);
  }
  return relying_party(context).request_options(asked);
}

/// Makes the record's answer that of a sign-in with these bytes.
inline void expect_sign_in(storage::ChallengeRecord& challenge, std::string_view bytes,
                           const Context& context) {
  expect(challenge, Ceremony::assertion, bytes, context);
}

} // namespace mfa::factor::credential
