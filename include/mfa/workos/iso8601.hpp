#pragma once

#include <array>
#include <chrono>
#include <cstdio>
#include <string>

#include <mfa/types.hpp>

namespace mfa::workos {

/// A time as ISO 8601 in UTC with milliseconds: "2026-01-01T00:00:00.000Z".
[[nodiscard]] inline std::string iso8601(Time time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  std::array<char, 64> buffer{};
  static_cast<void>(std::snprintf(
      buffer.data(), buffer.size(), "%04d-%02u-%02uT%02d:%02d:%02d.%03dZ", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count())));
  return buffer.data();
}

} // namespace mfa::workos
