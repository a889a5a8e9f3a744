// A user writes recovery codes down, loses the phone, gets in with one of them and makes new ones.
#include <iostream>
#include <string>

#include <mfa/mfa.hpp>

int main() {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::Options{.observer = [](const mfa::Event& event) {
                           if (event.type == mfa::EventType::recovery_codes_low)
                             std::cout << "(mail to " << event.user_id
                                       << ": your recovery codes are running out)\n";
                         }}};

  // On the account's settings page, shown once.
  const auto set = verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42", .count = 3});
  std::cout << "Write these down:\n";
  for (const std::string& code : set.recovery_codes.codes) std::cout << "  " << code << '\n';

  // At the login page, some months later.
  const auto challenge =
      verifier.challenge_factor(set.factor.id(), mfa::any_user, {.user_id = "u_42", .verified_only = true});
  const auto verification = challenge.verify(set.recovery_codes.codes[1]);
  std::cout << to_string(verification.status()) << ", "
            << verifier.get_factor(verification.factor_id(), mfa::any_user).recovery_codes()->remaining
            << " left\n";

  // The old codes are dead from here on.
  const auto renewed = verifier.regenerate_recovery_codes(set.factor.id(), "u_42", mfa::by_operator);
  const auto old = set.factor.challenge().verify(set.recovery_codes.codes[2]);
  const auto fresh = set.factor.challenge().verify(renewed.recovery_codes.codes[0]);
  std::cout << "an old code: " << to_string(old.status()) << ", a new one: " << to_string(fresh.status())
            << '\n';
  return verification.valid() && !old.valid() && fresh.valid() ? 0 : 1;
}
