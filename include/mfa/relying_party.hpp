#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa::webauthn {

/// Signature algorithms, by their COSE numbers. The numbers are sent to browsers. Those of RFC 9864 are other
/// names for some; a credential by either name is taken where one is asked for.
enum class Algorithm : std::int32_t {
  es256 = -7,   ///< ECDSA, P-256, SHA-256: what every security key has
  eddsa = -8,   ///< Ed25519
  es384 = -35,  ///< ECDSA, P-384, SHA-384
  es512 = -36,  ///< ECDSA, P-521, SHA-512
  rs256 = -257, ///< RSASSA-PKCS1-v1_5, 2,048 to 4,096 bits, SHA-256: some TPMs
  // RFC 9864:
  esp256 = -9,   ///< `es256`
  ed25519 = -19, ///< `eddsa`
  esp384 = -51,  ///< `es384`
  esp512 = -52,  ///< `es512`
};

/// Whether the authenticator asks its user for a PIN or a biometric. The numbers are stored.
enum class UserVerification : std::uint8_t {
  required = 1,    ///< refused without
  preferred = 2,   ///< asked for where the authenticator can
  discouraged = 3, ///< a touch is enough: a security key after a password
};

/// The numbers are stored.
enum class Attachment : std::uint8_t {
  any = 1,
  platform = 2,       ///< what is built into the device: its fingerprint reader
  cross_platform = 3, ///< what can be carried to another device: a security key
};

/// Whether the authenticator keeps the credential by itself (a passkey). The numbers are stored.
enum class ResidentKey : std::uint8_t { discouraged = 1, preferred = 2, required = 3 };

/// Names a credential to a browser.
struct CredentialDescriptor {
  std::string id = {};                      ///< bytes
  std::vector<std::string> transports = {}; ///< how its authenticator can be reached: "usb", "internal"
  bool u2f = false;                         ///< see `Credential::u2f`
};

/// What is kept of a registered credential.
struct Credential {
  std::string id = {};         ///< bytes
  std::string public_key = {}; ///< a COSE key
  std::uint32_t sign_count = 0;
  bool backup_eligible = false; ///< may be copied to other devices
  bool backed_up = false;
  std::vector<std::string> transports = {};
  std::string aaguid = {};          ///< 16 bytes: the model of authenticator, if it tells
  bool attestation_trusted = false; ///< the relying party's own check of the attestation passed
  /// Made by FIDO U2F, before WebAuthn, and so for the relying party's `u2f_app_id` in place of its id.
  bool u2f = false;
};

/// What creation options are made of.
struct CreationRequest {
  std::string challenge = {};   ///< bytes
  std::string user_handle = {}; ///< bytes
  std::string user = {};
  std::string display_name = {};
  Attachment attachment = Attachment::any;
  ResidentKey resident_key = ResidentKey::discouraged;
  UserVerification user_verification = UserVerification::preferred;
  std::vector<CredentialDescriptor> exclude = {}; ///< of the same user
  std::vector<Hint> hints = {};
  CreationExtensions extensions = {};
};

/// What request options are made of.
struct AssertionRequest {
  std::string challenge = {};                   ///< bytes
  std::vector<CredentialDescriptor> allow = {}; ///< empty: whichever passkey the user chooses
  UserVerification user_verification = UserVerification::preferred;
  std::vector<Hint> hints = {};
  SignInExtensions extensions = {};
  bool conditional = false; ///< for `mediation: "conditional"`, which waits for as long as the page is open
};

/// Whose credential an answer to a sign-in says it is. Nothing of it is proven yet.
struct NamedCredential {
  std::string id = {}; ///< bytes
  bool names_user = false;
};

/// What an answer is checked against, beside the relying party's settings and the credential.
struct Expectation {
  std::function<bool(std::string_view)> is_challenge =
      {};                       ///< whether the bytes are those that were given out
  std::string user_handle = {}; ///< bytes
  UserVerification user_verification = UserVerification::preferred;
  Time now{};
  /// Of a registration: it was asked for by conditional create, for which nobody touches anything.
  bool user_may_be_absent = false;
  /// Of a registration: no credential is taken that may be copied to other devices.
  bool device_bound = false;
};

/// What a ceremony comes to. The rest counts only with `Status::valid`.
struct Registration {
  Status status{};
  Credential credential = {};
  bool user_verified = false;
  bool user_present = true;
  Outputs outputs = {};
};
struct Assertion {
  Status status{};
  std::uint32_t sign_count = 0;
  bool backed_up = false;
  bool user_verified = false;
  // Of a synchronised passkey, and accepted all the same:
  bool counter_behind = false;             ///< it did not go up
  bool backup_eligibility_changed = false; ///< it says that it may not be copied
  Outputs outputs = {};
};

/// Who asks for credentials, and the procedures of WebAuthn Level 3. `mfa::webauthn::relying_party` in
/// <mfa/webauthn/relying_party.hpp> makes one; the core knows it only thus, since it needs libraries that the
/// core does not. A model is usable from many threads at once.
class RelyingParty {
 public:
  RelyingParty() = default;
  RelyingParty(const RelyingParty&) = delete;
  RelyingParty& operator=(const RelyingParty&) = delete;
  virtual ~RelyingParty() = default;

  /// How long a ceremony may take.
  [[nodiscard]] virtual std::chrono::milliseconds timeout() const = 0;

  /// What of its settings decides security, in one line: for `Verifier::compare_options`.
  [[nodiscard]] virtual std::string security_settings() const { return "not told"; }

  /// What the model of authenticator is called, by its AAGUID in hexadecimal; empty: not known.
  [[nodiscard]] virtual std::string authenticator_name(std::string_view /*aaguid*/) const { return {}; }

  /// JSON for `PublicKeyCredential.parseCreationOptionsFromJSON` and `.parseRequestOptionsFromJSON`.
  [[nodiscard]] virtual std::string creation_options(const CreationRequest& request) const = 0;
  [[nodiscard]] virtual std::string request_options(const AssertionRequest& request) const = 0;

  /// The COSE key that a public key of another system is, if it is one that this relying party verifies: in
  /// COSE already, or a point of P-256 as U2F writes it. Nothing otherwise.
  [[nodiscard]] virtual std::optional<std::string> cose_key(std::string_view public_key) const {
    (void)public_key;
    return std::nullopt;
  }

  /// The credential that an answer to a sign-in names; nothing if it has not the form of one.
  [[nodiscard]] virtual std::optional<NamedCredential> named_credential(std::string_view response) const = 0;

  /// Sections 7.1 and 7.2. `response` is what the client sent, as `PublicKeyCredential.toJSON()` gives it.
  /// That the credential is no other user's is for the caller to see to.
  [[nodiscard]] virtual Registration verify_registration(std::string_view response,
                                                         const Expectation& expected) const = 0;
  [[nodiscard]] virtual Assertion verify_assertion(std::string_view response, const Expectation& expected,
                                                   const Credential& credential) const = 0;
};

} // namespace mfa::webauthn
