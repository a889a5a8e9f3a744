#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include <openssl/crypto.h>

#include <mfa/compiler.hpp>

namespace mfa::crypto {

/// An allocator that wipes memory before it gives it back.
template <class T> struct WipingAllocator {
  using value_type = T;

  WipingAllocator() = default;
  template <class U> constexpr WipingAllocator(const WipingAllocator<U>&) noexcept {}

  T* allocate(std::size_t count) { return std::allocator<T>{}.allocate(count); }
  void deallocate(T* memory, std::size_t count) noexcept {
    OPENSSL_cleanse(memory, count * sizeof(T));
    std::allocator<T>{}.deallocate(memory, count);
  }

  friend bool operator==(const WipingAllocator&, const WipingAllocator&) noexcept { return true; }
};

/// Bytes that are wiped when they are let go: keys and secrets in the clear.
using SecretBytes = std::vector<unsigned char, WipingAllocator<unsigned char>>;

/// The same of a fixed size, in the object itself.
template <class T, std::size_t size> struct SecretArray : std::array<T, size> {
  SecretArray() : std::array<T, size>{} {}
  SecretArray(const SecretArray&) = delete;
  SecretArray& operator=(const SecretArray&) = delete;
  ~SecretArray() { OPENSSL_cleanse(this->data(), size * sizeof(T)); }
};

[[nodiscard]] inline SecretBytes secret_copy(std::span<const unsigned char> bytes) {
  return SecretBytes(bytes.data(), bytes.data() + bytes.size());
}

} // namespace mfa::crypto
