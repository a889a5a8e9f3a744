// A user with an authenticator app and a phone chooses one at login.
#include <cstddef>
#include <iostream>
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "workos_json.hpp"

int main() {
  mfa::storage::Memory storage;
  mfa::testing::RecordingSms sms; // your gateway
  mfa::Verifier verifier{storage, mfa::clock::System{}, sms, mfa::Options{.sms_template = "{{code}}"}};

  // Enrolled long ago, on the account's settings page.
  const auto app = verifier.enroll_factor(mfa::Totp{
      .issuer = "Foo Corp", .user = "alan@example.com", .user_id = "u_42", .friendly_name = "Work phone"});
  (void)verifier.enroll_factor(
      mfa::Sms{.phone_number = "+1 415 555 0123", .user_id = "u_42", .friendly_name = "Old mobile"});

  // Login: the password was right, now the choice.
  std::cout << "How do you want to confirm that it is you?\n";
  const auto factors = verifier.list_factors("u_42");
  for (std::size_t i = 0; i < factors.size(); ++i) {
    std::cout << "  " << i + 1 << ". " << factors[i].friendly_name() << ": ";
    if (factors[i].totp()) std::cout << "the app, for " << factors[i].totp()->issuer << '\n';
    if (factors[i].sms()) std::cout << "a message to " << factors[i].sms()->phone_number << '\n';
  }

  // The user tries one, and then the other. Only ids travel through the session.
  bool all_valid = true;
  for (const auto& chosen : factors) {
    const auto challenge =
        verifier.challenge_factor(chosen.id(), {.binding = "session 7", .user_id = "u_42"});
    std::cout << '\n' << workos::json(chosen).dump(2) << '\n';
    const std::string typed =
        chosen.sms() ? sms.last().body
                     : mfa::otp::totp(mfa::otp::base32_decode(app.totp.secret), mfa::clock::System{}.now());
    const auto verification =
        verifier.verify_challenge(challenge.id(), typed, {.binding = "session 7", .user_id = "u_42"});
    std::cout << workos::json(verification).dump(2) << '\n';
    all_valid = all_valid && verification.valid();
  }
  return all_valid ? 0 : 1;
}
