#pragma once

#include <cstdio>
#include <mutex>

#include <mfa/delivery/failure.hpp>
#include <mfa/email/concept.hpp>

namespace mfa::email {

/// Prints the text of each mail, code and link included, to a stream: for demos and development, never for
/// production. Usable from many threads.
class Console {
 public:
  /// The stream is borrowed.
  explicit Console(std::FILE* stream = stdout) : stream_(stream) {}
  Console(Console&& other) noexcept : stream_(other.stream_) {}
  Console& operator=(Console&&) = delete;
  ~Console() = default;

  void send(const EmailMessage& message) {
    const std::lock_guard lock(mutex_);
    if (std::fprintf(stream_, "E-mail to %s: %s\n%s\n", message.to.c_str(), message.subject.c_str(),
                     message.text.c_str()) < 0 ||
        std::fflush(stream_) != 0)
      throw DeliveryError(DeliveryFailure::unavailable,
                          "cannot write to the console; reopen or replace its stream");
  }

 private:
  std::mutex mutex_;
  std::FILE* stream_;
};

} // namespace mfa::email
