#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/crypto/random.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/workos/errors.hpp>
#include <mfa/workos/iso8601.hpp>

namespace mfa::workos {

/// What happened, for `GET /mfa/events`, webhooks and logs. `id` is the host's. Of a cause that is no `Error`
/// nothing is said, as its text is the host's and may name a phone.
[[nodiscard]] inline nlohmann::ordered_json json(const Event& event, std::string_view id) {
  nlohmann::ordered_json json{
      {"object", "event"}, {"id", id}, {"type", to_string(event.type)}, {"created_at", iso8601(event.at)}};
  const auto add = [&json](const char* name, std::string_view text) {
    if (!text.empty()) json[name] = text;
  };
  if (event.factor_type) add("factor_type", to_string(*event.factor_type));
  add("factor_id", event.factor_id);
  add("user_id", event.user_id);
  add("challenge_id", event.challenge_id);
  if (event.status) add("status", to_string(*event.status));
  add("device_id", event.device_id);
  if (event.count) json["count"] = *event.count;
  if (event.cause) {
    try {
      std::rethrow_exception(event.cause);
    } catch (const Error& error) {
      json["cause"] = detail::name_of(error.code());
    } catch (...) {
      json["cause"] = "unknown";
    }
  }
  if (event.channel) add("channel", to_string(*event.channel));
  if (event.report) add("report", to_string(*event.report));
  if (event.limit) add("limit", to_string(*event.limit));
  add("country", event.country);
  add("ip_address", event.ip_address);
  add("user_agent", event.user_agent);
  add("request_id", event.request_id);
  return json;
}

/// A part of what a host keeps of its events.
struct EventPage {
  std::vector<nlohmann::ordered_json> events = {}; ///< oldest first, as `json` makes them
  std::string next = {};                           ///< what to ask for next time; empty: there was none yet
  bool missed = false;                             ///< some after the one that was named are kept no more
};

/// Gives the events after the one of this id, or from the first that it keeps if the id is empty; nothing if
/// it does not know the id. Called in the thread of the request: with `AsyncApi` it must not block.
using EventSource = std::function<std::optional<EventPage>(std::string_view after, std::size_t limit)>;

/// The last events of this process, in its memory: for a page that shows what just happened. No audit log:
/// they end with the process, other nodes have theirs, and whoever reads too seldom misses some. Give
/// `Options::observer` its `keep`, and `ApiOptions::events` its `after`. Usable from many threads at once.
class RecentEvents {
 public:
  explicit RecentEvents(std::size_t most = 1000) : most_(most) {
    std::array<unsigned char, 8> drawn{};
    crypto::random_bytes_for("recent events", drawn);
    prefix_ = "event_" + mfa::detail::hexadecimal(drawn) + "_";
  }

  void keep(const Event& event) {
    const std::lock_guard lock(mutex_);
    events_.push_back(json(event, prefix_ + std::to_string(last_ + 1)));
    ++last_;
    if (events_.size() > most_) events_.pop_front();
  }

  /// See `EventSource`.
  [[nodiscard]] std::optional<EventPage> after(std::string_view id, std::size_t limit) const {
    const std::lock_guard lock(mutex_);
    std::uint64_t seen = 0;
    if (!id.empty()) {
      if (!id.starts_with(prefix_)) return std::nullopt;
      id.remove_prefix(prefix_.size());
      const auto [stopped, error] = std::from_chars(id.data(), id.data() + id.size(), seen);
      if (error != std::errc() || stopped != id.data() + id.size() || seen < 1 || seen > last_)
        return std::nullopt;
    }
    const std::uint64_t forgotten = last_ - events_.size();
    EventPage page;
    page.missed = seen < forgotten && !id.empty();
    std::uint64_t number = seen < forgotten ? forgotten : seen;
    while (number < last_ && page.events.size() < limit)
      page.events.push_back(events_[static_cast<std::size_t>(number++ - forgotten)]);
    if (number > 0) page.next = prefix_ + std::to_string(number);
    return page;
  }

 private:
  std::size_t most_;
  std::string prefix_; ///< of this process alone
  mutable std::mutex mutex_;
  std::deque<nlohmann::ordered_json> events_;
  std::uint64_t last_ = 0; ///< the number of the last event
};

} // namespace mfa::workos
