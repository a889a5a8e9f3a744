// A reset ends everything by which a user shows a second factor, or everything but the factor and the device
// in his hand, in one commit; and neither who may not ask for it nor who uses it gains anything by it.
#include <array>
#include <chrono>
#include <cstddef>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/import.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/failing_commits.hpp"
#include "support/host.hpp"
#include "support/scripted_relying_party.hpp"

using mfa::errc;
using mfa::Purpose;
using mfa::Status;
using mfa::UserReset;
using mfa::test::Host;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

namespace {

mfa::Options with_webauthn() {
  mfa::Options options;
  options.webauthn = std::make_shared<mfa::test::ScriptedRelyingParty>();
  return options;
}

/// A user with a factor of most kinds, open challenges and two devices; and another user.
struct Account {
  Host host;
  std::string app, secret, phone, key, codes, waiting, others, others_secret;
  mfa::RememberedDevice laptop, tablet;

  explicit Account(mfa::Options options = with_webauthn()) : host(std::move(options)) {
    const auto& verifier = host.verifier;
    const auto enrolled = host.enroll_totp();
    app = enrolled.factor.id();
    secret = enrolled.totp.secret;
    const auto shown = enrolled.factor.confirm(host.code(secret));
    REQUIRE(shown.confirmed());
    const auto sms = host.enroll_sms("+14155550123", "u_42", shown);
    phone = sms.factor.id();
    REQUIRE(sms.factor.challenge_enrollment().confirm(host.sms.last().body).confirmed());
    const auto webauthn = verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, shown);
    key = webauthn.factor.id();
    REQUIRE(webauthn.factor.challenge_enrollment({}, shown).confirm("valid").confirmed());
    codes = verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, shown).factor.id();
    waiting = host.enroll_totp("u_42", shown).factor.id();
    laptop = verifier.remember_device("u_42", "Laptop", shown);
    tablet = verifier.remember_device("u_42", "Tablet", shown);
    const auto other = host.enroll_verified_totp("u_43");
    others = other.factor.id();
    others_secret = other.totp.secret;
  }

  [[nodiscard]] std::vector<std::string> factors(const std::string& user = "u_42") const {
    std::vector<std::string> ids;
    for (const auto& factor : host.verifier.list_factors(user)) ids.push_back(factor.id());
    return ids;
  }
  [[nodiscard]] bool trusts(const mfa::RememberedDevice& device) const {
    return host.verifier.check_device(device.token, "u_42").has_value();
  }
  [[nodiscard]] errc look(const std::string& challenge) const {
    return thrown_by([&] { return host.verifier.get_challenge(challenge, mfa::any_user); });
  }
  mfa::Verification shows_app(Purpose purpose = Purpose::sign_in) {
    host.clock.advance(30s);
    const auto challenge = host.verifier.challenge_factor(app, "u_42", {.purpose = purpose});
    auto verification = challenge.verify(host.code(secret), {.purpose = purpose});
    REQUIRE(verification.valid());
    return verification;
  }
};

} // namespace

TEST_CASE("After a reset nothing is left of what the user had, and another user keeps everything") {
  Account a;
  const auto& verifier = a.host.verifier;
  std::vector<std::string> challenges;
  for (const std::string& factor : {a.app, a.phone, a.key, a.codes})
    challenges.push_back(verifier.challenge_factor(factor, "u_42").id());
  challenges.push_back(verifier.challenge_enrollment(a.waiting, "u_42").id());
  challenges.push_back(a.shows_app().challenge().id());
  const auto others_challenge = verifier.challenge_factor(a.others, "u_43").id();

  CHECK(verifier.reset_user("u_42", mfa::by_operator) == UserReset{5, 2});
  CHECK(a.factors().empty());
  CHECK(verifier.list_devices("u_42").empty());
  CHECK_FALSE(a.trusts(a.laptop));
  for (const std::string& challenge : challenges) {
    CHECK(a.look(challenge) == errc::entity_not_found);
    CHECK(thrown_by([&] { return verifier.verify_challenge(challenge, "123456"); }) ==
          errc::entity_not_found);
    CHECK(thrown_by([&] {
            return verifier.remember_device("u_42", "x", mfa::Authorization::of_challenge(challenge));
          }) == errc::authorization_required);
  }
  CHECK(a.factors("u_43") == std::vector{a.others});
  CHECK(verifier.verify_challenge(others_challenge, a.host.code(a.others_secret)).valid());

  // He begins again, with the same security key too.
  const auto again = a.host.enroll_totp();
  a.host.clock.advance(30s);
  const auto shown = again.factor.confirm(a.host.code(again.totp.secret));
  REQUIRE(shown.confirmed());
  const auto key = verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, shown);
  CHECK(key.factor.challenge_enrollment({}, shown).confirm("valid").confirmed());
}

TEST_CASE("A reset keeps the factor and the device in the user's hand, and nothing else") {
  for (const bool by_id : {false, true}) {
    CAPTURE(by_id);
    Account a;
    const auto& verifier = a.host.verifier;
    const auto open = verifier.challenge_factor(a.app, "u_42").id();
    const auto shown_before = a.shows_app();
    const auto shown = a.shows_app();
    const auto kept_device = by_id ? mfa::crypto::SecretString(a.laptop.device.id) : a.laptop.token;
    CHECK(verifier.reset_user("u_42", shown, {.keep_factor = a.app, .keep_device = kept_device}) ==
          UserReset{4, 1});
    CHECK(a.factors() == std::vector{a.app});
    CHECK(a.trusts(a.laptop));
    CHECK_FALSE(a.trusts(a.tablet));
    CHECK(a.look(open) == errc::entity_not_found);
    // What was shown in another session is gone and allows nothing, what allowed the reset goes on.
    CHECK(a.look(shown_before.challenge().id()) == errc::entity_not_found);
    CHECK(thrown_by([&] { return verifier.remember_device("u_42", "x", shown_before); }) ==
          errc::authorization_required);
    CHECK_NOTHROW(verifier.remember_device("u_42", "x", shown));
    CHECK(a.shows_app().valid());
  }
}

TEST_CASE("A device that was kept rests on the factor that was kept") {
  Account a;
  const auto& verifier = a.host.verifier;
  verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = a.key, .keep_device = a.laptop.token});
  REQUIRE(a.trusts(a.laptop)); // though the app had vouched for it
  const auto second = a.host.enroll_totp("u_42", mfa::by_operator);
  REQUIRE(second.factor.confirm(a.host.code(second.totp.secret)).confirmed());
  verifier.delete_factor(a.key, "u_42", mfa::by_operator);
  CHECK_FALSE(a.trusts(a.laptop));
}

TEST_CASE("What is no trusted device of the user keeps none, and what he cannot keep ends nothing") {
  Account a;
  const auto& verifier = a.host.verifier;
  const auto others_device = verifier.remember_device("u_43", "Laptop", mfa::by_operator);
  const auto reset = [&](const mfa::ResetOptions& said) {
    return [&verifier, said] { return verifier.reset_user("u_42", mfa::by_operator, said); };
  };
  struct Row {
    errc thrown;
    mfa::ResetOptions said;
  };
  const std::vector<Row> refused{
      {errc::entity_not_found, {.keep_factor = a.others}},
      {errc::entity_not_found, {.keep_factor = "auth_factor_00000000000000000000000000"}},
      {errc::entity_not_found, {.keep_factor = "my phone"}},
      {errc::factor_not_verified, {.keep_factor = a.waiting}},
      {errc::invalid_argument, {.keep_device = a.laptop.token}},
  };
  for (const Row& row : refused) {
    CAPTURE(row.said.keep_factor);
    CHECK(thrown_by(reset(row.said)) == row.thrown);
    CHECK(a.factors().size() == 5);
    CHECK(a.trusts(a.laptop));
  }
  for (const mfa::crypto::SecretString& device :
       {mfa::crypto::SecretString("no token"), mfa::crypto::SecretString("mfa_device_1_AAAA"),
        others_device.token, mfa::crypto::SecretString(others_device.device.id)}) {
    Account b;
    CHECK(b.host.verifier.reset_user("u_42", mfa::by_operator,
                                     {.keep_factor = b.app, .keep_device = device}) == UserReset{4, 2});
  }
}

TEST_CASE("A device whose time is over, or that was revoked, is not kept") {
  Account a;
  const auto& verifier = a.host.verifier;
  (void)verifier.revoke_device("u_42", a.tablet.device.id);
  CHECK(verifier.reset_user("u_42", mfa::by_operator,
                            {.keep_factor = a.app, .keep_device = a.tablet.token}) == UserReset{4, 1});
  CHECK(verifier.list_devices("u_42").empty());
  const auto brief = verifier.remember_device("u_42", "x", mfa::by_operator, 60s);
  a.host.clock.advance(60s);
  CHECK(verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = a.app, .keep_device = brief.token}) ==
        UserReset{0, 0});
  a.host.clock.advance(-60s);
  CHECK_FALSE(a.trusts(brief));
}

TEST_CASE("Nobody resets a user but an operator and himself, freshly") {
  struct Row {
    const char* what;
    bool allowed;
    std::function<mfa::Authorization(Account&)> given;
  };
  const std::vector<Row> rows{
      {"nothing", false, [](Account&) { return mfa::Authorization(); }},
      {"an operator", true, [](Account&) { return mfa::Authorization(mfa::by_operator); }},
      {"a sign-in", true, [](Account& a) { return mfa::Authorization(a.shows_app()); }},
      {"a step-up", true, [](Account& a) { return mfa::Authorization(a.shows_app(Purpose::step_up)); }},
      {"one of ten minutes ago", false,
       [](Account& a) {
         const mfa::Authorization shown = a.shows_app();
         a.host.clock.advance(10min);
         return shown;
       }},
      {"an open challenge", false,
       [](Account& a) {
         return mfa::Authorization::of_challenge(a.host.verifier.challenge_factor(a.app, "u_42").id());
       }},
      {"another user's", false,
       [](Account& a) {
         const auto challenge = a.host.verifier.challenge_factor(a.others, "u_43");
         return mfa::Authorization(challenge.verify(a.host.code(a.others_secret)));
       }},
  };
  for (const Row& row : rows) {
    CAPTURE(row.what);
    Account a;
    const auto authorization = row.given(a);
    const errc thrown = thrown_by([&] { return a.host.verifier.reset_user("u_42", authorization); });
    CHECK(thrown == (row.allowed ? errc{} : errc::authorization_required));
    CHECK(a.factors().size() == (row.allowed ? 0U : 5U));
  }
  // With a password alone, not even where no factor was confirmed.
  Host host;
  (void)host.enroll_totp();
  CHECK(thrown_by([&] { return host.verifier.reset_user("u_42", {}); }) == errc::authorization_required);
}

TEST_CASE("A reset brings no further messages, and no further guesses of a factor that is kept") {
  mfa::Options options;
  options.sends_a_user_a_day = options.sends_a_user_an_hour = 3;
  options.wrong_codes_a_user_a_day = 10;
  options.attempts_a_challenge = 10;
  options.failures_before_delay = 10;
  for (const bool keeps : {true, false}) {
    CAPTURE(keeps);
    Host host{options};
    const auto& verifier = host.verifier;
    const auto app = host.enroll_verified_totp();
    const auto challenge = app.factor.challenge();
    for (int i = 0; i < 10; ++i)
      CHECK(challenge.verify(host.wrong_code(app.totp.secret)).status() == Status::wrong_code);
    for (int send = 0; send < 3; ++send) {
      const auto phone = host.enroll_sms("+1415555012" + std::to_string(send), "u_42", mfa::by_operator);
      (void)phone.factor.challenge_enrollment();
    }
    REQUIRE(thrown_by([&] { return app.factor.challenge(); }) == errc::user_delayed);
    verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = keeps ? app.factor.id() : ""});
    if (keeps) CHECK(thrown_by([&] { return app.factor.challenge(); }) == errc::user_delayed);
    const auto phone = host.enroll_sms("+14155550129", "u_42", mfa::by_operator);
    CHECK(thrown_by([&] { return phone.factor.challenge_enrollment(); }) == errc::sms_rate_limited);
    const auto second = host.enroll_totp("u_42", mfa::by_operator);
    REQUIRE(second.factor.confirm(host.code(second.totp.secret)).confirmed());
    CHECK(thrown_by([&] { return second.factor.challenge(); }) == (keeps ? errc::user_delayed : errc{}));
  }
}

TEST_CASE("Authenticators know the user by the same handle after a reset") {
  Account a;
  const auto handle = [&] {
    const auto enrolled =
        a.host.verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
    return enrolled.factor.webauthn()->user_handle;
  };
  const auto before = handle();
  a.host.verifier.reset_user("u_42", mfa::by_operator);
  a.host.clock.advance(24h * 400);
  (void)a.host.verifier.purge_expired();
  CHECK(handle() == before);
}

TEST_CASE("A reset is one commit, of however many factors") {
  struct Counting : mfa::storage::Memory {
    std::size_t commits = 0;
    bool commit(mfa::storage::Batch batch) {
      ++commits;
      return mfa::storage::Memory::commit(std::move(batch));
    }
  };
  mfa::test::HostOver<Counting> host{with_webauthn()};
  const auto& verifier = host.verifier;
  constexpr std::size_t many = 300;
  std::vector<mfa::ImportLine> lines;
  for (std::size_t i = 0; i < many; ++i) {
    const std::string letters{static_cast<char>('A' + i / 26), static_cast<char>('A' + i % 26)};
    lines.push_back(
        {"u_42", mfa::crypto::SecretString("otpauth://totp/Foo:alan?secret=JBSWY3DPEHPK3PXPJBSWY3DPEHPK" +
                                           letters + "XP")});
  }
  REQUIRE(mfa::import_factors(verifier, lines, {.verified = true}).imported == many);
  const auto key = verifier.enroll_factor(mfa::WebAuthn{.user = "alan", .user_id = "u_42"}, mfa::by_operator);
  REQUIRE(key.factor.challenge_enrollment({}, mfa::by_operator).confirm("valid").confirmed());
  const auto before = host.storage.commits;
  CHECK(verifier.reset_user("u_42", mfa::by_operator) == UserReset{many + 1, 0});
  CHECK(host.storage.commits == before + 1);
  CHECK(verifier.list_factors("u_42").empty());
}

TEST_CASE("A reset whose commit fails has changed nothing, and can be asked for again") {
  mfa::test::HostOver<mfa::test::FailingCommits<mfa::storage::Memory>> host;
  const auto app = host.enroll_verified_totp();
  const auto device = host.verifier.remember_device("u_42", "Laptop", mfa::by_operator);
  const auto reset = [&] { return host.verifier.reset_user("u_42", mfa::by_operator); };
  host.storage.throws = true;
  CHECK(thrown_by(reset) == errc::storage_failure);
  host.storage.throws = false;
  host.storage.conflicts = true;
  CHECK(thrown_by(reset) == errc::storage_conflict);
  host.storage.conflicts = false;
  CHECK(app.factor.challenge().verify(host.code(app.totp.secret)).valid());
  CHECK(host.verifier.check_device(device.token, "u_42").has_value());
  CHECK(reset() == UserReset{1, 1});
  CHECK(reset() == UserReset{0, 0});
}

TEST_CASE("An operator resets a user whose records are damaged, whole, and nobody else does") {
  const std::string id = GENERATE("user_u_42", "trusted_devices_u_42");
  const bool sealed = GENERATE(false, true);
  CAPTURE(id, sealed);
  mfa::Options options = with_webauthn();
  options.key_ring = mfa::KeyRing("key", std::array<unsigned char, 32>{1});
  std::vector<errc> causes;
  options.observer = [&](const mfa::Event& event) {
    if (event.type == mfa::EventType::user_reset && event.cause)
      causes.push_back(thrown_by([&] { std::rethrow_exception(event.cause); }));
  };
  const mfa::KeyRing keys = options.key_ring;
  Account account(options);
  const auto& verifier = account.host.verifier;
  const auto shown = account.shows_app();
  const std::string open = verifier.challenge_factor(account.app, "u_42").id();

  mfa::storage::Batch batch;
  batch.counters.push_back(*account.host.storage.find_counter(id));
  if (sealed)
    batch.counters[0] =
        mfa::test::edited(batch.counters[0], keys, [](auto& record) { record.data = "damaged"; });
  else
    batch.counters[0].data.back() ^= 1;
  REQUIRE(account.host.storage.commit(batch));
  const errc damaged = sealed ? errc::corrupt_record : errc::seal_broken;
  CHECK(thrown_by([&] { return verifier.reset_user("u_42", shown); }) == damaged);
  CHECK(thrown_by([&] {
          return verifier.reset_user("u_42", mfa::by_operator, {.keep_factor = account.app});
        }) == damaged);
  CHECK(account.factors().size() == 5);

  const bool of_user = id.starts_with("user_");
  CHECK(verifier.reset_user("u_42", mfa::by_operator) == UserReset{5, of_user ? 2U : 0U});
  CHECK(causes == std::vector{damaged});
  CHECK(account.factors().empty());
  CHECK_FALSE(account.trusts(account.laptop));
  CHECK(account.look(open) == errc::entity_not_found);
  CHECK(thrown_by([&] { return verifier.remember_device("u_42", "Phone", shown); }) ==
        errc::authorization_required);
  // He begins anew, and both records are whole.
  const auto anew = account.host.enroll_verified_totp();
  CHECK(anew.factor.challenge().verify(account.host.code(anew.totp.secret)).valid());
  CHECK_NOTHROW(verifier.remember_device("u_42", "Phone", mfa::by_operator));
  CHECK(verifier.reset_user("u_42", mfa::by_operator) == UserReset{1, 1});
  CHECK(causes.size() == 1);
}

TEST_CASE("An operator's reset takes no storage that fails for a damaged record") {
  struct Unread : mfa::storage::Memory {
    mutable bool fails = false; // once
    [[nodiscard]] std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id) const {
      if (std::exchange(fails, false)) throw mfa::Error(errc::storage_failure, "told to fail");
      return mfa::storage::Memory::find_counter(id);
    }
  };
  mfa::test::HostOver<Unread> host;
  (void)host.enroll_verified_totp();
  host.storage.fails = true;
  CHECK(thrown_by([&] { return host.verifier.reset_user("u_42", mfa::by_operator); }) ==
        errc::storage_failure);
  CHECK(host.verifier.list_factors("u_42").size() == 1);
}

TEST_CASE("The reset of somebody who has nothing leaves nothing behind") {
  Host host;
  CHECK(thrown_by([&] { return host.verifier.reset_user("", mfa::by_operator); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { return host.verifier.reset_user("no\nuser", mfa::by_operator); }) ==
        errc::invalid_argument);
  CHECK(host.verifier.reset_user("nobody", mfa::by_operator) == UserReset{0, 0});
  host.clock.advance(48h);
  (void)host.verifier.purge_expired();
  CHECK_FALSE(host.storage.find_counter("user_nobody").has_value());
  CHECK_FALSE(host.storage.find_counter("trusted_devices_nobody").has_value());
}

TEST_CASE("All devices are revoked but the one in the user's hand") {
  for (const bool by_id : {false, true}) {
    Account a;
    const auto& verifier = a.host.verifier;
    const auto keep = by_id ? mfa::crypto::SecretString(a.laptop.device.id) : a.laptop.token;
    CHECK(verifier.revoke_devices("u_42", {.keep_device = keep}) == 1);
    CHECK(a.trusts(a.laptop));
    CHECK_FALSE(a.trusts(a.tablet));
    CHECK(verifier.revoke_devices("u_42", {.keep_device = keep}) == 0);
    CHECK(a.trusts(a.laptop));
    CHECK(verifier.revoke_devices("u_42", {.keep_device = a.tablet.token}) ==
          1); // trusted no more: keeps none
    CHECK(verifier.list_devices("u_42").empty());
  }
  Account a;
  CHECK(a.host.verifier.revoke_devices("u_42", {.keep_device = "no token"}) == 2);
}
