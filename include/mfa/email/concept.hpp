#pragma once

#include <string>

#include <mfa/compiler.hpp>
#include <mfa/crypto/secret_string.hpp>

namespace mfa {

/// One e-mail to hand to a mail server. Its texts are UTF-8 and may hold the code: never log them.
struct EmailMessage {
  std::string to; ///< an address, as it was enrolled
  crypto::SecretString subject;
  crypto::SecretString text;
  crypto::SecretString html; ///< the same for mail programs that show HTML; empty: there is none
  std::string id;            ///< idempotency key: the same for every try of the same message
};

/// What sends e-mails. A model throws when the message was not accepted (`DeliveryError`, if it knows why),
/// and may be called from as many threads as the `Verifier` is used from.
template <class T>
concept EmailTransport = requires(T& t, const EmailMessage& message) {
  t.send(message);
};

} // namespace mfa
