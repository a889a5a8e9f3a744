#pragma once

#include <cstdio>

#include <mfa/delivery/console_stream.hpp>
#include <mfa/sms/concept.hpp>

namespace mfa::sms {

/// Prints each message, code included, to a stream: for demos and development, never for production.
/// Usable from many threads.
class Console {
 public:
  /// The stream is borrowed.
  explicit Console(std::FILE* stream = stdout) : stream_(stream) {}

  void send(const SmsMessage& message) {
    stream_.print({"SMS to ", message.to, ": ", message.body.view(), "\n"});
  }

 private:
  delivery::ConsoleStream stream_;
};

} // namespace mfa::sms
