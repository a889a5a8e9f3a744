#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_email.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/http.hpp>

/// Hosts of the API with everything beyond WorkOS's contract, blocking and awaited, for the same tests.
/// http_api_host.cpp has them.
namespace mfa::test {

/// Messages of every kind that these hosts send.
struct RecordingMessages {
  testing::RecordingSms sms;
  testing::RecordingEmail email;
  std::vector<VoiceMessage> calls;

  void send(const SmsMessage& message) { sms.send(message); }
  void send(const EmailMessage& message) { email.send(message); }
  void send(const VoiceMessage& message) { calls.push_back(message); }
};

enum class Failure : std::uint8_t { none, of_storage, unknown };

class HttpApiHost {
 public:
  virtual ~HttpApiHost() = default;

  testing::ManualClock clock;
  RecordingMessages messages;

  virtual workos::Response handle(const workos::Request& request) = 0;
  /// Has the storage fail from here on.
  virtual void fail(Failure fails) = 0;

  [[nodiscard]] std::string code(std::string_view secret, int steps = 0) const {
    return otp::totp(otp::base32_decode(secret), clock.now() + steps * std::chrono::seconds(30));
  }
};

/// One of either kind.
std::unique_ptr<HttpApiHost> http_api_host(bool awaited, workos::ApiOptions api_options = {},
                                           Options options = {});

/// A blocking one that sends nothing.
std::unique_ptr<HttpApiHost> host_without_transports();

/// One that is a relying party, with a name for authenticator apps.
std::unique_ptr<HttpApiHost> whole_host(bool awaited, workos::ApiOptions api_options = {},
                                        Options options = {});

} // namespace mfa::test
