#pragma once

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include <mfa/confirmation.hpp>
#include <mfa/verification.hpp>

namespace mfa {

struct ByOperator {};

/// In the place of a user's verification: for operators, and for programs that have checked by other means
/// that the user is who he says. Never for a session that has shown a password only.
inline constexpr ByOperator by_operator{};

/// What allows a change of a user's factors or devices: a valid verification of one of his factors, for
/// signing in or stepping up, or the confirmation of one. It counts while that factor is there and verified,
/// for `Options::authorization_lifetime`. A verb that needs one throws `errc::authorization_required`.
class Authorization {
 public:
  /// None: for what needs none yet.
  Authorization() = default;
  Authorization(const Verification& verification) {
    if (verification.valid()) challenge_id_ = verification.challenge().id();
  }
  Authorization(const Confirmation& confirmation) {
    if (confirmation.confirmed()) challenge_id_ = confirmation.challenge().id();
  }
  Authorization(ByOperator) noexcept : by_operator_(true) {}
  /// Chosen for what a verification says, in the place of the verification.
  template <std::same_as<bool> Answer> Authorization(Answer) {
    static_assert(!std::is_same_v<Answer, bool>,
                  "mfa: what allows this is the Verification itself, or the Confirmation, not whether it is "
                  "valid");
  }

  /// By the id of the challenge that was verified, as a session keeps it from one request to the next.
  [[nodiscard]] static Authorization of_challenge(std::string_view challenge_id) {
    Authorization authorization;
    authorization.challenge_id_ = challenge_id;
    return authorization;
  }

  [[nodiscard]] bool is_given() const noexcept { return by_operator_ || !challenge_id_.empty(); }
  [[nodiscard]] bool is_by_operator() const noexcept { return by_operator_; }
  /// Of the verified challenge; empty if there is none.
  [[nodiscard]] const std::string& challenge_id() const noexcept { return challenge_id_; }

 private:
  bool by_operator_ = false;
  std::string challenge_id_;
};

} // namespace mfa
