#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa {

/// A point in time as records keep it: milliseconds since 1970-01-01T00:00:00Z.
using Time = std::chrono::sys_time<std::chrono::milliseconds>;

/// Times that records keep are from 1970 to this one, in 8307: all that a clock in its range makes, with the
/// longest span that is added to it. Sums of what is within are far from where 64 bits end.
inline constexpr Time end_of_times{std::chrono::milliseconds(200'000'000'000'000)};

/// The kinds of factor. The numbers and names are stored: never change one.
enum class FactorType : std::uint8_t {
  totp = 1,           ///< RFC 6238
  sms = 2,            ///< a code in a text message
  generic_otp = 3,    ///< a code that the host delivers by a channel of its own
  hotp = 4,           ///< RFC 4226
  recovery_codes = 5, ///< a set of codes, each good for one use
  webauthn = 6,       ///< a security key or a device's own authenticator
  email = 7,          ///< a code or a link in an e-mail
};

/// The names of the kinds as WorkOS's field `type` has them, in the order of the numbers.
inline constexpr auto factor_type_names = std::to_array<std::string_view>({
    "totp",
    "sms",
    "generic_otp",
    "hotp",
    "recovery_codes",
    "webauthn",
    "email",
});

/// The last kind, for storages that check what they read.
inline constexpr FactorType last_factor_type{factor_type_names.size()};

/// The name of WorkOS's field `type`.
constexpr std::string_view to_string(FactorType type) noexcept {
  return type >= FactorType::totp && type <= last_factor_type
             ? factor_type_names[static_cast<std::size_t>(type) - 1]
             : "unknown";
}

/// Unverified until its enrolment is confirmed.
enum class FactorState : std::uint8_t { unverified = 1, verified = 2 };

constexpr std::string_view to_string(FactorState state) noexcept {
  return state == FactorState::verified ? "verified" : "unverified";
}

/// Where a challenge stands. Only a pending one can still be answered. The numbers are stored.
enum class ChallengeState : std::uint8_t {
  pending = 1,
  verified = 2,  ///< answered rightly, once
  expired = 3,   ///< seen after its time; stays so if the clock goes back
  exhausted = 4, ///< its attempts are used up
};

constexpr std::string_view to_string(ChallengeState state) noexcept {
  switch (state) {
  case ChallengeState::pending: return "pending";
  case ChallengeState::verified: return "verified";
  case ChallengeState::expired: return "expired";
  case ChallengeState::exhausted: return "exhausted";
  }
  return "unknown";
}

} // namespace mfa
