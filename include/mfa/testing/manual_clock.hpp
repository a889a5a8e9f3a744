#pragma once

#include <atomic>
#include <chrono>

#include <mfa/compiler.hpp>

namespace mfa::testing {

/// A clock that stands still until it is told to move. Usable from many threads.
class ManualClock {
 public:
  using time_point = std::chrono::system_clock::time_point;

  /// Starts at 2026-01-01T00:00:00Z unless told otherwise.
  explicit ManualClock(time_point start = time_point{std::chrono::seconds{1'767'225'600}})
      : now_(start.time_since_epoch()) {}

  [[nodiscard]] time_point now() const noexcept { return time_point{now_.load()}; }

  void set(time_point now) noexcept { now_ = now.time_since_epoch(); }

  /// Moves the clock; a negative duration moves it back.
  void advance(std::chrono::system_clock::duration by) noexcept {
    auto before = now_.load();
    while (!now_.compare_exchange_weak(before, before + by)) {
    }
  }

 private:
  std::atomic<std::chrono::system_clock::duration> now_;
};

} // namespace mfa::testing
