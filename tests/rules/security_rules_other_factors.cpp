// The security rules of docs/security.md for recovery codes, codes that the host delivers and HOTP, one test
// a rule. tests/mutations.sh takes each rule out of the code and shows that its test then fails.
#include <array>
#include <chrono>
#include <cstdint>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"
#include "support/usual_send_limits.hpp"

using mfa::errc;
using mfa::Status;
using mfa::test::check_usual_send_limits;
using mfa::test::edited;
using mfa::test::Host;
using mfa::test::opened;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

std::string without_dashes(std::string code) {
  std::erase(code, '-');
  return code;
}

/// What a token shows for this counter.
std::string hotp(std::string_view secret, std::uint64_t counter) {
  return mfa::otp::hotp(mfa::otp::base32_decode(secret), counter);
}

auto enroll_recovery_codes(Host& host) {
  return host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator);
}

auto enroll_generic_otp(Host& host) {
  return host.verifier.enroll_factor(mfa::GenericOtp{.destination = "a***@example.com", .user_id = "u_42"});
}

auto enroll_hotp(Host& host, std::uint64_t counter = 0) {
  return host.verifier.enroll_factor(
      mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .counter = counter});
}

} // namespace

TEST_CASE("recovery codes: ten of 60 random bits") {
  Host host;
  std::set<std::string> codes;
  std::set<char> characters;
  for (int i = 0; i < 20; ++i)
    for (const std::string& code : enroll_recovery_codes(host).recovery_codes.codes) {
      const std::string plain = without_dashes(code);
      CHECK(plain.size() == 12);
      characters.insert(plain.begin(), plain.end());
      codes.insert(code);
    }
  CHECK(codes.size() == 200);
  CHECK(characters.size() == 32); // 2,400 draws of 32 characters
}

TEST_CASE("recovery codes: each is accepted once") {
  Host host;
  const auto enrolled = enroll_recovery_codes(host);
  const std::string& id = enrolled.factor.id();
  for (const std::string& code : enrolled.recovery_codes.codes) {
    CHECK(host.verify(host.challenge(id), code) == Status::valid);
    CHECK(host.verify(host.challenge(id), code) == Status::code_already_used);
  }
  CHECK(host.verifier.get_factor(id, mfa::any_user).recovery_codes()->remaining == 0);
}

TEST_CASE("recovery codes: stored only as an HMAC whose key is sealed to the factor") {
  const std::array<unsigned char, 32> key{1};
  const mfa::KeyRing keys("a", key);
  Host host({.key_ring = keys});
  const auto mine = enroll_recovery_codes(host);
  const auto theirs = enroll_recovery_codes(host);
  const auto record = *host.storage.find_factor(theirs.factor.id());
  for (const std::string& code : theirs.recovery_codes.codes) {
    CHECK((record.parameters + record.sealed).find(code) == std::string::npos);
    CHECK((record.parameters + record.sealed).find(without_dashes(code)) == std::string::npos);
  }
  // Moved to another factor, they fit nothing.
  const auto move = [&](auto member) {
    const auto from = opened(*host.storage.find_factor(mine.factor.id()), keys);
    const auto moved = edited(*host.storage.find_factor(theirs.factor.id()), keys,
                              [&](auto& factor) { factor.*member = from.*member; });
    REQUIRE(host.storage.commit({.factors = {moved}, .challenges = {}, .counters = {}, .removals = {}}));
  };
  const std::string challenge = host.challenge(theirs.factor.id());
  move(&mfa::storage::FactorRecord::parameters);
  CHECK(host.verify(challenge, mine.recovery_codes.codes.front()) == Status::wrong_code);
  move(&mfa::storage::FactorRecord::sealed);
  CHECK(thrown_by([&] { return host.verify(challenge, mine.recovery_codes.codes.front()); }) ==
        errc::seal_broken);
}

TEST_CASE("recovery codes: a new set leaves every old code dead") {
  Host host;
  const auto enrolled = enroll_recovery_codes(host);
  const std::string& id = enrolled.factor.id();
  const std::string open = host.challenge(id);
  const auto renewed = host.verifier.regenerate_recovery_codes(id, mfa::any_user, mfa::by_operator);
  CHECK(host.verify(open, enrolled.recovery_codes.codes.front()) == Status::wrong_code);
  CHECK(host.verify(open, renewed.recovery_codes.codes.front()) == Status::valid);
  CHECK(thrown_by([&] {
          return host.verifier.regenerate_recovery_codes(id, "u_43", mfa::by_operator).factor.id();
        }) == errc::entity_not_found);
}

TEST_CASE("recovery codes: the host is warned when two are left") {
  std::vector<mfa::EventType> warnings;
  Host host({.observer = [&](const mfa::Event& event) {
    if (event.type == mfa::EventType::recovery_codes_low) warnings.push_back(event.type);
  }});
  const auto enrolled = enroll_recovery_codes(host);
  for (std::size_t i = 0; i < enrolled.recovery_codes.codes.size(); ++i) {
    CHECK(warnings.size() == (i > 8 ? i - 7 : i == 8 ? 1 : 0));
    REQUIRE(host.verify(host.challenge(enrolled.factor.id()), enrolled.recovery_codes.codes[i]) ==
            Status::valid);
  }
}

TEST_CASE("codes the host delivers: six digits, told with the challenge and never again") {
  Host host({.sends_a_user_an_hour = 100,
             .sends_a_user_a_day = 100,
             .generic_otp_interval = 0s,
             .generic_otps_an_hour = 100,
             .generic_otps_a_day = 100});
  const auto enrolled = enroll_generic_otp(host);
  std::set<std::string> codes;
  for (int i = 0; i < 50; ++i) {
    const auto challenge = enrolled.factor.challenge_enrollment();
    const std::string code(challenge.code());
    CHECK(code.size() == 6);
    CHECK(code.find_first_not_of("0123456789") == std::string::npos);
    CHECK(host.verifier.get_challenge(challenge.id(), mfa::any_user).code().empty());
    CHECK(host.storage.find_challenge(challenge.id())->answer.find(code) == std::string::npos);
    codes.insert(code);
  }
  CHECK(codes.size() > 45);
}

TEST_CASE("codes the host delivers: ten minutes, once, and only the latest") {
  Host host({.generic_otp_interval = 0s});
  const auto enrolled = enroll_generic_otp(host);
  const auto first = enrolled.factor.challenge_enrollment();
  const auto second = enrolled.factor.challenge_enrollment();
  CHECK(host.verify(first.id(), first.code()) == Status::superseded);
  CHECK(host.verify(second.id(), second.code()) == Status::valid);
  CHECK(host.verify(second.id(), second.code()) == Status::already_verified);
  const auto late = enrolled.factor.challenge();
  host.clock.advance(10min);
  CHECK(host.verify(late.id(), late.code()) == Status::expired);
}

TEST_CASE(
    "codes the host delivers: 30 s between two, 5 an hour, 10 a day, for a destination and not a factor") {
  Host host({.sends_a_user_an_hour = 100, .sends_a_user_a_day = 100});
  const auto verified = [&](const std::string& destination, const std::string& user_id) {
    auto enrolled =
        host.verifier.enroll_factor(mfa::GenericOtp{.destination = destination, .user_id = user_id});
    const auto challenge = enrolled.factor.challenge_enrollment();
    REQUIRE(challenge.confirm(challenge.code()).confirmed());
    host.clock.advance(25h);
    return enrolled.factor;
  };
  const auto first = verified("a***@example.com", "u_42");
  const auto second = verified("a***@example.com", "u_43");
  int turn = 0;
  check_usual_send_limits(
      host, errc::code_rate_limited, [&] { (void)(++turn % 2 ? first : second).challenge(); },
      [&] {
        const auto other = host.verifier.enroll_factor(
            mfa::GenericOtp{.destination = "b***@example.com", .user_id = "u_44"});
        CHECK_NOTHROW(other.factor.challenge_enrollment());
      });
}

TEST_CASE("hotp: the counter never goes back") {
  Host host;
  const auto enrolled = enroll_hotp(host);
  const auto verify = [&](std::uint64_t counter) {
    return host.verify(host.challenge(enrolled.factor.id()), hotp(enrolled.hotp.secret, counter));
  };
  CHECK(verify(0) == Status::valid);
  CHECK(verify(0) == Status::code_already_used);
  CHECK(verify(5) == Status::valid); // the button was pressed in vain
  for (const std::uint64_t passed : {0U, 1U, 4U}) CHECK(verify(passed) == Status::wrong_code);
  CHECK(verify(5) == Status::code_already_used);
  CHECK(verify(6) == Status::valid);
}

TEST_CASE("hotp: ten counters ahead and no more") {
  Host host;
  const auto enrolled = enroll_hotp(host, 100);
  const auto verify = [&](std::uint64_t counter) {
    return host.verify(host.challenge(enrolled.factor.id()), hotp(enrolled.hotp.secret, counter));
  };
  CHECK(verify(111) == Status::wrong_code);
  CHECK(verify(110) == Status::valid);
  CHECK(verify(121) == Status::valid);
}

TEST_CASE("hotp: a token that ran ahead is found by two consecutive codes, in order, within the window") {
  Host host;
  const auto enrolled = enroll_hotp(host);
  const auto pair = [&](std::uint64_t first, std::uint64_t second) {
    return host.verify(host.challenge(enrolled.factor.id()),
                       hotp(enrolled.hotp.secret, first) + ' ' + hotp(enrolled.hotp.secret, second));
  };
  CHECK(pair(50, 52) == Status::wrong_code);
  CHECK(pair(51, 50) == Status::wrong_code);
  CHECK(pair(101, 102) == Status::wrong_code);
  CHECK(pair(100, 101) == Status::valid);
  CHECK(pair(100, 101) == Status::wrong_code); // never back
  CHECK(pair(101, 102) == Status::wrong_code);
  CHECK(pair(102, 103) == Status::valid);
}
