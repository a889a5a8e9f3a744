// What strangers with a user's password do keeps him from nothing on a device that he has remembered: wrong
// codes from elsewhere delay and lock the factor for strangers alone, and those from the device count for the
// device. And a device is trusted no longer than what the trust rests on.
#include <algorithm>
#include <chrono>
#include <optional>
#include <string>
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

/// A user with a TOTP factor and a device that was remembered by it.
struct Site : Host {
  explicit Site(Options options = {}) : Host(std::move(options)) {
    auto enrolled = enroll_totp();
    factor = enrolled.factor.id();
    secret = std::string(enrolled.totp.secret);
    const auto confirmed = verifier.confirm_enrollment(factor, code(secret));
    REQUIRE(confirmed.confirmed());
    remember(confirmed);
    clock.advance(seconds(30));
  }

  std::string factor;
  std::string secret;
  RememberedDevice device;

  void remember(const Authorization& authorization) {
    device = verifier.remember_device("u_42", "Firefox", authorization);
  }

  std::string challenge_on_device() { return challenge(factor, {.device_token = device.token}); }

  Status from_device(const std::string& typed) { return verify(challenge_on_device(), typed); }
  Status from_elsewhere(const std::string& typed) { return verify(challenge(factor), typed); }

  [[nodiscard]] std::string right() const { return code(secret); }
  [[nodiscard]] std::string wrong() const { return wrong_code(secret); }
  [[nodiscard]] bool trusted() { return verifier.check_device(device.token, "u_42").has_value(); }
};

/// A storage in which somebody else can be told to write all lists of devices before every commit.
struct MovingDevices : storage::Memory {
  bool moves = false;

  bool commit(const storage::Batch& batch) {
    const bool lost =
        moves && std::any_of(batch.counters.begin(), batch.counters.end(),
                             [](const auto& counter) { return counter.id.starts_with("trusted_devices_"); });
    return !lost && storage::Memory::commit(batch);
  }
};

} // namespace

TEST_CASE("Delays of strangers are not those of a trusted device") {
  Site site;
  for (int i = 0; i < 5; ++i) CHECK(site.from_elsewhere(site.wrong()) == Status::wrong_code);
  CHECK(site.from_elsewhere(site.right()) == Status::delayed);
  CHECK(site.from_device(site.right()) == Status::valid);
  site.clock.advance(seconds(15));
  CHECK(site.from_elsewhere(site.wrong()) == Status::delayed); // which goes on for strangers
}

TEST_CASE("A factor that strangers have locked works on a trusted device, and its user can unlock it there") {
  Site site{Options{.failures_before_lockout = 5}};
  for (int i = 0; i < 5; ++i) CHECK(site.from_elsewhere(site.wrong()) == Status::wrong_code);
  CHECK(thrown_by([&] { return site.challenge(site.factor); }) == errc::factor_locked_out);
  const auto verification = site.verifier.verify_challenge(site.challenge_on_device(), site.right());
  REQUIRE(verification.valid());
  CHECK_FALSE(verification.factor_locked());
  CHECK(thrown_by([&] { return site.challenge(site.factor); }) == errc::factor_locked_out);
  site.verifier.unlock_factor(site.factor, "u_42", verification);
  site.clock.advance(seconds(30));
  CHECK(site.from_elsewhere(site.right()) == Status::valid);
}

TEST_CASE("Wrong codes from a trusted device count for the device, and make it a stranger's for a day") {
  Site site;
  for (int i = 0; i < 10; ++i) CHECK(site.from_device(site.wrong()) == Status::wrong_code);
  CHECK(site.verifier.get_factor(site.factor, "u_42").failures() == 0);
  for (int i = 0; i < 5; ++i) CHECK(site.from_device(site.wrong()) == Status::wrong_code);
  CHECK(site.verifier.get_factor(site.factor, "u_42").failures() == 5);
  CHECK(site.from_device(site.right()) == Status::delayed);
  CHECK(site.trusted()); // to spare its user the second factor: its token was not guessed
  site.clock.advance(hours(24));
  for (int i = 0; i < 7; ++i) CHECK(site.from_device(site.wrong()) == Status::wrong_code);
  CHECK(site.from_device(site.right()) == Status::valid);
}

TEST_CASE("A device's wrong codes are forgiven a day after the first, though there is one every few hours") {
  Site site;
  for (int i = 0; i < 40; ++i) {
    CHECK(site.from_device(site.wrong()) == Status::wrong_code);
    site.clock.advance(hours(3));
  }
  CHECK(site.verifier.get_factor(site.factor, "u_42").failures() == 0);
}

TEST_CASE("With the last wrong code of a device, each of its open challenges takes one more at most") {
  Site site;
  std::vector<std::string> open;
  for (int i = 0; i < 4; ++i) open.push_back(site.challenge_on_device());
  for (int i = 0; i < 10; ++i) CHECK(site.verify(open[i < 5 ? 0 : 1], site.wrong()) == Status::wrong_code);
  CHECK(site.verify(open[2], site.wrong()) == Status::wrong_code);
  CHECK(site.verify(open[2], site.right()) == Status::too_many_attempts);
  CHECK(site.verify(open[3], site.right()) == Status::valid);
  CHECK(site.verifier.get_factor(site.factor, "u_42").failures() == 0);
}

TEST_CASE("A challenge takes as many wrong codes from a trusted device as from elsewhere") {
  Site site;
  const std::string challenge = site.challenge_on_device();
  for (int i = 0; i < 5; ++i) CHECK(site.verify(challenge, site.wrong()) == Status::wrong_code);
  CHECK(site.verify(challenge, site.right()) == Status::too_many_attempts);
}

TEST_CASE("Wrong codes of an enrolment count for the factor, though a trusted device is named") {
  Site site;
  const auto shown = site.verifier.verify_challenge(site.challenge(site.factor), site.right());
  REQUIRE(shown.valid());
  const auto second = site.enroll_totp("u_42", shown);
  const std::string& id = second.factor.id();
  const auto confirm = [&](const std::string& typed) {
    return site.verify(site.challenge(id, {.device_token = site.device.token}), typed);
  };
  for (int i = 0; i < 5; ++i) CHECK(confirm(site.wrong_code(second.totp.secret)) == Status::wrong_code);
  CHECK(site.verifier.get_factor(id, "u_42").failures() == 5);
  CHECK(confirm(site.code(second.totp.secret)) == Status::delayed);
  site.clock.advance(seconds(30));
  CHECK(confirm(site.code(second.totp.secret)) == Status::valid);
}

TEST_CASE("Codes of a device that was revoked meanwhile count as a stranger's") {
  Site site;
  const std::string challenge = site.challenge_on_device();
  REQUIRE(site.verifier.revoke_devices("u_42") == 1);
  CHECK(site.verify(challenge, site.wrong()) == Status::wrong_code);
  CHECK(site.verifier.get_factor(site.factor, "u_42").failures() == 1);
}

TEST_CASE("What a device's challenge is spared ends with the trust in the device") {
  struct Row {
    const char* what;
    void (*end)(Site&);
  };
  for (const Row& row :
       {Row{"revoked", [](Site& site) { REQUIRE(site.verifier.revoke_devices("u_42") == 1); }},
        Row{"worn out",
            [](Site& site) {
              for (const std::string& open : {site.challenge_on_device(), site.challenge_on_device()})
                for (int i = 0; i < 5; ++i) CHECK(site.verify(open, site.wrong()) == Status::wrong_code);
            }},
        Row{"damaged", [](Site& site) {
              auto list = site.storage.find_counter("trusted_devices_u_42");
              REQUIRE(list);
              list->data += 'x';
              REQUIRE(site.storage.commit(
                  {.factors = {}, .challenges = {}, .counters = {*list}, .removals = {}}));
            }}}) {
    INFO(row.what);
    for (const bool locked : {false, true}) {
      CAPTURE(locked);
      Site site{Options{.failures_before_lockout = locked ? 5U : 100U}};
      const std::string before = site.challenge_on_device();
      const std::string after = site.challenge_on_device();
      for (int i = 0; i < 5; ++i) CHECK(site.from_elsewhere(site.wrong()) == Status::wrong_code);
      CHECK(site.verify(before, site.right()) == Status::valid);
      site.clock.advance(seconds(10));
      row.end(site);
      const auto refused = site.verifier.verify_challenge(after, site.code(site.secret, 1));
      CHECK(refused.status() == (locked ? Status::locked_out : Status::delayed));
      CHECK(refused.factor_locked() == locked);
      if (locked) continue;
      site.clock.advance(seconds(30));
      CHECK(site.verify(after, site.right()) == Status::valid);
    }
  }
}

TEST_CASE("The code that begins a wait or a lock says so, though its device was revoked meanwhile") {
  std::vector<EventType> heard;
  Site site{Options{.failures_before_delay = 1,
                    .failures_before_lockout = 2,
                    .observer = [&](const Event& event) { heard.push_back(event.type); }}};
  const std::string challenge = site.challenge_on_device();
  REQUIRE(site.verifier.revoke_devices("u_42") == 1);
  heard.clear();
  const auto tried = [&] { return site.verifier.verify_challenge(challenge, site.wrong()); };
  const auto first = tried();
  CHECK(first.status() == Status::wrong_code);
  CHECK(first.retry_after() == seconds(30));
  CHECK(first.attempts_left() == 1);
  CHECK_FALSE(first.factor_locked());
  site.clock.advance(seconds(30));
  const auto second = tried();
  CHECK(second.status() == Status::wrong_code);
  CHECK(second.factor_locked());
  CHECK(second.attempts_left() == 0);
  CHECK(tried().factor_locked()); // which is told once
  CHECK(heard == std::vector{EventType::verification_failed, EventType::verification_failed,
                             EventType::factor_locked_out, EventType::verification_failed});
}

TEST_CASE("A wrong code that is counted beside a damaged record is told") {
  std::vector<EventType> heard;
  Site site{Options{.failures_before_lockout = 1,
                    .observer = [&](const Event& event) { heard.push_back(event.type); }}};
  const std::string challenge = site.challenge(site.factor);
  auto record = site.storage.find_counter("user_u_42");
  REQUIRE(record);
  record->data += 'x';
  REQUIRE(site.storage.commit({.factors = {}, .challenges = {}, .counters = {*record}, .removals = {}}));
  heard.clear();
  CHECK(thrown_by([&] { return site.verify(challenge, site.wrong()); }) == errc::seal_broken);
  CHECK(heard == std::vector{EventType::verification_failed, EventType::factor_locked_out});
}

TEST_CASE(
    "A lock that strangers have begun is not told anew by a code that is counted beside a list that moves") {
  std::vector<EventType> heard;
  HostOver<MovingDevices> host{Options{.failures_before_lockout = 1,
                                       .observer = [&](const Event& event) { heard.push_back(event.type); }}};
  const auto enrolled = host.enroll_totp();
  const std::string factor = enrolled.factor.id();
  const std::string secret(enrolled.totp.secret);
  const auto confirmed = host.verifier.confirm_enrollment(factor, host.code(secret));
  const auto device = host.verifier.remember_device("u_42", "Firefox", confirmed);
  host.clock.advance(seconds(30));
  const std::string challenge = host.challenge(factor, {.device_token = device.token});
  CHECK(host.verify(host.challenge(factor), host.wrong_code(secret)) == Status::wrong_code);
  CHECK(heard.back() == EventType::factor_locked_out);

  host.storage.moves = true;
  heard.clear();
  const auto counted = host.verifier.verify_challenge(challenge, host.wrong_code(secret));
  CHECK(counted.status() == Status::wrong_code);
  CHECK(counted.factor_locked());
  CHECK(heard == std::vector{EventType::verification_failed});
}

TEST_CASE("No other token is a trusted device's") {
  Site site;
  const auto others = site.verifier.remember_device("u_43", "Safari", by_operator);
  std::string changed(site.device.token);
  changed[20] = changed[20] == 'A' ? 'B' : 'A';
  for (int i = 0; i < 5; ++i) (void)site.from_elsewhere(site.wrong());
  for (const std::string& token :
       {std::string(others.token), changed, std::string("x"), std::string(5000, 'x')})
    CHECK(site.verify(site.challenge(site.factor, {.device_token = crypto::SecretString(token)}),
                      site.right()) == Status::delayed);
  site.clock.advance(hours(24 * 30));
  for (int i = 0; i < 5; ++i) (void)site.from_elsewhere(site.wrong());
  CHECK(site.from_device(site.right()) == Status::delayed); // as its time is over
}

TEST_CASE("A device is trusted as long as the factor that it was remembered by, and no longer than any") {
  struct Row {
    const char* what;
    bool other_factor;
    bool delete_other;
    bool trusted;
  };
  for (const Row& row :
       {Row{"the factor that vouched goes", true, false, false}, Row{"another factor goes", true, true, true},
        Row{"the last factor goes", false, false, false}}) {
    INFO(row.what);
    Site site;
    std::optional<std::string> other;
    if (row.other_factor)
      other = site.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator).factor.id();
    site.verifier.delete_factor(row.delete_other ? *other : site.factor, "u_42", by_operator);
    CHECK(site.trusted() == row.trusted);
  }
}

TEST_CASE("The last factor takes with it what an operator let in") {
  Site site;
  site.remember(by_operator);
  const std::string codes =
      site.verifier.enroll_factor(RecoveryCodes{.user_id = "u_42"}, by_operator).factor.id();
  site.verifier.delete_factor(codes, "u_42", by_operator);
  CHECK(site.trusted());
  site.verifier.delete_factor(site.factor, "u_42", by_operator);
  CHECK_FALSE(site.trusted());
  CHECK(site.verifier.list_devices("u_42").empty());
}

TEST_CASE("A changed password ends the devices and the challenges that sessions with the old one hold") {
  Site site;
  const std::string open = site.challenge(site.factor);
  CHECK(site.verifier.password_changed("u_42") == 1);
  CHECK_FALSE(site.trusted());
  CHECK(thrown_by([&] { return site.verifier.verify_challenge(open, site.right()); }) ==
        errc::entity_not_found);
  CHECK(site.from_elsewhere(site.right()) == Status::valid);
  CHECK(site.verifier.password_changed("u_42") == 0);
}

TEST_CASE("A device that was seen expired stays so") {
  Site site;
  site.clock.advance(usual_device_lifetime);
  CHECK_FALSE(site.trusted());
  site.clock.set(site.clock.now() - hours(24 * 20));
  CHECK_FALSE(site.trusted());
}
