#pragma once

#include <chrono>
#include <cstdint>

#include <mfa/types.hpp>

namespace mfa {

/// How much one valid verification shows by itself; what the host checked before it (a password) adds to
/// that. A value to keep in the session and to ask for again where more is at stake.
struct Assurance {
  /// How many of: something the user has, knows, is. 2 for an authenticator that checked its user's PIN or
  /// biometric.
  unsigned factors = 1;
  /// Whether the answer works on the host's own site only.
  bool phishing_resistant = false;

  /// Whether this is at least what is required.
  [[nodiscard]] constexpr bool meets(const Assurance& required) const noexcept {
    return factors >= required.factors && (phishing_resistant || !required.phishing_resistant);
  }

  bool operator==(const Assurance&) const = default;
};

/// Whether a verification is recent enough for what the user is about to do (step-up). One that a clock dates
/// in the future by `longest` or more is not.
[[nodiscard]] constexpr bool is_fresh(Time verified_at, std::chrono::milliseconds longest,
                                      std::chrono::system_clock::time_point now) noexcept {
  // In milliseconds and without a sign: whatever the two times are, their distance can be told.
  const auto count = [](Time time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); };
  const Time read = std::chrono::floor<std::chrono::milliseconds>(now);
  const std::uint64_t apart =
      verified_at <= read ? count(read) - count(verified_at) : count(verified_at) - count(read);
  return longest.count() > 0 && apart < static_cast<std::uint64_t>(longest.count());
}

} // namespace mfa
