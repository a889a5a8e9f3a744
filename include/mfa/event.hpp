#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string_view>

#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>

namespace mfa {

enum class EventType : std::uint8_t {
  factor_enrolled,
  factor_verified,   ///< the first valid verification confirmed the enrolment
  factor_locked_out, ///< this wrong code was the last one that the factor takes
  factor_unlocked,
  factor_deleted,
  factor_secret_exported, ///< in the clear
  challenge_created,
  sms_sent,
  sms_refused,  ///< a send limit or the list of country codes
  sms_not_sent, ///< the transport threw
  code_refused, ///< a limit on the codes that the host delivers
  verification_succeeded,
  authenticator_cloned,          ///< WebAuthn: its counter went back, so its key is held twice
  user_verification_initialized, ///< WebAuthn: from now on the factor's PIN or biometric counts
  verification_failed,           ///< `Event::status` says why
  recovery_codes_low,            ///< two or fewer are left: have the user make new ones
  recovery_codes_regenerated,
};

constexpr std::string_view to_string(EventType type) noexcept {
  switch (type) {
  case EventType::factor_enrolled: return "factor_enrolled";
  case EventType::factor_verified: return "factor_verified";
  case EventType::factor_locked_out: return "factor_locked_out";
  case EventType::factor_unlocked: return "factor_unlocked";
  case EventType::factor_deleted: return "factor_deleted";
  case EventType::factor_secret_exported: return "factor_secret_exported";
  case EventType::challenge_created: return "challenge_created";
  case EventType::sms_sent: return "sms_sent";
  case EventType::sms_refused: return "sms_refused";
  case EventType::sms_not_sent: return "sms_not_sent";
  case EventType::code_refused: return "code_refused";
  case EventType::verification_succeeded: return "verification_succeeded";
  case EventType::authenticator_cloned: return "authenticator_cloned";
  case EventType::user_verification_initialized: return "user_verification_initialized";
  case EventType::verification_failed: return "verification_failed";
  case EventType::recovery_codes_low: return "recovery_codes_low";
  case EventType::recovery_codes_regenerated: return "recovery_codes_regenerated";
  }
  return "unknown";
}

/// What happened, for an audit log: after the commit, never before. Holds no code, secret or phone number.
/// The texts are valid during the call only.
struct Event {
  EventType type{};
  Time at{};
  FactorType factor_type{};
  std::string_view factor_id;
  std::string_view user_id;
  std::string_view challenge_id;     ///< empty where the event is about a factor
  std::optional<Status> status = {}; ///< of a verification
};

/// Called in the thread of the verb. What it throws is swallowed: the deed is done and must be answered.
using Observer = std::function<void(const Event&)>;

} // namespace mfa
