#pragma once

#include <string_view>
#include <utility>

#include <mfa/challenge.hpp>
#include <mfa/event.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/fwd.hpp>
#include <mfa/options.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa {

/// One enrolled means of a user, as last stored, with the verbs that apply to it. A value: it does not follow
/// later changes. Its verbs throw `errc::invalid_argument` once the verifier that made it, `Owner`, is gone.
template <class Storage, class Clock, class SmsTransport, class Owner> class Factor : public FactorDetails {
 public:
  using VerifierReference = detail::VerifierReference<const Owner>;

  Factor(FactorDetails details, VerifierReference verifier)
      : FactorDetails(std::move(details)), verifier_(std::move(verifier)) {}

  /// As `Verifier::challenge_factor`.
  [[nodiscard]] auto challenge(const ChallengeOptions& options = ChallengeOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.challenge_factor(id(), options); });
  }

  /// As `Verifier::delete_factor`, for the user that it was found with; or, if `user_id` is given, only if it
  /// is that user's.
  auto remove(std::string_view user_id = {}, const EventContext& event_context = EventContext()) const {
    return verifier_.with_verifier([&](const Owner& verifier) {
      return verifier.delete_factor(id(), user_id.empty() ? std::string_view(this->user_id()) : user_id,
                                    event_context);
    });
  }

 private:
  VerifierReference verifier_;
};

} // namespace mfa
