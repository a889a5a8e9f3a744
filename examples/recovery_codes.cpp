// A user writes recovery codes down, loses the phone, gets in with one of them and makes new ones.
#include <iostream>
#include <string>
#include <string_view>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::Options{.observer = [](const mfa::Event& event) {
                           if (event.type == mfa::EventType::recovery_codes_low)
                             std::cout << "(mail to " << event.user_id
                                       << ": your recovery codes are running out)\n";
                         }}};

  // On the account's settings page: an authenticator app, which its user confirms.
  const auto app =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan@example.com", .user_id = "u_42"});
  const std::string typed =
      mfa::otp::totp(mfa::otp::base32_decode(app.totp.secret), mfa::clock::System{}.now());
  const auto confirmation = verifier.confirm_enrollment(app.factor.id(), typed, {.user = "u_42"});

  // At once, with that confirmation, codes for the day when the app is lost. They are shown once.
  const auto set = verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42", .count = 3}, confirmation);
  std::cout << "Write these down:\n";
  for (const std::string& code : set.recovery_codes.codes) std::cout << "  " << code << '\n';

  // At the login page, some months later.
  const auto sign_in_with = [&](std::string_view code) {
    return verifier.challenge_factor(set.factor.id(), "u_42").verify(code, {.user = "u_42"});
  };
  const auto verification = sign_in_with(set.recovery_codes.codes[1]);
  std::cout << to_string(verification.status()) << ", "
            << verifier.get_factor(verification.factor_id(), "u_42").recovery_codes()->remaining << " left\n";

  // What he has just shown allows new ones, and the end of the lost app. The old codes are dead from here on.
  const auto renewed = verifier.regenerate_recovery_codes(set.factor.id(), "u_42", verification);
  verifier.delete_factor(app.factor.id(), "u_42", verification);
  const auto old = sign_in_with(set.recovery_codes.codes[2]);
  const auto fresh = sign_in_with(renewed.recovery_codes.codes[0]);
  std::cout << "an old code: " << to_string(old.status()) << ", a new one: " << to_string(fresh.status())
            << '\n';
  return verification.valid() && !old.valid() && fresh.valid() ? 0 : 1;
}
