#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <mfa/assurance.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/options.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/message_template.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// What a caller may say about one challenge.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct ChallengeOptions {
  /// SMS: the message in place of `Options::sms_template`. Ignored by other kinds.
  std::string sms_template = {};
  /// SMS: values of the template's named tokens, before those of `Options::sms_values`.
  sms::MessageValues sms_values = {};
  /// A value of the host's (a session id, say) that the verification must bring again. Up to 4,096 bytes;
  /// kept as an HMAC only.
  std::string binding = {};
  /// If given, the factor must be this user's; otherwise it is not found.
  std::string user_id = {};
  /// Refuse a factor whose enrolment was never confirmed, with `errc::factor_not_verified`.
  bool verified_only = false;
  /// What the verification will have to show: refuses a factor whose kind cannot, with
  /// `errc::insufficient_assurance`. Give it to `VerifyOptions` as well.
  Assurance required = {};
  /// WebAuthn: asks for the PIN or biometric of a credential that was registered without, and lets it count
  /// as a second factor from the next sign-in on. Unless the user has just shown another factor, a thief of
  /// the authenticator may be setting his own PIN (WebAuthn section 7.2 step 24). Ignored by other kinds.
  bool initialize_user_verification = false;
  /// For the observer.
  EventContext event_context = {};
};

namespace decision {

inline constexpr std::size_t longest_binding = 4096; ///< bytes

/// What a decision may know beside the records. Borrowed.
struct Context {
  Time now;
  const Options& options;
  const KeyRing& keys;
};

/// What a kind decided about a new challenge, beside the records that it changed.
struct ChallengeEffects {
  bool factor_changed = false;
  std::optional<SmsMessage> message = {}; ///< to send once the records are committed
  // For the host to pass on, told with the new challenge and never again:
  crypto::SecretString code = {};    ///< generic_otp: to deliver to the user
  std::string webauthn_options = {}; ///< webauthn: JSON for the browser
};

/// What a kind says of an answer. `Status::valid` accepts it, any other status refuses it.
struct Answer {
  Status status = Status::wrong_code;
  /// A refusal that is not counted leaves everything as it was: nothing was compared.
  bool counted = true;
  // Of a valid answer:
  std::span<const std::string_view> amr = {}; ///< RFC 8176; of static storage
  Assurance assurance = {};
  /// To emit after the verification's own event.
  std::optional<EventType> event = {};

  /// What cannot be an answer.
  static constexpr Answer malformed() { return {.status = Status::malformed_code, .counted = false}; }
};

/// The one answer for unknown, deleted and foreign ids, and for another binding. It does not repeat the id,
/// which came from outside.
[[noreturn]] inline void throw_not_found(std::string_view what) {
  throw Error(errc::entity_not_found,
              "no such " + std::string(what) + ": the id is unknown, or deleted, or another user's" +
                  (what == "challenge" ? ", or the binding is not that of the challenge" : ""));
}

} // namespace decision
} // namespace mfa
