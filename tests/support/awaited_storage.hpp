#pragma once

#include <coroutine>
#include <cstddef>
#include <deque>
#include <string_view>
#include <type_traits>

#include <mfa/storage/memory.hpp>

#include "forwarding_storage.hpp"
#include "task.hpp"

namespace mfa::test {

/// A storage in memory each of whose functions suspends its caller until the test goes on: before it does
/// anything, and once more before its caller learns the answer.
class AwaitedMemory : public ForwardingStorage<AwaitedMemory, storage::Memory> {
 public:
  storage::Memory memory;

  /// How often a caller was suspended.
  [[nodiscard]] std::size_t suspensions() const noexcept { return suspensions_; }

  /// Goes on with whoever waits longest; false if nobody does.
  bool step() {
    if (waiting_.empty()) return false;
    const auto waiting = waiting_.front();
    waiting_.pop_front();
    waiting.resume();
    return true;
  }

  /// What was destroyed waits no longer.
  void forget_all() { waiting_.clear(); }

  template <class Call>
  Task<std::invoke_result_t<Call, storage::Memory&>> around(std::string_view /*function*/, Call call) {
    Turn before{*this};
    co_await before;
    auto answered = call(memory);
    Turn after{*this};
    co_await after;
    co_return answered;
  }

 private:
  struct Turn {
    AwaitedMemory& storage;
    static bool await_ready() noexcept { return false; }
    void await_suspend(std::coroutine_handle<> waiting) const {
      ++storage.suspensions_;
      storage.waiting_.push_back(waiting);
    }
    static void await_resume() noexcept {}
  };

  std::deque<std::coroutine_handle<>> waiting_;
  std::size_t suspensions_ = 0;
};

} // namespace mfa::test
