// A clock that was wrong for a while blocks no number, no factor and nobody for longer than the rules say,
// and opens nothing that was over; whatever it left in the storage, nothing overflows.
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mfa/decision/lockout.hpp>
#include <mfa/factor/lifetime.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"

using mfa::ChallengeState;
using mfa::errc;
using mfa::Status;
using mfa::Time;
using mfa::test::edited;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;
using std::chrono::sys_days;
using std::chrono::year;

namespace {

using Instant = std::chrono::system_clock::time_point;

const Instant start = mfa::testing::ManualClock().now(); // 2026
const Instant last(sys_days(year(2261) / 1 / 1) - 1ms);

/// A clock that is put right, or wrong: what it read at first, and then.
struct Jump {
  const char* what;
  Instant first, then;
};

const std::vector<Jump> jumps{
    {"right all the time", start, start},
    {"a second back", start, start - 1s},
    {"ten minutes back", start, start - 10min},
    {"two hours back", start, start - 2h},
    {"two days back", start, start - 48h},
    {"from a year ahead", start + 24h * 365, start},
    {"from 2100", Instant(sys_days(year(2100) / 1 / 1)), start},
    {"from the last moment", last, start},
    {"to 1970", start, Instant{}},
    {"from the last moment to 1970", last, Instant{}},
};

Time stored(Instant instant) { return std::chrono::floor<std::chrono::milliseconds>(instant); }

/// A token with a counter, whose codes are right whatever the time: code 0 has confirmed it.
struct Token {
  explicit Token(Host& host) {
    const auto enrolled = host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo Corp", .user = "alan"});
    id = enrolled.factor.id();
    secret = enrolled.hotp.secret;
    REQUIRE(host.verifier.confirm_enrollment(id, code(0)).confirmed());
  }

  [[nodiscard]] std::string code(std::uint64_t counter) const {
    return mfa::otp::hotp(mfa::otp::base32_decode(secret), counter);
  }

  /// A code that it shows nowhere near.
  [[nodiscard]] std::string wrong() const {
    for (char digit = '0';; ++digit) {
      const std::string candidate(6, digit);
      bool shown = false;
      for (std::uint64_t counter = 0; counter < 100; ++counter) shown = shown || code(counter) == candidate;
      if (!shown) return candidate;
    }
  }

  std::string id;
  std::string secret;
};

/// A factor whose codes the host delivers, confirmed.
std::string verified_mail(Host& host) {
  const auto mail = host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}).factor;
  const auto challenge = mail.challenge_enrollment();
  REQUIRE(challenge.confirm(challenge.code()).confirmed());
  return mail.id();
}

/// The time to wait that `call` is refused with, or none.
template <class Call> std::optional<std::chrono::seconds> wait_of(Call&& call) {
  try {
    (void)call();
  } catch (const mfa::Error& error) {
    CHECK(error.retry_after().has_value());
    return error.retry_after();
  }
  return std::nullopt;
}

/// A record with a time that no clock reads may be refused as such.
template <class Call> void believed_or_refused(Call&& call) {
  try {
    call();
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::corrupt_record);
  }
}

} // namespace

TEST_CASE("A factor waits no longer than the longest delay, and no shorter than it would have") {
  for (const Jump& jump : jumps)
    for (const int failures : {5, 6, 11, 20}) { // 30 s, 60 s, 32 min, 1 h
      CAPTURE(jump.what, failures);
      Host host;
      host.clock.set(jump.first - 24h);
      const Token token(host);
      const std::string& id = token.id;
      const std::string wrong = token.wrong();
      std::optional<std::chrono::seconds> delay;
      for (int i = 0; i < failures; ++i) {
        if (i + 1 == failures) host.clock.set(jump.first);
        const auto refused = host.verifier.verify_challenge(host.challenge(id), wrong);
        REQUIRE(refused.status() == Status::wrong_code);
        delay = refused.retry_after();
        host.clock.advance(i + 1 < failures ? delay.value_or(0s) : 0s);
      }
      REQUIRE(delay.has_value());
      host.clock.advance(jump.then - jump.first);
      const auto tried = host.verifier.verify_challenge(host.challenge(id), token.code(1));
      CHECK(tried.status() == Status::delayed);
      REQUIRE(tried.retry_after().has_value());
      CHECK(*tried.retry_after() >= *delay);
      CHECK(*tried.retry_after() <= host.verifier.options().longest_delay);
      CHECK(host.verifier.get_factor(id, mfa::any_user).delayed_until() ==
            stored(host.clock.now()) + *tried.retry_after());
      // It counts down.
      host.clock.advance(*tried.retry_after() - 1s);
      CHECK(host.verifier.verify_challenge(host.challenge(id), wrong).retry_after() == 1s);
      host.clock.advance(1s);
      CHECK(host.verify(host.challenge(id), token.code(1)) == Status::valid);
    }
}

TEST_CASE("Wrong codes that a clock ahead counted before any wait begin none") {
  for (const Jump& jump : jumps) {
    CAPTURE(jump.what);
    Host host;
    host.clock.set(jump.first);
    const Token token(host);
    const auto fail = [&] { return host.verifier.verify_challenge(host.challenge(token.id), token.wrong()); };
    for (int i = 0; i < 4; ++i) (void)fail();
    host.clock.set(jump.then);
    CHECK(fail().retry_after() == 30s); // the fifth
  }
}

TEST_CASE("A user who guessed too often waits no longer than a day, and no shorter than he would have") {
  for (const Jump& jump : jumps) {
    CAPTURE(jump.what);
    Host host({.wrong_codes_a_user_a_day = 10, .failures_before_delay = 10});
    host.clock.set(jump.first - 9min);
    const Token token(host);
    for (int i = 0; i < 10; ++i) {
      host.clock.set(jump.first - (9 - i) * 1min);
      REQUIRE(host.verify(host.challenge(token.id), token.wrong()) == Status::wrong_code);
    }
    REQUIRE(thrown_by([&] { return host.challenge(token.id); }) == errc::user_delayed);
    const auto before = wait_of([&] { return host.challenge(token.id); });
    REQUIRE(before == 24h - 9min);
    host.clock.set(jump.then);
    const auto wait = wait_of([&] { return host.challenge(token.id); });
    REQUIRE(wait.has_value());
    CHECK(*wait >= *before);
    CHECK(*wait <= 24h);
    // It counts down.
    host.clock.advance(*wait - 1s);
    CHECK(wait_of([&] { return host.challenge(token.id); }) == 1s);
    host.clock.advance(1s);
    CHECK_NOTHROW(host.challenge(token.id));
  }
}

TEST_CASE("No limit on sends waits longer than its window, and none is shorter than it would have been") {
  struct Row {
    int sends;
    std::chrono::seconds between, window;
  };
  const Row rows[] = {{1, 0s, 30s}, {5, 30s, 1h}, {10, 13min, 24h}};
  for (const Jump& jump : jumps)
    for (const Row& row : rows)
      for (const bool by_sms : {true, false}) {
        CAPTURE(jump.what, row.sends, by_sms);
        Host host({.sends_a_user_an_hour = 500, .sends_a_user_a_day = 500});
        const Instant begin = jump.first - (row.sends - 1) * row.between;
        host.clock.set(begin - 25h); // what confirms the enrolment counts no more
        const auto id = by_sms ? host.enroll_verified_sms().factor.id() : verified_mail(host);
        host.clock.set(begin);
        for (int i = 0; i < row.sends; ++i) {
          if (i > 0) host.clock.advance(row.between);
          REQUIRE_NOTHROW(host.challenge(id));
        }
        const auto before = wait_of([&] { return host.challenge(id); });
        REQUIRE(before.has_value());
        host.clock.advance(jump.then - jump.first);
        const auto wait = wait_of([&] { return host.challenge(id); });
        REQUIRE(wait.has_value());
        CHECK(*wait >= *before);
        CHECK(*wait <= row.window);
        // It counts down.
        host.clock.advance(*wait - 1s);
        CHECK(wait_of([&] { return host.challenge(id); }) == 1s);
        host.clock.advance(1s);
        CHECK_NOTHROW(host.challenge(id));
        host.clock.advance(24h);
        CHECK_NOTHROW(host.verifier.purge_expired());
        const auto counted = host.storage.find_counter("generic_otp_codes_" + id);
        CHECK_FALSE(counted.has_value()); // nor is the count kept for years
      }
}

TEST_CASE("An operator resets the limits of a number and of a factor, and the observer hears of it") {
  std::vector<std::pair<std::string, mfa::FactorType>> heard;
  const std::array<unsigned char, 32> key_a{1};
  const std::array<unsigned char, 32> key_b{2};
  Host host({.key_ring = mfa::KeyRing("a", key_a), .observer = [&](const mfa::Event& event) {
               if (event.type == mfa::EventType::send_limits_reset)
                 heard.emplace_back(std::string(event.factor_id), event.factor_type.value());
             }});
  const std::string phone = host.enroll_sms("+14155550123").factor.id();
  const std::string other = host.enroll_sms("+14155550124").factor.id();
  const std::string mail = host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}).factor.id();
  for (const std::string& id : {phone, other, mail}) {
    (void)host.challenge(id);
    REQUIRE(wait_of([&] { return host.challenge(id); }) == 30s);
  }
  CHECK(host.verifier.reset_sms_limits("+1 (415) 555-0123"));
  CHECK_NOTHROW(host.challenge(phone));
  CHECK(wait_of([&] { return host.challenge(other); }) == 30s);
  CHECK(host.verifier.reset_send_limits(other, mfa::any_user));
  CHECK_NOTHROW(host.challenge(other));
  CHECK(host.verifier.reset_send_limits(mail, "u_42"));
  CHECK_NOTHROW(host.challenge(mail));
  CHECK(heard == std::vector<std::pair<std::string, mfa::FactorType>>{{"", mfa::FactorType::sms},
                                                                      {other, mfa::FactorType::sms},
                                                                      {mail, mfa::FactorType::generic_otp}});
  // What there is nothing of.
  CHECK_FALSE(host.verifier.reset_sms_limits("+14155550199"));
  CHECK_FALSE(host.verifier.reset_send_limits(host.enroll_totp().factor.id(), mfa::any_user));
  CHECK(heard.size() == 3);
  CHECK(thrown_by([&] { return host.verifier.reset_sms_limits("0123"); }) == errc::invalid_phone_number);
  CHECK(thrown_by([&] { return host.verifier.reset_send_limits(mail, "u_43"); }) == errc::entity_not_found);
  CHECK(thrown_by([&] { return host.verifier.reset_send_limits("x", mfa::any_user); }) ==
        errc::entity_not_found);
  // Under each key of the ring.
  mfa::KeyRing both("b", key_b);
  both.add_further("a", key_a);
  mfa::Verifier replaced{host.storage, host.clock, host.sms,
                         mfa::Options{.key_ring = both, .sms_allowed_country_codes = {"1"}}};
  REQUIRE(wait_of([&] { return replaced.challenge_enrollment(phone, mfa::any_user).id(); }) == 30s);
  CHECK(replaced.reset_sms_limits("+14155550123"));
  CHECK_NOTHROW(replaced.challenge_enrollment(phone, mfa::any_user).id());
  CHECK_FALSE(wait_of([&] { return replaced.challenge_enrollment(other, mfa::any_user).id(); }) ==
              std::nullopt);
}

TEST_CASE("A code of a clock that was ahead does not live on, and is not revived") {
  for (const Jump& jump : jumps) {
    CAPTURE(jump.what);
    Host host;
    host.clock.set(jump.first);
    const auto phone = host.enroll_sms();
    const std::string challenge = host.challenge(phone.factor.id());
    const std::string code = host.sms.last().body;
    host.clock.set(jump.then);
    // Clocks that differ by less than a code lives are forgiven.
    if (jump.first - jump.then <= 10min) {
      CHECK(host.verify(challenge, code) == Status::valid);
      continue;
    }
    CHECK(host.verify(challenge, code) == Status::expired);
    CHECK(host.verifier.get_challenge(challenge, mfa::any_user).state() == ChallengeState::expired);
    host.clock.set(jump.first);
    CHECK(host.verify(challenge, code) == Status::expired);
  }
}

TEST_CASE("A device whose time was seen to be over is not trusted again") {
  Host host;
  const auto short_lived = host.verifier.remember_device("u_42", "Laptop", mfa::by_operator, 1h);
  const auto also_short = host.verifier.remember_device("u_42", "Tablet", mfa::by_operator, 1h);
  const auto long_lived = host.verifier.remember_device("u_42", "Phone", mfa::by_operator);
  host.clock.advance(1h);
  CHECK_FALSE(host.verifier.check_device(short_lived.token, "u_42").has_value());
  host.clock.advance(-30min);
  CHECK_FALSE(host.verifier.check_device(short_lived.token, "u_42").has_value());
  CHECK_FALSE(host.verifier.check_device(also_short.token, "u_42").has_value()); // the same check saw it
  CHECK(host.verifier.check_device(long_lived.token, "u_42") == long_lived.device);
  CHECK(host.verifier.list_devices("u_42") == std::vector{long_lived.device});
  host.clock.advance(24h * 31);
  CHECK_FALSE(host.verifier.check_device(long_lived.token, "u_42").has_value());
  CHECK(host.verifier.list_devices("u_42").empty());
  host.clock.advance(-24h * 31);
  CHECK_FALSE(host.verifier.check_device(long_lived.token, "u_42").has_value());
}

TEST_CASE("A device that a clock ahead remembered is trusted for no years") {
  for (const Jump& jump : jumps) {
    CAPTURE(jump.what);
    Host host;
    host.clock.set(jump.first);
    const auto device = host.verifier.remember_device("u_42", "Laptop", mfa::by_operator, 30min);
    host.clock.set(jump.then);
    const bool close = jump.first - jump.then <= 30min;
    CHECK(host.verifier.list_devices("u_42").size() == (close ? 1 : 0));
    CHECK(host.verifier.check_device(device.token, "u_42").has_value() == close);
    host.clock.set(jump.first);
    CHECK(host.verifier.check_device(device.token, "u_42").has_value() == close);
  }
}

TEST_CASE("A device that guessed by a clock ahead is a stranger's for two days at most") {
  for (const Jump& jump : jumps) {
    if (jump.first - jump.then > mfa::longest_device_lifetime) continue; // by then it is over
    CAPTURE(jump.what);
    Host host;
    host.clock.set(jump.then);
    const auto enrolled = host.enroll_totp();
    const std::string& id = enrolled.factor.id();
    REQUIRE(host.verifier.confirm_enrollment(id, host.code(enrolled.totp.secret)).confirmed());
    const auto token =
        host.verifier.remember_device("u_42", "Laptop", mfa::by_operator, mfa::longest_device_lifetime).token;
    const auto wrong = [&] {
      return host.verify(host.challenge(id, {.device_token = token}), host.wrong_code(enrolled.totp.secret));
    };
    const auto failures = [&] { return host.verifier.get_factor(id, mfa::any_user).failures(); };
    host.clock.set(jump.first);
    for (int i = 0; i < 10; ++i) REQUIRE(wrong() == Status::wrong_code);
    REQUIRE(failures() == 0);
    host.clock.set(jump.then);
    const bool close = jump.first - jump.then < 24h;
    for (int i = 0; i < 2; ++i) CHECK(wrong() == Status::wrong_code);
    CHECK(failures() == (close ? 2 : 0));
    host.clock.set((close ? jump.first : jump.then) + 24h);
    CHECK(wrong() == Status::wrong_code);
    CHECK(failures() == (close ? 2 : 0));
  }
}

TEST_CASE("A TOTP factor that a clock ahead has verified is freed by an operator, and no used code with it") {
  for (const Jump& jump : jumps) {
    CAPTURE(jump.what);
    Host host;
    host.clock.set(jump.then);
    const auto enrolled = host.enroll_totp();
    const std::string id = enrolled.factor.id();
    const std::string used = host.code(enrolled.totp.secret);
    REQUIRE(host.verify(host.challenge(id), used) == Status::valid);
    host.clock.set(jump.first);
    if (jump.first > jump.then + 1min)
      REQUIRE(host.verify(host.challenge(id), host.code(enrolled.totp.secret)) == Status::valid);
    host.clock.set(jump.then);
    const std::string next = host.code(enrolled.totp.secret, 2);
    host.clock.advance(1min);
    if (jump.first > jump.then + 5min)
      CHECK(host.verify(host.challenge(id), next) == Status::code_already_used);
    host.verifier.unlock_factor(id, mfa::any_user, mfa::by_operator);
    if (jump.first > jump.then + 1min &&
        jump.first < jump.then + 24h) { // it frees itself, and no code earlier
      CHECK(host.verify(host.challenge(id), next) == Status::code_already_used);
      continue;
    }
    if (jump.first > jump.then + 1min)
      CHECK(host.verify(host.challenge(id), next) == Status::code_already_used);
    CHECK(host.verify(host.challenge(id), used) == Status::wrong_code); // behind the window
    host.clock.advance(-1min);
    CHECK(host.verify(host.challenge(id), used) == Status::code_already_used);
    host.clock.advance(2min);
    CHECK(host.verify(host.challenge(id), host.code(enrolled.totp.secret)) == Status::valid);
  }
}

TEST_CASE("What is stored may be any time: nothing overflows, and nothing waits for ever") {
  const Time extremes[] = {Time::min(),       Time::min() + 1ms,
                           Time(-1ms),        Time{},
                           stored(last),      Time(std::chrono::milliseconds(100'000'000'000'000)),
                           Time::max() - 1ms, Time::max()};
  const std::array<unsigned char, 32> key_a{1};
  const mfa::KeyRing keys("a", key_a);
  for (const Instant now : {Instant{}, start, last})
    for (const Time extreme : extremes) {
      CAPTURE(now.time_since_epoch().count(), extreme.time_since_epoch().count());
      Host host({.key_ring = keys});
      host.clock.set(now);
      const auto enrolled = host.enroll_totp();
      const std::string id = enrolled.factor.id();
      const auto factor = edited(*host.storage.find_factor(id), keys, [&](auto& stored_factor) {
        stored_factor.failures = 7;
        stored_factor.last_failure_at = extreme;
        stored_factor.created_at = stored_factor.updated_at = extreme;
        stored_factor.last_used_at = extreme;
      });
      REQUIRE(host.storage.commit({.factors = {factor}, .challenges = {}, .counters = {}, .removals = {}}));
      const mfa::Options options;
      CHECK(mfa::decision::lockout(factor, stored(now), options).wait <= 1h);
      auto bounded = factor;
      (void)mfa::decision::keep_bounded_wait(bounded, stored(now), options);
      CHECK(mfa::decision::lockout(bounded, stored(now), options).wait <= 1h);
      believed_or_refused([&] {
        const auto tried = host.verifier.confirm_enrollment(id, "000000");
        CHECK(tried.retry_after().value_or(0s) <= 1h);
        CHECK(host.verifier.get_factor(id, mfa::any_user).delayed_until().value_or(Time{}) <=
              stored(now) + 1h);
      });

      const auto phone = host.enroll_sms("+14155550123", "u_43");
      for (const bool created : {true, false}) {
        (void)host.verifier.reset_send_limits(phone.factor.id(), mfa::any_user);
        const std::string sent = host.challenge(phone.factor.id());
        const auto challenge = edited(*host.storage.find_challenge(sent), keys, [&](auto& stored_challenge) {
          (created ? stored_challenge.created_at : *stored_challenge.expires_at) = extreme;
        });
        REQUIRE(
            host.storage.commit({.factors = {}, .challenges = {challenge}, .counters = {}, .removals = {}}));
        believed_or_refused([&] { (void)host.verify(sent, "000000"); });
      }
      CHECK_NOTHROW(host.verifier.purge_expired());
    }
}

TEST_CASE("What lasts is over at its end, and before it was made by more than it lasts") {
  const Time from{1000ms};
  const Time until{1500ms};
  struct Row {
    Time from, until;
    std::chrono::milliseconds now;
    bool over;
  };
  const Row rows[] = {
      {from, until, 1000ms, false},
      {from, until, 1499ms, false},
      {from, until, 1500ms, true},
      {from, until, 999ms, false},
      {from, until, 500ms, false},
      {from, until, 499ms, true},
      {from, until, 0ms, true},
      {until, from, 1200ms, true},
      {until, from, 500ms, true},
      {from, from, 999ms, true},
      {Time::max(), Time::max(), 0ms, true},
      {Time::min(), until, 0ms, false},
      {Time::min(), Time::max(), 0ms, false},
      {Time::max(), Time::min(), 0ms, true},
  };
  for (const Row& row : rows) {
    CAPTURE(row.from.time_since_epoch().count(), row.until.time_since_epoch().count(), row.now.count());
    CHECK(mfa::factor::is_over(row.from, row.until, Time(row.now)) == row.over);
  }
}

TEST_CASE("A verification is fresh within its time on either side, and at no other") {
  struct Row {
    Time verified_at;
    bool fresh;
  };
  const Time now = stored(start);
  const std::chrono::milliseconds wrap(std::numeric_limits<std::int64_t>::max() / 1'000'000); // 292 years
  const Row rows[] = {
      {now, true},
      {now - 5min + 1ms, true},
      {now - 5min, false},
      {now + 5min - 1ms, true},
      {now + 5min, false},
      {Time{}, false},
      {stored(last), false},
      {now + wrap, false},
      {now + 2 * wrap, false}, // 584 years: where nanoseconds would have come round
      {now + 2 * wrap + 2ms, false},
      {now - 2 * wrap, false},
      {Time(std::chrono::milliseconds(200'000'000'000'000)), false},
      {Time::min(), false},
      {Time::max(), false},
  };
  for (const Row& row : rows) {
    CAPTURE(row.verified_at.time_since_epoch().count());
    CHECK(mfa::is_fresh(row.verified_at, 5min, start) == row.fresh);
    // Whatever may be asked for.
    CHECK_FALSE(mfa::is_fresh(row.verified_at, std::chrono::milliseconds::min(), start));
    CHECK_FALSE(mfa::is_fresh(row.verified_at, 0ms, start));
  }
  CHECK(mfa::is_fresh(Time::max(), std::chrono::milliseconds::max(), Instant::max()));
  CHECK_FALSE(mfa::is_fresh(Time::max(), 5min, Instant::min()));
  CHECK_FALSE(mfa::is_fresh(Time::min(), 5min, Instant::max()));
}

TEST_CASE("A clock that no time point can follow is refused, and its last day is a day like any other") {
  Host host;
  const auto totp = host.enroll_verified_totp();
  for (const Instant now : {Instant::min(), Instant{} - 1ms, last + 1ms, Instant::max()}) {
    CAPTURE(now.time_since_epoch().count());
    host.clock.set(now);
    CHECK(thrown_by([&] { return host.challenge(totp.factor.id()); }) == errc::clock_out_of_range);
  }
  host.clock.set(last);
  CHECK(host.verify(host.challenge(totp.factor.id()), host.code(totp.totp.secret)) == Status::valid);
  const auto device =
      host.verifier.remember_device("u_42", "Laptop", mfa::by_operator, mfa::longest_device_lifetime);
  CHECK(Instant(device.device.expires_at) == last + mfa::longest_device_lifetime); // does not overflow
}
