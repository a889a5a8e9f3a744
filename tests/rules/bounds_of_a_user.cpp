// What a caller without a second factor can make is bounded for each user, whatever the factor, and in races:
// open challenges, unverified factors, messages, wrong codes; and all of it ends by itself.
#include <chrono>
#include <cstddef>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"

using namespace mfa;
using namespace mfa::test;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

/// How many of these challenges are still there.
template <class Ids> std::size_t open_among(Host& host, const Ids& ids) {
  std::size_t open = 0;
  for (const std::string& id : ids)
    if (thrown_by([&] { return host.verifier.get_challenge(id, any_user); }) == errc{}) ++open;
  return open;
}

} // namespace

TEST_CASE("A further open challenge ends the oldest") {
  Host host{Options{.open_challenges_a_user = 3}};
  const auto enrolled = host.enroll_verified_totp();
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(host.challenge(enrolled.factor.id()));
  const std::string code = host.code(enrolled.totp.secret);
  for (const std::size_t gone : {0U, 1U})
    CHECK(thrown_by([&] { return host.verifier.verify_challenge(ids.at(gone), code); }) ==
          errc::entity_not_found);
  CHECK(host.verify(ids[2], code) == Status::valid);
}

TEST_CASE("Challenges that are over make room") {
  Host host{Options{.open_challenges_a_user = 2}};
  const auto enrolled = host.enroll_verified_totp();
  const std::string first = host.challenge(enrolled.factor.id());
  host.clock.advance(minutes(11));
  for (int i = 0; i < 2; ++i) (void)host.challenge(enrolled.factor.id());
  CHECK(host.verifier.get_challenge(first, any_user).purpose() == Purpose::sign_in); // kept to be looked at
  CHECK(host.verify(first, host.code(enrolled.totp.secret)) == Status::expired);
}

TEST_CASE("The bound is the user's, over all his factors, and nobody else's") {
  Host host{Options{.open_challenges_a_user = 2}};
  const auto one = host.enroll_verified_totp();
  const auto two = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator);
  const auto other = host.enroll_verified_totp("u_43");
  const std::string kept = host.challenge(other.factor.id());
  const std::string first = host.challenge(one.factor.id());
  for (int i = 0; i < 2; ++i) (void)host.challenge(two.factor.id());
  CHECK(open_among(host, std::vector{first}) == 0);
  CHECK(open_among(host, std::vector{kept}) == 1);
}

TEST_CASE("One session's challenges do not end another session's") {
  Host host{Options{.open_challenges_a_user = 5}};
  const auto enrolled = host.enroll_verified_totp();
  const auto mine = host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.binding = "mine"});
  for (int i = 0; i < 50; ++i)
    (void)host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.binding = "somebody's"});
  CHECK(host.verify(mine.id(), host.code(enrolled.totp.secret), {.binding = "mine"}) == Status::valid);
}

TEST_CASE("Strangers' challenges do not end those of a trusted device") {
  Host host{Options{.open_challenges_a_user = 2}};
  const auto enrolled = host.enroll_verified_totp();
  const auto device = host.verifier.remember_device("u_42", "Firefox", by_operator);
  const auto mine =
      host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.device_token = device.token});
  for (int i = 0; i < 9; ++i)
    (void)host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.binding = std::to_string(i)});
  CHECK(host.verify(mine.id(), host.code(enrolled.totp.secret)) == Status::valid);
}

TEST_CASE("Of a trusted device, five challenges are open at most, which keeps the record of the user small") {
  Host host{Options{.open_challenges_a_user = 100}};
  const auto enrolled = host.enroll_verified_totp();
  std::vector<std::string> ids;
  for (int device = 0; device < 20; ++device) {
    const auto remembered = host.verifier.remember_device("u_42", "Firefox", by_operator);
    for (int i = 0; i < 60; ++i)
      ids.push_back(host.challenge(enrolled.factor.id(), {.device_token = remembered.token}));
  }
  CHECK(open_among(host, ids) == 20 * 5);
  for (int i = 0; i < 150; ++i) ids.push_back(host.challenge(enrolled.factor.id()));
  CHECK(open_among(host, ids) == 20 * 5 + 100);
  const auto record = host.storage.find_counter("user_u_42");
  REQUIRE(record);
  CHECK(record->data.size() < storage::longest_bytes / 2);
}

TEST_CASE("Challenges that are created at the same time stay within the bound") {
  Host host{Options{.open_challenges_a_user = 4}};
  const auto enrolled = host.enroll_verified_totp();
  std::vector<std::vector<std::string>> ids(8);
  std::vector<std::thread> threads;
  for (auto& made : ids)
    threads.emplace_back([&] {
      for (int i = 0; i < 25; ++i) made.push_back(host.challenge(enrolled.factor.id()));
    });
  for (std::thread& thread : threads) thread.join();
  std::size_t open = 0;
  for (const auto& made : ids) open += open_among(host, made);
  CHECK(open == 4);
}

TEST_CASE("A further unverified factor removes the oldest, and none that is verified") {
  Host host{Options{.unverified_factors_a_user = 2}};
  const auto verified = host.enroll_verified_totp();
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i, host.clock.advance(seconds(1)))
    ids.push_back(
        host.verifier
            .enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, by_operator)
            .factor.id());
  std::vector<std::string> left;
  for (const auto& factor : host.verifier.list_factors("u_42")) left.push_back(factor.id());
  CHECK(left == std::vector{verified.factor.id(), ids[2], ids[3]});
}

TEST_CASE("An enrolment is confirmed in time or not at all") {
  struct Row {
    seconds after;
    bool in_time;
  };
  for (const Row& row : {Row{seconds(0), true}, Row{minutes(10) - seconds(1), true}, Row{minutes(10), false},
                         Row{hours(24 * 400), false}}) {
    INFO(row.after.count() << " s");
    Host host;
    const auto enrolled = host.enroll_totp();
    host.clock.advance(row.after);
    const auto confirm = [&] {
      return host.verifier.confirm_enrollment(enrolled.factor.id(), host.code(enrolled.totp.secret));
    };
    if (row.in_time)
      CHECK(confirm().confirmed());
    else
      CHECK(thrown_by(confirm) == errc::enrollment_expired);
  }
}

TEST_CASE("Challenges end whose codes come unasked") {
  Host host;
  const auto totp = host.enroll_verified_totp();
  const auto codes = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator);
  const std::string by_totp = host.challenge(totp.factor.id());
  const std::string by_code = host.challenge(codes.factor.id());
  host.clock.advance(minutes(10));
  CHECK(host.verify(by_totp, host.code(totp.totp.secret)) == Status::expired);
  CHECK(host.verify(by_code, codes.recovery_codes.codes[0]) == Status::expired);
}

TEST_CASE("Messages to one user are bounded, to whatever numbers, by factors that are deleted as well") {
  Host host{Options{.sends_a_user_an_hour = 3, .sends_a_user_a_day = 5}};
  std::size_t sent = 0;
  int number = 1000;
  const auto send_to_a_new_number = [&] {
    const auto phone = host.enroll_sms("+1415555" + std::to_string(number++));
    const errc refused = thrown_by([&] { return phone.factor.challenge_enrollment(); });
    phone.factor.remove();
    if (refused == errc{}) ++sent;
    return refused;
  };
  for (int i = 0; i < 3; ++i) CHECK(send_to_a_new_number() == errc{});
  CHECK(send_to_a_new_number() == errc::sms_rate_limited);
  host.clock.advance(hours(1));
  for (int i = 0; i < 2; ++i) CHECK(send_to_a_new_number() == errc{});
  for (int hour = 0; hour < 20; ++hour) {
    CHECK(send_to_a_new_number() == errc::sms_rate_limited);
    host.clock.advance(hours(1));
  }
  CHECK(sent == host.sms.messages().size());
  host.clock.advance(hours(4));
  CHECK(send_to_a_new_number() == errc{});
}

TEST_CASE("An operator who resets what a factor has sent resets what was sent to its user") {
  Host host{Options{
      .sends_a_user_an_hour = 3, .sms_send_interval = seconds(0), .generic_otp_interval = seconds(0)}};
  const std::string phone = host.enroll_sms().factor.id();
  const std::string mail = host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}).factor.id();
  for (int i = 0; i < 3; ++i) (void)host.challenge(i % 2 == 0 ? phone : mail);
  CHECK(thrown_by([&] { return host.challenge(phone); }) == errc::sms_rate_limited);
  CHECK(thrown_by([&] { return host.challenge(mail); }) == errc::code_rate_limited);
  CHECK(host.verifier.reset_sms_limits("+14155550123")); // the number's alone, whoever's it is
  CHECK(thrown_by([&] { return host.challenge(phone); }) == errc::sms_rate_limited);
  CHECK(host.verifier.reset_send_limits(phone, "u_42"));
  for (int i = 0; i < 3; ++i) CHECK_NOTHROW(host.challenge(i % 2 == 0 ? phone : mail));
  CHECK(thrown_by([&] { return host.challenge(phone); }) == errc::sms_rate_limited);
  CHECK(host.verifier.reset_send_limits(mail, "u_42"));
  CHECK(host.verifier.reset_send_limits(phone, "u_42"));
  CHECK_FALSE(host.verifier.reset_send_limits(phone, "u_42")); // nothing is left of it
}

TEST_CASE("500 messages of one user that are asked for at one moment are as many as the bound") {
  Host host{Options{.sends_a_user_an_hour = 4}};
  std::vector<std::string> factors;
  for (int i = 0; i < 5; ++i)
    factors.push_back(host.enroll_sms("+1415555100" + std::to_string(i)).factor.id());
  std::vector<std::thread> threads;
  for (const std::string& factor : factors)
    threads.emplace_back([&] {
      for (int i = 0; i < 100; ++i)
        (void)thrown_by([&] { return host.verifier.challenge_enrollment(factor, any_user); });
    });
  for (std::thread& thread : threads) thread.join();
  CHECK(host.sms.messages().size() == 4);
}

TEST_CASE("Codes for the host to deliver are counted by where they go, whatever the factor and the user") {
  Host host;
  std::size_t drawn = 0;
  for (int i = 0; i < 20; ++i) {
    const auto email = host.verifier.enroll_factor(
        GenericOtp{.destination = "a***@example.com", .user_id = "u_" + std::to_string(i)});
    if (thrown_by([&] { return email.factor.challenge_enrollment(); }) == errc{}) ++drawn;
    email.factor.remove();
    host.clock.advance(seconds(31));
  }
  CHECK(drawn == 3); // of five an hour, the half that enrolments may have
}

TEST_CASE("Codes for the host to deliver are counted by the address that it gives, however that is masked") {
  Host host;
  const auto drawn = [&](const std::string& destination, const std::string& address,
                         const std::string& user_id) {
    return thrown_by([&] {
      const auto mailbox = host.verifier.enroll_factor(
          GenericOtp{.destination = destination, .address = address, .user_id = user_id});
      CHECK(mailbox.generic_otp.destination == destination);
      (void)mailbox.factor.challenge_enrollment();
      return true;
    });
  };
  CHECK(drawn("a***@example.com", "alan@example.com", "u_42") == errc{});
  CHECK(drawn("a***@example.com", "anna@example.com", "u_43") == errc{});
  CHECK(drawn("al**@example.com", "alan@example.com", "u_44") == errc::code_rate_limited);
  CHECK(drawn("", "anna@example.com", "u_45") == errc::code_rate_limited);
  CHECK(drawn("a***@example.com", "", "u_46") ==
        errc{}); // by the destination, which nobody else is counted by
  CHECK(drawn("a***@example.com", std::string(256, 'a'), "u_47") == errc::invalid_argument);
}

TEST_CASE(
    "Whoever enrols somebody else's number or address leaves its owner half of what may be sent there") {
  const bool by_sms = GENERATE(true, false);
  CAPTURE(by_sms);
  Host host;
  const auto enroll = [&](const std::string& user_id) -> std::string {
    if (by_sms) return host.enroll_sms("+14155550123", user_id).factor.id();
    return host.verifier.enroll_factor(GenericOtp{.destination = "alan@example.com", .user_id = user_id})
        .factor.id();
  };
  const std::string own = enroll("u_42");
  const auto shown = host.verifier.challenge_enrollment(own, "u_42");
  std::string code(shown.code());
  if (by_sms) code = host.sms.last().body;
  REQUIRE(shown.confirm(code).confirmed());
  host.clock.advance(hours(25));

  std::size_t strangers = 0;
  std::size_t sent = 0;
  const auto strangers_enrol_for = [&](minutes time) {
    for (minutes left = time; left.count() > 0; left -= minutes(2)) {
      const std::string theirs = enroll("stranger " + std::to_string(++strangers));
      if (thrown_by([&] { return host.verifier.challenge_enrollment(theirs, any_user); }) == errc{}) ++sent;
      host.clock.advance(minutes(2));
    }
  };
  const auto owner_signs_in = [&] {
    const errc refused = thrown_by([&] { return host.verifier.challenge_factor(own, "u_42"); });
    host.clock.advance(seconds(30));
    return refused;
  };
  strangers_enrol_for(minutes(50));
  CHECK(sent == 3); // of five an hour
  for (int i = 0; i < 2; ++i) CHECK(owner_signs_in() == errc{});
  host.clock.advance(hours(1));
  strangers_enrol_for(hours(18));
  CHECK(sent == 3); // of ten a day, five went there
  for (int i = 0; i < 5; ++i) CHECK(owner_signs_in() == errc{});
  CHECK(owner_signs_in() == (by_sms ? errc::sms_rate_limited : errc::code_rate_limited));
}

TEST_CASE("Wrong codes are counted for the user over all factors whose codes can be guessed") {
  Host host{Options{.wrong_codes_a_user_a_day = 10, .failures_before_delay = 10, .first_delay = seconds(1)}};
  const auto totp = host.enroll_verified_totp();
  const auto phone =
      host.verifier.enroll_factor(Sms{.phone_number = "+14155550123", .user_id = "u_42"}, by_operator);
  const auto codes = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator);
  const std::string confirming = host.challenge(phone.factor.id());
  // Wrong codes for what is not confirmed yet do not count: a stranger could enrol it to use the budget up.
  CHECK(host.verify(confirming, host.other_code(host.sms.last().body)) == Status::wrong_code);
  CHECK(host.verify(confirming, host.sms.last().body) == Status::valid);
  host.clock.advance(minutes(1));
  const std::string by_phone = host.challenge(phone.factor.id());
  for (int i = 0; i < 5; ++i) (void)host.verify(by_phone, host.other_code(host.sms.last().body));
  const std::string by_totp = host.challenge(totp.factor.id());
  for (int i = 0; i < 5; ++i)
    CHECK(host.verify(by_totp, host.wrong_code(totp.totp.secret)) == Status::wrong_code);

  for (const std::string& factor : {totp.factor.id(), phone.factor.id()})
    CHECK(thrown_by([&] { return host.challenge(factor); }) == errc::user_delayed);
  CHECK(host.verify(host.challenge(codes.factor.id()), codes.recovery_codes.codes[0]) == Status::valid);
  const auto device = host.verifier.remember_device("u_42", "Firefox", by_operator);
  const std::string on_device = host.challenge(totp.factor.id(), {.device_token = device.token});
  CHECK(host.verify(on_device, host.code(totp.totp.secret)) == Status::valid);

  host.clock.advance(hours(24) - minutes(1));
  try {
    (void)host.challenge(totp.factor.id());
    FAIL("the wait was shorter");
  } catch (const Error& error) {
    CHECK(error.code() == errc::user_delayed);
    host.clock.advance(error.retry_after().value());
  }
  CHECK_NOTHROW(host.challenge(totp.factor.id()));
}

TEST_CASE("What cannot be guessed is neither locked nor delayed by wrong answers") {
  Host host;
  const auto codes = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator);
  for (int i = 0; i < 300; ++i)
    CHECK(host.verify(host.challenge(codes.factor.id()), "0000-0000-0000") == Status::wrong_code);
  CHECK_FALSE(host.verifier.get_factor(codes.factor.id(), "u_42").locked());
  CHECK(host.verify(host.challenge(codes.factor.id()), codes.recovery_codes.codes[0]) == Status::valid);
}

TEST_CASE(
    "With the last wrong code that a user may have in a day, each open challenge takes one more at most") {
  Host host{Options{.wrong_codes_a_user_a_day = 10,
                    .attempts_a_challenge = 7,
                    .failures_before_delay = 10,
                    .first_delay = seconds(1)}};
  const auto totp = host.enroll_verified_totp();
  std::vector<std::string> open;
  for (int i = 0; i < 4; ++i) open.push_back(host.challenge(totp.factor.id()));
  const auto guess = [&](std::size_t i) {
    return host.verifier.verify_challenge(open.at(i), host.wrong_code(totp.totp.secret));
  };
  for (int i = 0; i < 7; ++i) CHECK(guess(0).status() == Status::wrong_code);
  for (int i = 0; i < 2; ++i) CHECK(guess(1).attempts_left() > 0);
  const auto tenth = guess(1);
  CHECK(tenth.status() == Status::wrong_code);
  CHECK(tenth.attempts_left() == 0);
  host.clock.advance(seconds(10));
  CHECK(host.verify(open[1], host.code(totp.totp.secret)) == Status::too_many_attempts);
  CHECK(guess(2).status() == Status::wrong_code);
  host.clock.advance(seconds(10));
  CHECK(host.verify(open[2], host.code(totp.totp.secret)) == Status::too_many_attempts);
  CHECK(host.verify(open[3], host.code(totp.totp.secret)) == Status::valid);
}

TEST_CASE("Wrong codes at an enrolment count for the user once the factor is verified") {
  Host host{Options{.wrong_codes_a_user_a_day = 10,
                    .attempts_a_challenge = 10,
                    .failures_before_delay = 10,
                    .first_delay = seconds(1)}};
  const auto totp = host.enroll_totp();
  const auto left_open = host.verifier.challenge_enrollment(totp.factor.id(), "u_42");
  REQUIRE(host.verifier.confirm_enrollment(totp.factor.id(), host.code(totp.totp.secret)).confirmed());
  for (int i = 0; i < 10; ++i)
    CHECK(left_open.confirm(host.wrong_code(totp.totp.secret)).status() == Status::wrong_code);
  host.clock.advance(minutes(1));
  CHECK(thrown_by([&] { return host.challenge(totp.factor.id()); }) == errc::user_delayed);
}

TEST_CASE("Challenges that were answered wrongly to their end make room as open ones do") {
  Host host{Options{.open_challenges_a_user = 3}};
  const auto codes = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator);
  std::vector<std::string> ids;
  for (int i = 0; i < 9; ++i) {
    ids.push_back(host.challenge(codes.factor.id()));
    for (int wrong = 0; wrong < 5; ++wrong) (void)host.verify(ids.back(), "0000-0000-0000");
    CHECK(host.verify(ids.back(), codes.recovery_codes.codes[0]) == Status::too_many_attempts);
  }
  CHECK(open_among(host, ids) == 3);
}

TEST_CASE("Of what cannot be guessed, challenges that were answered wrongly to their end go a day after it") {
  Host host;
  const auto codes = host.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator);
  const std::string left_alone = host.challenge(codes.factor.id());
  const std::string exhausted = host.challenge(codes.factor.id());
  for (int wrong = 0; wrong < 5; ++wrong) (void)host.verify(exhausted, "0000-0000-0000");
  const auto stored = [&] {
    (void)host.verifier.purge_expired();
    return std::pair(open_among(host, std::vector{exhausted}), open_among(host, std::vector{left_alone}));
  };
  host.clock.advance(minutes(10) + hours(24) - seconds(1));
  CHECK(stored() == std::pair<std::size_t, std::size_t>(1, 1));
  host.clock.advance(seconds(1));
  CHECK(stored() == std::pair<std::size_t, std::size_t>(0, 1));
}

TEST_CASE("An SMS transport wants to know which countries it may send to") {
  storage::Memory storage;
  testing::RecordingSms sms;
  CHECK(thrown_by([&] { return Verifier(storage, clock::System{}, sms); }) == errc::invalid_argument);
  CHECK_NOTHROW(Verifier(storage, clock::System{}, sms, Options{.sms_allowed_country_codes = {"1"}}));
  CHECK_NOTHROW(
      Verifier(storage, clock::System{}, sms, Options{.sms_allowed_country_codes = sms::every_country()}));
  CHECK_NOTHROW(Verifier(storage));
}
