#pragma once

#include <chrono>
#include <deque>
#include <exception>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <mfa/delivery/failure.hpp>

namespace mfa::test {

/// What a gateway of a test does with one message.
struct Say {
  enum What { takes, refuses, throws } what = takes;
  std::optional<DeliveryFailure> failure = {};
  std::optional<std::chrono::seconds> retry_after = {};

  Say() = default;
  Say(DeliveryFailure reason) : what(refuses), failure(reason) {}
  Say(DeliveryFailure reason, std::chrono::seconds wait)
      : what(refuses), failure(reason), retry_after(wait) {}
  static Say nothing_known() {
    Say say;
    say.what = throws;
    return say;
  }
};

/// Does with one message after the other what it was told, and takes all further ones. Usable from many
/// threads.
class ScriptedGateway {
 public:
  ScriptedGateway() = default;
  ScriptedGateway(std::deque<Say> says) : says_(std::move(says)) {}
  ScriptedGateway(ScriptedGateway&& other) noexcept : says_(std::move(other.says_)) {}
  ScriptedGateway& operator=(ScriptedGateway&&) = delete;
  ~ScriptedGateway() = default;

  template <class Message>
    requires requires(const Message& message) { message.id; }
  void send(const Message& message) {
    const std::lock_guard lock(mutex_);
    asked_.push_back(message.id);
    const Say say = says_.empty() ? Say() : says_.front();
    if (!says_.empty()) says_.pop_front();
    if (say.what == Say::throws) throw std::runtime_error("password=hunter2");
    if (say.what == Say::takes) return;
    if (say.retry_after) throw DeliveryError(*say.failure, "no: wait", *say.retry_after);
    throw DeliveryError(*say.failure, "no: ask why");
  }

  void say(std::deque<Say> says) {
    const std::lock_guard lock(mutex_);
    says_ = std::move(says);
  }

  /// The ids of all messages that it was handed.
  [[nodiscard]] std::vector<std::string> asked() const {
    const std::lock_guard lock(mutex_);
    return asked_;
  }

 private:
  mutable std::mutex mutex_;
  std::deque<Say> says_;
  std::vector<std::string> asked_;
};

} // namespace mfa::test
