#pragma once

#include <mfa/compiler.hpp>

namespace mfa::crypto::detail {

/// An object of a C library, or null. As std::unique_ptr, with a fifth of its functions to compile for each
/// type.
template <class T, auto free> class Owned {
 public:
  explicit Owned(T* object) noexcept : object_(object) {}
  Owned(const Owned&) = delete;
  Owned& operator=(const Owned&) = delete;
  ~Owned() { reset(); }

  [[nodiscard]] T* get() const noexcept { return object_; }
  [[nodiscard]] explicit operator bool() const noexcept { return object_ != nullptr; }
  void reset() noexcept {
    if (object_ != nullptr) free(object_);
    object_ = nullptr;
  }

 private:
  T* object_;
};

} // namespace mfa::crypto::detail
