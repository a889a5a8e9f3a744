#pragma once

#include <string>

#include <mfa/channel.hpp>
#include <mfa/delivery/transport.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/error.hpp>
#include <mfa/push/concept.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/voice/concept.hpp>

namespace mfa {

namespace detail {

template <class Message> inline constexpr Channel channel{};
template <> inline constexpr Channel channel<SmsMessage> = Channel::sms;
template <> inline constexpr Channel channel<EmailMessage> = Channel::email;
template <> inline constexpr Channel channel<VoiceMessage> = Channel::voice;
template <> inline constexpr Channel channel<PushMessage> = Channel::push;

} // namespace detail

constexpr Channel channel_of(const SmsMessage&) noexcept { return Channel::sms; }
constexpr Channel channel_of(const EmailMessage&) noexcept { return Channel::email; }
constexpr Channel channel_of(const VoiceMessage&) noexcept { return Channel::voice; }
constexpr Channel channel_of(const PushMessage&) noexcept { return Channel::push; }

/// A message of one of these types that is to be sent, or none. It stays where it is until then.
class OutgoingMessage {
 public:
  OutgoingMessage() = default;
  template <class Message>
  OutgoingMessage(const Message* message) noexcept : channel_(channel_of(*message)), message_(message) {}

  [[nodiscard]] explicit operator bool() const noexcept { return message_ != nullptr; }
  [[nodiscard]] Channel channel() const noexcept { return channel_; }

  /// Null if it is another message, or none.
  template <class Message> [[nodiscard]] const Message* get_if() const noexcept {
    return message_ != nullptr && detail::channel<Message> == channel_ ? static_cast<const Message*>(message_)
                                                                       : nullptr;
  }

  /// Calls `call` with the message, which must be there; its result must not depend on the type.
  template <class Call> decltype(auto) visit(Call&& call) const {
    switch (channel_) {
    case Channel::email: return call(*static_cast<const EmailMessage*>(message_));
    case Channel::voice: return call(*static_cast<const VoiceMessage*>(message_));
    case Channel::push: return call(*static_cast<const PushMessage*>(message_));
    case Channel::sms: break;
    }
    return call(*static_cast<const SmsMessage*>(message_));
  }

 private:
  Channel channel_ = Channel::sms;
  const void* message_ = nullptr;
};

namespace detail {

/// What a transport is asked for that has no `send` for it.
[[noreturn]] inline void throw_no_transport(Channel channel) {
  if (channel == Channel::sms)
    throw Error(errc::sms_not_sent, "this verifier has no SMS transport; pass one as its third argument");
  throw Error(errc::message_not_delivered, std::string("this verifier has no ")
                                               .append(to_string(channel))
                                               .append(" transport; give its third argument a send() for "
                                                       "such messages"));
}

} // namespace detail
} // namespace mfa
