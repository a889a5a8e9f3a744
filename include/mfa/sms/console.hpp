#pragma once

#include <cstdio>
#include <mutex>

#include <mfa/error.hpp>
#include <mfa/sms/concept.hpp>

namespace mfa::sms {

/// Prints each message, code included, to a stream: for demos and development, never for production.
/// Usable from many threads.
class Console {
 public:
  /// The stream is borrowed.
  explicit Console(std::FILE* stream = stdout) : stream_(stream) {}
  Console(Console&& other) noexcept : stream_(other.stream_) {}
  Console& operator=(Console&&) = delete;
  ~Console() = default;

  void send(const SmsMessage& message) {
    const std::lock_guard lock(mutex_);
    if (std::fprintf(stream_, "SMS to %s: %s\n", message.to.c_str(), message.body.c_str()) < 0 ||
        std::fflush(stream_) != 0)
      throw Error(errc::sms_not_sent, "cannot write to the console; reopen or replace its stream");
  }

 private:
  std::mutex mutex_;
  std::FILE* stream_;
};

} // namespace mfa::sms
