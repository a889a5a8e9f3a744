#pragma once

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <unistd.h>

#include <mfa/channel.hpp>
#include <mfa/delivery/attempt.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/sms/concept.hpp>

#include "settings.hpp"

namespace server {

/// What sends one kind of message, chosen while the program runs.
template <class Message> class Carrier {
 public:
  struct Interface {
    Interface() = default;
    Interface(const Interface&) = delete;
    Interface& operator=(const Interface&) = delete;
    virtual ~Interface() = default;
    virtual void send(const Message& message) = 0;
    /// Lets messages go that wait to be sent. False: some were not.
    virtual bool stop(std::chrono::milliseconds) { return true; }
  };

  explicit Carrier(std::unique_ptr<Interface> carrier) : carrier_(std::move(carrier)) {}

  void send(const Message& message) { carrier_->send(message); }
  bool stop(std::chrono::milliseconds at_most) { return carrier_->stop(at_most); }

 private:
  std::unique_ptr<Interface> carrier_;
};

/// Hears what became of a message that is sent in the background, in a thread of its own.
using DeliveryObserver = std::function<void(mfa::Channel channel, const mfa::delivery::Attempt& attempt)>;

/// The verifier's third policy: text messages and e-mails by what `--sms` and `--email` name.
///
/// `log:` writes in the request. What goes over the network goes in the background, so that a provider that
/// is slow or down holds no request and no client sends one again that was on its way: each provider has a
/// circuit breaker, the second is asked if the first fails, and both again after a while.
class Messages {
 public:
  /// Throws what is wrong with the settings.
  Messages(const Settings& settings, DeliveryObserver observer);

  void send(const mfa::SmsMessage& message) { sms_.send(message); }
  void send(const mfa::EmailMessage& message) { email_.send(message); }

  /// Lets messages go that wait, text messages and e-mails until the same time. False: some were not sent.
  bool stop(std::chrono::steady_clock::time_point until) {
    const auto left = [until] {
      const auto time = until - std::chrono::steady_clock::now();
      return std::max(std::chrono::duration_cast<std::chrono::milliseconds>(time),
                      std::chrono::milliseconds(0));
    };
    const bool sms = sms_.stop(left());
    const bool email = email_.stop(left()); // which went on being sent meanwhile
    return sms && email;
  }

  /// Of text messages and e-mails.
  [[nodiscard]] static bool sends(mfa::Channel channel, const Settings& settings) {
    return settings.text(to_string(channel)) != "none";
  }

 private:
  Carrier<mfa::SmsMessage> sms_;
  Carrier<mfa::EmailMessage> email_;
};

} // namespace server
