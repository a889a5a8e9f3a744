#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/webauthn_ceremony.hpp>
#include <mfa/factor/webauthn_enrollment.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/factor/webauthn_sign_in.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// What may be shown of a WebAuthn factor. All but `user` is empty until the enrolment is verified.
struct WebAuthnDetails {
  std::string user;
  std::string credential_id;           ///< base64url
  std::string aaguid;                  ///< the model of authenticator, in hexadecimal, if it tells
  std::vector<std::string> transports; ///< how it is reached: "usb", "nfc", "internal", "hybrid"
  bool backup_eligible = false;        ///< a passkey that may be copied to the user's other devices
  bool backed_up = false;              ///< and is
  std::string user_handle = {}; ///< base64url: the user, to authenticators and signals to them; at once
  /// What the model is called ("Google Password Manager"), if `Options::webauthn` knows. The authenticator
  /// says which it is: a name for a list, and proof of nothing.
  std::string authenticator = {};
};

namespace factor {

/// The kind `webauthn`. A challenge to confirm the enrolment takes the response of a registration, that of a
/// verified one the response of a sign-in. The protocol is `webauthn::RelyingParty`'s.
struct WebAuthnKind : MadeByClient, BeyondGuessing, CountsNothing, UnlocksNothing, ExportsNothing {
  using Request = WebAuthn;
  using Details = WebAuthnDetails;
  using Shown = WebAuthnEnrollment;
  template <class Factor> struct Enrolled {
    Factor factor;
    Shown webauthn;
  };

  static constexpr FactorType type = FactorType::webauthn;
  static constexpr Assurance best_assurance{.factors = 2, .phishing_resistant = true};

  static WebAuthnEnrollment enroll(const WebAuthn& request, storage::FactorRecord& record,
                                   EnrollingUser& user, const Context& context) {
    return credential::enroll(request, record, user, context);
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("user", details.user);
    as("credential_id", details.credential_id);
    as("transports", details.transports);
  }

  static Details describe(const storage::FactorRecord& record) {
    auto parameters = webauthn::decode_parameters(record);
    return {std::move(parameters.user),
            mfa::detail::base64url(parameters.credential_id),
            model(parameters.aaguid),
            std::move(parameters.transports),
            parameters.backup_eligible,
            parameters.backed_up,
            mfa::detail::base64url(parameters.user_handle)};
  }

  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters, const ChallengeOptions& request, const Context& context) {
    (void)credential::relying_party(context); // which is needed before all else
    credential::check_hints("ChallengeOptions::webauthn_hints", request.webauthn_hints);
    const auto parameters = webauthn::decode_parameters(record);
    return record.state == FactorState::verified
               ? credential::ask_to_sign_in(record, challenge, parameters, request, context)
               : credential::ask_to_register(record, challenge, parameters, context);
  }

  /// A challenge to register ends with the first registration.
  static bool is_current(const storage::FactorRecord& record, const storage::ChallengeRecord& challenge) {
    const bool registered = record.state == FactorState::verified;
    return registered != (credential::ceremony_of(challenge) == credential::Ceremony::registration);
  }

  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    using credential::Ceremony;
    const Ceremony ceremony = credential::ceremony_of(challenge);
    auto parameters = webauthn::decode_parameters(record);
    webauthn::Expectation expected{.is_challenge =
                                       [&](std::string_view bytes) {
                                         return context.keys.matches(
                                             std::string_view(challenge.answer).substr(1), bytes,
                                             credential::challenge_context(challenge, ceremony),
                                             "challenge " + challenge.id);
                                       },
                                   .user_handle = parameters.user_handle,
                                   .user_verification = ceremony == Ceremony::initializing_assertion
                                                            ? webauthn::UserVerification::required
                                                            : parameters.user_verification,
                                   .now = context.now};
    return ceremony == Ceremony::registration
               ? credential::finish_registration(record, answer, expected, parameters, context)
               : credential::finish_assertion(record, answer, expected, ceremony, parameters, context);
  }

  static std::vector<std::string> claims(const storage::FactorRecord& record) {
    return {credential::claim_to(webauthn::decode_parameters(record).credential_id)};
  }

 private:
  /// All zeros is what an authenticator says that does not tell.
  static std::string model(std::string_view aaguid) {
    return aaguid.find_first_not_of('\0') == std::string_view::npos
               ? std::string()
               : mfa::detail::hexadecimal(crypto::bytes_of(aaguid));
  }
};

} // namespace factor
} // namespace mfa
