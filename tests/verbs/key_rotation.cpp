// A key is replaced while several nodes serve, each of which takes the new key ring up as it runs: no step
// fails a user, seals and secrets move to the new key as they are used and by reseal_all, and the old key is
// retired once nothing needs it.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/crypto/replaceable_key_ring.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/temporary_directory.hpp"

using mfa::errc;
using mfa::KeyCounts;
using mfa::KeyRing;
using mfa::Options;
using mfa::ResealProgress;
using mfa::Status;
using mfa::Totp;
using mfa::crypto::bytes_of;
using mfa::test::contains;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view old_key = "0123456789abcdef0123456789ABCDEF";
constexpr std::string_view new_key = "ABCDEF01234567890abcdef012345678";

// The steps of a rotation, in their order.
const KeyRing before{"old", bytes_of(old_key)};
const KeyRing announced = KeyRing{"old", bytes_of(old_key)}.add_further("new", bytes_of(new_key));
const KeyRing switched = KeyRing{"new", bytes_of(new_key)}.add_further("old", bytes_of(old_key));
const KeyRing after{"new", bytes_of(new_key)};

/// What the nodes of one service share.
struct Service {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
};

/// One node of it, with its key ring.
struct Node {
  Node(Service& service, const KeyRing& keys)
      : of(service), verifier(service.storage, service.clock, service.sms,
                              Options{.key_ring = keys,
                                      .sms_template = std::string(mfa::test::code_only),
                                      .sms_allowed_country_codes = {"1"}}) {}

  auto enroll(const std::string& user_id = "u_42") {
    return verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan", .user_id = user_id});
  }

  /// Confirmed, a period ago.
  auto enroll_verified(const std::string& user_id = "u_42") {
    auto enrolled = enroll(user_id);
    REQUIRE(enrolled.factor.confirm(code(enrolled.totp.secret)).confirmed());
    of.clock.advance(30s);
    return enrolled;
  }

  /// Confirmed, so long ago that the next message may go out.
  auto enroll_verified_phone() {
    auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
    const auto challenge = enrolled.factor.challenge_enrollment();
    REQUIRE(challenge.confirm(of.sms.last().body).confirmed());
    of.clock.advance(1min);
    return enrolled;
  }

  [[nodiscard]] std::string code(std::string_view secret) const {
    return mfa::otp::totp(mfa::otp::base32_decode(secret), of.clock.now());
  }

  Service& of;
  mfa::Verifier<mfa::storage::Memory, mfa::testing::ManualClock, mfa::testing::RecordingSms> verifier;
};

/// The key of a factor's seal, and after a comma that of its secret if that is another.
std::string key_of(Service& service, const std::string& factor_id) {
  const std::string bytes = service.storage.find_factor(factor_id)->sealed;
  const auto seal = mfa::verbs::stamp_in(bytes);
  const auto seal_key = KeyRing::key_id_of(seal).value();
  const auto secret_key = KeyRing::key_id_of(std::string_view(bytes).substr(1 + seal.size())).value();
  return std::string(seal_key) + (secret_key == seal_key ? "" : ", " + std::string(secret_key));
}

KeyRing in_epochs(const mfa::Epochs& epochs) {
  KeyRing keys = before;
  keys.set_epochs(epochs);
  return keys;
}

/// What a host does now and then, each night for instance, and what must change nothing for its users.
struct Round {
  const char* retired;
  KeyRing moving; ///< when `reseal_all` runs
  KeyRing afterwards;
};

std::vector<Round> both_rounds() {
  return {{"key", switched, after},
          {"epoch", in_epochs({.current = 1, .oldest = 0}), in_epochs({.current = 1, .oldest = 1})}};
}

/// Each of the two, with a verifier that has `before`.
ResealProgress go_round(auto& verifier, const Round& round) {
  verifier.replace_key_ring(round.moving);
  const ResealProgress progress = verifier.reseal_all();
  verifier.replace_key_ring(round.afterwards);
  return progress;
}

} // namespace

TEST_CASE("Nodes of one step of a rotation and of the next verify what either has made") {
  // The last step, without the old key, takes reseal_all first: see below.
  for (const auto& [step, next] : {std::pair{&before, &announced}, std::pair{&announced, &switched}}) {
    Service service;
    Node one(service, *step);
    Node other(service, *next);
    for (auto [maker, user] : {std::pair{&one, &other}, std::pair{&other, &one}}) {
      const std::string user_id = maker == &one ? "u_1" : "u_2";
      const auto totp = maker->enroll(user_id);
      CHECK(user->verifier.confirm_enrollment(totp.factor.id(), maker->code(totp.totp.secret)).confirmed());
      service.clock.advance(30s);
      const auto phone = maker->verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123"});
      const auto challenge =
          maker->verifier.challenge_factor(totp.factor.id(), mfa::any_user, {.binding = "session"}).id();
      CHECK(user->verifier.verify_challenge(challenge, maker->code(totp.totp.secret), {.binding = "session"})
                .valid());
      const auto text = maker->verifier.challenge_enrollment(phone.factor.id(), mfa::any_user).id();
      const auto confirmation = user->verifier.confirm_enrollment(text, service.sms.last().body);
      CHECK(confirmation.confirmed());
      service.clock.advance(1h);
    }
  }
}

TEST_CASE("Without the announcement a node meets a key that it does not hold, and says which step it lacks") {
  Service service;
  Node switched_too_early(service, switched);
  Node unaware(service, before);
  const auto enrolled = switched_too_early.enroll_verified();
  try {
    (void)unaware.verifier.challenge_factor(enrolled.factor.id(), "u_42");
    FAIL("it was challenged");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::unknown_key);
    CHECK_THAT(error.what(), contains("add_further"));
  }
}

TEST_CASE("Seals and secrets move to the new key when they are used, and only then") {
  Service service;
  Node node(service, before);
  const auto unused = node.enroll();
  const auto used = node.enroll_verified();
  const auto phone = node.enroll_verified_phone();
  const auto mistaken = node.enroll_verified("u_43");
  Node later(service, switched);
  CHECK(
      later.verifier.challenge_factor(used.factor.id(), "u_42").verify(later.code(used.totp.secret)).valid());
  (void)later.verifier.challenge_factor(phone.factor.id(), mfa::any_user);
  // The seal alone, as of a wrong code the failure is written and no secret.
  CHECK(later.verifier.challenge_factor(mistaken.factor.id(), "u_43").verify("000000").status() ==
        Status::wrong_code);
  CHECK(key_of(service, used.factor.id()) == "new");
  CHECK(key_of(service, phone.factor.id()) == "new");
  CHECK(key_of(service, unused.factor.id()) == "old");
  CHECK(key_of(service, mistaken.factor.id()) == "new, old");
}

TEST_CASE("reseal_all moves every seal and secret, after which the old key can go") {
  Service service;
  Node node(service, before);
  std::vector<std::string> secrets;
  std::vector<std::string> ids;
  for (int i = 0; i < 250; ++i) {
    const auto enrolled = node.enroll_verified("u_" + std::to_string(i));
    secrets.push_back(enrolled.totp.secret);
    ids.push_back(enrolled.factor.id());
  }
  Node later(service, switched);
  (void)later.enroll("u_new"); // under the new key already
  CHECK(later.verifier.count_keys().factors == std::map<std::string, std::size_t>{{"new", 1}, {"old", 250}});

  std::size_t calls = 0;
  const auto progress =
      later.verifier.reseal_all({.batch = 100, .progress = [&](const ResealProgress& so_far) {
                                   CHECK(so_far.scanned <= ++calls * 100);
                                   return true;
                                 }});
  CHECK(progress.scanned == 251);
  CHECK(progress.resealed == 250);
  CHECK(progress.failed == 0);
  CHECK(calls == 3);
  CHECK(later.verifier.count_keys().factors == std::map<std::string, std::size_t>{{"new", 251}});
  CHECK(later.verifier.reseal_all().resealed == 0);

  Node last(service, after);
  for (std::size_t i = 0; i < ids.size(); ++i)
    REQUIRE(last.verifier.challenge_factor(ids[i], "u_" + std::to_string(i))
                .verify(last.code(secrets[i]))
                .valid());
}

TEST_CASE("reseal_all can be stopped and goes on where it was") {
  Service service;
  Node node(service, before);
  for (int i = 0; i < 10; ++i) (void)node.enroll("u_" + std::to_string(i));
  Node later(service, switched);
  const auto first = later.verifier.reseal_all({.batch = 3, .progress = [](const auto&) { return false; }});
  CHECK(first.scanned == 3);
  CHECK(later.verifier.count_keys().factors.at("old") == 7);
  const auto rest = later.verifier.reseal_all({.after = first.last_id, .batch = 3});
  CHECK(rest.scanned == 7);
  CHECK(later.verifier.count_keys().factors.count("old") == 0);
  for (const std::size_t batch : {std::size_t{0}, std::size_t{1001}})
    CHECK(thrown_by([&] { return later.verifier.reseal_all({.batch = batch}); }) == errc::invalid_argument);
}

TEST_CASE("What does not open is counted, named and left, and the rest is moved") {
  Service service;
  Node node(service, before);
  (void)node.enroll();
  const auto damaged = node.enroll();
  (void)node.enroll();
  Node stranger(service, KeyRing{"lost", bytes_of("another key, which no node holds")});
  (void)stranger.enroll("u_43");
  auto record = *service.storage.find_factor(damaged.factor.id());
  record.sealed.back() = static_cast<char>(record.sealed.back() ^ 1);
  REQUIRE(service.storage.commit({{record}, {}, {}, {}}));

  Node later(service, switched);
  const auto progress = later.verifier.reseal_all();
  CHECK(progress.scanned == 4);
  CHECK(progress.resealed == 2);
  CHECK(progress.failed == 2);
  CHECK_THAT(progress.last_failure, contains("auth_factor_"));
  ++record.version;
  CHECK(service.storage.find_factor(record.id) == record);
  for (const std::string_view cut_off : {"\x40 too short", "\x81", "\x81\x40 too short"}) {
    CAPTURE(cut_off);
    record.sealed = cut_off;
    REQUIRE(service.storage.commit({{record}, {}, {}, {}}));
    ++record.version;
    const KeyCounts counts = later.verifier.count_keys();
    CHECK(counts.factors == std::map<std::string, std::size_t>{{"lost", 1}, {"new", 2}});
    CHECK(counts.unreadable == 1);
  }
}

TEST_CASE("reseal_all loses no verification that runs beside it, and no code is valid twice") {
  const mfa::test::TemporaryDirectory directory;
  mfa::storage::Sqlite storage(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off});
  mfa::testing::ManualClock clock;
  constexpr int count = 200;
  std::vector<std::string> ids;
  std::vector<mfa::crypto::SecretBytes> secrets;
  {
    mfa::Verifier old_node{storage, clock, Options{.key_ring = before}};
    for (int i = 0; i < count; ++i) {
      const auto enrolled = old_node.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan"});
      ids.push_back(enrolled.factor.id());
      secrets.push_back(mfa::otp::base32_decode(enrolled.totp.secret));
      REQUIRE(enrolled.factor.confirm(mfa::otp::totp(secrets.back(), clock.now())).confirmed());
    }
  }
  clock.advance(30s);
  mfa::Verifier announced_node{storage, clock, Options{.key_ring = announced}};
  mfa::Verifier switched_node{storage, clock, Options{.key_ring = switched}};
  std::atomic<int> valid = 0;
  std::atomic<int> used = 0;
  std::atomic<int> failed = 0;
  {
    std::vector<std::jthread> threads;
    for (auto* node : {&announced_node, &switched_node})
      threads.emplace_back([&, node] {
        for (int i = count - 1; i >= 0; --i) try {
            const auto& secret = secrets[static_cast<std::size_t>(i)];
            const auto challenge = node->challenge_factor(ids[static_cast<std::size_t>(i)], mfa::any_user);
            const auto status = challenge.verify(mfa::otp::totp(secret, clock.now())).status();
            valid += status == Status::valid;
            used += status == Status::code_already_used;
          } catch (...) {
            ++failed;
          }
      });
    threads.emplace_back([&] {
      try {
        while (switched_node.reseal_all({.batch = 10}).resealed > 0) {
        }
      } catch (...) {
        ++failed;
      }
    });
  }
  CHECK(failed == 0);
  CHECK(valid == count);
  CHECK(used == count);
  (void)switched_node.reseal_all();
  CHECK(switched_node.count_keys().factors == std::map<std::string, std::size_t>{{"new", count}});
}

TEST_CASE("The count of messages to a number goes on under the new key") {
  Service service;
  const auto refused = [](Node& node, const std::string& id) {
    return thrown_by([&] { return node.verifier.challenge_factor(id, mfa::any_user); }) ==
           errc::sms_rate_limited;
  };
  Node node(service, before);
  const auto phone = node.enroll_verified_phone().factor.id(); // one message
  for (int i = 0; i < 2; ++i) {
    (void)node.verifier.challenge_factor(phone, mfa::any_user);
    service.clock.advance(1min);
  }
  Node later(service, switched);
  for (int i = 0; i < 2; ++i) {
    (void)later.verifier.challenge_factor(phone, mfa::any_user);
    service.clock.advance(1min);
  }
  CHECK(refused(later, phone)); // five in this hour
  service.clock.advance(1h);
  (void)later.verifier.challenge_factor(phone, mfa::any_user);
  CHECK(refused(later, phone)); // at once
}

TEST_CASE("A running verifier goes through all steps of a rotation") {
  Service service;
  Node node(service, before);
  const auto enrolled = node.enroll_verified();
  const auto unused = node.enroll_verified("u_43");
  const auto verify = [&] {
    service.clock.advance(1min);
    return node.verifier.challenge_factor(enrolled.factor.id(), mfa::any_user)
        .verify(node.code(enrolled.totp.secret))
        .status();
  };
  CHECK(verify() == Status::valid);
  node.verifier.replace_key_ring(announced);
  CHECK(verify() == Status::valid);
  CHECK(key_of(service, enrolled.factor.id()) == "old");
  const auto open =
      node.verifier.challenge_factor(enrolled.factor.id(), mfa::any_user, {.binding = "session"}).id();
  node.verifier.replace_key_ring(switched);
  service.clock.advance(1min);
  CHECK(
      node.verifier.verify_challenge(open, node.code(enrolled.totp.secret), {.binding = "session"}).valid());
  CHECK(key_of(service, enrolled.factor.id()) == "new");
  CHECK(node.verifier.reseal_all().resealed == 1);
  node.verifier.replace_key_ring(after);
  CHECK(verify() == Status::valid);
  CHECK(node.verifier.challenge_factor(unused.factor.id(), mfa::any_user)
            .verify(node.code(unused.totp.secret))
            .valid());
  CHECK(key_of(service, node.enroll("u_44").factor.id()) == "new");
}

TEST_CASE("A verb ends with the key ring that it began with, and the next begins with the new one") {
  Service service;
  Node node(service, switched);
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) ids.push_back(Node(service, before).enroll().factor.id());
  const auto replaced_meanwhile = [&](const ResealProgress&) {
    node.verifier.replace_key_ring(KeyRing{"third", bytes_of("the third key: 0123456789 ABCDEF")});
    return true;
  };
  const auto progress = node.verifier.reseal_all({.batch = 1, .progress = replaced_meanwhile});
  CHECK(progress.resealed == 3);
  for (const auto& id : ids) CHECK(key_of(service, id) == "new");
  CHECK(key_of(service, node.enroll("u_43").factor.id()) == "third");
}

TEST_CASE("A key ring is wiped when it was replaced and the last verb that began with it has ended") {
  mfa::crypto::ReplaceableKeyRing ring;
  ring.replace(before);
  auto used = ring.get();
  const std::weak_ptr<const KeyRing> watched = used;
  ring.replace(after);
  CHECK(used->is_current(before.seal(bytes_of("a"), "b")));
  CHECK(ring.get()->is_current(after.seal(bytes_of("a"), "b")));
  CHECK_FALSE(watched.expired());
  used.reset();
  CHECK(watched.expired());
}

TEST_CASE("A running verifier's keys are not taken away, unless by name") {
  Service service;
  Node node(service, before);
  const auto enrolled = node.enroll_verified();
  try {
    node.verifier.replace_key_ring(KeyRing());
    FAIL("it was taken");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::no_key_ring);
    CHECK_THAT(error.what(), contains("KeyRing::unsealed()"));
  }
  CHECK(node.verifier.challenge_factor(enrolled.factor.id(), mfa::any_user)
            .verify(node.code(enrolled.totp.secret))
            .valid());
  node.verifier.replace_key_ring(KeyRing::unsealed());
  CHECK(key_of(service, node.enroll("u_43").factor.id()).empty());
}

TEST_CASE("The options that a verifier shows hold no key ring, so that none is taken for the one in use") {
  Service service;
  Node node(service, before);
  CHECK(node.verifier.options().key_ring.empty());
  node.verifier.replace_key_ring(after);
  CHECK(node.verifier.options().key_ring.empty());
}

TEST_CASE("A key ring that is replaced while all verbs run in other threads fails none of them") {
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  mfa::Verifier verifier{storage, clock, sms,
                         Options{.key_ring = announced,
                                 .sms_template = std::string(mfa::test::code_only),
                                 .sms_allowed_country_codes = {"1"}}};
  constexpr int rounds = 60;
  std::atomic<int> running = 4;
  std::atomic<int> valid = 0;
  std::atomic<int> failed = 0;
  const auto serve = [&](int number) {
    try {
      const std::string user = "u_" + std::to_string(number);
      mfa::Authorization last_sign_in;
      for (int i = 0; i < rounds; ++i) {
        const auto enrolled = verifier.enroll_factor(
            Totp{.issuer = "Foo Corp", .user = "alan", .user_id = user, .qr_code = {.scale = 1}},
            last_sign_in);
        const auto secret = mfa::otp::base32_decode(enrolled.totp.secret);
        valid += enrolled.factor.confirm(mfa::otp::totp(secret, clock.now())).confirmed();
        const auto challenge = verifier.challenge_factor(enrolled.factor.id(), user, {.binding = user});
        const auto signed_in = challenge.verify(mfa::otp::totp(secret, clock.now() + 30s), {.binding = user});
        valid += signed_in.valid();
        last_sign_in = signed_in;
        const auto token = verifier.remember_device(user, "laptop", signed_in).token;
        if (!verifier.check_device(token, user)) ++failed;
        (void)verifier.revoke_devices(user);
        (void)verifier.list_factors(user);
        (void)verifier.unsafe_export_otpauth_uri(enrolled.factor.id(), mfa::any_user);
        if (i % 10 == 0) {
          const auto phone = verifier.enroll_factor(
              mfa::Sms{.phone_number = "+1415555" + std::to_string(1000 + 100 * number + i)});
          (void)verifier.challenge_enrollment(phone.factor.id(), mfa::any_user);
          if (verifier.reseal_all().failed != 0) ++failed;
          phone.factor.remove();
        }
        verifier.unlock_factor(enrolled.factor.id(), mfa::any_user, mfa::by_operator);
      }
    } catch (...) {
      ++failed;
    }
    --running;
  };
  {
    std::vector<std::jthread> threads;
    for (int number = 0; number < 4; ++number) threads.emplace_back(serve, number);
    for (int i = 0; running > 0; ++i) {
      verifier.replace_key_ring(i % 2 == 0 ? switched : announced);
      std::this_thread::sleep_for(100us);
    }
  }
  CHECK(failed == 0);
  CHECK(valid == 4 * 2 * rounds);
}

TEST_CASE("An enrolment that was not confirmed in time is none again after a key or an epoch was retired") {
  for (const Round& round : both_rounds()) {
    CAPTURE(round.retired);
    Service service;
    Node node(service, before);
    const auto enrolled =
        node.verifier.enroll_factor(Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"});
    service.clock.advance(11min);
    CHECK(go_round(node.verifier, round).failed == 0);
    CHECK(thrown_by([&] { return enrolled.factor.confirm(node.code(enrolled.totp.secret)); }) ==
          errc::enrollment_expired);
  }
}

TEST_CASE("What bounds a user's wrong codes goes on after a key or an epoch was retired") {
  for (const Round& round : both_rounds()) {
    CAPTURE(round.retired);
    mfa::test::Host host{Options{
        .key_ring = before, .wrong_codes_a_user_a_day = 10, .failures_before_delay = 10, .first_delay = 1s}};
    const auto first = host.enroll_verified_totp();
    const auto second = host.enroll_totp("u_42", mfa::by_operator);
    REQUIRE(second.factor.confirm(host.code(second.totp.secret)).confirmed());
    for (const auto* totp : {&first, &second}) {
      const std::string challenge = host.challenge(totp->factor.id());
      for (int i = 0; i < 5; ++i)
        REQUIRE(host.verify(challenge, host.wrong_code(totp->totp.secret)) == Status::wrong_code);
    }
    CHECK(go_round(host.verifier, round).failed == 0);
    CHECK(thrown_by([&] { return first.factor.challenge(); }) == errc::user_delayed);
  }
}

TEST_CASE("What a deleted token has used outlives an epoch where its user has another factor, and no key") {
  for (const Round& round : both_rounds()) {
    CAPTURE(round.retired);
    mfa::test::Host host{Options{.key_ring = before}};
    (void)host.enroll_verified_totp();
    const std::string secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ";
    const mfa::Hotp token{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42", .secret = secret};
    const auto code = mfa::otp::hotp(mfa::otp::base32_decode(secret), 0);
    const auto first = host.verifier.enroll_factor(token, mfa::by_operator);
    REQUIRE(first.factor.confirm(code).confirmed());
    first.factor.remove(mfa::by_operator);
    CHECK(go_round(host.verifier, round).failed == 0);
    const auto again = host.verifier.enroll_factor(token, mfa::by_operator);
    CHECK(again.factor.confirm(code).confirmed() == (round.retired == std::string_view("key")));
  }
}

TEST_CASE("A trusted device outlives an epoch once reseal_all has run, and no key") {
  for (const Round& round : both_rounds()) {
    CAPTURE(round.retired);
    const bool outlives = round.retired == std::string_view("epoch");
    mfa::test::Host host{Options{.key_ring = before}};
    (void)host.enroll_verified_totp();
    const auto remembered = host.verifier.remember_device("u_42", "laptop", mfa::by_operator);
    CHECK(go_round(host.verifier, round).failed == 0);
    CHECK(host.verifier.check_device(remembered.token, "u_42").has_value() == outlives);
    CHECK(host.verifier.list_devices("u_42").size() == (outlives ? 1U : 0U)); // a token needs its key
  }
}

TEST_CASE("reseal_all reads what is kept of a user once for all his factors in a batch") {
  struct Counted : mfa::storage::Memory {
    mutable std::map<std::string, int> reads;
    [[nodiscard]] std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id) const {
      ++reads[std::string(id)];
      return mfa::storage::Memory::find_counter(id);
    }
  };
  mfa::test::HostOver<Counted> host{Options{.key_ring = before}};
  for (int i = 0; i < 4; ++i) (void)host.enroll_totp("u_42", mfa::by_operator);
  (void)host.enroll_totp("u_43");
  host.verifier.replace_key_ring(switched);
  host.storage.reads.clear();
  CHECK(host.verifier.reseal_all().resealed == 5);
  CHECK(host.storage.reads == std::map<std::string, int>{{"options", 1},
                                                         {"trusted_devices_u_42", 1},
                                                         {"trusted_devices_u_43", 1},
                                                         {"user_u_42", 1},
                                                         {"user_u_43", 1}});
}

TEST_CASE("A factor that is damaged while reseal_all runs is counted, and the rest is moved") {
  struct DamagedMeanwhile : mfa::storage::Memory {
    std::string damaged; ///< whose record changes before the next commit
    bool commit(mfa::storage::Batch batch) {
      if (!damaged.empty()) {
        auto record = *find_factor(std::exchange(damaged, {}));
        record.sealed.back() = static_cast<char>(record.sealed.back() ^ 1);
        REQUIRE(mfa::storage::Memory::commit({{record}, {}, {}, {}}));
      }
      return mfa::storage::Memory::commit(std::move(batch));
    }
  };
  mfa::test::HostOver<DamagedMeanwhile> host{Options{.key_ring = before}};
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(host.enroll_totp("u_" + std::to_string(i)).factor.id());
  host.verifier.replace_key_ring(switched);
  host.storage.damaged = ids[1];
  const auto progress = host.verifier.reseal_all();
  CHECK(progress.scanned == 6);
  CHECK(progress.resealed == 5);
  CHECK(progress.failed == 1);
  CHECK_THAT(progress.last_failure, contains(ids[1]));
  CHECK(host.verifier.count_keys().factors == std::map<std::string, std::size_t>{{"new", 5}, {"old", 1}});
}
