#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include <mfa/encoding/fields.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

// What a counter of text messages says, by time: how many left, and how many were answered.
namespace mfa::factor {

/// What the code of a message is for.
enum class SmsPurpose : bool { sign_in, enrollment };

/// What was sent within some time, by when that began.
struct SentWithin {
  std::int64_t since = 0; ///< the time since 1970, in units of the width
  /// By purpose.
  std::array<std::uint64_t, 2> sent = {};
  std::array<std::uint64_t, 2> answered = {}; ///< of these

  [[nodiscard]] std::uint64_t all() const noexcept { return sent[0] + sent[1]; }
  bool operator==(const SentWithin&) const = default;
};

/// What a counter of a budget says. Each message is counted in both lists.
struct SmsCounts {
  static constexpr std::chrono::minutes short_width{5};
  static constexpr std::chrono::hours long_width{1};
  std::vector<SentWithin> last_hour = {}; // each oldest first; nothing is kept here of what was answered
  std::vector<SentWithin> last_day = {};
};

/// Forgets what began so long before now that all of it is over. What is later than now, of a clock that was
/// ahead, happened now, so that it ends in time; returns whether anything was.
[[nodiscard]] inline bool bring_up_to(Time now, std::chrono::milliseconds width,
                                      std::chrono::milliseconds window, std::vector<SentWithin>& list) {
  const std::int64_t current = now.time_since_epoch() / width;
  bool ahead = false;
  std::vector<SentWithin> kept;
  for (SentWithin& each : list) {
    ahead = ahead || each.since > current;
    each.since = std::min(each.since, current);
    if (Time((each.since + 1) * width) + window <= now) continue;
    if (!kept.empty() && kept.back().since == each.since) {
      for (std::size_t i = 0; i < each.sent.size(); ++i) {
        kept.back().sent[i] += each.sent[i];
        kept.back().answered[i] += each.answered[i];
      }
    } else {
      kept.push_back(each);
    }
  }
  list = std::move(kept);
  return ahead;
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline SmsCounts decode_sms_counts(const storage::CounterRecord& counter) {
  SmsCounts counts;
  if (counter.data.empty()) return counts;
  constexpr std::uint64_t most = 1'000'000'000'000;
  detail::FieldReader fields(counter.data, 1, "counter", counter.id);
  const auto read = [&](std::vector<SentWithin>& list, bool with_answers) {
    list.resize(fields.number_up_to(100));
    std::int64_t before = -1;
    for (SentWithin& each : list) {
      each.since = static_cast<std::int64_t>(fields.number_up_to(most));
      if (each.since <= before) fields.refuse("are out of order; restore the record");
      before = each.since;
      for (std::size_t i = 0; i < each.sent.size(); ++i) {
        each.sent[i] = fields.number_up_to(most);
        if (with_answers) each.answered[i] = fields.number_up_to(each.sent[i]);
      }
    }
  };
  read(counts.last_hour, false);
  read(counts.last_day, true);
  fields.end();
  return counts;
}

inline void encode_sms_counts(const SmsCounts& counts, storage::CounterRecord& counter) {
  detail::FieldWriter fields(1);
  const auto write = [&](const std::vector<SentWithin>& list, bool with_answers) {
    fields.number(list.size());
    for (const SentWithin& each : list) {
      fields.number(static_cast<std::uint64_t>(each.since));
      for (std::size_t i = 0; i < each.sent.size(); ++i) {
        fields.number(each.sent[i]);
        if (with_answers) fields.number(each.answered[i]);
      }
    }
  };
  write(counts.last_hour, false);
  write(counts.last_day, true);
  counter.data = fields.take();
  if (!counts.last_day.empty())
    counter.purge_at =
        Time((counts.last_day.back().since + 1) * std::chrono::milliseconds(SmsCounts::long_width)) +
        std::chrono::hours(24);
}

} // namespace mfa::factor
