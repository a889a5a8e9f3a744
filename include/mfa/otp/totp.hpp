#pragma once

#include <chrono>
#include <cstdint>
#include <span>
#include <string>

#include <mfa/error.hpp>
#include <mfa/otp/hotp.hpp>

namespace mfa::otp {

/// The longest period that a factor may have.
inline constexpr std::chrono::seconds longest_period = std::chrono::hours(24 * 366);

/// The number of whole periods since 1970 (RFC 6238 §4.2, T0 = 0). Throws `errc::clock_out_of_range` for a
/// time before 1970 and `errc::invalid_argument` for a period under a second.
[[nodiscard]] inline std::uint64_t totp_step(std::chrono::system_clock::time_point time,
                                             std::chrono::seconds period = std::chrono::seconds{30}) {
  if (period.count() < 1) throw Error(errc::invalid_argument, "a TOTP period is at least one second");
  if (time.time_since_epoch().count() < 0)
    throw Error(errc::clock_out_of_range, "TOTP counts from 1970 and the time is before it; set the clock");
  return static_cast<std::uint64_t>(std::chrono::floor<std::chrono::seconds>(time.time_since_epoch()) /
                                    period);
}

/// TOTP (RFC 6238): the code that an authenticator shows at a time. Throws as `totp_step` and `hotp` do.
[[nodiscard]] inline std::string totp(std::span<const unsigned char> key,
                                      std::chrono::system_clock::time_point time, CodeFormat format = {},
                                      std::chrono::seconds period = std::chrono::seconds{30}) {
  return hotp(key, totp_step(time, period), format);
}

} // namespace mfa::otp
