// A user with an authenticator app, a phone, an e-mail address and recovery codes chooses one at login.
#include <chrono>
#include <cstddef>
#include <iostream>
#include <string>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>
#include <mfa/workos/json.hpp>

namespace {

/// What the login page says of a factor.
std::string choice(const mfa::FactorDetails& factor) {
  if (factor.totp()) return "the app, for " + factor.totp()->issuer;
  if (factor.sms()) return "a message to " + factor.sms()->phone_number;
  if (factor.generic_otp()) return "a mail to " + factor.generic_otp()->destination;
  if (factor.recovery_codes())
    return "a recovery code, of which " + std::to_string(factor.recovery_codes()->remaining) + " are left";
  return std::string(to_string(factor.type()));
}

} // namespace

int main() {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock; // the system's, which is the default
  mfa::testing::RecordingSms sms;  // your gateway
  mfa::Verifier verifier{storage, clock, sms,
                         mfa::Options{.sms_template = "{{code}}", .sms_allowed_country_codes = {"1"}}};

  // On the account's settings page: the first factor, which its user confirms ...
  const auto app = verifier.enroll_factor(mfa::Totp{
      .issuer = "Foo Corp", .user = "alan@example.com", .user_id = "u_42", .friendly_name = "Work phone"});
  const auto app_shows = [&] {
    return mfa::otp::totp(mfa::otp::base32_decode(app.totp.secret), clock.now());
  };
  const auto confirmation = verifier.confirm_enrollment(app.factor.id(), app_shows());

  // ... and others, which take the confirmation of one that stands. What must be asked for is asked for.
  const auto phone = verifier.enroll_factor(
      mfa::Sms{.phone_number = "+1 415 555 0123", .user_id = "u_42", .friendly_name = "Old mobile"},
      confirmation);
  const auto to_phone = phone.factor.challenge_enrollment();
  const auto mail = verifier.enroll_factor(
      mfa::GenericOtp{.destination = "a***@example.com", .user_id = "u_42", .friendly_name = "E-mail"},
      confirmation);
  const auto by_mail = mail.factor.challenge_enrollment();
  const auto paper = verifier.enroll_factor(
      mfa::RecoveryCodes{.user_id = "u_42", .friendly_name = "Printed codes"}, confirmation);
  bool all_valid = confirmation.confirmed() && to_phone.confirm(sms.last().body).confirmed() &&
                   by_mail.confirm(by_mail.code()).confirmed();

  clock.advance(std::chrono::hours(24));
  // Login: the password was right, now the choice.
  std::cout << "How do you want to confirm that it is you?\n";
  const auto factors = verifier.list_factors("u_42");
  for (std::size_t i = 0; i < factors.size(); ++i)
    std::cout << "  " << i + 1 << ". " << factors[i].friendly_name() << ": " << choice(factors[i]) << '\n';

  // The user tries one after the other. Only ids travel through the session.
  for (const auto& chosen : factors) {
    const auto challenge = verifier.challenge_factor(chosen.id(), "u_42", {.binding = "session 7"});
    std::cout << '\n' << mfa::workos::json(chosen).dump(2) << '\n';
    std::string typed;
    if (chosen.totp()) typed = app_shows();
    if (chosen.sms()) typed = sms.last().body;
    if (chosen.generic_otp()) typed = challenge.code(); // which you mail: see email_code.cpp
    if (chosen.recovery_codes()) typed = paper.recovery_codes.codes.front();
    const auto verification =
        verifier.verify_challenge(challenge.id(), typed, {.binding = "session 7", .user = "u_42"});
    std::cout << mfa::workos::json(verification).dump(2) << '\n';
    all_valid = all_valid && verification.valid();
  }
  return all_valid ? 0 : 1;
}
