#pragma once

#include <string>
#include <variant>

#include <mfa/channel.hpp>
#include <mfa/email/concept.hpp>
#include <mfa/error.hpp>
#include <mfa/push/concept.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/voice/concept.hpp>

namespace mfa {

/// A message that is to be sent, which stays where it is until then.
using OutgoingMessage =
    std::variant<const SmsMessage*, const EmailMessage*, const VoiceMessage*, const PushMessage*>;

constexpr Channel channel_of(const SmsMessage&) noexcept { return Channel::sms; }
constexpr Channel channel_of(const EmailMessage&) noexcept { return Channel::email; }
constexpr Channel channel_of(const VoiceMessage&) noexcept { return Channel::voice; }
constexpr Channel channel_of(const PushMessage&) noexcept { return Channel::push; }

[[nodiscard]] inline Channel channel_of(const OutgoingMessage& outgoing) {
  return std::visit([](const auto* message) { return channel_of(*message); }, outgoing);
}

/// Whether this policy can send such a message, by a function that blocks or is awaited.
template <class Transport, class Message>
concept Sends = requires(Transport& transport, const Message& message) {
  transport.send(message);
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
