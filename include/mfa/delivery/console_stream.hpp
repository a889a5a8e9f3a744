#pragma once

#include <cstdio>
#include <initializer_list>
#include <mutex>
#include <string_view>

#include <mfa/delivery/failure.hpp>

namespace mfa::delivery {

/// A stream that messages are printed to, each in one piece. Usable from many threads.
class ConsoleStream {
 public:
  /// The stream is borrowed.
  explicit ConsoleStream(std::FILE* stream) : stream_(stream) {}
  ConsoleStream(ConsoleStream&& other) noexcept : stream_(other.stream_) {}
  ConsoleStream& operator=(ConsoleStream&&) = delete;
  ~ConsoleStream() = default;

  /// Throws a `DeliveryError` if the stream takes no more.
  void print(std::initializer_list<std::string_view> parts) {
    const std::lock_guard lock(mutex_);
    bool printed = true;
    for (const std::string_view part : parts)
      printed = printed && std::fwrite(part.data(), 1, part.size(), stream_) == part.size();
    if (!printed || std::fflush(stream_) != 0)
      throw DeliveryError(DeliveryFailure::unavailable,
                          "cannot write to the console; reopen or replace its stream");
  }

 private:
  std::mutex mutex_;
  std::FILE* stream_;
};

} // namespace mfa::delivery
