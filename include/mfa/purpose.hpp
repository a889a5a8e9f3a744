#pragma once

#include <cstdint>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa {

/// What a challenge is for, and its verification good for. The numbers are stored: never change one.
enum class Purpose : std::uint8_t {
  sign_in = 1,
  confirm_enrollment = 2, ///< of the factor itself: see `Verifier::challenge_enrollment`
  step_up = 3,            ///< of a user who is signed in, before something that matters
  action = 4,             ///< one thing that the host names in `ChallengeOptions::action`
};

/// The last one, for those who check what they read.
inline constexpr Purpose last_purpose = Purpose::action;

constexpr std::string_view to_string(Purpose purpose) noexcept {
  switch (purpose) {
  case Purpose::sign_in: return "sign_in";
  case Purpose::confirm_enrollment: return "confirm_enrollment";
  case Purpose::step_up: return "step_up";
  case Purpose::action: return "action";
  }
  return "unknown";
}

} // namespace mfa
