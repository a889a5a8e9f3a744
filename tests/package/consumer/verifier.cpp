// Enrols, confirms, challenges and verifies: OpenSSL computes the code, libqrencode and libpng draw the QR
// code.
#include <chrono>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock};

  const auto enrolled =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan.turing", .user_id = "u_42"});
  const bool drawn = enrolled.totp.qr_code.view().starts_with("data:image/png;base64,");
  const auto code = [&] {
    return mfa::otp::totp(mfa::otp::base32_decode(enrolled.totp.secret), clock.now());
  };
  const bool confirmed = verifier.confirm_enrollment(enrolled.factor.id(), code()).confirmed();
  clock.advance(std::chrono::seconds(30));
  const auto challenge = verifier.challenge_factor(enrolled.factor.id(), "u_42");
  return drawn && confirmed && verifier.verify_challenge(challenge.id(), code()).valid() ? 0 : 1;
}
