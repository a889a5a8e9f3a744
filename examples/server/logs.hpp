#pragma once

#include <cerrno>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>

#include <unistd.h>

#include <nlohmann/json.hpp>

#include <mfa/event.hpp>
#include <mfa/types.hpp>
#include <mfa/workos/iso8601.hpp>

namespace server {

/// Lines of JSON, one for each thing that happened. Nobody gives it codes, secrets, phone numbers, addresses,
/// paths or bodies. Usable from many threads.
class Log {
 public:
  using Fields = nlohmann::ordered_json;

  explicit Log(bool errors_only, int descriptor = 2) : errors_only_(errors_only), descriptor_(descriptor) {}

  void info(std::string_view message, Fields fields = Fields::object()) {
    if (!errors_only_) write("info", message, fields);
  }
  void warning(std::string_view message, const Fields& fields = Fields::object()) {
    if (!errors_only_) write("warning", message, fields);
  }
  void error(std::string_view message, const Fields& fields = Fields::object()) {
    write("error", message, fields);
  }

  /// What a verb did.
  void event(const mfa::Event& event) {
    if (errors_only_ && !event.cause) return;
    Fields fields;
    fields["event"] = to_string(event.type);
    const auto add = [&fields](const char* name, std::string_view text) {
      if (!text.empty()) fields[name] = text;
    };
    if (event.factor_type) fields["factor_type"] = to_string(*event.factor_type);
    add("factor_id", event.factor_id);
    add("user_id", event.user_id);
    add("challenge_id", event.challenge_id);
    add("device_id", event.device_id);
    if (event.status) fields["status"] = to_string(*event.status);
    if (event.channel) fields["channel"] = to_string(*event.channel);
    if (event.limit) fields["limit"] = to_string(*event.limit);
    if (event.count) fields["count"] = *event.count;
    add("country", event.country);
    add("ip_address", event.ip_address);
    add("request_id", event.request_id);
    if (event.cause) fields["cause"] = what(event.cause);
    write("info", "event", fields);
  }

  [[nodiscard]] static std::string what(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const std::exception& error) {
      return error.what();
    } catch (...) {
      return "something that is no std::exception";
    }
  }

 private:
  void write(std::string_view level, std::string_view message, const Fields& fields) {
    Fields line;
    line["time"] = now();
    line["level"] = level;
    line["message"] = message;
    for (const auto& [name, value] : fields.items()) line[name] = value;
    const std::string text = line.dump(-1, ' ', false, Fields::error_handler_t::replace) + '\n';
    const std::lock_guard lock(mutex_);
    for (std::size_t at = 0; at < text.size();) {
      const auto written = ::write(descriptor_, text.data() + at, text.size() - at);
      if (written < 0 && errno == EINTR) continue; // a signal came while the reader was slow
      if (written <= 0) return;                    // there is nobody to tell
      at += static_cast<std::size_t>(written);
    }
  }

  static std::string now() {
    return mfa::workos::iso8601(
        std::chrono::time_point_cast<mfa::Time::duration>(std::chrono::system_clock::now()));
  }

  bool errors_only_;
  int descriptor_;
  std::mutex mutex_;
};

} // namespace server
