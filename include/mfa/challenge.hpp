#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <mfa/challenge_details.hpp>
#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/decision/context.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/fwd.hpp>
#include <mfa/verification.hpp>

namespace mfa {

/// One question put to one factor, as last stored, with the verb that applies to it. A value: it does not
/// follow later changes. The `Verifier` that made it must outlive it.
template <class Storage, class Clock, class SmsTransport> class Challenge : public ChallengeDetails {
 public:
  Challenge(ChallengeDetails details, const Verifier<Storage, Clock, SmsTransport>& verifier)
      : ChallengeDetails(std::move(details)), verifier_(&verifier) {}

  /// A new challenge, with what the host must pass on.
  Challenge(ChallengeDetails details, decision::ChallengeEffects&& effects,
            const Verifier<Storage, Clock, SmsTransport>& verifier)
      : ChallengeDetails(std::move(details)), verifier_(&verifier), code_(std::move(effects.code)),
        webauthn_options_(std::move(effects.webauthn_options)) {}

  // Told by the call that made the challenge, and never again: `get_challenge` has neither.

  /// generic_otp: the code to deliver to the user, wiped with this object; empty for other kinds.
  [[nodiscard]] std::string_view code() const noexcept { return crypto::text_of(code_); }
  /// webauthn: the JSON for the browser; empty for other kinds.
  [[nodiscard]] const std::string& webauthn_options() const noexcept { return webauthn_options_; }

  /// As `Verifier::verify_challenge`.
  [[nodiscard]] Verification verify(std::string_view code, const VerifyOptions& options = {}) const {
    return verifier_->verify_challenge(id(), code, options);
  }

 private:
  const Verifier<Storage, Clock, SmsTransport>* verifier_;
  crypto::SecretBytes code_;
  std::string webauthn_options_;
};

} // namespace mfa
