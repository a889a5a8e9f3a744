#pragma once

#include <string>

#include <mfa/compiler.hpp>
#include <mfa/crypto/secret_string.hpp>

namespace mfa {

/// One text message to hand to a gateway.
struct SmsMessage {
  std::string to; ///< E.164, with the plus sign
  /// UTF-8, for any function that takes a `std::string` or `std::string_view`. Holds the code: never log it.
  crypto::SecretString body;
  /// Idempotency key: the challenge's id, and when the code is sent again a point and a number after it. The
  /// same for every try of the same message.
  std::string id;
  /// The code alone, for gateways that write the text themselves. It is in `body` already: never log it.
  crypto::SecretString code = {};
};

/// What carries a message to a phone. A model throws when the message was not accepted, and may be called
/// from as many threads as the `Verifier` is used from.
template <class T>
concept SmsTransport = requires(T& t, const SmsMessage& message) {
  t.send(message);
};

} // namespace mfa
