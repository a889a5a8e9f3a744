#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/factor/purpose.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/factor/webauthn_record.hpp>
#include <mfa/import_types.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/search.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
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

  /// Fills in a verified record for a credential of another system, of the user with this handle. Throws
  /// `errc::invalid_argument` for what is no such credential.
  static void adopt(const ImportCredential& request, std::string user_handle, storage::FactorRecord& record,
                    const Context& context) {
    const webauthn::RelyingParty& party = relying_party(context);
    check_name("user", request.user, 1);
    check_name("display_name", request.display_name, 0);
    constexpr std::size_t longest_id = 1023; // WebAuthn section 4, Credential ID
    std::string credential_id = imported_bytes("credential_id", request.credential_id, request.encoding);
    if (credential_id.empty() || credential_id.size() > longest_id)
      refuse_import("credential_id must have 1 to 1023 bytes");
    auto public_key = party.cose_key(imported_bytes("public_key", request.public_key, request.encoding));
    if (!public_key)
      refuse_import(
          "public_key is neither a COSE key of an algorithm that is verified here nor a point of P-256 "
          "as U2F writes it");
    std::string aaguid = imported_bytes("aaguid", request.aaguid, TextEncoding::hex);
    if (!aaguid.empty() && aaguid.size() != 16) refuse_import("aaguid must have 16 bytes, in hexadecimal");
    if (request.backed_up && !request.backup_eligible)
      refuse_import("a credential is backed up that may not be: backed_up without backup_eligible");
    if (request.u2f && (request.backup_eligible || request.user_verified))
      refuse_import("a credential of U2F is neither backed up nor asks for a PIN");
    check_transports(request.transports);
    const webauthn::FactorParameters parameters{.user = request.user,
                                                .display_name = request.display_name,
                                                .user_handle = std::move(user_handle),
                                                .user_verification = request.user_verification,
                                                .credential_id = std::move(credential_id),
                                                .aaguid = std::move(aaguid),
                                                .transports = request.transports,
                                                .backup_eligible = request.backup_eligible,
                                                .backed_up = request.backed_up,
                                                .u2f = request.u2f};
    const webauthn::CredentialKey key{.public_key = *std::move(public_key),
                                      .sign_count = request.sign_count,
                                      .backup_eligible = request.backup_eligible,
                                      .user_verification_initialized = request.user_verified};
    record.state = FactorState::verified;
    record.parameters = encode(parameters);
    seal_secret(record, crypto::bytes_of(encode(key)), context.keys);
  }

  /// The user's handle that is told for an imported credential; empty if none is.
  static std::string imported_handle(const ImportCredential& request) {
    std::string handle = imported_bytes("user_handle", request.user_handle, request.encoding);
    if (handle.size() > 64) refuse_import("user_handle must have at most 64 bytes");
    return handle;
  }

  /// By what authenticators tell users apart: random, so that it tells nothing of them, and the same for all
  /// credentials of a user (WebAuthn section 14.6.1), the later ones too: an authenticator keeps one passkey
  /// for each handle, so a second handle would leave the old passkey beside the new one.
  static std::string user_handle(const storage::FactorRecord& record, EnrollingUser& user) {
    for (const storage::FactorRecord& other : user.others)
      if (user.handle.empty() && other.type == type)
        user.handle = webauthn::decode_parameters(other).user_handle;
    if (user.handle.empty()) user.handle = draw(purpose_of("webauthn user handle", record));
    return user.handle;
  }

  template <class As> static void tell(const Details& details, As&& as) {
    as("user", details.user);
    as("credential_id", details.credential_id);
    as("transports", details.transports);
  }

  static Details describe(const storage::FactorRecord& record) {
    auto parameters = webauthn::decode_parameters(record);
    return {std::move(parameters.user),
            detail::base64url(parameters.credential_id),
            model(parameters.aaguid),
            std::move(parameters.transports),
            parameters.backup_eligible,
            parameters.backed_up,
            detail::base64url(parameters.user_handle)};
  }

  static ChallengeEffects challenge(storage::FactorRecord& record, storage::ChallengeRecord& challenge,
                                    Counters, const ChallengeOptions& request, const Context& context) {
    const webauthn::RelyingParty& party = relying_party(context);
    check_hints("ChallengeOptions::webauthn_hints", request.webauthn_hints);
    const auto parameters = webauthn::decode_parameters(record);
    ChallengeEffects effects;
    if (record.state == FactorState::verified) {
      const std::string bytes = draw_challenge(record, context.now);
      const bool initialize = request.initialize_user_verification;
      const bool verify_user = initialize || request.required.factors > 1;
      if (request.required.factors > 1) check_user_verification_initialized(record, context);
      challenge.expires_at = end_of(party, context);
      expect(challenge, initialize ? Ceremony::initializing_assertion : Ceremony::assertion, bytes, context);
      effects.delivery = ToClient{
          party.request_options({.challenge = bytes,
                                 .allow = {{parameters.credential_id, parameters.transports, parameters.u2f}},
                                 .user_verification = verify_user ? webauthn::UserVerification::required
                                                                  : parameters.user_verification,
                                 .hints = request.webauthn_hints,
                                 .extensions = request.webauthn_extensions})};
      return effects;
    }
    auto pending = webauthn::decode_pending(record, open_secret(record, context.keys));
    if (factor::is_over(pending.ends_at - party.timeout(), pending.ends_at, context.now)) {
      pending.challenge = draw_challenge(record, context.now);
      pending.ends_at = end_of(party, context);
      seal_secret(record, crypto::bytes_of(encode(pending)), context.keys);
      effects.factor_changed = true;
    }
    challenge.expires_at = pending.ends_at;
    expect(challenge, Ceremony::registration, pending.challenge, context);
    effects.delivery = ToClient{creation_options(party, parameters, pending)};
    return effects;
  }

  /// A challenge to register ends with the first registration.
  static bool is_current(const storage::FactorRecord& record, const storage::ChallengeRecord& challenge) {
    const bool registered = record.state == FactorState::verified;
    return registered != (ceremony_of(challenge) == Ceremony::registration);
  }

  static Answer check(storage::FactorRecord& record, const storage::ChallengeRecord& challenge,
                      std::string_view answer, const Context& context) {
    const webauthn::RelyingParty& party = relying_party(context);
    const Ceremony ceremony = ceremony_of(challenge);
    auto parameters = webauthn::decode_parameters(record);
    webauthn::Expectation expected{.is_challenge =
                                       [&](std::string_view bytes) {
                                         return context.keys.matches(
                                             std::string_view(challenge.answer).substr(1), bytes,
                                             challenge_context(challenge, ceremony),
                                             "challenge " + challenge.id);
                                       },
                                   .user_handle = parameters.user_handle,
                                   .user_verification = ceremony == Ceremony::initializing_assertion
                                                            ? webauthn::UserVerification::required
                                                            : parameters.user_verification,
                                   .now = context.now};
    if (ceremony != Ceremony::registration)
      return finish_assertion(record, party, answer, expected, ceremony, parameters, context);
    const auto pending = webauthn::decode_pending(record, open_secret(record, context.keys));
    expected.user_may_be_absent = pending.conditional;
    expected.device_bound = pending.device_bound;
    return finish_registration(record, party.verify_registration(answer, expected), parameters, context);
  }

  static std::vector<std::string> claims(const storage::FactorRecord& record) {
    return {claim_to(webauthn::decode_parameters(record).credential_id)};
  }

  // --- challenges that are put to no factor: see verbs/passkey_challenge.hpp

  /// A credential is one factor's. Its id may be long, so its hash stands for it. By the claim, which says
  /// whose it is, the factor is found that answers a passkey challenge.
  static std::string claim_to(std::string_view credential_id) {
    return "webauthn_credential_" + mfa::detail::hexadecimal(crypto::sha256(credential_id));
  }

  /// The credential that an answer says it is of; nothing if it is no answer.
  static std::optional<webauthn::NamedCredential> named_credential(std::string_view answer,
                                                                   const Context& context) {
    return relying_party(context).named_credential(answer);
  }

  /// How long such a challenge can be answered.
  static std::chrono::milliseconds passkey_lifetime(const ChallengeOptions& request, const Context& context) {
    const webauthn::RelyingParty& party = relying_party(context); // which is needed anyhow
    return request.conditional ? context.options.conditional_challenge_lifetime : party.timeout();
  }

  /// Options for the browser: any of these factors may answer, which are a user's, or whoever has a passkey
  /// here, who then shows his PIN or biometric, as nothing else was shown. Throws
  /// `errc::insufficient_assurance` if none of the user's can show what is required.
  static std::string passkey_options(const std::vector<storage::FactorRecord>* factors,
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
  static void expect_sign_in(storage::ChallengeRecord& challenge, std::string_view bytes,
                             const Context& context) {
    expect(challenge, Ceremony::assertion, bytes, context);
  }

 private:
  /// The first byte of `ChallengeRecord::answer`, and a part of what its HMAC is tied to.
  enum class Ceremony : char {
    registration = 'r',
    assertion = 'a',
    initializing_assertion = 'i', ///< `ChallengeOptions::initialize_user_verification`
  };

  static Ceremony ceremony_of(const storage::ChallengeRecord& challenge) {
    for (const Ceremony ceremony :
         {Ceremony::registration, Ceremony::assertion, Ceremony::initializing_assertion})
      if (challenge.answer.starts_with(static_cast<char>(ceremony))) return ceremony;
    detail::throw_corrupt("challenge", challenge.id, "begin no WebAuthn ceremony; create another challenge");
  }

  static void expect(storage::ChallengeRecord& challenge, Ceremony ceremony, std::string_view bytes,
                     const Context& context) {
    challenge.answer = static_cast<char>(ceremony) +
                       context.keys.authenticate(bytes, challenge_context(challenge, ceremony));
  }

  static std::string challenge_context(const storage::ChallengeRecord& challenge, Ceremony ceremony) {
    return std::string("webauthn challenge ") + static_cast<char>(ceremony) + ' ' + challenge.id;
  }

  /// Refuses to ask for two factors where the answer cannot show them.
  static void check_user_verification_initialized(const storage::FactorRecord& record,
                                                  const Context& context) {
    if (!webauthn::decode_key(record, open_secret(record, context.keys)).user_verification_initialized)
      throw Error(
          errc::insufficient_assurance,
          "factor " + record.id +
              " was registered without a PIN or biometric, so one that it shows now does not count as a "
              "second factor; challenge another factor, and after its verification this one with "
              "ChallengeOptions::initialize_user_verification");
  }

  static const webauthn::RelyingParty& relying_party(const Context& context) {
    if (!context.options.webauthn)
      throw Error(
          errc::no_relying_party,
          "WebAuthn needs a relying party: set Options::webauthn to mfa::webauthn::relying_party({.id "
          "= \"example.org\", .name = \"Example\", .origins = {\"https://example.org\"}}) of "
          "<mfa/webauthn/relying_party.hpp>");
    return *context.options.webauthn;
  }

  static Time end_of(const webauthn::RelyingParty& party, const Context& context) {
    return context.now + party.timeout();
  }

  [[noreturn]] static void refuse_import(const std::string& why) {
    throw Error(errc::invalid_argument, "ImportCredential: " + why);
  }

  static std::string imported_bytes(const char* what, std::string_view text, TextEncoding encoding) {
    constexpr std::size_t longest = 4096;
    if (text.size() > longest) refuse_import(std::string(what) + " is longer than 4096 characters");
    std::optional<std::string> bytes;
    if (encoding == TextEncoding::bytes) bytes = std::string(text);
    if (encoding == TextEncoding::hex) bytes = detail::read_hex<std::string>(text);
    if (encoding == TextEncoding::base64) bytes = detail::read_base64<std::string>(text);
    if (!bytes)
      refuse_import(std::string(what) + (encoding == TextEncoding::hex      ? " is not hexadecimal"
                                         : encoding == TextEncoding::base64 ? " is not base64"
                                                                            : " cannot be in base32"));
    return *std::move(bytes);
  }

  static void check_transports(const std::vector<std::string>& transports) {
    constexpr std::size_t most = 16;
    constexpr std::size_t longest = 32;
    bool good = transports.size() <= most;
    for (const std::string& transport : transports)
      good = good && !transport.empty() && detail::is_plain_text(transport, longest);
    if (!good) refuse_import("transports are at most 16 words of at most 32 bytes");
  }

  static void check_name(const char* what, std::string_view text, std::size_t shortest) {
    constexpr std::size_t longest = 255; // an e-mail address has up to 254
    if (text.size() < shortest || text.size() > longest || !detail::is_utf8(text) ||
        detail::has_control_characters(text))
      throw Error(errc::invalid_argument, "WebAuthn::" + std::string(what) + " must be UTF-8 of " +
                                              std::to_string(shortest) +
                                              " to 255 bytes without control characters");
  }

  static void check_hints(std::string_view what, const std::vector<webauthn::Hint>& hints) {
    if (hints.size() > webauthn::most_hints)
      throw Error(errc::invalid_argument, std::string(what) + " may hold 8 at most");
  }

  /// All zeros is what an authenticator says that does not tell.
  static std::string model(std::string_view aaguid) {
    return aaguid.find_first_not_of('\0') == std::string_view::npos
               ? std::string()
               : mfa::detail::hexadecimal(crypto::bytes_of(aaguid));
  }

  static std::string draw(std::string_view purpose) {
    std::array<unsigned char, 32> bytes{};
    crypto::random_bytes_for(purpose, bytes);
    return std::string(crypto::text_of(bytes));
  }

  /// 16 bytes or more, says WebAuthn section 13.4.3. `time` is that of the drawing.
  static std::string draw_challenge(const storage::FactorRecord& record, Time time) {
    return draw(purpose_of("webauthn challenge", record, std::to_string(time.time_since_epoch().count())));
  }

  using Credentials = std::vector<const storage::FactorRecord*>;

  /// Those of the user's factors that are verified, and of this kind.
  static Credentials enrolled_of(const std::vector<storage::FactorRecord>& factors) {
    Credentials enrolled;
    for (const storage::FactorRecord& factor : factors)
      if (factor.type == type && factor.state == FactorState::verified) enrolled.push_back(&factor);
    return enrolled;
  }

  /// Those that can show what is required. Throws `errc::insufficient_assurance` if there are some and none
  /// of them can.
  static Credentials usable_for(const Assurance& required, const std::vector<storage::FactorRecord>& factors,
                                const Context& context) {
    Credentials enrolled = enrolled_of(factors);
    if (required.factors <= 1) return enrolled;
    mfa::detail::erase_if(enrolled, [&](const storage::FactorRecord* factor) {
      return !webauthn::decode_key(*factor, open_secret(*factor, context.keys)).user_verification_initialized;
    });
    if (enrolled.empty())
      throw Error(
          errc::insufficient_assurance,
          "none of the user's security keys was registered with a PIN or biometric, so none shows two "
          "factors by itself; challenge one with ChallengeOptions::initialize_user_verification after "
          "another factor, or require less");
    return enrolled;
  }

  /// What to ask of an authenticator that may be any of these: what each was registered for is looked at when
  /// it has answered.
  static webauthn::UserVerification common_verification(const Credentials& enrolled) {
    std::optional<webauthn::UserVerification> common;
    for (const storage::FactorRecord* const factor : enrolled) {
      const auto own = webauthn::decode_parameters(*factor).user_verification;
      if (common && *common != own) return webauthn::UserVerification::preferred;
      common = own;
    }
    return common.value_or(webauthn::UserVerification::preferred);
  }

  /// To name these credentials to a browser; no more than browsers take, which refuse longer lists: those
  /// that were used last.
  static std::vector<webauthn::CredentialDescriptor> to_name(Credentials enrolled) {
    constexpr std::size_t most = 64;
    if (enrolled.size() > most) {
      mfa::detail::sort_few(enrolled,
                            [](const storage::FactorRecord* one, const storage::FactorRecord* other) {
                              return one->last_used_at > other->last_used_at;
                            });
      enrolled.resize(most);
    }
    std::vector<webauthn::CredentialDescriptor> named;
    for (const storage::FactorRecord* const factor : enrolled) {
      auto parameters = webauthn::decode_parameters(*factor);
      named.push_back(
          {std::move(parameters.credential_id), std::move(parameters.transports), parameters.u2f});
    }
    return named;
  }

  /// What an authenticator has room for (WebAuthn section 6.4.1), to the end of a character.
  static std::string_view what_fits(std::string_view name) {
    constexpr std::size_t room = 64;
    if (name.size() <= room) return name;
    std::size_t size = room;
    while ((static_cast<unsigned char>(name[size]) & 0xC0) == 0x80) --size;
    return name.substr(0, size);
  }

  static std::string creation_options(const webauthn::RelyingParty& party,
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

  static Answer refused(Status status) {
    Answer answer{.status = status, .counted = status != Status::malformed_code};
    if (status == Status::cloned_authenticator) answer.events = {EventType::authenticator_cloned};
    return answer;
  }

  /// `hwk` is for what an attestation has proven to be hardware; otherwise all that is known is that a key
  /// was shown (`pop`). Which means the authenticator used to verify its user is not told, so `mfa` and
  /// neither `pin` nor `fpt`. Who verified its user had him there, whatever it says of that.
  static Answer accepted(bool in_hardware, bool user_present, bool user_verified,
                         webauthn::Outputs&& outputs) {
    static constexpr std::array<std::string_view, 3> shown{"pop", "user", "mfa"};
    static constexpr std::array<std::string_view, 3> shown_in_hardware{"hwk", "user", "mfa"};
    const std::span<const std::string_view> amr(in_hardware ? shown_in_hardware : shown);
    return {.status = Status::valid,
            .amr = amr.first(user_verified  ? 3
                             : user_present ? 2
                                            : 1),
            .assurance = {.factors = user_verified ? 2U : 1U, .phishing_resistant = true},
            .webauthn_outputs = std::make_shared<const webauthn::Outputs>(std::move(outputs))};
  }

  static Answer finish_registration(storage::FactorRecord& record, webauthn::Registration&& registration,
                                    webauthn::FactorParameters& parameters, const Context& context) {
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

  static Answer finish_assertion(storage::FactorRecord& record, const webauthn::RelyingParty& party,
                                 std::string_view answer, const webauthn::Expectation& expected,
                                 Ceremony ceremony, webauthn::FactorParameters& parameters,
                                 const Context& context) {
    const crypto::SecretBytes sealed = open_secret(record, context.keys);
    auto key = webauthn::decode_key(record, sealed);
    auto assertion = party.verify_assertion(answer, expected,
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
};

} // namespace factor
} // namespace mfa
