#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/decision/context.hpp>
#include <mfa/detail/fields.hpp>
#include <mfa/detail/hexadecimal.hpp>
#include <mfa/error.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::decision {

/// The id of the counter of a phone number's messages, and those that it has under further keys: HMACs, so
/// that the storage does not learn the number.
[[nodiscard]] inline std::vector<std::string> sms_counter_ids(std::string_view phone_number,
                                                              const KeyRing& keys) {
  constexpr std::size_t mac_size = 32;
  std::vector<std::string> ids;
  for (const std::string& stored : keys.authenticate_under_each(phone_number, "sms counter"))
    ids.push_back("sms_sends_" + detail::hexadecimal(crypto::bytes_of(stored).last(mac_size)));
  return ids;
}

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
      const Time sent{std::chrono::milliseconds(fields.number_up_to(100'000'000'000'000))};
      ahead = ahead || sent > context.now;
      if (sent > context.now - hours(24)) sends.push_back(std::min(sent, context.now));
    }
    fields.end();
  }
  std::sort(sends.begin(), sends.end());
  const auto keep = [&] {
    detail::FieldWriter fields(1);
    fields.number(sends.size());
    for (const Time sent : sends) fields.number(static_cast<std::uint64_t>(sent.time_since_epoch().count()));
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

/// Counts one more message to a phone number, or throws `errc::sms_rate_limited` with the time to wait.
inline void count_sms(storage::CounterRecord& counter, const Context& context) {
  const Options& options = context.options;
  const auto wait = count_send(
      counter, {options.sms_send_interval, options.sms_sends_an_hour, options.sms_sends_a_day}, context);
  if (wait)
    throw Error(errc::sms_rate_limited,
                "too many messages to this phone number; the next one may be sent in " +
                    std::to_string(wait->count()) + " s",
                *wait);
}

/// Counts one more code that the host delivers, or throws `errc::code_rate_limited` with the time to wait.
inline void count_generic_otp(storage::CounterRecord& counter, const Context& context) {
  const Options& options = context.options;
  const auto wait = count_send(
      counter, {options.generic_otp_interval, options.generic_otps_an_hour, options.generic_otps_a_day},
      context);
  if (wait)
    throw Error(errc::code_rate_limited,
                "too many codes of this factor; the next one may be drawn in " +
                    std::to_string(wait->count()) + " s",
                *wait);
}

} // namespace mfa::decision
