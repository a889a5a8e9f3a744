#pragma once

#include <memory>
#include <type_traits>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa {

/// How a `Verifier` holds a policy: one given as an lvalue is borrowed and must outlive it, one given as a
/// temporary is owned.
template <class P> class Policy {
 public:
  Policy(P& borrowed) noexcept : used_(std::addressof(borrowed)) {}
  Policy(P&& temporary) : owned_(std::make_unique<P>(std::move(temporary))), used_(owned_.get()) {}

  [[nodiscard]] P& operator*() const noexcept { return *used_; }
  [[nodiscard]] P* operator->() const noexcept { return used_; }

 private:
  std::unique_ptr<P> owned_; ///< null: borrowed
  P* used_;
};

/// The policy that an argument of a `Verifier` stands for, an lvalue or a temporary.
template <class P> using PolicyType = std::remove_cvref_t<P>;

namespace detail {

/// What a host may hold a policy by, and what is no policy.
template <class P>
concept PointsToPolicy = std::is_pointer_v<P> || requires(P& pointer) {
  pointer.operator->();
};

} // namespace detail
} // namespace mfa
