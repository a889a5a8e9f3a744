// The security rules of docs/security.md, one test a rule, under the rule's name. tests/mutations.sh takes
// each rule out of the code and shows that its test then fails.
#include <array>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/failing_commits.hpp"
#include "support/forwarding_storage.hpp"
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

/// A storage that notes what it was asked, and can be told to fail.
struct WatchedStorage : mfa::test::ForwardsFive<WatchedStorage> {
  static constexpr bool ephemeral = true;
  mfa::test::FailingCommits<mfa::storage::Memory> memory;
  std::vector<std::string> calls;
  std::vector<mfa::storage::Batch> committed;

  auto around(std::string_view function, auto call) {
    calls.emplace_back(function);
    return call(memory);
  }
  bool commit(const mfa::storage::Batch& batch) {
    const bool written = ForwardsFive::commit(batch);
    committed.push_back(batch);
    return written;
  }
};

/// As a storage would be that outlives the process.
struct DurableStorage : mfa::storage::Memory {
  static constexpr bool ephemeral = false;
};

/// Five wrong codes, which begin the first delay.
void fail_five_times(Host& host, const std::string& factor_id, const std::string& wrong) {
  const std::string challenge = host.challenge(factor_id);
  for (int i = 0; i < 5; ++i) REQUIRE(host.verify(challenge, wrong) == Status::wrong_code);
}

const std::array<unsigned char, 32> key_a{1};
const std::array<unsigned char, 32> key_b{2};

} // namespace

TEST_CASE("totp secret: 20 fresh bytes, SHA-1, 6 digits, 30 s") {
  Host host;
  const auto first = host.enroll_totp();
  const auto second = host.enroll_totp();
  CHECK(mfa::otp::base32_decode(first.totp.secret).size() == 20);
  CHECK(first.totp.secret != second.totp.secret);
  CHECK(first.totp.uri == "otpauth://totp/Foo%20Corp:alan.turing%40example.com?secret=" + first.totp.secret +
                              "&issuer=Foo%20Corp");
}

TEST_CASE("totp secret: an imported one has 16 bytes at least, or 10 if the host says so") {
  Host host;
  const auto import = [&](std::size_t characters, bool accept_short) {
    return host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp",
                                                 .user = "alan",
                                                 .secret = std::string(characters, 'A'),
                                                 .accept_short_secret = accept_short});
  };
  CHECK_NOTHROW(import(26, false)); // 16 bytes
  CHECK(thrown_by([&] { return import(24, false); }) == errc::invalid_secret);
  CHECK_NOTHROW(import(16, true)); // 10 bytes
  CHECK(thrown_by([&] { return import(15, true); }) == errc::invalid_secret);
}

TEST_CASE("drift window: one step either side and no more") {
  struct Row {
    int steps;
    Status status;
  };
  const Row row = GENERATE(Row{-2, Status::wrong_code}, Row{-1, Status::valid}, Row{0, Status::valid},
                           Row{1, Status::valid}, Row{2, Status::wrong_code});
  CAPTURE(row.steps);
  Host host;
  const auto enrolled = host.enroll_totp();
  CHECK(host.verify(host.challenge(enrolled.factor.id()), host.code(enrolled.totp.secret, row.steps)) ==
        row.status);
}

TEST_CASE("replay: a step at or before the last accepted one is never accepted again, by any challenge") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto verify = [&](int steps) {
    return host.verify(host.challenge(enrolled.factor.id()), host.code(enrolled.totp.secret, steps));
  };
  CHECK(verify(0) == Status::valid); // this confirms the enrolment, and counts as used
  CHECK(verify(0) == Status::code_already_used);
  CHECK(verify(-1) == Status::code_already_used);
  CHECK(verify(1) == Status::valid);
  host.clock.advance(30s);
  CHECK(verify(0) == Status::code_already_used);
  host.clock.advance(30s);
  CHECK(verify(0) == Status::valid);
}

TEST_CASE("attempts: no verdict leaves before the commit that counts it") {
  WatchedStorage storage;
  mfa::testing::ManualClock clock;
  mfa::Verifier verifier{storage, clock};
  const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto right = mfa::otp::totp(mfa::otp::base32_decode(enrolled.totp.secret), clock.now());
  const auto challenge = enrolled.factor.challenge_enrollment();
  for (const std::string& code : {right, Host::other_code(right)}) {
    storage.memory.throws = true;
    CHECK(thrown_by([&] { return challenge.confirm(code); }) == errc::storage_failure);
  }
  storage.memory.throws = false;
  storage.calls.clear();
  CHECK(challenge.confirm(Host::other_code(right)).status() == Status::wrong_code);
  CHECK(storage.calls.back() == "commit");
  CHECK(challenge.confirm(right).confirmed());
  CHECK(storage.calls.back() == "commit");
}

TEST_CASE("attempts: a challenge takes five wrong codes and is dead") {
  Host host({.failures_before_delay = 10});
  const auto enrolled = host.enroll_verified_totp();
  const std::string challenge = host.challenge(enrolled.factor.id());
  const std::string wrong = host.wrong_code(enrolled.totp.secret);
  for (unsigned left = 5; left > 0; --left) {
    const auto verification = host.verifier.verify_challenge(challenge, wrong);
    CHECK(verification.status() == Status::wrong_code);
    CHECK(verification.attempts_left() == left - 1);
  }
  CHECK(host.verify(challenge, host.code(enrolled.totp.secret)) == Status::too_many_attempts);
}

TEST_CASE("attempts: a replayed code is counted like a wrong one") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string code = host.code(enrolled.totp.secret);
  REQUIRE(host.verify(host.challenge(enrolled.factor.id()), code) == Status::valid);
  const auto replayed = host.verifier.verify_challenge(host.challenge(enrolled.factor.id()), code);
  CHECK(replayed.status() == Status::code_already_used);
  CHECK(replayed.attempts_left() == 4);
  CHECK(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user).failures() == 1);
}

TEST_CASE("lockout: delays grow after five failures in a row, over all challenges of a factor") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  fail_five_times(host, enrolled.factor.id(), host.wrong_code(enrolled.totp.secret));
  for (const auto delay : {30s, 60s, 120s, 240s, 480s, 960s, 1920s, 3600s, 3600s}) {
    CAPTURE(delay.count());
    const auto fresh = [&] { return host.challenge(enrolled.factor.id()); };
    const auto early = host.verifier.verify_challenge(fresh(), host.code(enrolled.totp.secret));
    CHECK(early.status() == Status::delayed);
    CHECK(early.retry_after() == delay);
    host.clock.advance(delay - 1ms);
    CHECK(host.verify(fresh(), host.code(enrolled.totp.secret)) == Status::delayed);
    host.clock.advance(1ms);
    CHECK(host.verify(fresh(), host.wrong_code(enrolled.totp.secret)) == Status::wrong_code);
  }
}

TEST_CASE("lockout: a right code ends the count") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  fail_five_times(host, enrolled.factor.id(), host.wrong_code(enrolled.totp.secret));
  host.clock.advance(30s);
  CHECK(host.verify(host.challenge(enrolled.factor.id()), host.code(enrolled.totp.secret)) == Status::valid);
  CHECK(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user).failures() == 0);
}

TEST_CASE("lockout: locked at a hundred failures until an operator unlocks") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const std::string& id = enrolled.factor.id();
  for (int failures = 0; failures < 100; ++failures) {
    host.clock.advance(1h);
    REQUIRE(host.verify(host.challenge(id), host.wrong_code(enrolled.totp.secret)) == Status::wrong_code);
    if (failures == 98) CHECK_NOTHROW(host.challenge(id));
  }
  host.clock.advance(24h * 365);
  CHECK(thrown_by([&] { return host.challenge(id); }) == errc::factor_locked_out);
  host.verifier.unlock_factor(id, mfa::any_user, mfa::by_operator);
  CHECK(host.verify(host.challenge(id), host.code(enrolled.totp.secret)) == Status::valid);
}

TEST_CASE("lockout: a locked factor takes no code, not even on a challenge that was open before") {
  Host host({.failures_before_delay = 10, .failures_before_lockout = 2});
  const auto enrolled = host.enroll_verified_totp();
  const std::string open = host.challenge(enrolled.factor.id());
  const std::string other = host.challenge(enrolled.factor.id());
  for (int i = 0; i < 2; ++i)
    REQUIRE(host.verify(other, host.wrong_code(enrolled.totp.secret)) == Status::wrong_code);
  CHECK(host.verify(open, host.code(enrolled.totp.secret)) == Status::locked_out);
}

TEST_CASE("lockout: the wrong code that locks a factor says so, and leaves no attempts") {
  Host host({.failures_before_delay = 10, .failures_before_lockout = 2});
  const auto enrolled = host.enroll_verified_totp();
  const std::string& id = enrolled.factor.id();
  const std::string open = host.challenge(id);
  const std::string other = host.challenge(id);
  const std::string wrong = host.wrong_code(enrolled.totp.secret);

  const auto first = host.verifier.verify_challenge(open, wrong);
  CHECK_FALSE(first.factor_locked());
  CHECK(first.attempts_left() == 1); // the challenge would take four
  CHECK_FALSE(host.verifier.get_factor(id, mfa::any_user).locked());

  const auto locking = host.verifier.verify_challenge(open, wrong);
  CHECK(locking.status() == Status::wrong_code);
  CHECK(locking.factor_locked());
  CHECK(locking.attempts_left() == 0);
  CHECK_FALSE(locking.retry_after());

  const auto after = host.verifier.verify_challenge(other, host.code(enrolled.totp.secret));
  CHECK(after.status() == Status::locked_out);
  CHECK(after.factor_locked());
  CHECK(after.attempts_left() == 0);
  for (const auto& factor :
       {host.verifier.get_factor(id, mfa::any_user), host.verifier.list_factors("u_42").front()}) {
    CHECK(factor.locked());
    CHECK_FALSE(factor.delayed_until());
  }

  host.verifier.unlock_factor(id, mfa::any_user, mfa::by_operator);
  CHECK_FALSE(host.verifier.get_factor(id, mfa::any_user).locked());
  const auto unlocked = host.verifier.verify_challenge(open, host.code(enrolled.totp.secret));
  CHECK(unlocked.valid());
  CHECK_FALSE(unlocked.factor_locked());
  CHECK(unlocked.attempts_left() == 0); // answered
}

TEST_CASE("lockout: a factor says until when it looks at no code") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const std::string& id = enrolled.factor.id();
  CHECK_FALSE(host.verifier.get_factor(id, mfa::any_user).delayed_until());
  fail_five_times(host, id, host.wrong_code(enrolled.totp.secret));
  const auto until = std::chrono::floor<std::chrono::milliseconds>(host.clock.now()) + 30s;
  for (const auto passed : {0ms, 1ms, 29'998ms}) {
    host.clock.advance(passed);
    CHECK(host.verifier.get_factor(id, mfa::any_user).delayed_until() == until);
    CHECK_FALSE(host.verifier.get_factor(id, mfa::any_user).locked());
    CHECK(host.verify(host.challenge(id), host.code(enrolled.totp.secret)) == Status::delayed);
  }
  host.clock.advance(1ms);
  CHECK_FALSE(host.verifier.get_factor(id, mfa::any_user).delayed_until());
  CHECK(host.verify(host.challenge(id), host.code(enrolled.totp.secret)) == Status::valid);
}

TEST_CASE("lockout: another factor of the user stays usable") {
  Host host({.failures_before_delay = 10, .failures_before_lockout = 1});
  const auto guessed = host.enroll_totp();
  const auto other = host.enroll_totp();
  REQUIRE(host.verify(host.challenge(guessed.factor.id()), host.wrong_code(guessed.totp.secret)) ==
          Status::wrong_code);
  CHECK(host.verify(host.challenge(other.factor.id()), host.code(other.totp.secret)) == Status::valid);
}

TEST_CASE("sms codes: six digits, and each message its own") {
  Host host({.sends_a_user_an_hour = 100,
             .sends_a_user_a_day = 100,
             .sms_send_interval = 0s,
             .sms_sends_an_hour = 100,
             .sms_sends_a_day = 100});
  const auto enrolled = host.enroll_sms();
  std::set<std::string> codes;
  for (int i = 0; i < 50; ++i) {
    (void)host.challenge(enrolled.factor.id());
    const std::string code = host.sms.last().body;
    CHECK(code.size() == 6);
    CHECK(code.find_first_not_of("0123456789") == std::string::npos);
    codes.insert(code);
  }
  CHECK(codes.size() > 45);
}

TEST_CASE("sms codes: ten minutes") {
  Host host;
  const auto enrolled = host.enroll_sms();
  const std::string challenge = host.challenge(enrolled.factor.id());
  const std::string code = host.sms.last().body;
  CHECK(host.sms.last().code == code); // alone, for gateways that write the text themselves
  host.clock.advance(10min - 1ms);
  const bool in_time = GENERATE(true, false);
  if (!in_time) host.clock.advance(1ms);
  CHECK(host.verify(challenge, code) == (in_time ? Status::valid : Status::expired));
}

TEST_CASE("sms codes: stored only as an HMAC that is bound to the challenge") {
  const mfa::KeyRing keys("a", key_a);
  Host host({.key_ring = keys, .sms_send_interval = 0s});
  const auto enrolled = host.enroll_sms();
  const std::string first = host.challenge(enrolled.factor.id());
  const std::string code = host.sms.last().body;
  const auto stored = opened(*host.storage.find_challenge(first), keys);
  CHECK(stored.answer.find(code) == std::string::npos);
  CHECK(stored.answer.size() >= 32);

  // Moved to another challenge, it fits nothing.
  const std::string second = host.challenge(enrolled.factor.id());
  const auto moved = edited(*host.storage.find_challenge(second), keys,
                            [&](auto& challenge) { challenge.answer = stored.answer; });
  REQUIRE(host.storage.commit({.factors = {}, .challenges = {moved}, .counters = {}, .removals = {}}));
  CHECK(host.verify(second, code) == Status::wrong_code);
}

TEST_CASE("sms sends: 30 s between two, 5 an hour, 10 a day, for a phone number and not for a factor") {
  Host host({.sends_a_user_an_hour = 100, .sends_a_user_a_day = 100});
  const auto first = host.enroll_verified_sms();
  const auto second = host.enroll_verified_sms("+14155550123", "u_43"); // the same number
  int turn = 0;
  check_usual_send_limits(
      host, errc::sms_rate_limited, [&] { host.challenge((++turn % 2 ? first : second).factor.id()); },
      [&] { CHECK_NOTHROW(host.challenge(host.enroll_sms("+14155550199", "u_44").factor.id())); });
}

TEST_CASE("sms texts: a value is neither a token nor a line, whoever chose it") {
  Host host;
  const auto enrolled = host.enroll_sms();
  const auto challenge = [&](const char* company) {
    return enrolled.factor.challenge_enrollment(
        {.sms_template = "{{company}} #{{code}}", .sms_values = {{"company", company}}});
  };
  for (const char* const company : {"Foo\n@evil.example", "Foo\u2028", "\u202E", "@evil.example"}) {
    CAPTURE(company);
    CHECK(thrown_by([&] { return challenge(company); }) == errc::invalid_sms_template);
  }
  CHECK(thrown_by([&] { return challenge(std::string(101, 'x').c_str()); }) == errc::invalid_sms_template);
  (void)challenge("{{code}}");
  CHECK(std::string_view(host.sms.last().body).starts_with("{{code}} #"));
}

TEST_CASE("sms sends: one phone has one limit, however its number was written") {
  Host host;
  host.challenge(host.enroll_sms("+447418084106").factor.id());
  for (const char* const typed :
       {"+44 (0)7418 084106", "+44 07418 084106", "\u202A+44 7418\u00A0084106\u202C"}) {
    CAPTURE(typed);
    CHECK(thrown_by([&] { return host.enroll_sms(typed).factor.challenge_enrollment(); }) ==
          errc::sms_rate_limited);
  }
  host.challenge(host.enroll_sms("+522221234567").factor.id());
  CHECK(thrown_by([&] { return host.enroll_sms("+52 1 222 123 4567").factor.challenge_enrollment(); }) ==
        errc::sms_rate_limited);
  host.challenge(host.enroll_sms("+5491123456789").factor.id());
  CHECK(thrown_by([&] { return host.enroll_sms("+54 11 2345-6789").factor.challenge_enrollment(); }) ==
        errc::sms_rate_limited);
}

TEST_CASE("sms sends: a verifier that sends messages is told to which countries") {
  mfa::storage::Memory storage;
  mfa::testing::RecordingSms sms;
  CHECK(thrown_by([&] {
          (void)mfa::Verifier{storage, mfa::clock::System{}, sms};
          return 0;
        }) == errc::invalid_argument);
}

TEST_CASE("sms sends: only to allowed countries") {
  Host host({.sms_allowed_country_codes = {"44", "+49"}});
  CHECK(thrown_by([&] { return host.enroll_sms("+14155550123").factor.id(); }) ==
        errc::sms_country_not_allowed);
  CHECK_NOTHROW(host.enroll_sms("+442079460123"));

  // A factor from before the list is not challenged either.
  mfa::storage::Memory storage;
  const mfa::KeyRing keys("a", key_a);
  mfa::testing::RecordingSms sms;
  mfa::Verifier before{
      storage, mfa::clock::System{}, sms,
      mfa::Options{.key_ring = keys, .sms_allowed_country_codes = mfa::sms::every_country()}};
  mfa::Verifier after{storage, mfa::clock::System{}, sms,
                      mfa::Options{.key_ring = keys, .sms_allowed_country_codes = {"44"}}};
  const auto enrolled = before.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
  CHECK(thrown_by([&] { return after.challenge_enrollment(enrolled.factor.id(), mfa::any_user); }) ==
        errc::sms_country_not_allowed);
  CHECK(sms.messages().empty());
}

TEST_CASE("sms sends: a transport that throws leaves no live challenge behind") {
  WatchedStorage storage;
  mfa::testing::RecordingSms sms;
  mfa::Verifier verifier{storage, mfa::clock::System{}, sms,
                         mfa::Options{.sms_allowed_country_codes = {"1"}}};
  const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
  sms.fail_next();
  CHECK(thrown_by([&] { return enrolled.factor.challenge_enrollment(); }) == errc::sms_not_sent);
  bool made_one = false;
  for (const auto& batch : storage.committed)
    for (const auto& challenge : batch.challenges) {
      made_one = true;
      CHECK_FALSE(storage.memory.find_challenge(challenge.id).has_value());
    }
  CHECK(made_one);
  // The failed send is counted nevertheless: the gateway may have sent it.
  CHECK(thrown_by([&] { return enrolled.factor.challenge_enrollment(); }) == errc::sms_rate_limited);
}

TEST_CASE("challenge: single use") {
  Host host;
  const auto enrolled = host.enroll_sms();
  const std::string challenge = host.challenge(enrolled.factor.id());
  const std::string code = host.sms.last().body;
  CHECK(host.verify(challenge, code) == Status::valid);
  CHECK(host.verify(challenge, code) == Status::already_verified);

  const auto totp = host.enroll_totp("u_43");
  const std::string once = host.challenge(totp.factor.id());
  CHECK(host.verify(once, host.code(totp.totp.secret)) == Status::valid);
  host.clock.advance(60s);
  CHECK(host.verify(once, host.code(totp.totp.secret)) == Status::already_verified);
}

TEST_CASE("challenge: a new SMS challenge leaves the old code dead") {
  Host host;
  const auto enrolled = host.enroll_sms();
  const std::string old_challenge = host.challenge(enrolled.factor.id());
  const std::string old_code = host.sms.last().body;
  host.clock.advance(30s);
  const std::string new_challenge = host.challenge(enrolled.factor.id());
  CHECK(host.verify(old_challenge, old_code) == Status::superseded);
  CHECK(host.verify(new_challenge, host.sms.last().body) == Status::valid);
}

TEST_CASE("challenge: bound to the host's value, it answers to no other") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const std::string code = host.code(enrolled.totp.secret);
  const auto bound = enrolled.factor.challenge({.binding = "session 1"});
  const std::string free = host.challenge(enrolled.factor.id());
  CHECK(thrown_by([&] { return host.verify(bound.id(), code); }) == errc::entity_not_found);
  CHECK(thrown_by([&] { return host.verify(bound.id(), code, {.binding = "session 2"}); }) ==
        errc::entity_not_found);
  CHECK(thrown_by([&] { return host.verify(free, code, {.binding = "session 1"}); }) ==
        errc::entity_not_found);
  CHECK(host.storage.find_challenge(bound.id())->binding.find("session 1") == std::string::npos);
  CHECK(host.verify(bound.id(), code, {.binding = "session 1"}) == Status::valid);
}

TEST_CASE("secrets at rest: what is stored holds neither secret nor phone number") {
  Host host;
  const auto totp = host.enroll_totp();
  const auto sms = host.enroll_sms("+14155550123");
  const auto secret = mfa::otp::base32_decode(totp.totp.secret);
  const auto contains = [](const mfa::storage::FactorRecord& record, std::string_view text) {
    return (record.sealed + record.parameters).find(text) != std::string::npos;
  };
  const auto totp_record = *host.storage.find_factor(totp.factor.id());
  CHECK_FALSE(contains(totp_record, totp.totp.secret));
  CHECK_FALSE(contains(totp_record, mfa::crypto::text_of(secret)));
  CHECK_FALSE(contains(*host.storage.find_factor(sms.factor.id()), "4155550123"));
}

TEST_CASE("secrets at rest: a sealed secret moved to another record does not open") {
  const mfa::KeyRing keys("a", key_a);
  Host host({.key_ring = keys});
  const auto mine = host.enroll_totp("attacker");
  const auto theirs = host.enroll_totp("victim");
  const auto secret = opened(*host.storage.find_factor(mine.factor.id()), keys).sealed;
  const auto moved = edited(*host.storage.find_factor(theirs.factor.id()), keys,
                            [&](auto& factor) { factor.sealed = secret; });
  REQUIRE(host.storage.commit({.factors = {moved}, .challenges = {}, .counters = {}, .removals = {}}));
  const std::string challenge = host.challenge(theirs.factor.id());
  CHECK(thrown_by([&] { return host.verify(challenge, host.code(mine.totp.secret)); }) == errc::seal_broken);
}

TEST_CASE("secrets at rest: a sealed secret does not open for another kind") {
  const mfa::KeyRing keys("a", key_a);
  Host host({.key_ring = keys});
  const auto phone = host.enroll_sms();
  // An authenticator made of the phone, whose secret is then its number.
  const auto authenticator = *host.storage.find_factor(host.enroll_totp().factor.id());
  const auto changed = edited(*host.storage.find_factor(phone.factor.id()), keys, [&](auto& factor) {
    factor.type = mfa::FactorType::totp;
    factor.parameters = authenticator.parameters;
  });
  REQUIRE(host.storage.commit({.factors = {changed}, .challenges = {}, .counters = {}, .removals = {}}));
  const std::string challenge = host.challenge(phone.factor.id());
  const std::string guess = mfa::otp::totp(mfa::crypto::bytes_of("+14155550123"), host.clock.now());
  CHECK(thrown_by([&] { return host.verify(challenge, guess); }) == errc::seal_broken);
}

TEST_CASE("secrets at rest: sealed anew under the newest key when a factor is used") {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  const mfa::KeyRing old_keys("old", key_a);
  mfa::KeyRing new_keys("new", key_b);
  mfa::Verifier before{storage, clock, sms,
                       mfa::Options{.key_ring = old_keys, .sms_allowed_country_codes = {"1"}}};
  const auto totp = before.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
  const auto phone = before.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});

  new_keys.add_further("old", key_a);
  mfa::Verifier after{storage, clock, sms,
                      mfa::Options{.key_ring = new_keys, .sms_allowed_country_codes = {"1"}}};
  const auto code = mfa::otp::totp(mfa::otp::base32_decode(totp.totp.secret), clock.now());
  CHECK(after.confirm_enrollment(totp.factor.id(), code).confirmed());
  (void)after.challenge_enrollment(phone.factor.id(), mfa::any_user);
  for (const std::string& id : {totp.factor.id(), phone.factor.id()})
    CHECK(new_keys.is_current(opened(*storage.find_factor(id), new_keys).sealed));
}

TEST_CASE("secrets at rest: a durable storage without a key ring is refused, with the remedy") {
  DurableStorage storage;
  try {
    mfa::Verifier verifier{storage};
    FAIL("accepted");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::no_key_ring);
    CHECK(std::string_view(error.what()).find("Options::key_ring") != std::string_view::npos);
  }
  CHECK_NOTHROW(mfa::Verifier{storage, mfa::Options{.key_ring = mfa::KeyRing::unsealed()}});
}

TEST_CASE("input: digits of any script, with the white space, dashes and marks that people type and paste") {
  struct Row {
    std::string before, between, after;
    bool taken;
  };
  const Row row = GENERATE(Row{"", "", "", true}, Row{" ", "", " ", true}, Row{"", " ", "", true},
                           Row{"", "-", "", true}, Row{"\uFEFF", "\u00A0", "\r\n", true},
                           Row{"+", "", "", false}, Row{"", "", "0", false}, Row{"", "", "\u0663", false},
                           Row{"", "", "\u00B2", false}, Row{"", std::string(1, '\0'), "", false});
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string code = host.code(enrolled.totp.secret);
  const std::string typed = row.before + code.substr(0, 3) + row.between + code.substr(3) + row.after;
  CAPTURE(row.before, row.between, row.after);
  CHECK(host.verify(host.challenge(enrolled.factor.id()), typed) ==
        (row.taken ? Status::valid : Status::malformed_code));
  // What is no code at all costs no attempt.
  if (!row.taken) CHECK(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user).failures() == 0);
}

TEST_CASE("input: a bound on every length before any work") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string challenge = host.challenge(enrolled.factor.id());
  const auto refused = [](auto&& call) { CHECK(thrown_by(call) == errc::invalid_argument); };
  refused([&] { return host.verify(challenge, std::string(65'537, '1')); });
  refused([&] { return host.verify(challenge, "123456", {.binding = std::string(4097, 'b')}); });
  refused([&] { return enrolled.factor.challenge_enrollment({.binding = std::string(4097, 'b')}); });
  for (const std::string& binding : {std::string(), std::string(4097, 'b')})
    refused([&] { return host.verifier.resend_challenge(challenge, mfa::any_user, {.binding = binding}); });
  refused([&] { return host.enroll_totp(std::string(256, 'u')); });
  refused([&] { return host.enroll_sms("+14155550123", std::string(256, 'u')); });
}

TEST_CASE("unknown, foreign and deleted ids: one answer, after the same reads") {
  WatchedStorage storage;
  mfa::Verifier verifier{storage};
  const auto enrolled =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
  const auto deleted =
      verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
  const auto known = enrolled.factor.challenge_enrollment().id();
  const auto orphan = deleted.factor.challenge_enrollment().id();
  deleted.factor.remove();
  const std::string unknown = "auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  struct Answer {
    std::string message;
    std::vector<std::string> reads;
    bool operator==(const Answer&) const = default;
  };
  const auto ask = [&](const std::string& id, const std::string& user_id) {
    storage.calls.clear();
    try {
      (void)verifier.confirm_enrollment(id, "123456", {.user = user_id});
    } catch (const mfa::Error& error) {
      return Answer{error.what(), storage.calls};
    }
    return Answer{};
  };
  const Answer foreign = ask(known, "u_43");
  CHECK(foreign.reads.size() == 2);
  CHECK(ask(unknown, "u_42") == foreign);
  CHECK(ask(orphan, "u_42") == foreign);
  CHECK(thrown_by([&] { return verifier.get_challenge(orphan, mfa::any_user); }) == errc::entity_not_found);
  CHECK(thrown_by([&] { return verifier.get_challenge(known, "u_43"); }) == errc::entity_not_found);
  CHECK(verifier.get_challenge(known, "u_42").id() == known);

  const std::string& id = enrolled.factor.id();
  const auto nothing = [](auto call) {
    return thrown_by([&] {
      call();
      return 0;
    });
  };
  struct Row {
    const char* verb;
    std::function<errc(const mfa::Whose&)> thrown;
  };
  const Row rows[] = {
      {"get_factor",
       [&](const auto& whose) { return thrown_by([&] { return verifier.get_factor(id, whose); }); }},
      {"challenge_factor",
       [&](const auto& whose) { return thrown_by([&] { return verifier.challenge_factor(id, whose); }); }},
      {"challenge_enrollment",
       [&](const auto& whose) {
         return thrown_by([&] { return verifier.challenge_enrollment(id, whose); });
       }},
      {"confirm_enrollment",
       [&](const auto& whose) {
         return thrown_by([&] { return verifier.confirm_enrollment(id, "123456", {.user = whose}); });
       }},
      {"delete_factor",
       [&](const auto& whose) {
         return nothing([&] { verifier.delete_factor(id, whose, mfa::by_operator); });
       }},
      {"rename_factor",
       [&](const auto& whose) { return thrown_by([&] { return verifier.rename_factor(id, whose, "x"); }); }},
      {"unlock_factor",
       [&](const auto& whose) {
         return nothing([&] { verifier.unlock_factor(id, whose, mfa::by_operator); });
       }},
      {"reset_send_limits",
       [&](const auto& whose) { return thrown_by([&] { return verifier.reset_send_limits(id, whose); }); }},
      {"unsafe_export_otpauth_uri",
       [&](const auto& whose) {
         return thrown_by([&] { return verifier.unsafe_export_otpauth_uri(id, whose); });
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.verb);
    CHECK(row.thrown("u_43") == errc::entity_not_found);
    CHECK(row.thrown("") == errc::invalid_argument); // a session without a user is not any user
  }
  CHECK(verifier.get_factor(id, "u_42").id() == id);
  CHECK_NOTHROW(verifier.unlock_factor(id, "u_42", mfa::by_operator));
}

TEST_CASE("unknown, foreign and deleted ids: what has not the form of a challenge's is looked for nowhere") {
  WatchedStorage storage;
  mfa::Verifier verifier{storage};
  const std::string known = "auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ";
  for (const std::string& id :
       {std::string(), std::string("x"), known.substr(1), known + "J", known.substr(0, known.size() - 1),
        std::string("auth_factor_01FVYZ5QM8N98T9ME5BCB2BBMJ"), std::string(100'000, 'x')}) {
    CAPTURE(id.substr(0, 100));
    const auto not_found = [](auto&& call) { CHECK(thrown_by(call) == errc::entity_not_found); };
    not_found([&] { return verifier.verify_challenge(id, "123456"); });
    not_found([&] { return verifier.get_challenge(id, mfa::any_user); });
    not_found([&] { return verifier.resend_challenge(id, mfa::any_user); });
    CHECK(storage.calls.empty());
  }
  CHECK(thrown_by([&] { return verifier.resend_challenge(known + ".x", mfa::any_user); }) ==
        errc::entity_not_found); // of a challenge that was put to no factor, and sends nothing
  CHECK(storage.calls.empty());
}

TEST_CASE("handles: a factor acts for the user that it was found with") {
  const mfa::KeyRing keys("a", key_a);
  Host host({.key_ring = keys});
  const auto enrolled = host.enroll_verified_totp("u_42");
  const auto given_away = edited(*host.storage.find_factor(enrolled.factor.id()), keys,
                                 [](auto& factor) { factor.user_id = "u_43"; });
  REQUIRE(host.storage.commit({.factors = {given_away}, .challenges = {}, .counters = {}, .removals = {}}));
  CHECK(thrown_by([&] { return enrolled.factor.challenge(); }) == errc::entity_not_found);
  CHECK(thrown_by([&] {
          enrolled.factor.remove(mfa::by_operator);
          return 0;
        }) == errc::entity_not_found);
  CHECK_NOTHROW(host.verifier.list_factors("u_43").at(0).challenge());
}

TEST_CASE("clock going backwards: a used step stays used") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  const std::string earlier = host.code(enrolled.totp.secret);
  host.clock.advance(1h);
  REQUIRE(host.verify(host.challenge(enrolled.factor.id()), host.code(enrolled.totp.secret)) ==
          Status::valid);
  host.clock.advance(-1h);
  CHECK(host.verify(host.challenge(enrolled.factor.id()), earlier) == Status::code_already_used);
}

TEST_CASE("clock going backwards: a challenge that was seen expired stays expired") {
  Host host;
  const auto enrolled = host.enroll_sms();
  const std::string challenge = host.challenge(enrolled.factor.id());
  const std::string code = host.sms.last().body;
  host.clock.advance(11min);
  REQUIRE(host.verify(challenge, code) == Status::expired);
  host.clock.advance(-11min);
  CHECK(host.verify(challenge, code) == Status::expired);
}

TEST_CASE("clock going backwards: a delay does not get shorter") {
  Host host;
  const auto enrolled = host.enroll_verified_totp();
  fail_five_times(host, enrolled.factor.id(), host.wrong_code(enrolled.totp.secret));
  host.clock.advance(-1h);
  const auto early =
      host.verifier.verify_challenge(host.challenge(enrolled.factor.id()), host.code(enrolled.totp.secret));
  CHECK(early.status() == Status::delayed);
  CHECK(early.retry_after() == 1h); // the longest delay: see wrong_clocks.cpp
}

TEST_CASE("unverified factors: listed as such, and none signs anybody in until it is confirmed") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string& id = enrolled.factor.id();
  const std::string code = host.code(enrolled.totp.secret);
  CHECK_FALSE(host.verifier.list_factors("u_42").at(0).verified());
  for (const mfa::Purpose purpose : {mfa::Purpose::sign_in, mfa::Purpose::step_up})
    CHECK(thrown_by([&] { return enrolled.factor.challenge({.purpose = purpose}); }) ==
          errc::factor_not_verified);
  REQUIRE(host.verifier.confirm_enrollment(id, code).confirmed());
  CHECK(host.verifier.list_factors("u_42").at(0).verified());
  CHECK_NOTHROW(enrolled.factor.challenge());
}

TEST_CASE("unverified factors: one signs its user in, and is confirmed by that, if the host says so") {
  Host host({.unverified_factors_sign_in = true});
  const auto enrolled = host.enroll_totp();
  CHECK(enrolled.factor.challenge().verify(host.code(enrolled.totp.secret)).valid());
  CHECK(host.verifier.list_factors("u_42").at(0).verified());
}

TEST_CASE("assurance: a factor that can never show what is required is not challenged") {
  Host host;
  const mfa::Assurance required =
      GENERATE(mfa::Assurance{.factors = 2}, mfa::Assurance{.phishing_resistant = true});
  const auto enrolled = host.enroll_verified_totp();
  CHECK(thrown_by([&] { return enrolled.factor.challenge({.required = required}); }) ==
        errc::insufficient_assurance);
  CHECK_NOTHROW(enrolled.factor.challenge({.required = mfa::Assurance{.factors = 1}}));
}

TEST_CASE("assurance: what was required of a challenge is kept with it, and asked of its answer") {
  const mfa::KeyRing keys("a", key_a);
  Host host({.key_ring = keys});
  const mfa::Assurance required =
      GENERATE(mfa::Assurance{.factors = 2}, mfa::Assurance{.phishing_resistant = true});
  const auto enrolled = host.enroll_verified_totp();
  // As if this release knew less of what authenticators show than the one that made the challenge.
  const std::string id = host.challenge(enrolled.factor.id());
  const auto strict = edited(*host.storage.find_challenge(id), keys, [&](auto& challenge) {
    auto terms = mfa::decision::take_terms(challenge);
    terms.required = required;
    mfa::decision::put_terms(challenge, terms);
  });
  REQUIRE(host.storage.commit({.factors = {}, .challenges = {strict}, .counters = {}, .removals = {}}));
  CHECK(host.verify(id, host.code(enrolled.totp.secret)) == Status::insufficient_assurance);
  CHECK(host.verifier.get_factor(enrolled.factor.id(), mfa::any_user).failures() ==
        0); // the code was not looked at
}
