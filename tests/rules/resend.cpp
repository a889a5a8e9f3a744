// What becomes of a challenge whose code is sent again: one code counts at a time, and time, attempts,
// binding and limits are those that it had.
#include <chrono>
#include <exception>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/no_sms_budgets.hpp"

using namespace mfa;
using namespace mfa::test;
using std::chrono::hours;
using std::chrono::minutes;
using std::chrono::seconds;

namespace {

/// What is stored of a challenge.
class WatchedMemory : public storage::Memory {
 public:
  [[nodiscard]] std::string answer_of(std::string_view challenge_id) {
    return find_challenge(challenge_id)->answer;
  }
};

using Watched = HostOver<WatchedMemory>;

Options same_code() {
  Options options;
  options.resend_same_code = true;
  return options;
}

/// The error of a call, which must throw one.
template <class Call> Error error_of(Call&& call) {
  try {
    (void)call();
  } catch (const Error& error) {
    return error;
  }
  return {errc::policy_failure, "nothing was thrown"};
}

std::string text(const crypto::SecretString& secret) { return std::string(secret); }

} // namespace

TEST_CASE("A code that is sent again is a new one, and the first counts no more") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  const std::string first = text(host.sms.last().body);
  host.clock.advance(seconds(30));
  const auto again = host.verifier.resend_challenge(challenge.id(), "u_42");
  const std::string second = text(host.sms.last().body);
  CHECK(again.id() == challenge.id());
  CHECK(first != second);
  CHECK(host.verify(challenge.id(), first) == Status::wrong_code);
  CHECK(host.verify(challenge.id(), second) == Status::valid);
}

TEST_CASE("With resend_same_code it is the same one") {
  Host host{same_code()};
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  const std::string first = text(host.sms.last().body);
  for (int sends = 2; sends < 5; ++sends) {
    host.clock.advance(seconds(30));
    (void)challenge.resend();
    CHECK(text(host.sms.last().body) == first);
  }
  CHECK(host.verify(challenge.id(), first) == Status::valid);
}

TEST_CASE("Whoever taps again too soon is told to wait, and nothing is changed") {
  for (const bool same : {false, true}) {
    Host host{same ? same_code() : Options()};
    const auto enrolled = host.enroll_verified_sms();
    const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
    CHECK(challenge.resend_after() == seconds(30));
    const std::string code = text(host.sms.last().body);
    const std::size_t sent = host.sms.messages().size();
    host.clock.advance(seconds(10));
    for (int taps = 0; taps < 3; ++taps) {
      const Error error = error_of([&] { return challenge.resend(); });
      CHECK(error.code() == errc::sms_rate_limited);
      CHECK(error.retry_after() == seconds(20));
    }
    CHECK(host.sms.messages().size() == sent);
    CHECK(host.verify(challenge.id(), code) == Status::valid);
  }
}

TEST_CASE("The time to wait is part of each answer, and waiting so long is enough") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  auto wait = challenge.resend_after();
  std::vector<seconds> waits;
  for (int sends = 2; sends <= 5; ++sends) { // five an hour to one number
    REQUIRE(wait);
    waits.push_back(*wait);
    host.clock.advance(*wait - seconds(1));
    CHECK(thrown_by([&] { return challenge.resend(); }) == errc::sms_rate_limited);
    host.clock.advance(seconds(1));
    wait = challenge.resend().resend_after();
  }
  CHECK(waits == std::vector<seconds>(4, seconds(30)));
  CHECK(wait == hours(1) - seconds(120));
  CHECK(host.verifier.get_challenge(challenge.id(), "u_42").resend_after() == std::nullopt);
}

TEST_CASE("The wait is the longer one of the number's and the user's") {
  Options options;
  options.sends_a_user_an_hour = 1;
  Host host{options};
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  CHECK(challenge.resend_after() == hours(1));
  host.clock.advance(seconds(31));
  CHECK(error_of([&] { return challenge.resend(); }).retry_after() == hours(1) - seconds(31));
}

TEST_CASE("Kinds that send nothing have no time to wait and nothing to send again") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  CHECK(challenge.resend_after() == std::nullopt);
  CHECK(thrown_by([&] { return challenge.resend(); }) == errc::invalid_argument);
  CHECK(host.verify(challenge.id(), host.code(enrolled.totp.secret)) == Status::valid);
}

TEST_CASE("What is sent again counts as what is sent first") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  for (int sends = 2; sends <= 5; ++sends) {
    host.clock.advance(seconds(30));
    (void)challenge.resend();
  }
  host.clock.advance(seconds(30));
  CHECK(thrown_by([&] { return challenge.resend(); }) == errc::sms_rate_limited);
  CHECK(thrown_by([&] { return host.verifier.challenge_factor(enrolled.factor.id(), "u_42"); }) ==
        errc::sms_rate_limited);
}

TEST_CASE("Neither the time nor the attempts of a challenge begin anew") {
  for (const bool same : {false, true}) {
    Host host{same ? same_code() : Options()};
    const auto enrolled = host.enroll_verified_sms();
    const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
    for (int wrong = 0; wrong < 3; ++wrong)
      CHECK(host.verify(challenge.id(), Host::other_code(text(host.sms.last().body))) == Status::wrong_code);
    host.clock.advance(minutes(9));
    const auto again = challenge.resend();
    CHECK(again.attempts_left() == 2);
    CHECK(again.expires_at() == challenge.expires_at());
    CHECK(again.created_at() == challenge.created_at());
    CHECK(host.verify(challenge.id(), Host::other_code(text(host.sms.last().body))) == Status::wrong_code);
    host.clock.advance(minutes(1));
    CHECK(host.verify(challenge.id(), text(host.sms.last().body)) == Status::expired);
  }
}

TEST_CASE("What no code can answer any more is not sent again") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = [&] {
    host.clock.advance(hours(25));
    return host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  };
  const auto refused = [&](const auto& of) {
    host.clock.advance(seconds(31));
    const std::size_t sent = host.sms.messages().size();
    const errc thrown = thrown_by([&] { return of.resend(); });
    CHECK(host.sms.messages().size() == sent);
    return thrown;
  };
  SECTION("verified") {
    const auto over = challenge();
    CHECK(host.verify(over.id(), text(host.sms.last().body)) == Status::valid);
    CHECK(refused(over) == errc::challenge_over);
  }
  SECTION("expired") {
    const auto over = challenge();
    host.clock.advance(minutes(10));
    CHECK(refused(over) == errc::challenge_over);
    host.clock.set(host.clock.now() - minutes(10)); // and stays so
    CHECK(host.verify(over.id(), text(host.sms.last().body)) == Status::expired);
  }
  SECTION("exhausted") {
    const auto over = challenge();
    for (int wrong = 0; wrong < 5; ++wrong)
      (void)host.verify(over.id(), Host::other_code(text(host.sms.last().body)));
    CHECK(refused(over) == errc::challenge_over);
  }
  SECTION("superseded") {
    const auto over = challenge();
    host.clock.advance(seconds(31));
    const auto later = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
    CHECK(refused(over) == errc::challenge_over);
    CHECK(host.verify(later.id(), text(host.sms.last().body)) == Status::valid);
  }
  SECTION("of a factor that is gone") {
    const auto over = challenge();
    host.verifier.delete_factor(enrolled.factor.id(), "u_42", by_operator);
    CHECK(refused(over) == errc::entity_not_found);
  }
  SECTION("of a factor that is locked") {
    Options options;
    options.failures_before_lockout = 1;
    Host strict{options};
    const auto phone = strict.enroll_verified_sms();
    const auto locked = strict.verifier.challenge_factor(phone.factor.id(), "u_42");
    (void)strict.verify(locked.id(), Host::other_code(text(strict.sms.last().body)));
    strict.clock.advance(seconds(31));
    CHECK(thrown_by([&] { return locked.resend(); }) == errc::factor_locked_out);
  }
}

TEST_CASE("Another user's challenge, another session's and an unknown one are not found") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge =
      host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.binding = "session 1"});
  const std::string code = text(host.sms.last().body);
  host.clock.advance(seconds(31));
  const auto thrown = [&](std::string_view id, const Whose& whose, std::optional<std::string> binding) {
    return thrown_by(
        [&] { return host.verifier.resend_challenge(id, whose, {.binding = std::move(binding)}); });
  };
  CHECK(thrown(challenge.id(), "u_43", "session 1") == errc::entity_not_found);
  CHECK(thrown(challenge.id(), "u_42", "session 2") == errc::entity_not_found);
  CHECK(thrown(challenge.id(), "u_42", std::nullopt) == errc::entity_not_found);
  CHECK(thrown("auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ", "u_42", "session 1") == errc::entity_not_found);
  CHECK(thrown("", "u_42", "session 1") == errc::entity_not_found);
  CHECK(host.verify(challenge.id(), code, {.binding = "session 1"}) == Status::valid);
  const auto bound_again =
      host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.binding = "session 1"});
  host.clock.advance(seconds(31));
  (void)bound_again.resend({.binding = "session 1"});
  CHECK(host.verify(bound_again.id(), text(host.sms.last().body), {.binding = "session 1"}) == Status::valid);
}

TEST_CASE("Two tabs: the code that was sent last is the one that counts, in both") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  host.clock.advance(seconds(30));
  (void)host.verifier.resend_challenge(challenge.id(), "u_42"); // by the first tab
  host.clock.advance(seconds(2));
  CHECK(thrown_by([&] { return host.verifier.resend_challenge(challenge.id(), "u_42"); }) ==
        errc::sms_rate_limited); // by the second
  CHECK(host.verify(challenge.id(), text(host.sms.last().body)) == Status::valid);
}

TEST_CASE(
    "While the factor makes its user wait, a code can be sent again, and is looked at when the wait ends") {
  Options options;
  options.failures_before_delay = 2;
  Host host{options};
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  host.clock.advance(seconds(30));
  for (int wrong = 0; wrong < 2; ++wrong)
    (void)host.verify(challenge.id(), Host::other_code(text(host.sms.last().body)));
  (void)challenge.resend();
  const std::string code = text(host.sms.last().body);
  CHECK(host.verify(challenge.id(), code) == Status::delayed);
  host.clock.advance(seconds(30));
  CHECK(host.verify(challenge.id(), code) == Status::valid);
}

TEST_CASE("What a challenge was for stays so") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const ChallengeOptions pays{.purpose = Purpose::action, .action = "pay 100 EUR"};
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42", pays);
  host.clock.advance(seconds(30));
  CHECK(challenge.resend().purpose() == Purpose::action);
  const std::string code = text(host.sms.last().body);
  CHECK(thrown_by([&] { return host.verifier.verify_challenge(challenge.id(), code); }) ==
        errc::wrong_purpose);
  CHECK(host.verify(challenge.id(), code, {.purpose = Purpose::action, .action = "pay 100 EUR"}) ==
        Status::valid);
}

TEST_CASE("An enrolment is confirmed by a code that was sent again, while it can be confirmed") {
  Host host;
  const auto enrolled = host.enroll_sms();
  const auto challenge = host.verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
  host.clock.advance(minutes(9));
  (void)challenge.resend();
  CHECK(challenge.confirm(host.sms.last().body).confirmed());

  const auto late = host.enroll_sms("+14155550199", "u_43");
  host.clock.advance(minutes(9));
  const auto too_late = host.verifier.challenge_enrollment(late.factor.id(), "u_43");
  host.clock.advance(minutes(1));
  CHECK(thrown_by([&] { return too_late.resend(); }) == errc::enrollment_expired);
}

TEST_CASE("A message that is not sent again leaves the code that was sent before") {
  for (const bool same : {false, true}) {
    Host host{same ? same_code() : Options()};
    const auto enrolled = host.enroll_verified_sms();
    const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
    const std::string first = text(host.sms.last().body);
    const std::string first_id = host.sms.last().id;
    host.clock.advance(seconds(30));
    host.sms.fail_next(DeliveryFailure::throttled);
    const Error error = error_of([&] { return challenge.resend(); });
    CHECK(error.code() == errc::sms_not_sent);
    CHECK(std::string_view(error.what()).find("the code that was sent before counts") !=
          std::string_view::npos);
    CHECK(thrown_by([&] { return challenge.resend(); }) == errc::sms_rate_limited); // it is counted
    SECTION(same ? "which is typed, the same" : "which is typed") {
      CHECK(host.verify(challenge.id(), first) == Status::valid);
    }
    SECTION(same ? "and the next message has an id of its own, the same" : "and an id of its own") {
      host.clock.advance(seconds(30));
      (void)challenge.resend();
      CHECK(host.sms.last().id == challenge.id() + ".3");
      CHECK(first_id == challenge.id());
      CHECK((text(host.sms.last().body) == first) == same);
      CHECK(host.verify(challenge.id(), text(host.sms.last().body)) == Status::valid);
    }
  }
}

TEST_CASE("If nobody knows whether the message was sent again, the new code counts") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  const std::string first = text(host.sms.last().body);
  host.clock.advance(seconds(30));
  host.sms.fail_next(DeliveryFailure::unclear);
  CHECK(challenge.resend().id() == challenge.id());
  CHECK(host.verify(challenge.id(), first) == Status::wrong_code);
}

TEST_CASE("Each message has an id of its own") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  std::set<std::string> ids{host.sms.last().id};
  for (int sends = 2; sends <= 4; ++sends) {
    host.clock.advance(seconds(30));
    (void)challenge.resend();
    ids.insert(host.sms.last().id);
    CHECK(host.sms.last().id == challenge.id() + "." + std::to_string(sends));
  }
  CHECK(ids.size() == 4);
}

TEST_CASE("The text may be another one") {
  Host host;
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  host.clock.advance(seconds(30));
  (void)challenge.resend({.sms_template = "{{company}}: {{code}}", .sms_values = {{"company", "Foo Corp"}}});
  const std::string body = text(host.sms.last().body);
  CHECK(body.starts_with("Foo Corp: "));
  CHECK(host.verify(challenge.id(), body.substr(10)) == Status::valid);
}

TEST_CASE("A code that the host delivers comes again, or a new one") {
  for (const bool same : {false, true}) {
    Host host{same ? same_code() : Options()};
    const auto enrolled =
        host.verifier.enroll_factor(GenericOtp{.destination = "a***@example.com", .user_id = "u_42"});
    const auto challenge = host.verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
    const std::string first = text(challenge.code());
    CHECK(challenge.resend_after() == seconds(30));
    CHECK(thrown_by([&] { return challenge.resend(); }) == errc::code_rate_limited);
    host.clock.advance(seconds(30));
    const auto again = challenge.resend();
    CHECK((text(again.code()) == first) == same);
    CHECK(again.resend_after() == seconds(30));
    CHECK(again.confirm(again.code()).confirmed());
  }
}

TEST_CASE("Only with resend_same_code is a code kept, and then sealed") {
  for (const bool same : {false, true}) {
    Options options = same ? same_code() : Options();
    options.sms_budgets = no_sms_budgets; // which name their counters in the challenge
    Watched host{options};
    const auto enrolled = host.enroll_verified_sms();
    const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
    const std::string code = text(host.sms.last().body);
    const std::string stored = host.storage.answer_of(challenge.id());
    CHECK(stored.find(code) == std::string::npos);
    host.clock.advance(seconds(30));
    (void)challenge.resend();
    const std::string again = host.storage.answer_of(challenge.id());
    CHECK(again.find(text(host.sms.last().body)) == std::string::npos);
    // An HMAC has 32 bytes and AES-GCM adds 28 to a code.
    CHECK((stored.size() > 32 + 28 + 6 + 40) == same);
    CHECK(host.verify(challenge.id(), text(host.sms.last().body)) == Status::valid);
    CHECK(host.storage.answer_of(challenge.id()).size() < stored.size()); // wiped with its use
  }
}

TEST_CASE("A challenge that kept no code is sent again with a new one, and one that kept it ends with it") {
  WatchedMemory storage;
  testing::ManualClock clock;
  testing::RecordingSms sms;
  Options options;
  options.key_ring = KeyRing::generate();
  options.sms_template = code_only;
  options.sms_allowed_country_codes = {"1"};
  options.sms_sends_an_hour = 10; // half of which an enrolment may have
  Options keeps = options;
  keeps.resend_same_code = true;
  Verifier before{storage, clock, sms, options};
  Verifier after{storage, clock, sms, keeps};
  const auto enrolled = before.enroll_factor(Sms{.phone_number = "+14155550123", .user_id = "u_42"});
  const auto old = before.challenge_enrollment(enrolled.factor.id(), "u_42");
  const std::string first = text(sms.last().body);
  clock.advance(seconds(30));
  (void)after.resend_challenge(old.id(), "u_42");
  const std::string second = text(sms.last().body);
  CHECK(first != second);
  clock.advance(seconds(30));
  (void)after.resend_challenge(old.id(), "u_42");
  CHECK(text(sms.last().body) == second);
  clock.advance(seconds(30));
  (void)before.resend_challenge(old.id(), "u_42"); // a node that was not restarted yet
  CHECK(text(sms.last().body) != second);
  CHECK(before.confirm_enrollment(old.id(), sms.last().body).confirmed());
}

TEST_CASE("A trusted device has a code sent again to a factor that strangers have locked") {
  Options options;
  options.failures_before_lockout = 3;
  Host host{options};
  const auto enrolled = host.enroll_verified_sms();
  const auto device = host.verifier.remember_device("u_42", "Firefox", by_operator);
  const auto theirs = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  for (int wrong = 0; wrong < 3; ++wrong)
    (void)host.verify(theirs.id(), Host::other_code(text(host.sms.last().body)));
  host.clock.advance(minutes(1));
  CHECK(thrown_by([&] { return theirs.resend(); }) == errc::factor_locked_out);
  const auto mine =
      host.verifier.challenge_factor(enrolled.factor.id(), "u_42", {.device_token = device.token});
  host.clock.advance(minutes(1));
  (void)mine.resend();
  CHECK(host.verify(mine.id(), text(host.sms.last().body)) == Status::valid);
}

TEST_CASE("Events tell of each code that goes out again, and of each that is refused") {
  std::vector<std::pair<EventType, std::string>> heard;
  Options options;
  options.observer = [&](const Event& event) { heard.emplace_back(event.type, event.challenge_id); };
  Host host{options};
  const auto enrolled = host.enroll_verified_sms();
  const auto challenge = host.verifier.challenge_factor(enrolled.factor.id(), "u_42");
  heard.clear();
  CHECK(thrown_by([&] { return challenge.resend(); }) == errc::sms_rate_limited);
  host.clock.advance(seconds(30));
  (void)challenge.resend();
  host.clock.advance(seconds(30));
  host.sms.fail_next();
  CHECK(thrown_by([&] { return challenge.resend(); }) == errc::sms_not_sent);
  const std::string id = challenge.id();
  CHECK(heard == std::vector<std::pair<EventType, std::string>>{{EventType::sms_refused, ""},
                                                                {EventType::challenge_resent, id},
                                                                {EventType::sms_sent, id},
                                                                {EventType::challenge_resent, id},
                                                                {EventType::sms_not_sent, id}});
}

TEST_CASE("Whoever guesses all day has nothing sent again either") {
  Options options;
  options.wrong_codes_a_user_a_day = 10;
  Host host{options};
  const auto totp = host.enroll_verified_totp();
  const auto phone = host.enroll_sms("+14155550123", "u_42", by_operator);
  REQUIRE(host.verifier.challenge_enrollment(phone.factor.id(), "u_42")
              .confirm(host.sms.last().body)
              .confirmed());
  host.clock.advance(seconds(30));
  const auto challenge = host.verifier.challenge_factor(phone.factor.id(), "u_42");
  for (int wrong = 0; wrong < 5; ++wrong) {
    const auto other = host.verifier.challenge_factor(totp.factor.id(), "u_42");
    (void)host.verify(other.id(), host.wrong_code(totp.totp.secret));
    (void)host.verify(challenge.id(), "123");
  }
  CHECK(thrown_by([&] { return challenge.resend(); }) == errc::sms_rate_limited);
  for (int wrong = 0; wrong < 4; ++wrong)
    CHECK(host.verify(challenge.id(), Host::other_code(text(host.sms.last().body))) == Status::wrong_code);
  host.clock.advance(seconds(31));
  const auto other = host.verifier.challenge_factor(totp.factor.id(), "u_42");
  (void)host.verify(other.id(), host.wrong_code(totp.totp.secret));
  CHECK(thrown_by([&] { return challenge.resend(); }) == errc::user_delayed);
}

TEST_CASE("What is sent again is counted for the user as well, whatever the factor") {
  Options options;
  options.sends_a_user_an_hour = 3;
  Host host{options};
  const auto one = host.verifier.enroll_factor(GenericOtp{.destination = "a***", .user_id = "u_42"});
  const auto two = host.verifier.enroll_factor(GenericOtp{.destination = "b***", .user_id = "u_42"});
  const auto challenge = host.verifier.challenge_enrollment(one.factor.id(), "u_42");
  for (int sends = 2; sends <= 3; ++sends) {
    host.clock.advance(seconds(30));
    (void)challenge.resend();
  }
  CHECK(thrown_by([&] { return host.verifier.challenge_enrollment(two.factor.id(), "u_42"); }) ==
        errc::code_rate_limited);
}
