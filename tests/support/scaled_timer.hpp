#pragma once

#include <chrono>
#include <thread>

namespace mfa::test {

/// A `delivery::Timer` on which so many seconds go by in one of ours. Copies tell the same time.
class ScaledTimer {
  using Clock = std::chrono::steady_clock;

 public:
  explicit ScaledTimer(int faster) : faster_(faster) {}

  [[nodiscard]] Clock::time_point now() const { return start_ + (Clock::now() - start_) * faster_; }
  void sleep(std::chrono::milliseconds time) const {
    std::this_thread::sleep_for(std::chrono::duration_cast<Clock::duration>(time) / faster_);
  }
  [[nodiscard]] Clock::duration since_start() const { return now() - start_; }

 private:
  int faster_;
  Clock::time_point start_ = Clock::now();
};

} // namespace mfa::test
