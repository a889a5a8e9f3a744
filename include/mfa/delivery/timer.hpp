#pragma once

#include <chrono>
#include <concepts>
#include <thread>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa::delivery {

/// What a decorator waits by: a time that never goes back, and `sleep`, which blocks for so long or, beneath
/// transports that are awaited, returns what their coroutines can await. Usable from many threads.
template <class T>
concept Timer = requires(T& timer, std::chrono::milliseconds time) {
  { std::as_const(timer).now() } -> std::same_as<std::chrono::steady_clock::time_point>;
  timer.sleep(time);
};

/// The machine's time, and a thread that sleeps.
struct SteadyTimer {
  [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept {
    return std::chrono::steady_clock::now();
  }
  void sleep(std::chrono::milliseconds time) const { std::this_thread::sleep_for(time); }
};

} // namespace mfa::delivery
