#pragma once

#include <memory>
#include <new>
#include <utility>

#include <sys/mman.h>

namespace mfa::test {

struct Unmap {
  template <class Value> void operator()(Value* value) const noexcept { ::munmap(value, sizeof(Value)); }
};

/// A value that the process shares with those that it forks. It is not destroyed, as none of them knows
/// whether it is the last.
template <class Value> using SharedMemory = std::unique_ptr<Value, Unmap>;

template <class Value, class... Arguments> SharedMemory<Value> in_shared_memory(Arguments&&... arguments) {
  void* const memory =
      ::mmap(nullptr, sizeof(Value), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) throw std::bad_alloc();
  return SharedMemory<Value>(new (memory) Value{std::forward<Arguments>(arguments)...});
}

} // namespace mfa::test
