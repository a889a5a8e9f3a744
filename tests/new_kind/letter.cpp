// A kind of factor that nobody foresaw, a printed letter, is added by its own header, its lines in the
// list of kinds, and its number and name. These are the library's headers with that done (new_kind/add.sh).
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/storage/record_fields.hpp>

#include "support/catch.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"

using mfa::Status;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

const mfa::Letter request{.destination = "Alan Turing, Cambridge", .user_id = "u_42"};

/// A well-formed code that was never drawn.
const std::string foreign_code = "0000-0000-0000";

/// Letters are slower than other codes.
const mfa::Options patient{.enrollment_lifetime = 30 * 24h};

} // namespace

TEST_CASE("A letter's code is drawn, printed by the host, and works once") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(request);
  CHECK(enrolled.letter.destination == request.destination);
  CHECK(to_string(enrolled.factor.type()) == "letter");
  CHECK_FALSE(enrolled.factor.verified());

  const auto first = enrolled.factor.challenge_enrollment();
  CHECK(first.confirm(first.code()).confirmed());
  host.clock.advance(24h);

  const auto challenge = enrolled.factor.challenge();
  CHECK(challenge.code().size() == 14);
  CHECK(challenge.webauthn_options().empty());
  CHECK(host.sms.messages().empty());
  CHECK(challenge.expires_at() == challenge.created_at() + 14 * 24h);
  CHECK(challenge.verify(foreign_code).status() == Status::wrong_code);
  CHECK(challenge.verify("123456").status() == Status::malformed_code);
  CHECK(host.verifier.get_challenge(challenge.id(), mfa::any_user).attempts_left() ==
        challenge.attempts_left() - 1);

  host.clock.advance(3 * 24h);
  std::string typed(challenge.code());
  std::erase(typed, '-');
  for (char& c : typed) c = c == '0' ? 'o' : c == '1' ? 'l' : c;
  const auto verification = challenge.verify(typed);
  CHECK(verification.valid());
  REQUIRE(verification.amr().size() == 1);
  CHECK(verification.amr().front() == "otp");
  CHECK(challenge.verify(challenge.code()).status() == Status::already_verified);

  const auto listed = host.verifier.list_factors("u_42");
  REQUIRE(listed.size() == 1);
  CHECK(listed.front().verified());
  REQUIRE(listed.front().details_as<mfa::LetterDetails>() != nullptr);
  CHECK(listed.front().details_as<mfa::LetterDetails>()->destination == request.destination);
  CHECK(listed.front().totp() == nullptr);
}

TEST_CASE("A later letter ends the earlier one, and time ends both") {
  Host host(patient);
  const auto enrolled = host.verifier.enroll_factor(request);
  const auto first = enrolled.factor.challenge_enrollment();
  host.clock.advance(24h);
  const auto second = enrolled.factor.challenge_enrollment();
  CHECK(second.code() != first.code());
  CHECK(first.confirm(first.code()).status() == Status::superseded);
  host.clock.advance(14 * 24h);
  CHECK(second.confirm(second.code()).status() == Status::expired);
}

TEST_CASE("Nobody guesses a letter, so wrong ones keep its user from nothing") {
  Host host(patient);
  const auto enrolled = host.verifier.enroll_factor(request);
  const auto first = enrolled.factor.challenge_enrollment();
  REQUIRE(first.confirm(first.code()).confirmed());
  for (int i = 0; i < 10; ++i) {
    host.clock.advance(24h);
    const auto challenge = enrolled.factor.challenge();
    for (int guess = 0; guess < 5; ++guess) CHECK_FALSE(challenge.verify(foreign_code).valid());
  }
  host.clock.advance(24h);
  const auto challenge = enrolled.factor.challenge();
  CHECK(challenge.verify(challenge.code()).valid());
}

TEST_CASE("The kind's limit refuses further letters, and its event tells") {
  std::vector<std::string> events;
  Host host({.observer = [&](const mfa::Event& event) { events.emplace_back(to_string(event.type)); }});
  const auto enrolled = host.verifier.enroll_factor(request);
  (void)enrolled.factor.challenge_enrollment();
  CHECK(thrown_by([&] { return enrolled.factor.challenge_enrollment(); }) == mfa::errc::code_rate_limited);
  CHECK(events == std::vector<std::string>{"factor_enrolled", "challenge_created", "code_refused"});
  CHECK(host.verifier.reset_send_limits(enrolled.factor.id(), mfa::any_user));
  (void)enrolled.factor.challenge_enrollment();
}

TEST_CASE("Storages keep it, and what it has not is refused by its name") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(request);
  auto stored = *host.storage.find_factor(enrolled.factor.id());
  mfa::storage::FactorRecord read = stored;
  read.type = {};
  const std::string packed = mfa::detail::fields_of(stored);
  mfa::detail::read_fields(mfa::detail::FieldReader(packed, mfa::detail::record_format, "factor", stored.id),
                           read);
  CHECK(read == stored);
  CHECK(thrown_by([&] { return host.verifier.unsafe_export_otpauth_uri(stored.id, mfa::any_user); }) ==
        mfa::errc::invalid_argument);
  host.verifier.unlock_factor(stored.id, mfa::any_user, mfa::by_operator);
  host.verifier.delete_factor(stored.id, mfa::any_user, mfa::by_operator);
}
