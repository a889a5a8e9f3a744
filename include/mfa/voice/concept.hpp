#pragma once

#include <string>

#include <mfa/compiler.hpp>
#include <mfa/crypto/secret_string.hpp>

namespace mfa {

/// One call in which a gateway speaks a code.
struct VoiceMessage {
  std::string to; ///< E.164, with the plus sign
  /// UTF-8, with pauses between the digits of the code. Never log it.
  crypto::SecretString spoken;
  std::string language; ///< of `spoken`, for the gateway's voice: a BCP 47 tag; empty: not known
  std::string id;       ///< idempotency key: the same for every try of the same message
};

/// What calls phones. A model throws when the call was not accepted (`DeliveryError`, if it knows why), and
/// may be called from as many threads as the `Verifier` is used from.
template <class T>
concept VoiceTransport = requires(T& t, const VoiceMessage& message) {
  t.send(message);
};

} // namespace mfa
