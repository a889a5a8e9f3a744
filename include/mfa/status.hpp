#pragma once

#include <cstdint>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa {

/// The answer to an attempt. All but `valid` mean: not authenticated.
enum class Status : std::uint8_t {
  valid,
  wrong_code,             ///< counted
  code_already_used,      ///< right, but accepted or hinted at before (RFC 6238 section 5.2); counted
  malformed_code,         ///< not a code at all (letters, wrong length); not counted
  expired,                ///< the challenge's time is over
  already_verified,       ///< the challenge was answered rightly before
  superseded,             ///< a later challenge of the same factor replaced this one's code
  too_many_attempts,      ///< the challenge's attempts are used up; create another
  delayed,                ///< too many wrong codes in a row: not looked at; see `retry_after()`
  locked_out,             ///< the factor takes no code until an operator calls `unlock_factor`
  insufficient_assurance, ///< not as strong as `ChallengeOptions::required` asked for
  already_registered,     ///< what this answer would enrol is another factor's; counted
  // WebAuthn (counted, but for answers to a passkey challenge that no factor gave):
  wrong_challenge,        ///< an answer to another challenge, or of another ceremony
  wrong_origin,           ///< from a page that is not the relying party's: phishing, or a missing setting
  wrong_relying_party,    ///< made for another relying party id
  wrong_credential,       ///< of another authenticator or another user
  unknown_credential,     ///< of no factor, as after its deletion: have the browser forget it; not counted
  user_not_present,       ///< the authenticator was not touched
  user_not_verified,      ///< no PIN or biometric, where one is required
  unsupported_credential, ///< its algorithm was not asked for, or its key or id is not usable
  not_device_bound,       ///< it may be copied to other devices, where that is not taken
  attestation_refused,    ///< the statement about the authenticator is false or not trusted
  wrong_signature,        ///< not made with the credential's key
  cloned_authenticator,   ///< the signature counter went back: two authenticators hold the same key
};

constexpr std::string_view to_string(Status status) noexcept {
  switch (status) {
  case Status::valid: return "valid";
  case Status::wrong_code: return "wrong_code";
  case Status::code_already_used: return "code_already_used";
  case Status::malformed_code: return "malformed_code";
  case Status::expired: return "expired";
  case Status::already_verified: return "already_verified";
  case Status::superseded: return "superseded";
  case Status::too_many_attempts: return "too_many_attempts";
  case Status::delayed: return "delayed";
  case Status::locked_out: return "locked_out";
  case Status::insufficient_assurance: return "insufficient_assurance";
  case Status::already_registered: return "already_registered";
  case Status::wrong_challenge: return "wrong_challenge";
  case Status::wrong_origin: return "wrong_origin";
  case Status::wrong_relying_party: return "wrong_relying_party";
  case Status::wrong_credential: return "wrong_credential";
  case Status::unknown_credential: return "unknown_credential";
  case Status::user_not_present: return "user_not_present";
  case Status::user_not_verified: return "user_not_verified";
  case Status::unsupported_credential: return "unsupported_credential";
  case Status::not_device_bound: return "not_device_bound";
  case Status::attestation_refused: return "attestation_refused";
  case Status::wrong_signature: return "wrong_signature";
  case Status::cloned_authenticator: return "cloned_authenticator";
  }
  return "unknown";
}

} // namespace mfa
