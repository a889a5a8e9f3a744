#pragma once

#include <string_view>
#include <utility>

#include <mfa/authorization.hpp>
#include <mfa/challenge.hpp>
#include <mfa/event.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/fwd.hpp>
#include <mfa/options.hpp>
#include <mfa/user_id.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa {

/// One enrolled means of a user, as last stored, with the verbs that apply to it. A value: it does not follow
/// later changes. Its verbs throw `errc::invalid_argument` once the verifier that made it, `Owner`, is gone.
template <class Storage, class Clock, class SmsTransport, class Owner> class Factor : public FactorDetails {
 public:
  using VerifierReference = detail::VerifierReference<const Owner>;

  Factor(FactorDetails details, VerifierReference verifier)
      : FactorDetails(std::move(details)), verifier_(std::move(verifier)) {}

  /// As `Verifier::challenge_factor`, of the user that it was found with.
  [[nodiscard]] auto challenge(const ChallengeOptions& options = ChallengeOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.challenge_factor(id(), whose(), options); });
  }

  /// As `Verifier::challenge_enrollment`, of the user that it was found with.
  [[nodiscard]] auto challenge_enrollment(const ChallengeOptions& options = ChallengeOptions(),
                                          const Authorization& authorization = Authorization()) const {
    return verifier_.with_verifier([&](const Owner& verifier) {
      return verifier.challenge_enrollment(id(), whose(), options, authorization);
    });
  }

  /// As `Verifier::confirm_enrollment` with the factor's id.
  [[nodiscard]] auto confirm(std::string_view code, const VerifyOptions& options = VerifyOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.confirm_enrollment(id(), code, options); });
  }

  /// As `Verifier::rename_factor`, of the user that it was found with. Returns the factor with its new name.
  auto rename(std::string_view friendly_name, const EventContext& event_context = EventContext()) const {
    return verifier_.with_verifier([&](const Owner& verifier) {
      return verifier.rename_factor(id(), whose(), friendly_name, event_context);
    });
  }

  /// As `Verifier::delete_factor`, of the user that it was found with.
  auto remove(const Authorization& authorization = Authorization(),
              const DeleteOptions& options = DeleteOptions()) const {
    return verifier_.with_verifier(
        [&](const Owner& verifier) { return verifier.delete_factor(id(), whose(), authorization, options); });
  }

 private:
  /// A factor without a user is known by its id alone.
  [[nodiscard]] Whose whose() const { return user_id().empty() ? Whose(any_user) : Whose(user_id()); }

  VerifierReference verifier_;
};

} // namespace mfa
