#pragma once

#include <string>

#include <mfa/compiler.hpp>
#include <mfa/crypto/secret_string.hpp>

namespace mfa {

/// One notification to the host's own app, on whatever devices of the user it knows.
struct PushMessage {
  std::string user_id; ///< the host's own, as the factor has it
  /// UTF-8. Holds the code: never log it.
  crypto::SecretString body;
  std::string id; ///< idempotency key: the same for every try of the same message
};

/// What notifies the host's app. A model throws when nothing was sent (`DeliveryError`, if it knows why; that
/// the user has no such app is `DeliveryFailure::invalid_recipient`), and may be called from as many threads
/// as the `Verifier` is used from.
template <class T>
concept PushTransport = requires(T& t, const PushMessage& message) {
  t.send(message);
};

} // namespace mfa
