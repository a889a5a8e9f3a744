// A program of several sources compiles the verbs in one of them. This one has only their declarations, so it
// links only if the other has every verb that a verifier calls.
#include <string>

#include <mfa/compiled_verbs.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/recording_sms.hpp>

#include "support/catch.hpp"

TEST_CASE("every verb is compiled in the source that says so") {
  mfa::storage::Memory storage;
  mfa::testing::RecordingSms sms;
  mfa::Verifier verifier{storage, mfa::clock::System{}, sms,
                         mfa::Options{.sms_template = "{{code}}", .sms_allowed_country_codes = {"1"}}};

  const auto totp = verifier.enroll_factor(mfa::Totp{.issuer = "Foo", .user = "alan", .user_id = "u_1"});
  const auto shown = totp.factor.confirm(
      mfa::otp::totp(mfa::otp::base32_decode(totp.totp.secret), mfa::clock::System{}.now()));
  CHECK(shown.confirmed());
  const auto hotp =
      verifier.enroll_factor(mfa::Hotp{.issuer = "Foo", .user = "alan", .user_id = "u_1"}, shown);
  const auto email = verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_1"}, shown);
  const auto codes = verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_1"}, shown);
  CHECK_THROWS_AS(verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_1"}, shown), mfa::Error);
  const auto phone =
      verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_1"}, shown);

  const auto enrollment = email.factor.challenge_enrollment();
  CHECK(enrollment.code().size() == 6);
  CHECK(enrollment.confirm(enrollment.code()).confirmed());
  const auto challenge = codes.factor.challenge();
  CHECK(challenge.verify(codes.recovery_codes.codes.front()).valid());
  CHECK(verifier.get_challenge(challenge.id(), mfa::any_user).state() == mfa::ChallengeState::verified);
  CHECK(phone.factor.challenge_enrollment().confirm(sms.last().body).confirmed());
  CHECK(verifier.reset_sms_limits("+14155550123"));
  CHECK(verifier.reset_sms_budgets("US"));
  CHECK(verifier.report_delivery(challenge.id(), mfa::DeliveryReport::delivered) == false); // no message
  CHECK(verifier.reset_send_limits(email.factor.id(), mfa::any_user));

  CHECK(verifier.get_factor(hotp.factor.id(), mfa::any_user).type() == mfa::FactorType::hotp);
  CHECK(verifier.list_factors("u_1").size() == 5);
  CHECK(verifier.list_factors("u_1", mfa::Page{.limit = 2}).size() == 2);
  CHECK(verifier.regenerate_recovery_codes(codes.factor.id(), mfa::any_user, shown)
            .recovery_codes.codes.size() > 1);
  CHECK(verifier.unsafe_export_otpauth_uri(totp.factor.id(), mfa::any_user) == totp.totp.uri);
  verifier.unlock_factor(totp.factor.id(), mfa::any_user, mfa::by_operator);

  const auto device = verifier.remember_device("u_1", "laptop", shown);
  CHECK(verifier.check_device(device.token, "u_1"));
  CHECK(verifier.list_devices("u_1").size() == 1);
  CHECK(verifier.revoke_device("u_1", device.device.id));
  CHECK(verifier.revoke_devices("u_1") == 0);

  CHECK(verifier.count_keys().factors.size() == 1);
  CHECK(verifier.reseal_all().failed == 0);
  CHECK(verifier.purge_expired() == 0);
  verifier.compare_options();
  verifier.publish_options();
  totp.factor.remove(shown);
  CHECK(verifier.password_changed("u_1") == 0);
}
