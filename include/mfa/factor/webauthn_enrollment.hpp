#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/webauthn_ceremony.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa {

/// To enrol: a security key, or a device's own authenticator with its PIN or biometric (WebAuthn Level 3).
/// Needs `Options::webauthn`. One factor is one credential: enrol another for each authenticator of a user.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct WebAuthn {
  /// Whose account it is, as the browser shows it: 1 to 255 bytes ("alan@example.org"). The record keeps it
  /// whole; authenticators, which have room for 64 bytes, are given what fits of it.
  std::string user = {};
  std::string display_name = {}; ///< the user's name: up to 255 bytes, and likewise; empty: `user`
  /// Your own identifier of the user, for `list_factors`: 1 to 255 bytes. Without it, the browser cannot be
  /// told which authenticators the user has enrolled already.
  std::optional<UserId> user_id = {};
  std::string friendly_name = {}; ///< the user's name of this factor: up to 200 bytes
  webauthn::UserVerification user_verification = webauthn::UserVerification::preferred;
  webauthn::Attachment attachment = webauthn::Attachment::any;
  webauthn::ResidentKey resident_key = webauthn::ResidentKey::discouraged;
  /// The page gives the options to the browser with `mediation: "conditional"`: a password manager that has
  /// just filled in the user's password makes him a passkey, without a prompt. So the registration need not
  /// show that he was present (WebAuthn section 7.1 step 15). Sign-ins must.
  bool conditional_create = false;
  /// Refuses a credential that may be copied to the user's other devices, as `RelyingPartySettings` says it
  /// of all: for administrators, say.
  bool device_bound = false;
  /// What the user will most likely enrol, the likeliest first: up to 8. Where all mean one and `attachment`
  /// is `any`, browsers that know no hints are given the attachment that they mean.
  std::vector<webauthn::Hint> hints = {};
  /// What to ask beside a credential: its answers are `Confirmation::webauthn_outputs`.
  webauthn::CreationExtensions extensions = {};
};

/// What the user's browser needs to make the credential.
struct WebAuthnEnrollment {
  /// JSON for `PublicKeyCredential.parseCreationOptionsFromJSON`. The first `challenge_enrollment` gives the
  /// same, and takes the answer; a later one gives new ones when the time is over.
  std::string creation_options;
};

} // namespace mfa

/// How a credential is registered.
namespace mfa::factor::credential {

inline void check_name(const char* what, std::string_view text, std::size_t shortest) {
  constexpr std::size_t longest = 255; // an e-mail address has up to 254
  if (text.size() < shortest || text.size() > longest || !mfa::detail::is_utf8(text) ||
      mfa::detail::has_control_characters(text))
    throw Error(errc::invalid_argument, "WebAuthn::" + std::string(what) + " must be UTF-8 of " +
                                            std::to_string(shortest) +
                                            " to 255 bytes without control characters");
}

/// What an authenticator has room for (WebAuthn section 6.4.1), to the end of a character.
inline std::string_view what_fits(std::string_view name) {
  constexpr std::size_t room = 64;
  if (name.size() <= room) return name;
  std::size_t size = room;
  while ((static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;
  return name.substr(0, size);
}

inline std::string creation_options(const webauthn::RelyingParty& party,
                                    const webauthn::FactorParameters& parameters,
                                    const webauthn::PendingRegistration& pending) {
  return party.creation_options(
      {.challenge = pending.challenge,
       .user_handle = parameters.user_handle,
       .user = std::string(what_fits(parameters.user)),
       .display_name = std::string(
           what_fits(parameters.display_name.empty() ? parameters.user : parameters.display_name)),
       .attachment = parameters.attachment,
       .resident_key = parameters.resident_key,
       .user_verification = parameters.user_verification,
       .exclude = pending.exclude,
       .hints = pending.hints,
       .extensions = pending.extensions});
}

/// By what authenticators tell users apart: random, so that it tells nothing of them, and the same for all
/// credentials of a user (WebAuthn section 14.6.1), the later ones too: an authenticator keeps one passkey
/// for each handle, so a second handle would leave the old passkey beside the new one.
inline std::string user_handle(const storage::FactorRecord& record, EnrollingUser& user) {
  for (const storage::FactorRecord& other : user.others)
    if (user.handle.empty() && other.type == FactorType::webauthn)
      user.handle = webauthn::decode_parameters(other).user_handle;
  if (user.handle.empty()) user.handle = draw(purpose_of("webauthn user handle", record));
  return user.handle;
}

/// Fills in the record of a factor that is to be registered.
inline WebAuthnEnrollment enroll(const WebAuthn& request, storage::FactorRecord& record, EnrollingUser& user,
                                 const Context& context) {
  const webauthn::RelyingParty& party = relying_party(context);
  check_name("user", request.user, 1);
  check_name("display_name", request.display_name, 0);
  check_hints("WebAuthn::hints", request.hints);
  webauthn::FactorParameters parameters{.user = request.user,
                                        .display_name = request.display_name,
                                        .user_handle = user_handle(record, user),
                                        .user_verification = request.user_verification,
                                        .attachment = request.attachment,
                                        .resident_key = request.resident_key};
  webauthn::PendingRegistration pending{.challenge = draw_challenge(record, context.now),
                                        .ends_at = end_of(party, context),
                                        .exclude = to_name(enrolled_of(user.others)),
                                        .conditional = request.conditional_create,
                                        .device_bound = request.device_bound,
                                        .hints = request.hints,
                                        .extensions = request.extensions};
  record.parameters = encode(parameters);
  seal_secret(record, crypto::bytes_of(encode(pending)), context.keys);
  return {creation_options(party, parameters, pending)};
}

/// Asks for the registration again: with the same bytes, if their time is not over. What the user has
/// enrolled meanwhile is excluded, as an authenticator keeps one passkey for each user handle and would
/// replace it.
inline ChallengeEffects ask_to_register(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                        const webauthn::FactorParameters& parameters,
                                        const Context& context) {
  const webauthn::RelyingParty& party = relying_party(context);
  ChallengeEffects effects;
  auto pending = webauthn::decode_pending(record, open_secret(record, context.keys));
  if (is_over(pending.ends_at - party.timeout(), pending.ends_at, context.now)) {
    pending.challenge = draw_challenge(record, context.now);
    pending.ends_at = end_of(party, context);
    seal_secret(record, crypto::bytes_of(encode(pending)), context.keys);
    effects.factor_changed = true;
  }
  if (context.factors_of_user != nullptr) pending.exclude = to_name(enrolled_of(*context.factors_of_user));
  challenge.expires_at = pending.ends_at;
  expect(challenge, Ceremony::registration, pending.challenge, context);
  effects.delivery = ToClient{creation_options(party, parameters, pending)};
  return effects;
}

/// Makes a credential of the answer.
inline Answer finish_registration(storage::FactorRecord& record, std::string_view answer,
                                  webauthn::Expectation& expected, webauthn::FactorParameters& parameters,
                                  const Context& context) {
  const auto pending = webauthn::decode_pending(record, open_secret(record, context.keys));
  expected.user_may_be_absent = pending.conditional;
  expected.device_bound = pending.device_bound;
  webauthn::Registration registration = relying_party(context).verify_registration(answer, expected);
  if (registration.status != Status::valid) return refused(registration.status);
  webauthn::Credential& credential = registration.credential;
  const webauthn::CredentialKey key{.public_key = std::move(credential.public_key),
                                    .sign_count = credential.sign_count,
                                    .backup_eligible = credential.backup_eligible,
                                    .in_hardware =
                                        credential.attestation_trusted && !credential.backup_eligible,
                                    .user_verification_initialized = registration.user_verified};
  parameters.credential_id = std::move(credential.id);
  parameters.aaguid = std::move(credential.aaguid);
  parameters.transports = std::move(credential.transports);
  parameters.backup_eligible = credential.backup_eligible;
  parameters.backed_up = credential.backed_up;
  record.parameters = encode(parameters);
  seal_secret(record, crypto::bytes_of(encode(key)), context.keys);
  return accepted(key.in_hardware, registration.user_present, registration.user_verified,
                  std::move(registration.outputs));
}

} // namespace mfa::factor::credential
