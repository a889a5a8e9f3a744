#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/decision/verification.hpp>
#include <mfa/fwd.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verification.hpp>

namespace mfa {

/// One question put to one factor, as last stored, with the verb that applies to it. A value: it does not
/// follow later changes. The `Verifier` that made it must outlive it.
template <class Storage, class Clock, class SmsTransport> class Challenge : public ChallengeDetails {
 public:
  Challenge(ChallengeDetails details, Verifier<Storage, Clock, SmsTransport>& verifier)
      : ChallengeDetails(std::move(details)), verifier_(&verifier) {}

  /// As `Verifier::verify_challenge`.
  [[nodiscard]] Verification verify(std::string_view code, const VerifyOptions& options = {}) const {
    return verifier_->verify_challenge(id(), code, options);
  }

 private:
  Verifier<Storage, Clock, SmsTransport>* verifier_;
};

} // namespace mfa
