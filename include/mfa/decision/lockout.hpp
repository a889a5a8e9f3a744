#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include <mfa/factor/kinds.hpp>
#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::decision {

/// What the wrong codes of a factor mean for the next one (NIST SP 800-63B-4 section 3.2.2).
struct Lockout {
  bool locked = false;            ///< until an operator unlocks it
  std::chrono::seconds wait{0};   ///< until the next code is looked at
  std::optional<Time> until = {}; ///< the end of the wait, if there is one
};

/// How long the last wrong code delays the next one.
[[nodiscard]] inline std::chrono::seconds delay_after(std::uint32_t failures, const Options& options) {
  if (failures < options.failures_before_delay) return std::chrono::seconds(0);
  const std::uint32_t doublings = std::min(failures - options.failures_before_delay, 20U);
  return std::min(options.first_delay * (std::int64_t{1} << doublings), options.longest_delay);
}

/// The latest time of a last wrong code that `lockout` believes: with a later one, of a clock that was ahead,
/// the factor would wait longer than `Options::longest_delay`.
[[nodiscard]] inline Time latest_failure(std::chrono::seconds delay, Time now, const Options& options) {
  return now + (options.longest_delay - delay);
}

/// None for a kind whose answers are beyond guessing. A clock that goes back shortens no wait, and makes none
/// longer than `Options::longest_delay`.
[[nodiscard]] inline Lockout lockout(const storage::FactorRecord& factor, Time now, const Options& options) {
  if (!factor::facts_of(factor.type).guessable) return {};
  if (factor.failures >= options.failures_before_lockout) return {.locked = true};
  const auto delay = delay_after(factor.failures, options);
  if (delay.count() == 0 || !factor.last_failure_at) return {};
  const Time until = std::min(*factor.last_failure_at, latest_failure(delay, now, options)) + delay;
  if (until <= now) return {};
  return {.wait = std::chrono::ceil<std::chrono::seconds>(until - now), .until = until};
}

/// Stores what `lockout` believed, so that the wait counts down. False if that was stored.
[[nodiscard]] inline bool keep_bounded_wait(storage::FactorRecord& factor, Time now, const Options& options) {
  const Time latest = latest_failure(delay_after(factor.failures, options), now, options);
  if (!factor.last_failure_at || *factor.last_failure_at <= latest) return false;
  factor.last_failure_at = latest;
  return true;
}

/// Counts one wrong code, which is looked at only when no wait is left.
inline void count_failure(storage::FactorRecord& factor, Time now) {
  if (factor.failures < UINT32_MAX) ++factor.failures;
  factor.last_failure_at = now;
}

inline void forget_failures(storage::FactorRecord& factor) {
  factor.failures = 0;
  factor.last_failure_at.reset();
}

} // namespace mfa::decision
