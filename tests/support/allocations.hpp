#pragma once

#include <atomic>
#include <cstddef>
#include <cstdlib>
#include <new>

namespace mfa::test {

/// Bytes that this program has had from `new`, given back or not.
inline std::atomic<std::size_t> allocated = 0;

} // namespace mfa::test

// Included by one file of a program. Not inlined, or GCC takes the pairs for mismatched ones.
[[gnu::noinline]] void* operator new(std::size_t size) {
  mfa::test::allocated += size;
  if (void* const memory = std::malloc(size)) return memory;
  throw std::bad_alloc();
}
[[gnu::noinline]] void* operator new(std::size_t size, const std::nothrow_t&) noexcept {
  mfa::test::allocated += size;
  return std::malloc(size);
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
