#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <fstream>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include <unistd.h>

#include <mfa/event.hpp>
#include <mfa/status.hpp>
#include <mfa/types.hpp>

namespace server {

/// What is counted, as Prometheus reads it (text format 0.0.4). Labels have few values, all of ours: no id,
/// no user, no path as it was sent. Usable from many threads.
class Metrics {
 public:
  /// `operation` as "POST /auth/factors/enroll".
  void request(std::string_view operation, int status, std::chrono::nanoseconds time) {
    const double seconds = std::chrono::duration<double>(time).count();
    const std::lock_guard lock(mutex_);
    ++requests_[{std::string(operation), status}];
    Histogram& histogram = durations_[std::string(operation)];
    histogram.sum += seconds;
    ++histogram.count;
    for (std::size_t i = 0; i < bounds.size() && i < histogram.buckets.size(); ++i)
      if (seconds <= bounds[i].first) ++histogram.buckets[i];
  }

  void event(const mfa::Event& event) {
    const std::lock_guard lock(mutex_);
    ++events_[std::string(to_string(event.type))];
    if (event.type == mfa::EventType::verification_succeeded ||
        event.type == mfa::EventType::verification_failed) {
      const auto kind = event.factor_type ? to_string(*event.factor_type) : std::string_view("unknown");
      const auto status = event.status ? to_string(*event.status) : std::string_view("unknown");
      ++verifications_[{std::string(kind), std::string(status)}];
    }
    const auto message = [&](const char* outcome) {
      const auto channel = event.channel ? to_string(*event.channel) : std::string_view("sms");
      ++messages_[{std::string(channel), outcome}];
    };
    switch (event.type) {
    case mfa::EventType::sms_sent:
    case mfa::EventType::message_sent: message("sent"); break;
    case mfa::EventType::sms_not_sent:
    case mfa::EventType::message_not_sent: message("not_sent"); break;
    case mfa::EventType::message_unclear: message("unclear"); break;
    case mfa::EventType::sms_refused: message("refused"); break;
    default: break;
    }
  }

  /// One message that was accepted, and sent in the background since.
  void delivery(std::string_view channel, bool taken) {
    const std::lock_guard lock(mutex_);
    ++messages_[{std::string(channel), taken ? "delivered_to_provider" : "lost_in_background"}];
  }

  /// A value that is read when it is asked for. Before anybody asks.
  void gauge(std::string name, std::string meaning, std::function<double()> read) {
    gauges_.emplace_back(std::move(name), std::move(meaning), std::move(read));
  }

  void count(const std::string& name, std::uint64_t by = 1) {
    const std::lock_guard lock(mutex_);
    others_[name] += by;
  }

  [[nodiscard]] std::string text() const {
    std::string out;
    {
      const std::lock_guard lock(mutex_);
      head(out, "mfa_http_requests_total", "counter", "Requests by operation and status.");
      for (const auto& [key, value] : requests_)
        line(out, "mfa_http_requests_total",
             label("operation", key.first) + "," + label("status", std::to_string(key.second)), value);
      head(out, "mfa_http_request_duration_seconds", "histogram", "From the whole request to its answer.");
      for (const auto& [operation, histogram] : durations_) {
        const std::string name = "mfa_http_request_duration_seconds";
        for (std::size_t i = 0; i < bounds.size(); ++i)
          line(out, name + "_bucket",
               label("operation", operation) + "," + label("le", std::string(bounds[i].second)),
               histogram.buckets[i]);
        line(out, name + "_bucket", label("operation", operation) + ",le=\"+Inf\"", histogram.count);
        out += name + "_sum{" + label("operation", operation) + "} " + std::to_string(histogram.sum) + "\n";
        line(out, name + "_count", label("operation", operation), histogram.count);
      }
      head(out, "mfa_verifications_total", "counter", "Answers to challenges by kind of factor and status.");
      for (const auto& [key, value] : verifications_)
        line(out, "mfa_verifications_total", label("kind", key.first) + "," + label("status", key.second),
             value);
      head(out, "mfa_messages_total", "counter", "Messages by channel and what became of them.");
      for (const auto& [key, value] : messages_)
        line(out, "mfa_messages_total", label("channel", key.first) + "," + label("outcome", key.second),
             value);
      head(out, "mfa_events_total", "counter", "Events of the library by type.");
      for (const auto& [type, value] : events_) line(out, "mfa_events_total", label("type", type), value);
      for (const auto& [name, value] : others_) {
        head(out, name, "counter", "See docs/server.md.");
        out += name + " " + std::to_string(value) + "\n";
      }
    }
    for (const auto& [name, meaning, read] : gauges_) {
      head(out, name, "gauge", meaning);
      out += name + " " + number(read()) + "\n";
    }
    head(out, "process_resident_memory_bytes", "gauge", "Memory that is resident.");
    out += "process_resident_memory_bytes " + number(resident_memory()) + "\n";
    return out;
  }

  [[nodiscard]] static double resident_memory() {
    std::ifstream file("/proc/self/statm");
    double all = 0;
    double resident = 0;
    if (!(file >> all >> resident)) return 0;
    return resident * static_cast<double>(::sysconf(_SC_PAGESIZE));
  }

 private:
  static constexpr auto bounds = std::to_array<std::pair<double, std::string_view>>({{0.001, "0.001"},
                                                                                     {0.0025, "0.0025"},
                                                                                     {0.005, "0.005"},
                                                                                     {0.01, "0.01"},
                                                                                     {0.025, "0.025"},
                                                                                     {0.05, "0.05"},
                                                                                     {0.1, "0.1"},
                                                                                     {0.25, "0.25"},
                                                                                     {0.5, "0.5"},
                                                                                     {1, "1"},
                                                                                     {2.5, "2.5"},
                                                                                     {10, "10"}});
  struct Histogram {
    std::array<std::uint64_t, 12> buckets{};
    std::uint64_t count = 0;
    double sum = 0;
  };

  static void head(std::string& out, const std::string& name, const char* type, const std::string& meaning) {
    out += "# HELP " + name + " " + meaning + "\n# TYPE " + name + " " + type + "\n";
  }
  static std::string label(const char* name, std::string_view value) {
    return std::string(name).append("=\"").append(value).append("\"");
  }
  static void line(std::string& out, const std::string& name, const std::string& labels,
                   std::uint64_t value) {
    out += name + "{" + labels + "} " + std::to_string(value) + "\n";
  }
  static std::string number(double value) { return std::to_string(static_cast<std::int64_t>(value)); }

  mutable std::mutex mutex_;
  std::map<std::pair<std::string, int>, std::uint64_t> requests_;
  std::map<std::string, Histogram> durations_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> verifications_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> messages_;
  std::map<std::string, std::uint64_t> events_;
  std::map<std::string, std::uint64_t> others_;
  std::vector<std::tuple<std::string, std::string, std::function<double()>>> gauges_;
};

} // namespace server
