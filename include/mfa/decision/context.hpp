#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/error.hpp>
#include <mfa/options.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

/// What a caller may say about one challenge.
struct ChallengeOptions {
  /// SMS: the message in place of `Options::sms_template`. Ignored by other kinds.
  std::string sms_template = {};
  /// A value of the host's (a session id, say) that the verification must bring again. Up to 4,096 bytes;
  /// kept as an HMAC only.
  std::string binding = {};
  /// If given, the factor must be this user's; otherwise it is not found.
  std::string user_id = {};
  /// Refuse a factor whose enrolment was never confirmed, with `errc::factor_not_verified`.
  bool verified_only = false;
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
  std::optional<SmsMessage> message; ///< to send once the records are committed
};

/// What a kind says of an answer.
enum class Answer {
  right,
  wrong,
  used,      ///< right, but accepted before
  malformed, ///< cannot be an answer; nothing was compared
};

/// The one answer for unknown, deleted and foreign ids. It does not repeat the id, which came from outside.
[[noreturn]] inline void throw_not_found(const char* what) {
  throw Error(errc::entity_not_found,
              std::string("no such ") + what + ": the id is unknown, or deleted, or another user's");
}

} // namespace decision
} // namespace mfa
