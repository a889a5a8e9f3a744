#pragma once

#include <chrono>
#include <cstdint>
#include <iostream>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/mfa.hpp>

#include "page.hpp"

namespace portal {

inline std::string_view name_of(mfa::FactorType type) {
  switch (type) {
  case mfa::FactorType::totp: return "Authenticator app";
  case mfa::FactorType::sms: return "Text message";
  case mfa::FactorType::email: return "E-mail code";
  case mfa::FactorType::generic_otp: return "Code";
  case mfa::FactorType::hotp: return "Code token";
  case mfa::FactorType::recovery_codes: return "Recovery codes";
  case mfa::FactorType::webauthn: return "Passkey or security key";
  }
  return "Other";
}

/// What tells a factor from others of its kind.
inline std::string detail_of(const mfa::FactorDetails& factor) {
  if (const auto* const totp = factor.totp()) return totp->user;
  if (const auto* const sms = factor.sms()) return sms->phone_number;
  if (const auto* const email = factor.email()) return email->address;
  if (const auto* const codes = factor.recovery_codes())
    return std::to_string(codes->remaining) + " of " + std::to_string(codes->count) + " left";
  if (const auto* const webauthn = factor.webauthn()) return webauthn->authenticator;
  return {};
}

inline std::string title_of(const mfa::FactorDetails& factor) {
  return factor.friendly_name().empty() ? std::string(name_of(factor.type())) : factor.friendly_name();
}

/// "Wait 30 seconds, until 11:20:30 UTC."
inline std::string wait_for(std::chrono::seconds wait, Time now) {
  return "Wait " + duration(wait) + ", until " + time_of_day(now + wait) + ", then try again.";
}

/// What a user reads of an answer that did not count. `Answer` is a `Verification` or a `Confirmation`.
template <class Answer> std::string sentence(const Answer& answer, Time now) {
  if (answer.factor_locked())
    return "This way of confirming is locked after too many wrong codes. Choose another way, or ask support "
           "to "
           "unlock it.";
  std::string text;
  switch (answer.status()) {
  case mfa::Status::wrong_code: text = "This code is wrong."; break;
  case mfa::Status::code_already_used:
    text = "This code was used before. Wait for the next one, and type that.";
    break;
  case mfa::Status::malformed_code: return "This is not a code. Type it as it is shown.";
  case mfa::Status::expired: return "This code has run out. Ask for another.";
  case mfa::Status::already_verified: return "This was answered already. Start again.";
  case mfa::Status::superseded: return "A newer code was sent. Type that one.";
  case mfa::Status::too_many_attempts: return "Too many wrong codes. Start again.";
  case mfa::Status::delayed: text = "Too many wrong codes, so this one was not looked at."; break;
  case mfa::Status::insufficient_assurance:
    return "This is not enough here. Use a security key or a passkey.";
  default: return "That did not work. Start again.";
  }
  if (const auto skew = answer.clock_skew())
    text += " The clock of your authenticator is off by " + duration(skew->count() < 0 ? -*skew : *skew) +
            ". Have it set its time by itself.";
  if (const auto wait = answer.retry_after()) return text + ' ' + wait_for(*wait, now);
  const std::uint32_t left = answer.attempts_left();
  if (left == 0) return text + " Start again.";
  return text + (left == 1 ? " You have 1 more try." : " You have " + std::to_string(left) + " more tries.");
}

/// What a user reads of a refusal; never `what()`, which is for whoever runs the portal: where the fault is
/// not the user's, it goes to stderr.
inline std::string sentence(const mfa::Error& error, Time now) {
  const auto waiting = [&](std::string text) {
    const auto wait = error.retry_after();
    return wait ? text + ' ' + wait_for(*wait, now) : text + " Try again later.";
  };
  switch (error.code()) {
  case mfa::errc::invalid_phone_number:
    return "This is no phone number that takes text messages. Write it with its country code: +44 7700 "
           "900123.";
  case mfa::errc::sms_country_not_allowed:
    return "We send no messages to this country. Use another number, or another way.";
  case mfa::errc::invalid_email_address: return "This is no e-mail address. Write it as name@example.com.";
  case mfa::errc::sms_rate_limited:
  case mfa::errc::sms_budget_spent: return waiting("No further message can be sent now.");
  case mfa::errc::email_rate_limited:
  case mfa::errc::code_rate_limited: return waiting("No further e-mail can be sent now.");
  case mfa::errc::sms_not_sent:
  case mfa::errc::message_not_delivered:
    std::cerr << "portal: " << error.what() << '\n';
    return "The message could not be sent. Try again, or choose another way.";
  case mfa::errc::factor_locked_out:
    return "This way of confirming is locked after too many wrong codes. Choose another way, or ask support "
           "to "
           "unlock it.";
  case mfa::errc::user_delayed:
    return waiting("Too many wrong codes today. Use a security key or a recovery code.");
  case mfa::errc::enrollment_expired: return "This was not confirmed in time. Set it up again.";
  case mfa::errc::challenge_over: return "That code is over. Start again.";
  case mfa::errc::last_factor:
    return "This is your last way to confirm that it is you, and your account needs one. Add another first.";
  case mfa::errc::authorization_required: return "Confirm first that it is you.";
  case mfa::errc::entity_not_found: return "That is not there any more. Start again.";
  case mfa::errc::wrong_purpose: return "That was asked for something else. Start again.";
  case mfa::errc::insufficient_assurance: return "This is not enough here. Use a security key or a passkey.";
  default:
    std::cerr << "portal: " << error.what() << '\n';
    return "That did not work, and it is not your fault. Try again later.";
  }
}

/// The trail's entries, for their user.
inline std::string_view title_of_event(std::string_view type) {
  struct Words {
    std::string_view type;
    std::string_view text;
  };
  static constexpr Words all[] = {
      {"signed_up", "You made this account"},
      {"password_accepted", "Your password was entered"},
      {"password_refused", "A wrong password was entered"},
      {"signed_in", "Signed in"},
      {"signed_out", "Signed out"},
      {"others_signed_out", "All other browsers were signed out"},
      {"password_changed", "Your password was changed"},
      {"email_changed", "Your e-mail address was changed"},
      {"factor_enrolled", "A way to confirm was set up"},
      {"factor_verified", "A way to confirm was added"},
      {"factor_locked_out", "A way to confirm was locked after too many wrong codes"},
      {"factor_unlocked", "A way to confirm was unlocked"},
      {"factor_renamed", "A way to confirm was renamed"},
      {"factor_deleted", "A way to confirm was removed"},
      {"user_reset", "All ways to confirm were removed by support"},
      {"challenge_created", "You were asked to confirm"},
      {"challenge_resent", "A code was sent again"},
      {"sms_sent", "A text message was sent"},
      {"sms_refused", "No text message was sent: too many"},
      {"sms_not_sent", "A text message could not be sent"},
      {"message_sent", "A message was sent"},
      {"message_not_sent", "A message could not be sent"},
      {"message_unclear", "A message may not have been sent"},
      {"code_refused", "No code was sent: too many"},
      {"send_limits_reset", "Messages may be sent again"},
      {"verification_succeeded", "Confirmed that it is you"},
      {"verification_failed", "An attempt to confirm failed"},
      {"authenticator_cloned", "A security key may have been copied"},
      {"signature_counter_behind", "A passkey was used out of turn"},
      {"backup_eligibility_changed", "A passkey is kept elsewhere now"},
      {"backup_state_changed", "A passkey was backed up, or is no more"},
      {"user_verification_initialized", "A security key asks for its PIN or fingerprint from now on"},
      {"recovery_codes_low", "Few recovery codes are left"},
      {"recovery_codes_regenerated", "New recovery codes were made"},
      {"device_remembered", "A browser was remembered"},
      {"device_accepted", "A remembered browser was recognised"},
      {"device_refused", "A browser was not recognised"},
      {"device_revoked", "A remembered browser was forgotten"},
  };
  for (const Words& words : all)
    if (words.type == type) return words.text;
  return type;
}

inline std::string_view words_of_status(std::string_view status) {
  struct Words {
    std::string_view status;
    std::string_view text;
  };
  static constexpr Words all[] = {
      {"wrong_code", "wrong code"},
      {"code_already_used", "code used before"},
      {"malformed_code", "not a code"},
      {"expired", "code had run out"},
      {"already_verified", "answered before"},
      {"superseded", "a newer code was sent"},
      {"too_many_attempts", "too many tries"},
      {"delayed", "too soon after wrong codes"},
      {"locked_out", "locked"},
      {"insufficient_assurance", "not strong enough"},
      {"already_registered", "registered before"},
      {"wrong_challenge", "answered before"},
      {"wrong_origin", "from another site"},
      {"wrong_relying_party", "from another site"},
      {"wrong_credential", "not one of yours"},
      {"unknown_credential", "removed before"},
      {"user_not_present", "not touched"},
      {"user_not_verified", "without PIN, fingerprint or face"},
      {"unsupported_credential", "of a kind that is not taken"},
      {"not_device_bound", "of a kind that is not taken"},
      {"attestation_refused", "of a kind that is not taken"},
      {"wrong_signature", "not made by this key"},
      {"cloned_authenticator", "may be a copy"},
  };
  for (const Words& words : all)
    if (words.status == status) return words.text;
  return status == "valid" ? std::string_view() : status;
}

} // namespace portal
