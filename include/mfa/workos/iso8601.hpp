#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

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

/// The time that is so written, with its milliseconds or without; nothing for what is none, or before 1970.
[[nodiscard]] inline std::optional<Time> read_iso8601(std::string_view text) {
  constexpr std::string_view form = "0000-00-00T00:00:00.000Z";
  constexpr std::string_view short_form = "0000-00-00T00:00:00Z";
  const std::string_view wanted = text.size() == form.size() ? form : short_form;
  bool fit = text.size() == wanted.size();
  std::array<unsigned, 7> numbers{}; // year, month ... milliseconds
  std::size_t number = 0;
  for (std::size_t i = 0; fit && i < text.size(); ++i) {
    if (wanted[i] == '0') {
      fit = text[i] >= '0' && text[i] <= '9';
      numbers[number] = 10 * numbers[number] + static_cast<unsigned>(text[i] - '0');
    } else {
      fit = text[i] == wanted[i];
      if (wanted[i] != 'Z') ++number;
    }
  }
  const std::chrono::year_month_day date{std::chrono::year(static_cast<int>(numbers[0])),
                                         std::chrono::month(numbers[1]), std::chrono::day(numbers[2])};
  if (!fit || !date.ok() || numbers[0] < 1970 || numbers[3] > 23 || numbers[4] > 59 || numbers[5] > 59)
    return std::nullopt;
  return std::chrono::sys_days(date) + std::chrono::hours(numbers[3]) + std::chrono::minutes(numbers[4]) +
         std::chrono::seconds(numbers[5]) + std::chrono::milliseconds(numbers[6]);
}

} // namespace mfa::workos
