#pragma once

#include <cstdio>

#include <mfa/delivery/console_stream.hpp>
#include <mfa/email/concept.hpp>

namespace mfa::email {

/// Prints the text of each mail, code and link included, to a stream: for demos and development, never for
/// production. Usable from many threads.
class Console {
 public:
  /// The stream is borrowed.
  explicit Console(std::FILE* stream = stdout) : stream_(stream) {}

  void send(const EmailMessage& message) {
    stream_.print({"E-mail to ", message.to, ": ", message.subject.view(), "\n", message.text.view(), "\n"});
  }

 private:
  delivery::ConsoleStream stream_;
};

} // namespace mfa::email
