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
#include <mfa/storage/record.hpp>

namespace mfa::factor {

struct SendLimits {
  std::chrono::seconds interval; ///< between two
  unsigned an_hour;
  unsigned a_day;
};

/// Counts one more send in `counter`, which is what was found, or a new record with its id. Or returns the
/// time to wait, which is no longer than the window of the limit, and leaves the counter as it is. A send
/// that is stored with a later time than now's, of a clock that was ahead, is taken for sent now; if there
/// was one, the counter is changed to say so and must be committed for the wait to count down.
[[nodiscard]] inline std::optional<std::chrono::seconds>
count_send(storage::CounterRecord& counter, const SendLimits& limits, const Context& context) {
  using std::chrono::hours;
  std::vector<Time> sends;
  bool ahead = false;
  if (!counter.data.empty()) {
    detail::FieldReader fields(counter.data, 1, "counter", counter.id);
    for (std::uint64_t count = fields.number_up_to(1000); count > 0; --count) {
      const Time sent = fields.time();
      ahead = ahead || sent > context.now;
      if (sent > context.now - hours(24)) sends.push_back(std::min(sent, context.now));
    }
    fields.end();
  }
  std::sort(sends.begin(), sends.end());
  const auto keep = [&] {
    detail::FieldWriter fields(1);
    fields.number(sends.size());
    for (const Time sent : sends) fields.time(sent);
    counter.data = fields.take();
    counter.purge_at = sends.back() + hours(24);
  };

  Time allowed = context.now;
  const auto at_most = [&](std::size_t limit, std::chrono::milliseconds window) {
    if (sends.size() >= limit) allowed = std::max(allowed, sends[sends.size() - limit] + window);
  };
  at_most(1, limits.interval);
  at_most(limits.an_hour, hours(1));
  at_most(limits.a_day, hours(24));
  if (allowed > context.now) {
    if (ahead) keep();
    return std::chrono::ceil<std::chrono::seconds>(allowed - context.now);
  }
  sends.push_back(context.now);
  keep();
  return std::nullopt;
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
