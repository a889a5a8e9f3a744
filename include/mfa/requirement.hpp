#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/assurance.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/remaining.hpp>
#include <mfa/search.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// Which second factors a host wants its users to have, and from when on. No verb looks at it: `requirement`
/// says how a user stands, and the host acts on it.
struct FactorPolicy {
  /// The kinds of which a factor counts; empty: every kind but recovery codes and e-mail, which NIST
  /// SP 800-63B takes for no second factor.
  std::vector<FactorType> kinds = {};
  /// What a factor must be able to show to count.
  Assurance assurance = {};
  /// How many verified factors that count a user must have: 0 to 10. A set of recovery codes, where they
  /// count, does as long as one of them is not used.
  unsigned factors = 1;
  /// Whether he must have recovery codes besides, of which one is not used.
  bool recovery_codes = false;
  /// Nobody has to before this. None: at once, or when his grace is over.
  std::optional<Time> deadline = {};
  /// Nor before so long after `PolicyUser::since`: 0 s to 366 days. Without that, there is no grace.
  std::chrono::seconds grace = std::chrono::seconds(0);
  /// The kinds that the host offers its users to enrol, what it prefers first.
  std::vector<FactorType> offered = {FactorType::webauthn, FactorType::totp, FactorType::recovery_codes};
};

/// What a policy asks of a user beside his factors.
struct PolicyUser {
  /// When his grace begins, as the host keeps it: his first sign-in under the policy, or when he joined.
  std::optional<Time> since = {};
  /// Until when the policy is not for him; `end_of_times` for good.
  std::optional<Time> exempt_until = {};
};

/// How a user stands to a policy.
enum class Standing : std::uint8_t {
  met,     ///< he has what is required
  exempt,  ///< he has not, and need not
  due,     ///< he has not, and has time until `Requirement::until`
  overdue, ///< he has not, and must before he goes on
};

constexpr std::string_view to_string(Standing standing) noexcept {
  switch (standing) {
  case Standing::met: return "met";
  case Standing::exempt: return "exempt";
  case Standing::due: return "due";
  case Standing::overdue: return "overdue";
  }
  return "unknown";
}

/// What a policy asks of a user now.
struct Requirement {
  Standing standing = Standing::overdue;
  /// Of `due` and `exempt`: until when, that moment not included.
  std::optional<Time> until = {};
  unsigned factors_lacking = 0; ///< how many more factors that count
  bool recovery_codes_lacking = false;
  /// The kinds to offer next, in the order of `FactorPolicy::offered`. Where something lacks, those that meet
  /// it; otherwise those that the user has not. Recovery codes only to who has a factor beside them.
  std::vector<FactorType> offer = {};

  /// Whether he may go on without enrolling something first.
  [[nodiscard]] constexpr bool lets_pass() const noexcept { return standing != Standing::overdue; }

  bool operator==(const Requirement&) const = default;
};

namespace detail {

inline constexpr std::chrono::seconds longest_grace = std::chrono::hours(24 * 366);

[[nodiscard]] inline bool counts(const FactorPolicy& policy, FactorType type) {
  const bool wanted = policy.kinds.empty() ? type != FactorType::recovery_codes && type != FactorType::email
                                           : detail::contains(policy.kinds, type);
  return wanted && factor::facts_of(type).best_assurance.meets(policy.assurance);
}

/// Throws `errc::invalid_argument` for a policy that nobody can meet, and for what is out of its range.
inline void check_policy(const FactorPolicy& policy) {
  constexpr unsigned most_factors = 10;
  const auto refuse = [](const std::string& why) {
    throw Error(errc::invalid_argument, "FactorPolicy::" + why);
  };
  for (const auto* const kinds : {&policy.kinds, &policy.offered})
    for (const FactorType type : *kinds)
      if (type < FactorType::totp || type > last_factor_type)
        refuse("kinds and FactorPolicy::offered name kinds of mfa::FactorType; one is none");
  if (policy.factors > most_factors)
    refuse("factors is " + std::to_string(policy.factors) + "; it may be 0 to 10");
  if (policy.grace < std::chrono::seconds(0) || policy.grace > longest_grace)
    refuse("grace is " + std::to_string(policy.grace.count()) + " s; it may be 0 s to 366 days");
  bool can_be_met = policy.factors == 0;
  for (auto type = FactorType::totp; type <= last_factor_type;
       type = static_cast<FactorType>(static_cast<std::uint8_t>(type) + 1))
    can_be_met = can_be_met || counts(policy, type);
  if (!can_be_met)
    refuse("assurance is more than any of FactorPolicy::kinds can show, so nobody meets this policy");
}

/// Until when a user has time; none if he has none.
[[nodiscard]] inline std::optional<Time> time_left(const FactorPolicy& policy, const PolicyUser& user,
                                                   Time now) {
  std::optional<Time> until = policy.deadline;
  if (user.since && policy.grace > std::chrono::seconds(0)) {
    const Time end = std::clamp(*user.since, Time{}, now) + policy.grace; // of a clock that was ahead
    if (!until || *until < end) until = end;
  }
  return until && *until > now ? until : std::nullopt;
}

} // namespace detail

/// How a user with these factors stands to the policy. Reads and stores nothing: `factors` is what
/// `Verifier::list_factors` returned. A factor counts if it is verified, locked or not. Throws
/// `errc::invalid_argument` for a policy that is out of its range, or that nobody can meet.
template <FactorRange Factors>
[[nodiscard]] Requirement requirement(const FactorPolicy& policy, const Factors& factors,
                                      std::chrono::system_clock::time_point now,
                                      const PolicyUser& user = PolicyUser()) {
  detail::check_policy(policy);
  unsigned counted = 0;
  std::vector<FactorType> had;
  bool has_codes = false;
  for (const FactorDetails& factor : factors) {
    if (!factor.verified()) continue;
    if (const auto* const codes = factor.recovery_codes()) {
      if (codes->remaining == 0) continue;
      has_codes = true;
    }
    had.push_back(factor.type());
    if (detail::counts(policy, factor.type()) && factor.best_assurance().meets(policy.assurance)) ++counted;
  }
  const bool has_another =
      detail::any_of(had, [](FactorType type) { return type != FactorType::recovery_codes; });

  Requirement required;
  required.factors_lacking = policy.factors - std::min(counted, policy.factors);
  required.recovery_codes_lacking = policy.recovery_codes && !has_codes;
  const bool met = required.factors_lacking == 0 && !required.recovery_codes_lacking;
  const Time read = std::clamp(std::chrono::floor<std::chrono::milliseconds>(now), Time{}, end_of_times);
  if (met) {
    required.standing = Standing::met;
  } else if (user.exempt_until && *user.exempt_until > read) {
    required.standing = Standing::exempt;
    required.until = user.exempt_until;
  } else if (const auto until = detail::time_left(policy, user, read)) {
    required.standing = Standing::due;
    required.until = until;
  }

  const auto helps = [&](FactorType type) {
    if (type == FactorType::recovery_codes && !has_another) return false;
    if (met) return !detail::contains(had, type);
    return (required.factors_lacking > 0 && detail::counts(policy, type)) ||
           (required.recovery_codes_lacking && type == FactorType::recovery_codes);
  };
  for (const FactorType type : policy.offered)
    if (helps(type)) required.offer.push_back(type);
  return required;
}

} // namespace mfa
