#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mfa/delivery/failure.hpp>

namespace mfa::testing {

/// A transport of such messages that keeps what it was given, for a test to read. Usable from many threads.
template <class Message> class RecordingTransport {
 public:
  /// `name` is what its errors call it.
  explicit RecordingTransport(std::string name) : name_(std::move(name)) {}

  /// Keeps the message, or throws if `fail_next` was called.
  void send(const Message& message) {
    const std::lock_guard lock(mutex_);
    if (failures_left_ > 0) {
      --failures_left_;
      if (failure_) throw DeliveryError(*failure_, name_ + " was told to fail");
      throw std::runtime_error(name_ + " was told to fail");
    }
    messages_.push_back(message);
  }

  /// The next `count` messages are not accepted, for no reason that is told.
  void fail_next(int count = 1) {
    const std::lock_guard lock(mutex_);
    failures_left_ = count;
    failure_.reset();
  }

  /// The same for this reason.
  void fail_next(DeliveryFailure failure, int count = 1) {
    const std::lock_guard lock(mutex_);
    failures_left_ = count;
    failure_ = failure;
  }

  /// All messages accepted so far, oldest first.
  [[nodiscard]] std::vector<Message> messages() const {
    const std::lock_guard lock(mutex_);
    return {messages_.begin(), messages_.end()};
  }

  /// The last message accepted, which stays where it is; throws `std::out_of_range` if there is none.
  [[nodiscard]] const Message& last() const& {
    const std::lock_guard lock(mutex_);
    if (messages_.empty()) throw std::out_of_range(name_ + " holds no message");
    return messages_.back();
  }
  const Message& last() const&& = delete;

 private:
  std::string name_;
  mutable std::mutex mutex_;
  std::deque<Message> messages_; ///< none of which moves
  int failures_left_ = 0;
  std::optional<DeliveryFailure> failure_;
};

} // namespace mfa::testing
