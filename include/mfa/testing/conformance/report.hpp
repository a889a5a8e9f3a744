#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include <mfa/compiler.hpp>

namespace mfa::testing {

/// What came of one check of the storage conformance suite.
struct CheckResult {
  enum class Outcome : std::uint8_t {
    kept,        ///< the storage keeps this promise, as far as the check can see
    broken,      ///< `told` says what was promised and what came
    not_checked, ///< `told` says why, as that the storage does not offer the function
  };

  std::string name; ///< the promise
  Outcome outcome{};
  std::string told;
};

/// What came of all checks.
struct ConformanceReport {
  std::vector<CheckResult> checks;

  [[nodiscard]] std::size_t count(CheckResult::Outcome outcome) const {
    return static_cast<std::size_t>(std::ranges::count(checks, outcome, &CheckResult::outcome));
  }

  /// How many promises are broken.
  [[nodiscard]] std::size_t failures() const { return count(CheckResult::Outcome::broken); }
};

/// A line a check, what was told of it below, and the sums.
inline std::ostream& operator<<(std::ostream& out, const ConformanceReport& report) {
  using enum CheckResult::Outcome;
  for (const CheckResult& check : report.checks) {
    out << (check.outcome == kept     ? "kept         "
            : check.outcome == broken ? "BROKEN       "
                                      : "not checked  ")
        << check.name << '\n';
    if (!check.told.empty()) out << "             " << check.told << '\n';
  }
  return out << report.count(kept) << " promises kept, " << report.count(broken) << " broken, "
             << report.count(not_checked) << " not checked\n";
}

} // namespace mfa::testing
