#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/event.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// One line of what a host brings along from another system.
struct ImportLine {
  std::string user_id; ///< whose it becomes; up to 255 bytes
  /// `otpauth://totp/...`, `otpauth://hotp/...` or, for several at once,
  /// `otpauth-migration://offline?data=...`; white space around it is dropped
  crypto::SecretString uri;
  std::string friendly_name = {}; ///< up to 200 bytes
};

/// A hardware token, or any secret whose parts stand in columns of their own. `read_token_csv` and
/// `read_pskc` give them; the host says whose they are.
struct ImportToken {
  std::string user_id = {};  ///< whose it becomes; up to 255 bytes
  crypto::SecretString seed; ///< the secret
  TextEncoding encoding = TextEncoding::base32;
  std::string issuer = {}; ///< empty: `ImportOptions::issuer`
  std::string user = {};   ///< empty: see `ImportOptions::user_id_as_user`
  crypto::Hash hash = crypto::Hash::sha1;
  unsigned digits = 6;
  std::chrono::seconds period{30};           ///< TOTP
  std::optional<std::uint64_t> counter = {}; ///< of the next code; with one, it is an HOTP token
  std::string friendly_name = {};            ///< up to 200 bytes
  /// TOTP: how many steps its clock is ahead of the servers', negative if behind; up to 500. See
  /// `Options::totp_learned_drift_steps`.
  std::int64_t drift = 0;
  // What its maker says of it, to find its user by. Not kept.
  std::string serial_number = {};
  std::string manufacturer = {};
  std::string model = {};
  std::string named_user = {}; ///< whose it is, as a PSKC names users: "UID=jsmith,DC=example"
  // It is refused before and after.
  std::optional<Time> valid_from = {};
  std::optional<Time> valid_until = {};
  std::size_t line = 0;     ///< in its file; 0: they are counted
  std::string problem = {}; ///< why it cannot be used; it is refused for that
};

/// The recovery codes that a user has from another system and has not used yet: 1 to 50, in the clear or,
/// where that system kept no more than an unsalted hash of each, as hashes. They are typed with the
/// separators or without. A user who has a set already keeps that.
struct ImportRecoveryCodes {
  std::string user_id; ///< whose they become; up to 255 bytes
  /// Each of 40 random bits or more: 8 letters and digits, 10 hexadecimal digits, 13 decimal ones.
  std::vector<crypto::SecretString> codes = {};
  /// In place of `codes`. What they are hashes of cannot be seen: when a code is typed, one of fewer than 8
  /// characters, or of digits alone than 13, is `malformed_code`, as it can be guessed.
  std::vector<std::string> hashes = {};
  crypto::Hash hash = crypto::Hash::sha512;
  TextEncoding encoding = TextEncoding::base64; ///< of the hashes
  std::string friendly_name = {};               ///< up to 200 bytes
};

/// A security key or passkey that a user registered with another system, for the same relying party id. Needs
/// `Options::webauthn`.
struct ImportCredential {
  std::string user_id; ///< whose it becomes; 1 to 255 bytes
  /// Whose account it is, as in `WebAuthn`; empty: see `ImportOptions::user_id_as_user`.
  std::string user = {};
  std::string display_name = {};
  std::string credential_id = {}; ///< of U2F, the key handle
  std::string public_key = {};    ///< a COSE key or, as U2F has it, a point of P-256 in 65 bytes
  /// What authenticators were told the user's id was. Passkeys answer with it, so without it they are refused
  /// at sign-ins.
  std::string user_handle = {};
  TextEncoding encoding = TextEncoding::base64; ///< of these three
  std::uint32_t sign_count = 0;
  std::vector<std::string> transports = {}; ///< "usb", "internal"
  std::string aaguid = {};                  ///< hexadecimal, with dashes or none; empty: not known
  bool backup_eligible = false;             ///< a "multi-device" credential
  bool backed_up = false;
  /// Registered by FIDO U2F: see `RelyingPartySettings::u2f_app_id`.
  bool u2f = false;
  /// Its user showed the PIN or biometric when he registered it or signed in since. Otherwise it is one
  /// factor until `ChallengeOptions::initialize_user_verification`.
  bool user_verified = false;
  webauthn::UserVerification user_verification = webauthn::UserVerification::preferred;
  std::string friendly_name = {}; ///< up to 200 bytes
};

enum class ImportOutcome : std::uint8_t {
  imported,      ///< in a dry run: would be
  already_there, ///< the user has a factor with this secret, verified or waiting to be confirmed
  refused,       ///< see `ImportResult::reason`
};

constexpr std::string_view to_string(ImportOutcome outcome) noexcept {
  switch (outcome) {
  case ImportOutcome::imported: return "imported";
  case ImportOutcome::already_there: return "already_there";
  case ImportOutcome::refused: return "refused";
  }
  return "unknown";
}

/// What became of one line, or of one account of an export. Holds no secret: fit for a log.
struct ImportResult {
  std::size_t line = 0;    ///< from 1
  std::size_t account = 1; ///< within the line, from 1
  ImportOutcome outcome{};
  std::string user_id;
  std::string factor_id; ///< if imported, and not in a dry run
  std::string reason;    ///< if refused
};

struct ImportOptions {
  /// Check every line, change nothing, and tell the observer nothing.
  bool dry_run = false;
  /// Take the factors as verified: the users have shown them elsewhere. Otherwise each is unverified until
  /// its enrolment is confirmed.
  bool verified = false;
  /// The issuer of accounts that name none. Empty: they are refused.
  std::string issuer = {};
  /// The user of accounts that name none is the line's `user_id`. Otherwise they are refused.
  bool user_id_as_user = false;
  /// Unsafe: takes secrets of 10 to 15 bytes, less than RFC 4226 section 4 requires.
  bool accept_short_secrets = false;
  /// Called with each result in the order of the lines, once it is committed (a hundred at a time), in the
  /// same thread. Returns false to read no further lines.
  std::function<bool(const ImportResult&)> report = {};
  /// For the observer.
  EventContext event_context = {};
};

struct ImportSummary {
  std::size_t lines = 0; ///< read
  std::size_t imported = 0;
  std::size_t already_there = 0;
  std::size_t refused = 0;
  /// Exports of several QR codes of which some are missing.
  std::size_t incomplete_exports = 0;
  bool stopped = false; ///< by `ImportOptions::report`
};

} // namespace mfa
