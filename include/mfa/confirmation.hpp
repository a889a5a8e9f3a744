#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <mfa/challenge_details.hpp>
#include <mfa/status.hpp>
#include <mfa/types.hpp>
#include <mfa/verification.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa {

/// The answer to one attempt to confirm an enrolment. Never a reason to start or raise a session: whoever has
/// no more than the password can enrol a factor of his own, and confirm it.
class [[nodiscard]] Confirmation {
 public:
  explicit Confirmation(Verification verification) : verification_(std::move(verification)) {}

  /// Whether the factor is verified now.
  [[nodiscard]] bool confirmed() const noexcept { return verification_.valid(); }
  /// `Status::valid` if it is.
  [[nodiscard]] Status status() const noexcept { return verification_.status(); }
  /// The challenge as it is after this attempt.
  [[nodiscard]] const ChallengeDetails& challenge() const& noexcept { return verification_.challenge(); }
  [[nodiscard]] ChallengeDetails challenge() && noexcept { return std::move(verification_).challenge(); }
  [[nodiscard]] const std::string& factor_id() const& noexcept { return verification_.factor_id(); }
  [[nodiscard]] std::string factor_id() && noexcept { return std::move(verification_).factor_id(); }
  [[nodiscard]] FactorType factor_type() const noexcept { return verification_.factor_type(); }
  /// Your identifier of the user, as given at enrolment; empty unless confirmed.
  [[nodiscard]] const std::string& user_id() const& noexcept { return verification_.user_id(); }
  [[nodiscard]] std::string user_id() && noexcept { return std::move(verification_).user_id(); }
  /// As that of `Verification`: what was said beside the new credential.
  [[nodiscard]] const webauthn::Outputs* webauthn_outputs() const& noexcept {
    return verification_.webauthn_outputs();
  }
  [[nodiscard]] std::optional<webauthn::Outputs> webauthn_outputs() && {
    return std::move(verification_).webauthn_outputs();
  }
  /// As those of `Verification`.
  [[nodiscard]] std::uint32_t attempts_left() const noexcept { return verification_.attempts_left(); }
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const noexcept {
    return verification_.retry_after();
  }
  [[nodiscard]] bool factor_locked() const noexcept { return verification_.factor_locked(); }
  [[nodiscard]] std::optional<std::chrono::seconds> clock_skew() const noexcept {
    return verification_.clock_skew();
  }

 private:
  Verification verification_;
};

} // namespace mfa
