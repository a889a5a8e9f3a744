// A challenge is for one purpose, which its verification must ask for again: any other is refused, and
// nothing is counted. Confirming an enrolment is a verb of its own, whose answer starts no session.
#include <array>
#include <chrono>
#include <string>
#include <string_view>
#include <type_traits>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/whole_storage.hpp"

using mfa::ChallengeOptions;
using mfa::errc;
using mfa::Purpose;
using mfa::Status;
using mfa::VerifyOptions;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

using Host = mfa::test::HostOver<mfa::test::WholeStorage<mfa::storage::Memory>>;

namespace {

constexpr std::array every_purpose{Purpose::sign_in, Purpose::confirm_enrollment, Purpose::step_up,
                                   Purpose::action};

/// A challenge or a verification may be for signing in, say; this is what is said then.
template <class Options> Options for_purpose(Purpose purpose, const std::string& action = "pay 100 EUR") {
  Options options;
  options.purpose = purpose;
  if (purpose == Purpose::action) options.action = action;
  return options;
}

/// What comes of an answer that is given for this purpose.
Status answer(Host& host, const std::string& challenge_id, std::string_view code, Purpose purpose) {
  const auto options = for_purpose<VerifyOptions>(purpose);
  if (purpose == Purpose::confirm_enrollment)
    return host.verifier.confirm_enrollment(challenge_id, code, options).status();
  return host.verifier.verify_challenge(challenge_id, code, options).status();
}

/// One factor that is verified and one that waits to be confirmed, each with an authenticator.
struct Users {
  Host host;
  decltype(host.enroll_totp()) alan = host.enroll_verified_totp("alan");
  decltype(host.enroll_totp()) grace = host.enroll_totp("grace");

  /// A challenge for this purpose, and the code that answers it.
  std::string challenge(Purpose purpose) {
    const auto options = for_purpose<ChallengeOptions>(purpose);
    if (purpose == Purpose::confirm_enrollment) return grace.factor.challenge_enrollment(options).id();
    return alan.factor.challenge(options).id();
  }
  [[nodiscard]] std::string code(Purpose purpose) const {
    return host.code((purpose == Purpose::confirm_enrollment ? grace : alan).totp.secret);
  }
};

template <class Answer>
concept StartsSessions = requires(const Answer& answer) {
  answer.valid();
};

} // namespace

TEST_CASE("An answer for another purpose is refused, and nothing is counted") {
  for (const Purpose asked : every_purpose)
    for (const Purpose given : every_purpose) {
      CAPTURE(to_string(asked), to_string(given));
      Users users;
      Host& host = users.host;
      const std::string id = users.challenge(asked);
      CHECK(host.verifier.get_challenge(id, mfa::any_user).purpose() == asked);
      if (asked == given) {
        CHECK(answer(host, id, users.code(asked), given) == Status::valid);
        continue;
      }
      const auto before = host.storage.contents();
      for (const std::string& code : {users.code(asked), std::string("000000"), std::string("no code")})
        CHECK(thrown_by([&] { return answer(host, id, code, given); }) == errc::wrong_purpose);
      CHECK(host.storage.contents() == before);
      CHECK(answer(host, id, users.code(asked), asked) == Status::valid);
      // Nor is it told how an answered challenge ended.
      CHECK(thrown_by([&] { return answer(host, id, users.code(asked), given); }) == errc::wrong_purpose);
    }
}

TEST_CASE("A verification says what it was for") {
  for (const Purpose purpose : {Purpose::sign_in, Purpose::step_up, Purpose::action}) {
    CAPTURE(to_string(purpose));
    Users users;
    const auto verification = users.host.verifier.verify_challenge(
        users.challenge(purpose), users.code(purpose), for_purpose<VerifyOptions>(purpose));
    CHECK(verification.valid());
    CHECK(verification.purpose() == purpose);
    CHECK(verification.challenge().purpose() == purpose);
  }
}

TEST_CASE("Signing in is what is meant where no purpose is said") {
  Users users;
  const auto challenge = users.alan.factor.challenge();
  CHECK(challenge.purpose() == Purpose::sign_in);
  CHECK(challenge.verify(users.code(Purpose::sign_in)).purpose() == Purpose::sign_in);
}

TEST_CASE("An action is done in the words that it was asked in, which are not stored") {
  Users users;
  Host& host = users.host;
  const std::string asked = "pay 100 EUR to Foo Corp";
  const std::string code = users.code(Purpose::action);
  const auto challenge = users.alan.factor.challenge(for_purpose<ChallengeOptions>(Purpose::action, asked));
  const auto before = host.storage.contents();
  for (const std::string words : {"pay 900 EUR to Foo Corp", "pay 100 EUR to Foo Corp ", "PAY", "p"}) {
    CAPTURE(words);
    CHECK(thrown_by([&] {
            return challenge.verify(code, for_purpose<VerifyOptions>(Purpose::action, words));
          }) == errc::wrong_purpose);
  }
  CHECK(host.storage.contents() == before);
  for (const auto& stored : before.challenges) CHECK(stored.answer.find("Foo Corp") == std::string::npos);
  CHECK(challenge.verify(code, for_purpose<VerifyOptions>(Purpose::action, asked)).valid());
}

TEST_CASE("The same action asked twice is two challenges, neither of which answers for the other") {
  Users users;
  const auto first = users.challenge(Purpose::action);
  const auto second = users.challenge(Purpose::action);
  const std::string code = users.code(Purpose::action);
  CHECK(answer(users.host, first, code, Purpose::action) == Status::valid);
  CHECK(answer(users.host, second, code, Purpose::action) == Status::code_already_used);
}

TEST_CASE("What contradicts itself is refused before anything is read") {
  Users users;
  const auto& factor = users.alan.factor;
  const std::string code = users.code(Purpose::sign_in);
  const std::string id = users.challenge(Purpose::sign_in);
  const auto before = users.host.storage.contents();
  const auto refused = [](auto&& call) { CHECK(thrown_by(call) == errc::invalid_argument); };
  refused([&] { return users.grace.factor.challenge({.purpose = Purpose::confirm_enrollment}); });
  refused([&] { return factor.challenge({.purpose = Purpose::action}); }); // which?
  refused([&] { return factor.challenge({.action = "pay"}); });
  refused([&] { return factor.challenge({.purpose = Purpose::step_up, .action = "pay"}); });
  refused([&] { return factor.challenge({.purpose = Purpose::action, .action = std::string(4097, 'a')}); });
  const auto& verifier = users.host.verifier;
  refused([&] { return verifier.verify_challenge(id, code, {.purpose = Purpose::confirm_enrollment}); });
  refused([&] { return verifier.verify_challenge(id, code, {.purpose = Purpose::action}); });
  refused([&] { return verifier.verify_challenge(id, code, {.action = "pay"}); });
  refused([&] { return verifier.confirm_enrollment(id, code, {.action = "pay"}); });
  CHECK(users.host.storage.contents() == before);
}

TEST_CASE("A factor is confirmed once, and signs in from then on") {
  Users users;
  const auto& factor = users.grace.factor;
  const std::string open = factor.challenge_enrollment().id();
  CHECK(thrown_by([&] { return factor.challenge(); }) == errc::factor_not_verified);
  const auto confirmation = factor.confirm(users.code(Purpose::confirm_enrollment));
  CHECK(confirmation.confirmed());
  CHECK(confirmation.user_id() == "grace");
  CHECK(users.host.verifier.get_factor(factor.id(), "grace").verified());

  // There is nothing to confirm any more; a challenge that was open before is still for nothing else.
  CHECK(thrown_by([&] { return factor.challenge_enrollment(); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { return factor.confirm("000000"); }) == errc::invalid_argument);
  users.host.clock.advance(30s);
  const std::string code = users.code(Purpose::confirm_enrollment);
  CHECK(thrown_by([&] { return answer(users.host, open, code, Purpose::sign_in); }) == errc::wrong_purpose);
  CHECK(factor.challenge().verify(code).valid());
}

TEST_CASE("A confirmation is no verification, by its type") {
  CHECK(StartsSessions<mfa::Verification>);
  CHECK_FALSE(StartsSessions<mfa::Confirmation>);
  CHECK_FALSE(std::is_convertible_v<mfa::Confirmation, mfa::Verification>);
}

TEST_CASE("By a factor's id is confirmed what comes unasked; what must be asked for, by its challenge") {
  Host host;
  const auto refused = [&](const std::string& id) {
    CHECK(thrown_by([&] { return host.verifier.confirm_enrollment(id, "123456"); }) ==
          errc::invalid_argument);
  };
  const auto phone = host.enroll_sms("+14155550123", "alan").factor;
  refused(phone.id());
  const auto sent = phone.challenge_enrollment();
  CHECK(sent.confirm(host.sms.last().body).confirmed());

  const auto mail = host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "grace"}).factor;
  refused(mail.id());
  const auto drawn = mail.challenge_enrollment();
  CHECK(drawn.confirm(drawn.code()).confirmed());

  const auto token =
      host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = "ada", .user_id = "ada"});
  const auto secret = mfa::otp::base32_decode(token.hotp.secret);
  CHECK(host.verifier.confirm_enrollment(token.factor.id(), mfa::otp::hotp(secret, 0)).confirmed());
}

TEST_CASE("Whoever confirms by a factor's id gets the attempts and delays of any other") {
  Users users;
  const std::string wrong = users.host.wrong_code(users.grace.totp.secret);
  for (int i = 0; i < 4; ++i) CHECK(users.grace.factor.confirm(wrong).status() == Status::wrong_code);
  const auto fifth = users.grace.factor.confirm(wrong);
  CHECK(fifth.status() == Status::wrong_code);
  CHECK(fifth.retry_after() == 30s);
  CHECK(users.grace.factor.confirm(users.code(Purpose::confirm_enrollment)).status() == Status::delayed);
}

TEST_CASE("Handles do what their verifier does, for the purpose that is said") {
  Users users;
  const auto listed = users.host.verifier.list_factors("alan").at(0);
  const auto step_up = listed.challenge({.purpose = Purpose::step_up});
  const std::string code = users.code(Purpose::step_up);
  CHECK(thrown_by([&] { return step_up.verify(code); }) == errc::wrong_purpose);
  CHECK(thrown_by([&] { return step_up.confirm(code); }) == errc::wrong_purpose);
  CHECK(step_up.verify(code, {.purpose = Purpose::step_up}).valid());

  const auto waiting = users.host.verifier.list_factors("grace").at(0);
  const auto confirming = waiting.challenge_enrollment({.purpose = Purpose::step_up}); // not looked at
  CHECK(confirming.purpose() == Purpose::confirm_enrollment);
  CHECK(confirming.confirm(users.code(Purpose::confirm_enrollment)).confirmed());
}

TEST_CASE("A factor is confirmed for the user who is named, and under what the challenge is bound to") {
  Users users;
  const auto& verifier = users.host.verifier;
  const std::string& id = users.grace.factor.id();
  const std::string code = users.code(Purpose::confirm_enrollment);
  CHECK(thrown_by([&] { return verifier.confirm_enrollment(id, code, {.user = "alan"}); }) ==
        errc::entity_not_found);
  CHECK(thrown_by([&] { return verifier.challenge_enrollment(id, "alan"); }) == errc::entity_not_found);
  const auto bound = users.grace.factor.challenge_enrollment({.binding = "session 1"});
  CHECK(thrown_by([&] { return bound.confirm(code); }) == errc::entity_not_found);
  CHECK(bound.confirm(code, {.binding = "session 1", .user = "grace"}).confirmed());
}
