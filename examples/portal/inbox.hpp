#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "page.hpp"

namespace portal {

/// Stands in for all phones and mailboxes: keeps what is sent, for the page "Inbox". A product has
/// `mfa::sms::Twilio`, `mfa::email::Smtp` and the like in its place (docs/sms.md, docs/email.md), together in
/// `mfa::delivery::Channels`. Usable from many threads.
class Inbox {
 public:
  struct Message {
    mfa::Channel channel;
    std::string to;
    std::string subject; ///< of an e-mail
    std::string text;
    Time at;
  };

  explicit Inbox(std::function<Time()> now) : now_(std::move(now)) {}

  void send(const mfa::SmsMessage& message) {
    keep({mfa::Channel::sms, message.to, {}, message.body.str(), now_()});
  }
  void send(const mfa::VoiceMessage& message) {
    keep({mfa::Channel::voice, message.to, {}, message.spoken.str(), now_()});
  }
  void send(const mfa::EmailMessage& message) {
    keep({mfa::Channel::email, message.to, message.subject.str(), message.text.str(), now_()});
  }

  /// The latest first.
  [[nodiscard]] std::vector<Message> messages() const {
    const std::lock_guard guard(lock_);
    return {messages_.rbegin(), messages_.rend()};
  }

 private:
  static constexpr std::size_t most = 100;

  void keep(Message message) {
    const std::lock_guard guard(lock_);
    if (messages_.size() == most) messages_.pop_front();
    messages_.push_back(std::move(message));
  }

  std::function<Time()> now_;
  mutable std::mutex lock_;
  std::deque<Message> messages_;
};

} // namespace portal
