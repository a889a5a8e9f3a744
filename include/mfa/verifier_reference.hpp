#pragma once

#include <atomic>
#include <memory>

#include <mfa/error.hpp>

namespace mfa::detail {

/// By what a factor or a challenge finds the verifier that made it. All copies share what the verifier's end
/// changes, so that a later use is refused and reads no freed memory.
template <class Verifier> class VerifierReference {
 public:
  explicit VerifierReference(Verifier& verifier)
      : verifier_(std::make_shared<std::atomic<Verifier*>>(&verifier)) {}

  /// The verifier ends, and with it what its factors and challenges can do.
  void end() noexcept { verifier_->store(nullptr); }

  /// Calls `use` with the verifier; or, if there is none any more, returns what `Verifier::gone` does. One
  /// that ends during the call is the host's to prevent.
  template <class Use> auto with_verifier(Use use) const {
    Verifier* const verifier = verifier_ ? verifier_->load() : nullptr;
    if (verifier == nullptr) return Verifier::template gone<decltype(use(*verifier))>();
    return use(*verifier);
  }

 private:
  std::shared_ptr<std::atomic<Verifier*>> verifier_; ///< null: moved from
};

/// What the factors and challenges of a verifier that is gone say.
[[noreturn]] inline void throw_verifier_gone() {
  throw Error(errc::invalid_argument,
              "the Verifier of this factor or challenge is gone; keep it for as long as they are used, or "
              "keep their ids and call the verbs of another Verifier");
}

} // namespace mfa::detail
