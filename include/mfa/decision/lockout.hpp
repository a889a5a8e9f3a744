#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include <mfa/options.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::decision {

/// What the wrong codes of a factor mean for the next one (NIST SP 800-63B section 5.2.2).
struct Lockout {
  bool locked = false;            ///< until an operator unlocks it
  std::chrono::seconds wait{0};   ///< until the next code is looked at
  std::optional<Time> until = {}; ///< the end of the wait, if there is one
};

[[nodiscard]] inline Lockout lockout(const storage::FactorRecord& factor, Time now, const Options& options) {
  if (factor.failures >= options.failures_before_lockout) return {.locked = true};
  if (factor.failures < options.failures_before_delay || !factor.last_failure_at) return {};
  const std::uint32_t doublings = std::min(factor.failures - options.failures_before_delay, 20U);
  const auto delay = std::min(options.first_delay * (std::int64_t{1} << doublings), options.longest_delay);
  const Time until = *factor.last_failure_at + delay;
  if (until <= now) return {};
  return {.wait = std::chrono::ceil<std::chrono::seconds>(until - now), .until = until};
}

/// Counts one wrong code. A clock that goes back does not shorten a wait.
inline void count_failure(storage::FactorRecord& factor, Time now) {
  if (factor.failures < UINT32_MAX) ++factor.failures;
  factor.last_failure_at = std::max(factor.last_failure_at.value_or(now), now);
}

inline void forget_failures(storage::FactorRecord& factor) {
  factor.failures = 0;
  factor.last_failure_at.reset();
}

} // namespace mfa::decision
