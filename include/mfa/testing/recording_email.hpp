#pragma once

#include <mfa/email/concept.hpp>
#include <mfa/testing/recording_transport.hpp>

namespace mfa::testing {

/// An e-mail transport that keeps what it was given, for a test to read. Usable from many threads.
class RecordingEmail : public RecordingTransport<EmailMessage> {
 public:
  RecordingEmail() : RecordingTransport("RecordingEmail") {}
};

} // namespace mfa::testing
