#pragma once

#include <utility>
#include <vector>

#include <mfa/challenge_details.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa::detail {

/// Makes of what verbs return what the host gets: with handles of its verifier in the place of details.
template <class Verifier> class Handles {
 public:
  explicit Handles(const Verifier& verifier) : reference_(verifier) {}

  /// The verifier ends, and with it what the handles can do.
  void end() noexcept { reference_.end(); }

  auto operator()(FactorDetails factor) const {
    return typename Verifier::FactorHandle(std::move(factor), reference_);
  }
  auto operator()(ChallengeDetails challenge) const {
    return typename Verifier::ChallengeHandle(std::move(challenge), reference_);
  }
  auto operator()(verbs::Created created) const {
    return typename Verifier::ChallengeHandle(std::move(created.challenge), std::move(created.delivery),
                                              created.resend_after, reference_);
  }
  template <class Kind> auto operator()(verbs::Enrolled<Kind> enrolled) const {
    return typename Kind::template Enrolled<typename Verifier::FactorHandle>{
        (*this)(std::move(enrolled.factor)), std::move(enrolled.shown)};
  }
  auto operator()(std::vector<FactorDetails> factors) const {
    std::vector<typename Verifier::FactorHandle> handles;
    handles.reserve(factors.size());
    for (FactorDetails& factor : factors) handles.push_back((*this)(std::move(factor)));
    return handles;
  }

  /// Takes the result of a verb that has ended, or throws what it threw.
  template <class Verb> auto take(Verb& verb) const {
    if constexpr (requires { (*this)(verb.take()); })
      return (*this)(verb.take());
    else
      return verb.take();
  }

 private:
  VerifierReference<const Verifier> reference_;
};

} // namespace mfa::detail
