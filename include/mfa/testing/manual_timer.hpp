#pragma once

#include <atomic>
#include <chrono>

#include <mfa/compiler.hpp>

namespace mfa::testing {

/// A timer for `delivery::Retry` and `CircuitBreaker` in tests: its time stands still until it is told to
/// move, and who sleeps moves it, and wakes at once. Usable from many threads.
class ManualTimer {
 public:
  using time_point = std::chrono::steady_clock::time_point;

  [[nodiscard]] time_point now() const noexcept { return time_point(time_.load()); }
  void sleep(std::chrono::milliseconds time) noexcept { advance(time); }
  void advance(std::chrono::steady_clock::duration by) noexcept {
    auto before = time_.load();
    while (!time_.compare_exchange_weak(before, before + by)) {
    }
  }

 private:
  std::atomic<std::chrono::steady_clock::duration> time_ = std::chrono::steady_clock::duration(0);
};

} // namespace mfa::testing
