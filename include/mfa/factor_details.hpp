#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>

#include <mfa/assurance.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/webauthn_sign_in.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// What may be shown of a factor: never its secret.
class FactorDetails {
 public:
  /// Throws `errc::corrupt_record`.
  FactorDetails(const storage::FactorRecord& record, const factor::Context& context)
      : id_(record.id), type_(record.type), state_(record.state), user_id_(record.user_id),
        friendly_name_(record.friendly_name), created_at_(record.created_at), updated_at_(record.updated_at),
        last_used_at_(record.last_used_at), failures_(record.failures),
        best_assurance_(factor::facts_of(record.type).best_assurance),
        details_(factor::with_kind(record.type,
                                   [&](auto kind) { return factor::Details(kind.describe(record)); })) {
    const decision::Lockout lock = decision::lockout(record, context.now, context.options);
    locked_ = lock.locked;
    delayed_until_ = lock.until;
    WebAuthnDetails* const webauthn = std::get_if<WebAuthnDetails>(&details_);
    if (webauthn == nullptr) return;
    if (context.options.webauthn)
      webauthn->authenticator = context.options.webauthn->authenticator_name(webauthn->aaguid);
    if (verified()) best_assurance_ = factor::credential::best_assurance_of(record, context);
  }

  [[nodiscard]] const std::string& id() const& noexcept { return id_; }
  [[nodiscard]] std::string id() && noexcept { return std::move(id_); }
  [[nodiscard]] FactorType type() const noexcept { return type_; }
  [[nodiscard]] FactorState state() const noexcept { return state_; }
  /// Whether its enrolment was confirmed. Until then it signs nobody in.
  [[nodiscard]] bool verified() const noexcept { return state_ == FactorState::verified; }
  [[nodiscard]] const std::string& user_id() const& noexcept { return user_id_; }
  [[nodiscard]] std::string user_id() && noexcept { return std::move(user_id_); }
  [[nodiscard]] const std::string& friendly_name() const& noexcept { return friendly_name_; }
  [[nodiscard]] std::string friendly_name() && noexcept { return std::move(friendly_name_); }
  [[nodiscard]] Time created_at() const noexcept { return created_at_; }
  [[nodiscard]] Time updated_at() const noexcept { return updated_at_; }
  /// The last valid verification.
  [[nodiscard]] std::optional<Time> last_used_at() const noexcept { return last_used_at_; }
  /// Wrong codes since the last valid one.
  [[nodiscard]] std::uint32_t failures() const noexcept { return failures_; }
  /// The most that a verification by it can show. A security key or passkey that was registered without its
  /// PIN or biometric is one factor until that counts (`ChallengeOptions::initialize_user_verification`).
  [[nodiscard]] const Assurance& best_assurance() const noexcept { return best_assurance_; }
  /// Whether it takes no code until an operator calls `unlock_factor`.
  [[nodiscard]] bool locked() const noexcept { return locked_; }
  /// Until when it looks at no code after too many wrong ones in a row, if it waits.
  [[nodiscard]] std::optional<Time> delayed_until() const noexcept { return delayed_until_; }

  /// What its kind tells (`details_as<TotpDetails>()`), or null if it is of another kind. Of a temporary, a
  /// copy or nothing.
  template <class Kind> [[nodiscard]] const Kind* details_as() const& noexcept {
    return std::get_if<Kind>(&details_);
  }
  template <class Kind> [[nodiscard]] std::optional<Kind> details_as() && {
    Kind* const kind = std::get_if<Kind>(&details_);
    return kind != nullptr ? std::optional<Kind>(std::move(*kind)) : std::nullopt;
  }
  [[nodiscard]] const TotpDetails* totp() const& noexcept { return details_as<TotpDetails>(); }
  [[nodiscard]] const SmsDetails* sms() const& noexcept { return details_as<SmsDetails>(); }
  [[nodiscard]] const GenericOtpDetails* generic_otp() const& noexcept {
    return details_as<GenericOtpDetails>();
  }
  [[nodiscard]] const HotpDetails* hotp() const& noexcept { return details_as<HotpDetails>(); }
  [[nodiscard]] const RecoveryCodesDetails* recovery_codes() const& noexcept {
    return details_as<RecoveryCodesDetails>();
  }
  [[nodiscard]] const WebAuthnDetails* webauthn() const& noexcept { return details_as<WebAuthnDetails>(); }
  [[nodiscard]] const EmailDetails* email() const& noexcept { return details_as<EmailDetails>(); }
  [[nodiscard]] std::optional<TotpDetails> totp() && { return std::move(*this).details_as<TotpDetails>(); }
  [[nodiscard]] std::optional<SmsDetails> sms() && { return std::move(*this).details_as<SmsDetails>(); }
  [[nodiscard]] std::optional<GenericOtpDetails> generic_otp() && {
    return std::move(*this).details_as<GenericOtpDetails>();
  }
  [[nodiscard]] std::optional<HotpDetails> hotp() && { return std::move(*this).details_as<HotpDetails>(); }
  [[nodiscard]] std::optional<RecoveryCodesDetails> recovery_codes() && {
    return std::move(*this).details_as<RecoveryCodesDetails>();
  }
  [[nodiscard]] std::optional<WebAuthnDetails> webauthn() && {
    return std::move(*this).details_as<WebAuthnDetails>();
  }
  [[nodiscard]] std::optional<EmailDetails> email() && { return std::move(*this).details_as<EmailDetails>(); }
  [[nodiscard]] const factor::Details& details() const& noexcept { return details_; }
  [[nodiscard]] factor::Details details() && noexcept { return std::move(details_); }

 private:
  std::string id_;
  FactorType type_;
  FactorState state_;
  std::string user_id_;
  std::string friendly_name_;
  Time created_at_;
  Time updated_at_;
  std::optional<Time> last_used_at_;
  std::uint32_t failures_;
  Assurance best_assurance_;
  bool locked_ = false;
  std::optional<Time> delayed_until_;
  factor::Details details_;
};

} // namespace mfa
