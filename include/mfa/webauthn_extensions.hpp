#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <mfa/crypto/secret_string.hpp>

/// What a host may ask of browsers and authenticators beside a credential and an answer (WebAuthn Level 3,
/// section 10), and what it is told of it. Browsers ignore what they do not know, so an output may be missing
/// whatever was asked for.
namespace mfa::webauthn {

enum class Attachment : std::uint8_t;

/// What the user will most likely use, which a browser then offers first. The numbers are stored.
enum class Hint : std::uint8_t {
  security_key = 1,
  client_device = 2, ///< what is built into the device that he sits at
  hybrid = 3,        ///< his phone
};

/// When an authenticator may use a credential without having verified its user (CTAP 2.1, credProtect). The
/// numbers are CTAP's, and stored.
enum class CredentialProtection : std::uint8_t {
  user_verification_optional = 1,
  /// Only for who names the credential: nobody who finds the authenticator learns whose it is.
  user_verification_optional_with_credential_id_list = 2,
  user_verification_required = 3,
};

/// Whether the credential must be able to keep a blob, or it is no use. The numbers are stored.
enum class LargeBlobSupport : std::uint8_t { preferred = 1, required = 2 };

/// What a credential's pseudo-random function is to be evaluated on: bytes of the host's, up to 1,024 each.
/// Empty: nothing.
struct PrfInputs {
  std::string first = {};
  std::string second = {}; ///< only beside a first: the next, where keys are rotated
};

/// What it gave, 32 bytes each; empty: nothing. The same inputs give the same results with this credential,
/// and with no other, so they are fit for keys.
struct PrfResults {
  crypto::SecretString first = {};
  crypto::SecretString second = {};
};

/// What to ask for at an enrolment.
struct CreationExtensions {
  /// "credProps": whether the credential became a passkey.
  bool credential_properties = false;
  std::optional<CredentialProtection> credential_protection = {}; ///< "credProtect"
  /// The browser makes no credential with an authenticator that cannot protect it so.
  bool enforce_credential_protection = false;
  /// "minPinLength": told by authenticators of an organisation that list the relying party, to nobody else.
  bool min_pin_length = false;
  std::optional<LargeBlobSupport> large_blob = {};
  bool prf = false;          ///< that it be able to
  PrfInputs prf_inputs = {}; ///< with `prf`; many authenticators give results at sign-ins only
};

/// Inputs for one of several credentials, in place of those for all.
struct PrfForCredential {
  std::string credential_id; ///< base64url, as `WebAuthnDetails` has it
  PrfInputs inputs;
};

/// What to ask for at a sign-in.
struct SignInExtensions {
  bool read_large_blob = false;
  /// Bytes, up to 32,768, which replace the credential's blob; not beside `read_large_blob`, and for a
  /// challenge to one factor only. Empty: nothing.
  std::string write_large_blob = {};
  PrfInputs prf = {};
  std::vector<PrfForCredential> prf_by_credential = {}; ///< those of credentials not asked for are left out
};

/// What a browser and an authenticator said beside the credential or the answer. What is not marked as
/// signed, the user's browser says, and whatever runs there could say something else: nothing to decide
/// another user's rights by. The JSON that it came with is the caller's to wipe.
struct Outputs {
  std::optional<Attachment> attachment = {}; ///< what was used: never `any`

  // Of an enrolment:
  std::optional<bool> resident_key = {}; ///< whether the credential became a passkey
  /// As the authenticator says; signed where it is attested.
  std::optional<CredentialProtection> credential_protection = {};
  std::optional<unsigned> min_pin_length = {}; ///< in characters; likewise
  std::optional<bool> large_blob_supported = {};
  std::optional<bool> prf_enabled = {};

  // Of a sign-in:
  std::optional<std::string> large_blob = {}; ///< bytes; none if nothing was written yet
  std::optional<bool> large_blob_written = {};

  /// Of a sign-in, or of an enrolment with an authenticator that can. A secret of this user's: who encrypts
  /// in the browser leaves it there, and takes it out of the answer before sending that.
  PrfResults prf = {};
};

} // namespace mfa::webauthn
