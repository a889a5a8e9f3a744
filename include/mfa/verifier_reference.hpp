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

  /// Throws `errc::invalid_argument` if there is none any more. One that ends during the call is the host's
  /// to prevent.
  [[nodiscard]] Verifier& get() const {
    Verifier* const verifier = verifier_ ? verifier_->load() : nullptr;
    if (verifier == nullptr)
      throw Error(
          errc::invalid_argument,
          "the Verifier of this factor or challenge is gone; keep it for as long as they are used, or "
          "keep their ids and call the verbs of another Verifier");
    return *verifier;
  }

 private:
  std::shared_ptr<std::atomic<Verifier*>> verifier_; ///< null: moved from
};

} // namespace mfa::detail
