#pragma once

#include <concepts>
#include <cstddef>
#include <utility>

#include <mfa/assurance.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// A user's factors: what `Verifier::list_factors` returns, or details of them.
template <class Range>
concept FactorRange = requires(const Range& factors) {
  { *factors.begin() } -> std::convertible_to<const FactorDetails&>;
};

/// What a user has, or has left when a factor of his was deleted.
struct Remaining {
  std::size_t factors = 0;        ///< verified, sets of recovery codes not among them
  std::size_t unverified = 0;     ///< whose enrolment was not confirmed
  std::size_t recovery_codes = 0; ///< codes that are not used yet
  /// The most that one of `factors` can show, what is phishing resistant before all else; of none, 0 factors.
  Assurance best{.factors = 0};

  /// Of a user whose factors were listed.
  template <FactorRange Factors> [[nodiscard]] static Remaining of(const Factors& factors) {
    Remaining remaining;
    for (const FactorDetails& factor : factors) remaining.add(factor);
    return remaining;
  }

  /// Whether he can show a second factor at all.
  [[nodiscard]] constexpr bool any() const noexcept { return factors > 0 || recovery_codes > 0; }

  void add(const FactorDetails& factor) {
    if (!factor.verified()) {
      ++unverified;
    } else if (const auto* const codes = factor.recovery_codes()) {
      recovery_codes += codes->remaining;
    } else {
      ++factors;
      const auto rank = [](const Assurance& shown) {
        return std::pair(shown.phishing_resistant, shown.factors);
      };
      if (rank(factor.best_assurance()) > rank(best)) best = factor.best_assurance();
    }
  }

  bool operator==(const Remaining&) const = default;
};

/// What `Verifier::reset_user` has ended.
struct UserReset {
  std::size_t factors = 0; ///< unverified ones among them
  std::size_t devices = 0;

  bool operator==(const UserReset&) const = default;
};

} // namespace mfa
