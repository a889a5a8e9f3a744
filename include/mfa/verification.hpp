#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/assurance.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/channel.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/purpose.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa {

/// The answer to one attempt. It is counted already when you hold it. Deliberately no `bool`: ask `valid()`.
class [[nodiscard]] Verification {
 public:
  Verification(const decision::Verdict& verdict, ChallengeDetails challenge,
               const storage::FactorRecord& factor, bool trusted_device, const factor::Context& context)
      : status_(verdict.status), type_(factor.type), challenge_(std::move(challenge)),
        retry_after_(verdict.retry_after), clock_skew_(verdict.clock_skew),
        factor_locked_(!trusted_device && decision::lockout(factor, context.now, context.options).locked) {
    if (challenge_.state() == ChallengeState::pending && status_ != Status::superseded && !factor_locked_) {
      attempts_left_ = challenge_.attempts_left();
      if (!trusted_device && factor::facts_of(type_).guessable)
        attempts_left_ = std::min(attempts_left_, context.options.failures_before_lockout - factor.failures);
    }
    if (!valid()) return;
    user_id_ = factor.user_id;
    verified_at_ = context.now;
    amr_ = verdict.amr;
    assurance_ = verdict.assurance;
    webauthn_outputs_ = verdict.webauthn_outputs;
  }

  /// Whether the user has shown the factor. Only then start or raise your session.
  [[nodiscard]] bool valid() const noexcept { return status_ == Status::valid; }
  [[nodiscard]] Status status() const noexcept { return status_; }
  /// The challenge as it is after this attempt.
  [[nodiscard]] const ChallengeDetails& challenge() const& noexcept { return challenge_; }
  [[nodiscard]] ChallengeDetails challenge() && noexcept { return std::move(challenge_); }
  [[nodiscard]] const std::string& factor_id() const& noexcept { return challenge_.factor_id(); }
  [[nodiscard]] std::string factor_id() && noexcept { return std::move(challenge_).factor_id(); }
  /// What was asked for and shown: start a session with `sign_in` alone.
  [[nodiscard]] Purpose purpose() const noexcept { return challenge_.purpose(); }
  [[nodiscard]] FactorType factor_type() const noexcept { return type_; }
  /// By what the challenge's code went last; none for kinds whose codes the library does not send.
  [[nodiscard]] std::optional<Channel> channel() const noexcept { return challenge_.channel(); }
  /// Your identifier of the user, as given at enrolment; empty unless valid.
  [[nodiscard]] const std::string& user_id() const& noexcept { return user_id_; }
  [[nodiscard]] std::string user_id() && noexcept { return std::move(user_id_); }
  /// The authentication method references of RFC 8176 ("otp", "sms"), which live as long as the program; none
  /// unless valid.
  [[nodiscard]] std::span<const std::string_view> amr() const noexcept { return amr_; }
  /// What this verification shows by itself. None unless valid.
  [[nodiscard]] std::optional<Assurance> assurance() const noexcept { return assurance_; }
  /// What the browser and the authenticator said beside the answer. Null unless valid and of WebAuthn. Of a
  /// temporary, a copy or nothing.
  [[nodiscard]] const webauthn::Outputs* webauthn_outputs() const& noexcept {
    return webauthn_outputs_.get();
  }
  [[nodiscard]] std::optional<webauthn::Outputs> webauthn_outputs() && {
    return webauthn_outputs_ ? std::optional(*webauthn_outputs_) : std::nullopt;
  }
  /// None unless valid.
  [[nodiscard]] std::optional<Time> verified_at() const noexcept { return verified_at_; }
  /// How many wrong codes may still follow: none if the challenge is over or the factor is locked.
  [[nodiscard]] std::uint32_t attempts_left() const noexcept { return attempts_left_; }
  /// How long the factor looks at no further code, if it does not: with `delayed`, and with the wrong code
  /// that began the wait.
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const noexcept { return retry_after_; }
  /// Whether the factor takes no code until an operator calls `unlock_factor`: with `locked_out`, and with
  /// the wrong code that locked it.
  [[nodiscard]] bool factor_locked() const noexcept { return factor_locked_; }

  /// With `wrong_code`, if `VerifyOptions::hint_clock_skew_after_password` asked for it: the code is right
  /// for a clock that is ahead of ours by so much (negative: behind), up to an hour. "Your phone's clock is 7
  /// minutes late; have it set itself" helps a user whose codes never work. None otherwise, and after five
  /// such hints of a factor within about two hours.
  [[nodiscard]] std::optional<std::chrono::seconds> clock_skew() const noexcept { return clock_skew_; }

 private:
  Status status_;
  FactorType type_;
  ChallengeDetails challenge_;
  std::optional<std::chrono::seconds> retry_after_;
  std::optional<std::chrono::seconds> clock_skew_;
  bool factor_locked_;
  std::uint32_t attempts_left_ = 0;
  std::string user_id_;
  std::optional<Time> verified_at_;
  std::span<const std::string_view> amr_;
  std::optional<Assurance> assurance_;
  std::shared_ptr<const webauthn::Outputs> webauthn_outputs_;
};

} // namespace mfa
