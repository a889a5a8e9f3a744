#pragma once

#include <mfa/sms/concept.hpp>
#include <mfa/testing/recording_transport.hpp>

namespace mfa::testing {

/// An SMS transport that keeps what it was given, for a test to read. Usable from many threads.
class RecordingSms : public RecordingTransport<SmsMessage> {
 public:
  RecordingSms() : RecordingTransport("RecordingSms") {}
};

} // namespace mfa::testing
