#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/challenge_details.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/fwd.hpp>
#include <mfa/options.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa {

/// One question put to one factor, as last stored, with the verb that applies to it. A value: it does not
/// follow later changes. `verify` throws `errc::invalid_argument` once the verifier that made it,
/// `Owner`, is gone.
template <class Storage, class Clock, class SmsTransport, class Owner>
class Challenge : public ChallengeDetails {
 public:
  using VerifierReference = detail::VerifierReference<const Owner>;

  Challenge(ChallengeDetails details, VerifierReference verifier)
      : ChallengeDetails(std::move(details)), verifier_(std::move(verifier)) {}

  /// A new challenge, with what the host must pass on.
  Challenge(ChallengeDetails details, factor::Delivery&& delivery,
            std::optional<std::chrono::seconds> resend_after, VerifierReference verifier)
      : ChallengeDetails(std::move(details)), verifier_(std::move(verifier)), resend_after_(resend_after) {
    if (auto* const user = delivery.get_if<factor::ToUser>()) code_ = std::move(user->text);
    if (auto* const client = delivery.get_if<factor::ToClient>()) webauthn_options_ = std::move(client->text);
  }

  // Told by the call that made the challenge or sent its code again, and never again: `get_challenge` has
  // none of it.

  /// What the host delivers to the user, wiped with this object: the code of generic_otp. Empty for other
  /// kinds.
  [[nodiscard]] const crypto::SecretString& code() const& noexcept { return code_; }
  [[nodiscard]] crypto::SecretString code() && noexcept { return std::move(code_); }
  /// What the host passes on to the user's client: the JSON of webauthn for the browser. Empty for other
  /// kinds.
  [[nodiscard]] const std::string& webauthn_options() const& noexcept { return webauthn_options_; }
  [[nodiscard]] std::string webauthn_options() && noexcept { return std::move(webauthn_options_); }
  /// How long `resend_challenge` has to wait, as far as the limits of the user and of where the code went
  /// say. None for kinds that send nothing.
  [[nodiscard]] std::optional<std::chrono::seconds> resend_after() const noexcept { return resend_after_; }

  /// As `Verifier::verify_challenge`.
  [[nodiscard]] auto verify(std::string_view code, const VerifyOptions& options = VerifyOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.verify_challenge(id(), code, options); });
  }

  /// As `Verifier::confirm_enrollment`.
  [[nodiscard]] auto confirm(std::string_view code, const VerifyOptions& options = VerifyOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.confirm_enrollment(id(), code, options); });
  }

  /// As `Verifier::resend_challenge`, for whomever the challenge is.
  [[nodiscard]] auto resend(const ResendOptions& options = ResendOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.resend_challenge(id(), any_user, options); });
  }

 private:
  VerifierReference verifier_;
  std::optional<std::chrono::seconds> resend_after_;
  crypto::SecretString code_;
  std::string webauthn_options_;
};

} // namespace mfa
