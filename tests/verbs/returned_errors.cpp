// A verifier that is asked to returns a `Result` where it would throw: every verb, by one mechanism.
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"

using mfa::errc;
using mfa::Result;
using mfa::test::contains;

namespace {

/// A storage of a host's that throws what is no `Error`.
struct Faulty : mfa::storage::Memory {
  bool lost = false;
  bool no_memory = false;

  std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id) {
    if (lost) throw std::runtime_error("connection reset");
    if (no_memory) throw std::bad_alloc();
    return mfa::storage::Memory::find_factor(id);
  }
};

struct Refusing {
  static void send(const mfa::SmsMessage&) { throw std::runtime_error("no route to the gateway"); }
};

std::string what_of(const std::exception_ptr& cause) {
  try {
    if (cause) std::rethrow_exception(cause);
  } catch (const std::exception& exception) {
    return exception.what();
  }
  return "none";
}

const std::string unknown = "auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ";
const std::string unknown_challenge = "auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ";

} // namespace

TEST_CASE("what succeeds is in the result") {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::Options{}, mfa::return_errors};
  const auto enrolled = verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_1"});
  REQUIRE(enrolled.has_value());
  const auto challenge = enrolled->factor.challenge_enrollment();
  REQUIRE(challenge.has_value());
  const auto confirmation = challenge->confirm(challenge->code());
  REQUIRE(confirmation);
  CHECK((*confirmation).confirmed());
  CHECK(verifier.list_factors("u_1")->size() == 1);
  CHECK(*verifier.purge_expired() == 0);
  const Result<mfa::Remaining> removed = enrolled->factor.remove(*confirmation);
  CHECK(removed.has_value());
}

TEST_CASE("what is refused is in the result, whatever the verb") {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage, mfa::Options{}, mfa::return_errors};
  const auto code_of = [](const auto& result) {
    REQUIRE_FALSE(result.has_value());
    return errc(result.error().code());
  };
  CHECK(code_of(verifier.enroll_factor(mfa::Totp{})) == errc::invalid_argument);
  CHECK(code_of(verifier.challenge_factor(unknown, mfa::any_user)) == errc::entity_not_found);
  CHECK(code_of(verifier.challenge_enrollment(unknown, mfa::any_user)) == errc::entity_not_found);
  CHECK(code_of(verifier.confirm_enrollment(unknown, "123456")) == errc::entity_not_found);
  CHECK(code_of(verifier.verify_challenge(unknown_challenge, "123456")) == errc::entity_not_found);
  CHECK(code_of(verifier.get_factor(unknown, mfa::any_user)) == errc::entity_not_found);
  CHECK(code_of(verifier.get_challenge(unknown_challenge, mfa::any_user)) == errc::entity_not_found);
  CHECK(code_of(verifier.list_factors("u", mfa::Page{.limit = 0})) == errc::invalid_argument);
  CHECK(code_of(verifier.regenerate_recovery_codes(unknown, mfa::any_user, mfa::by_operator)) ==
        errc::entity_not_found);
  CHECK(code_of(verifier.remember_device("", "laptop", mfa::by_operator)) == errc::invalid_argument);
  CHECK(code_of(verifier.unsafe_export_otpauth_uri(unknown, mfa::any_user)) == errc::entity_not_found);
  CHECK(code_of(verifier.delete_factor(unknown, mfa::any_user, mfa::by_operator)) == errc::entity_not_found);
  CHECK(code_of(verifier.rename_factor(unknown, mfa::any_user, "x")) == errc::entity_not_found);
  CHECK(code_of(verifier.reset_user("", mfa::by_operator)) == errc::invalid_argument);
  CHECK(code_of(verifier.unlock_factor(unknown, mfa::any_user, mfa::by_operator)) == errc::entity_not_found);
  CHECK(code_of(verifier.reset_sms_limits("no number")) == errc::invalid_phone_number);
  CHECK(code_of(verifier.reset_send_limits(unknown, mfa::any_user)) == errc::entity_not_found);
  CHECK(code_of(verifier.reseal_all({.batch = 0})) == errc::invalid_argument);
  CHECK(code_of(verifier.replace_key_ring(mfa::KeyRing())) == errc::no_key_ring);
}

TEST_CASE("what a host's own class threw is the cause") {
  Faulty storage;
  mfa::Verifier verifier{storage, mfa::Options{}, mfa::return_errors};
  storage.lost = true;
  const auto lost = verifier.get_factor(unknown, mfa::any_user);
  REQUIRE_FALSE(lost.has_value());
  CHECK(lost.error().code() == errc::policy_failure);
  CHECK_THAT(std::string(lost.error().what()), contains("Error::cause()"));
  CHECK(what_of(lost.error().cause()) == "connection reset");

  storage.lost = false;
  storage.no_memory = true;
  CHECK_THROWS_AS(verifier.get_factor(unknown, mfa::any_user), std::bad_alloc);
}

TEST_CASE("a message that was not sent has the transport's error as its cause, thrown or returned") {
  const mfa::Options to_america{.sms_allowed_country_codes = {"1"}};
  mfa::storage::Memory storage;
  mfa::Verifier returning{storage, mfa::clock::System{}, Refusing{}, to_america, mfa::return_errors};
  const auto phone = returning.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
  REQUIRE(phone.has_value());
  const auto refused = phone->factor.challenge_enrollment();
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code() == errc::sms_not_sent);
  CHECK(what_of(refused.error().cause()) == "no route to the gateway");

  mfa::Verifier throwing{mfa::storage::Memory{}, mfa::clock::System{}, Refusing{}, to_america};
  const auto other = throwing.enroll_factor(mfa::Sms{.phone_number = "+14155550124"});
  try {
    (void)other.factor.challenge_enrollment();
    FAIL("accepted");
  } catch (const mfa::Error& error) {
    CHECK(what_of(error.cause()) == "no route to the gateway");
  }
}

TEST_CASE("the handles of a verifier that is gone return the error") {
  std::optional<mfa::Verifier<mfa::storage::Memory, mfa::clock::System, mfa::sms::None,
                              mfa::ReturnErrors>::FactorHandle>
      kept;
  {
    mfa::Verifier verifier{mfa::storage::Memory{}, mfa::Options{}, mfa::return_errors};
    kept = verifier.enroll_factor(mfa::GenericOtp{})->factor;
  }
  const auto challenge = kept->challenge();
  REQUIRE_FALSE(challenge.has_value());
  CHECK(challenge.error().code() == errc::invalid_argument);
}

TEST_CASE("the wait of a limit is in the error") {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock, mfa::Options{}, mfa::return_errors};
  const auto factor = verifier.enroll_factor(mfa::GenericOtp{});
  REQUIRE(factor->factor.challenge_enrollment().has_value());
  const auto limited = factor->factor.challenge_enrollment();
  REQUIRE_FALSE(limited.has_value());
  CHECK(limited.error().retry_after() == std::chrono::seconds(30));
}
