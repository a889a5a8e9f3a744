#pragma once

#include <string>

#include <mfa/detail/compiler.hpp>

namespace mfa {

/// One text message to hand to a gateway.
struct SmsMessage {
  std::string to;   ///< E.164, with the plus sign
  std::string body; ///< UTF-8; holds the code: never log it
  std::string id;   ///< idempotency key: the challenge's id; the same for every try of the same message
};

/// What carries a message to a phone. A model throws when the message was not accepted, and may be called
/// from as many threads as the `Verifier` is used from.
template <class T>
concept SmsTransport = requires(T& t, const SmsMessage& message) { t.send(message); };

} // namespace mfa
