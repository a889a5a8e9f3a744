#pragma once

#include <deque>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <vector>

#include <mfa/delivery/failure.hpp>
#include <mfa/sms/concept.hpp>

namespace mfa::testing {

/// A transport that keeps what it was given, for a test to read. Usable from many threads.
class RecordingSms {
 public:
  /// Keeps the message, or throws if `fail_next` was called.
  void send(const SmsMessage& message) {
    const std::lock_guard lock(mutex_);
    if (failures_left_ > 0) {
      --failures_left_;
      if (failure_) throw DeliveryError(*failure_, "RecordingSms was told to fail");
      throw std::runtime_error("RecordingSms was told to fail");
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
  [[nodiscard]] std::vector<SmsMessage> messages() const {
    const std::lock_guard lock(mutex_);
    return {messages_.begin(), messages_.end()};
  }

  /// The last message accepted, which stays where it is; throws `std::out_of_range` if there is none.
  [[nodiscard]] const SmsMessage& last() const& {
    const std::lock_guard lock(mutex_);
    if (messages_.empty()) throw std::out_of_range("RecordingSms holds no message");
    return messages_.back();
  }
  const SmsMessage& last() const&& = delete;

 private:
  mutable std::mutex mutex_;
  std::deque<SmsMessage> messages_; ///< none of which moves
  int failures_left_ = 0;
  std::optional<DeliveryFailure> failure_;
};

} // namespace mfa::testing
