#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/encoding/fields.hpp>
#include <mfa/error.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/search.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>

namespace mfa::factor {

struct SendLimits {
  std::chrono::seconds interval; ///< between two
  unsigned an_hour;
  unsigned a_day;
};

/// What a factor that was never verified may have of them: half, rounded up, of what its destination is sent
/// by whatever factors. Whoever enrols somebody else's number or address so leaves its owner the rest.
[[nodiscard]] constexpr SendLimits of_enrollments(SendLimits limits) noexcept {
  return {limits.interval, limits.an_hour - limits.an_hour / 2, limits.a_day - limits.a_day / 2};
}

/// The limits of a factor's destination for this factor.
[[nodiscard]] constexpr SendLimits limits_for(const storage::FactorRecord& factor,
                                              SendLimits limits) noexcept {
  return factor.state == FactorState::verified ? limits : of_enrollments(limits);
}

/// What became of one more send.
struct SendCount {
  std::optional<std::chrono::seconds> wait = {}; ///< if it is refused: no longer than the limit's window
  std::chrono::seconds next{};                   ///< if it is not: how long the one after it has to wait
  /// Whether what is stored must change: a send was counted, or one is stored with a later time than now's,
  /// of a clock that was ahead, and is taken for sent now, so that the wait counts down.
  bool changed = false;
};

/// How long one more send has to wait, beside these of the last day, which are sorted.
[[nodiscard]] inline std::chrono::seconds wait_for_next(const std::vector<Time>& sends,
                                                        const SendLimits& limits, Time now) {
  using std::chrono::hours;
  Time allowed = now;
  const auto at_most = [&](std::size_t limit, std::chrono::milliseconds window) {
    if (sends.size() >= limit) allowed = std::max(allowed, sends[sends.size() - limit] + window);
  };
  at_most(1, limits.interval);
  at_most(limits.an_hour, hours(1));
  at_most(limits.a_day, hours(24));
  return std::chrono::ceil<std::chrono::seconds>(allowed - now);
}

/// Counts one more send beside those of the last day, or refuses it.
[[nodiscard]] inline SendCount count_send(std::vector<Time>& sends, const SendLimits& limits,
                                          const Context& context) {
  using std::chrono::hours;
  bool ahead = false;
  mfa::detail::erase_if(sends, [&](Time sent) { return sent <= context.now - hours(24); });
  for (Time& sent : sends) {
    ahead = ahead || sent > context.now;
    sent = std::min(sent, context.now);
  }
  mfa::detail::sort_few(sends, [](Time one, Time other) { return one < other; });

  const std::chrono::seconds wait = wait_for_next(sends, limits, context.now);
  if (wait.count() > 0) return {.wait = wait, .changed = ahead};
  sends.push_back(context.now);
  return {.next = wait_for_next(sends, limits, context.now), .changed = true};
}

/// The same for sends that have a counter of their own, which is what was found, or a new record with its id.
[[nodiscard]] inline SendCount count_send(storage::CounterRecord& counter, const SendLimits& limits,
                                          const Context& context) {
  std::vector<Time> sends;
  if (!counter.data.empty()) {
    detail::FieldReader fields(counter.data, 1, "counter", counter.id);
    sends.resize(fields.number_up_to(1000));
    for (Time& sent : sends) sent = fields.time();
    fields.end();
  }
  const SendCount count = count_send(sends, limits, context);
  if (count.changed) {
    detail::FieldWriter fields(1);
    fields.number(sends.size());
    for (const Time sent : sends) fields.time(sent);
    counter.data = fields.take();
    counter.purge_at = sends.back() + std::chrono::hours(24);
  }
  return count;
}

/// What refuses one more send. `what` was sent too often, and may be `done` again after the wait.
[[nodiscard]] inline Error too_many(errc code, std::string_view what, std::string_view done,
                                    std::chrono::seconds wait) {
  return {code,
          "too many " + std::string(what) + "; the next one may be " + std::string(done) + " in " +
              std::to_string(wait.count()) + " s",
          wait};
}

} // namespace mfa::factor
