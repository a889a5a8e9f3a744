#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/channel.hpp>
#include <mfa/delivery_report.hpp>
#include <mfa/status.hpp>
#include <mfa/types.hpp>

namespace mfa {

enum class EventType : std::uint8_t {
  factor_enrolled,
  factor_verified,   ///< the enrolment was confirmed
  factor_locked_out, ///< this wrong code was the last one that the factor takes
  factor_unlocked,
  factor_renamed,
  factor_deleted,
  user_reset,             ///< `Event::count` factors, with all that the user's challenges and devices were
  factor_secret_exported, ///< in the clear
  import_refused,         ///< one line or account, for `Event::cause`; not in a dry run
  challenge_created,
  challenge_resent, ///< its code goes out again, or a new one in its place
  sms_sent,
  sms_refused,      ///< by what `Event::limit` says
  sms_not_sent,     ///< the transport threw `Event::cause`, and the challenge is withdrawn, or one that was
                    ///< resent stands with the code that was sent before
  message_sent,     ///< an e-mail, a call or a notification: `Event::channel`
  message_not_sent, ///< the same of those as `sms_not_sent`
  message_unclear, ///< whether it was sent, by any channel; the challenge stands (`DeliveryFailure::unclear`)
  delivery_reported, ///< `Event::report`, by `report_delivery`
  code_refused,      ///< a limit on e-mails, or on the codes that the host delivers
  send_limits_reset, ///< by an operator; without a factor's id if it was for a phone number
  verification_succeeded,
  token_resynchronized, ///< TOTP, HOTP: two consecutive codes found a token whose clock or counter was off
  authenticator_cloned, ///< WebAuthn: its counter went back, so its key is held twice
  signature_counter_behind,   ///< WebAuthn: the same of a synchronised passkey, which was accepted
  backup_eligibility_changed, ///< WebAuthn: a synchronised passkey says that it may not be, and was accepted
  backup_state_changed,       ///< WebAuthn: the passkey was backed up, or is no more
  user_verification_initialized, ///< WebAuthn: from now on the factor's PIN or biometric counts
  verification_failed,           ///< `Event::status` says why
  recovery_codes_low,            ///< two or fewer are left: have the user make new ones
  recovery_codes_regenerated,
  device_remembered,
  device_accepted,  ///< `check_device` found it trusted
  device_refused,   ///< `check_device` was given a token that is not, or no longer, the user's
  device_revoked,   ///< by a call, or because a further device took its place
  factors_resealed, ///< a run of `reseal_all` has ended: `Event::count` secrets moved to the current key
  expired_purged,   ///< a run of `purge_expired` has ended: `Event::count` records removed
  key_ring_replaced,
};

constexpr std::string_view to_string(EventType type) noexcept {
  switch (type) {
  case EventType::factor_enrolled: return "factor_enrolled";
  case EventType::factor_verified: return "factor_verified";
  case EventType::factor_locked_out: return "factor_locked_out";
  case EventType::factor_unlocked: return "factor_unlocked";
  case EventType::factor_renamed: return "factor_renamed";
  case EventType::factor_deleted: return "factor_deleted";
  case EventType::user_reset: return "user_reset";
  case EventType::factor_secret_exported: return "factor_secret_exported";
  case EventType::import_refused: return "import_refused";
  case EventType::challenge_created: return "challenge_created";
  case EventType::challenge_resent: return "challenge_resent";
  case EventType::sms_sent: return "sms_sent";
  case EventType::sms_refused: return "sms_refused";
  case EventType::sms_not_sent: return "sms_not_sent";
  case EventType::message_sent: return "message_sent";
  case EventType::message_not_sent: return "message_not_sent";
  case EventType::message_unclear: return "message_unclear";
  case EventType::delivery_reported: return "delivery_reported";
  case EventType::code_refused: return "code_refused";
  case EventType::send_limits_reset: return "send_limits_reset";
  case EventType::verification_succeeded: return "verification_succeeded";
  case EventType::token_resynchronized: return "token_resynchronized";
  case EventType::authenticator_cloned: return "authenticator_cloned";
  case EventType::signature_counter_behind: return "signature_counter_behind";
  case EventType::backup_eligibility_changed: return "backup_eligibility_changed";
  case EventType::backup_state_changed: return "backup_state_changed";
  case EventType::user_verification_initialized: return "user_verification_initialized";
  case EventType::verification_failed: return "verification_failed";
  case EventType::recovery_codes_low: return "recovery_codes_low";
  case EventType::recovery_codes_regenerated: return "recovery_codes_regenerated";
  case EventType::device_remembered: return "device_remembered";
  case EventType::device_accepted: return "device_accepted";
  case EventType::device_refused: return "device_refused";
  case EventType::device_revoked: return "device_revoked";
  case EventType::factors_resealed: return "factors_resealed";
  case EventType::expired_purged: return "expired_purged";
  case EventType::key_ring_replaced: return "key_ring_replaced";
  }
  return "unknown";
}

/// What refused a message or a code: see `Options` and `SmsBudgets`.
enum class SendLimit : std::uint8_t {
  country_list,       ///< the country is not among the allowed ones, or is denied
  destination,        ///< sends to one number, address or factor
  user,               ///< sends to one user
  prefix_budget,      ///< sends to numbers that are alike but for their last four digits
  country_budget,     ///< sends to a country
  total_budget,       ///< all sends
  prefix_unanswered,  ///< too few of the codes to such numbers were answered
  country_unanswered, ///< too few of a country's
  total_unanswered,   ///< too few of all
};

constexpr std::string_view to_string(SendLimit limit) noexcept {
  switch (limit) {
  case SendLimit::country_list: return "country_list";
  case SendLimit::destination: return "destination";
  case SendLimit::user: return "user";
  case SendLimit::prefix_budget: return "prefix_budget";
  case SendLimit::country_budget: return "country_budget";
  case SendLimit::total_budget: return "total_budget";
  case SendLimit::prefix_unanswered: return "prefix_unanswered";
  case SendLimit::country_unanswered: return "country_unanswered";
  case SendLimit::total_unanswered: return "total_unanswered";
  }
  return "unknown";
}

/// What a host knows of the request that a verb serves, for its observer. Passed on with each event of the
/// verb and never stored. The observer gets at most 512 bytes of each, with `?` for control characters and
/// for bytes that are not UTF-8: whatever a client sent as its name is fit for a log.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct EventContext {
  std::string ip_address = {}; ///< of the client
  std::string user_agent = {}; ///< the client's own name for itself (RFC 9110 section 10.1.5)
  std::string request_id = {}; ///< by which the event is found again in the host's other logs
};

/// What happened, for an audit log: after the commit, never before. Holds no code, secret or phone number,
/// but for what a transport of the host's says in `cause`. The texts are valid during the call only.
struct Event {
  EventType type{};
  Time at{};
  std::optional<FactorType> factor_type = {}; ///< of the factor that the event is about
  std::string_view factor_id = {};            // each text is empty where the event is about no such thing
  std::string_view user_id = {};
  std::string_view challenge_id = {};
  std::optional<Status> status = {}; ///< of a verification
  std::string_view device_id = {};
  std::optional<std::size_t> count = {}; ///< of a run, and of a user's reset: how many
  /// Why a message was not sent (what the transport threw), or why a message, a code or a line of an import
  /// was refused (an `Error`); of a user's reset, why what was recorded of him could not be read.
  std::exception_ptr cause = {};
  std::optional<Channel> channel = {}; ///< of a message
  std::optional<DeliveryReport> report = {};
  std::optional<SendLimit> limit = {}; ///< of a message or a code that was refused
  /// Of a text message, sent, reported or refused: where to, as `sms::country_of` says, for what it costs.
  std::string_view country = {};
  // Of the `EventContext` that the host gave:
  std::string_view ip_address = {};
  std::string_view user_agent = {};
  std::string_view request_id = {};
};

/// Called in the thread of the verb. What it throws is swallowed: the deed is done and must be answered.
using Observer = std::function<void(const Event&)>;

} // namespace mfa
