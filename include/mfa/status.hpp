#pragma once

#include <cstdint>
#include <string_view>

namespace mfa {

/// The answer to an attempt. All but `valid` mean: not authenticated.
enum class Status : std::uint8_t {
  valid,
  wrong_code,             ///< counted
  code_already_used,      ///< right, but accepted before (RFC 6238 section 5.2); counted
  malformed_code,         ///< not a code at all (letters, wrong length); not counted
  expired,                ///< the challenge's time is over
  already_verified,       ///< the challenge was answered rightly before
  superseded,             ///< a later challenge of the same factor replaced this one's code
  too_many_attempts,      ///< the challenge's attempts are used up; create another
  delayed,                ///< too many wrong codes in a row: not looked at; see `retry_after()`
  locked_out,             ///< the factor takes no code until an operator calls `unlock_factor`
  insufficient_assurance, ///< not as strong as `VerifyOptions::required` asks for
  already_registered,     ///< what this answer would enrol is another factor's; counted
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
  }
  return "unknown";
}

} // namespace mfa
