#pragma once

#include <chrono>

#include <mfa/compiler.hpp>

namespace mfa::clock {

/// The machine's clock. Keep it right (NTP): a TOTP code is a statement about the time.
struct System {
  [[nodiscard]] std::chrono::system_clock::time_point now() const noexcept {
    return std::chrono::system_clock::now();
  }
};

} // namespace mfa::clock
