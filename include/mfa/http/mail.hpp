#pragma once

#include <cstdint>
#include <string>

#include <mfa/crypto/secret_string.hpp>

namespace mfa::http {

/// What is asked of a mail server, beside HTTP carried by the same driver: a plain value, wiped when it ends.
struct Mail {
  std::string server;          ///< smtps://host[:port], or smtp://host[:port], where STARTTLS is required
  std::string hello_name = {}; ///< after EHLO; empty: the machine's own, without its domain
  std::string user = {};
  crypto::SecretString password = {};
  std::string sender;        ///< the envelope's
  std::string recipient;     ///< the envelope's
  crypto::SecretString data; ///< headers and body, with CR LF
};

/// What of a mail the server answered.
enum class MailStage : std::uint8_t {
  connection, ///< the connection itself, or our name
  sign_in,
  sender,
  recipient,
  data, ///< that the mail itself comes
  mail, ///< the mail itself
};

/// What the server took or refused.
struct MailReply {
  int status = 0;        ///< 250: it took the mail
  std::string text = {}; ///< of the last line, after the status
  MailStage to = MailStage::mail;
};

} // namespace mfa::http
