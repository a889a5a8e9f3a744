#pragma once

#include <chrono>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>
#include <mfa/testing/recording_sms.hpp>

namespace mfa::test {

/// The message of test hosts, so that the code is the whole of it.
inline constexpr std::string_view code_only = "{{code}}";

/// A host with everything a test can turn: its storage, clock and SMS gateway, and a Verifier over them.
template <class StoragePolicy> struct HostOver {
  /// What follows the options makes the storage.
  template <class... StorageArguments>
  explicit HostOver(Options options = {}, StorageArguments&&... arguments)
      : storage(std::forward<StorageArguments>(arguments)...),
        verifier(storage, clock, sms, with_template(std::move(options))) {}

  StoragePolicy storage;
  testing::ManualClock clock;
  testing::RecordingSms sms;
  Verifier<StoragePolicy, testing::ManualClock, testing::RecordingSms> verifier;

  auto enroll_totp(std::string user_id = "u_42", const Authorization& authorization = {}) {
    return verifier.enroll_factor(
        Totp{.issuer = "Foo Corp", .user = "alan.turing@example.com", .user_id = std::move(user_id)},
        authorization);
  }

  /// A TOTP factor that its user has confirmed, a period ago.
  auto enroll_verified_totp(std::string user_id = "u_42") {
    auto enrolled = enroll_totp(std::move(user_id));
    if (!verifier.confirm_enrollment(enrolled.factor.id(), code(enrolled.totp.secret)).confirmed())
      throw std::logic_error("the enrolment was not confirmed");
    clock.advance(std::chrono::seconds(30));
    return enrolled;
  }

  auto enroll_sms(std::string phone_number = "+14155550123", std::string user_id = "u_42",
                  const Authorization& authorization = {}) {
    return verifier.enroll_factor(Sms{.phone_number = std::move(phone_number), .user_id = std::move(user_id)},
                                  authorization);
  }

  /// A phone whose user has shown that he has it, more than a day ago.
  auto enroll_verified_sms(std::string phone_number = "+14155550123", std::string user_id = "u_42") {
    auto enrolled = enroll_sms(std::move(phone_number), std::move(user_id));
    const auto challenge = verifier.challenge_enrollment(enrolled.factor.id(), any_user);
    if (!challenge.confirm(sms.last().body).confirmed())
      throw std::logic_error("the enrolment was not confirmed");
    clock.advance(std::chrono::hours(25));
    return enrolled;
  }

  /// The id of the challenge that a host's page would ask for: to confirm the enrolment of a factor that is
  /// unverified, and to sign in with any other.
  std::string challenge(std::string_view factor_id, const ChallengeOptions& options = {}) {
    if (verifier.get_factor(factor_id, any_user).verified())
      return verifier.challenge_factor(factor_id, any_user, options).id();
    return verifier.challenge_enrollment(factor_id, any_user, options).id();
  }

  /// What the authenticator shows `steps` periods from now.
  [[nodiscard]] std::string code(std::string_view secret, int steps = 0) const {
    return otp::totp(otp::base32_decode(secret), clock.now() + steps * std::chrono::seconds(30));
  }

  /// A code that is none of those that the authenticator shows around now.
  [[nodiscard]] std::string wrong_code(std::string_view secret) const {
    for (char digit = '0';; ++digit) {
      const std::string candidate(6, digit);
      bool right = false;
      for (int steps = -12; steps <= 12; ++steps) right = right || code(secret, steps) == candidate;
      if (!right) return candidate;
    }
  }

  /// Another code than this one.
  static std::string other_code(std::string code) {
    code.back() = code.back() == '9' ? '0' : static_cast<char>(code.back() + 1);
    return code;
  }

  /// The answer of the verb that is for the purpose of this challenge.
  Status verify(std::string_view challenge_id, std::string_view code, const VerifyOptions& options = {}) {
    if (verifier.get_challenge(challenge_id, any_user).purpose() == Purpose::confirm_enrollment)
      return verifier.confirm_enrollment(challenge_id, code, options).status();
    return verifier.verify_challenge(challenge_id, code, options).status();
  }

 private:
  static Options with_template(Options options) {
    options.sms_template = code_only;
    if (options.sms_allowed_country_codes.empty()) options.sms_allowed_country_codes = sms::every_country();
    return options;
  }
};

using Host = HostOver<storage::Memory>;

/// The `errc` that a call throws; a value of no `errc` if it throws nothing.
template <class Call> errc thrown_by(Call&& call) {
  try {
    (void)call();
  } catch (const Error& error) {
    return error.code();
  }
  return errc{};
}

} // namespace mfa::test
