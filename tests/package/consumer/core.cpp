// Enrols, challenges and verifies: OpenSSL computes the code, libqrencode and libpng draw the QR code.
#include <chrono>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock};

  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan.turing"});
  const auto challenge = verifier.challenge_factor(enrolled.factor.id(), mfa::any_user);
  const auto code = mfa::otp::totp(mfa::otp::base32_decode(enrolled.totp.secret), clock.now());
  const bool drawn = enrolled.totp.qr_code.view().starts_with("data:image/png;base64,");
  return drawn && verifier.verify_challenge(challenge.id(), code).valid() ? 0 : 1;
}
