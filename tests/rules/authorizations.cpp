// What changes the second factors of a user who has one wants a fresh verification of one that stands, for
// each verb and each thing that may be given in its place; and whoever has only the password gets nowhere.
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"
#include "support/whole_storage.hpp"

using mfa::Authorization;
using mfa::errc;
using mfa::Purpose;
using mfa::Status;
using mfa::test::thrown_by;
using namespace std::chrono_literals;

using Host = mfa::test::HostOver<mfa::test::WholeStorage<mfa::storage::Memory>>;

namespace {

/// Does something else before the next commit.
struct Meanwhile : mfa::storage::Memory {
  std::function<void()> then = {};
  bool commit(const mfa::storage::Batch& batch) {
    if (then) std::exchange(then, nullptr)();
    return mfa::storage::Memory::commit(batch);
  }
};

/// A user with an authenticator, recovery codes and a token, and another user.
struct Account {
  Host host;
  std::string secret;
  std::string totp_id;
  std::string codes_id;
  std::string hotp_id;
  std::string others_secret;
  std::string others_id;

  Account() {
    const auto totp = host.enroll_totp("u_42");
    const auto hotp = host.verifier.enroll_factor(
        mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, mfa::by_operator);
    const auto other = host.enroll_totp("u_43");
    secret = totp.totp.secret;
    totp_id = totp.factor.id();
    hotp_id = hotp.factor.id();
    others_secret = other.totp.secret;
    others_id = other.factor.id();
    const auto first = mfa::otp::hotp(mfa::otp::base32_decode(hotp.hotp.secret), 0);
    REQUIRE(totp.factor.confirm(host.code(secret)).confirmed());
    REQUIRE(hotp.factor.confirm(first).confirmed());
    REQUIRE(other.factor.confirm(host.code(others_secret)).confirmed());
    codes_id =
        host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator).factor.id();
    host.clock.advance(30s);
  }

  mfa::Verification verify(const std::string& factor_id, const std::string& code,
                           Purpose purpose = Purpose::sign_in) {
    const std::string action = purpose == Purpose::action ? "pay" : "";
    const auto challenge =
        host.verifier.challenge_factor(factor_id, mfa::any_user, {.purpose = purpose, .action = action});
    return challenge.verify(code, {.purpose = purpose, .action = action});
  }
  mfa::Verification shown(Purpose purpose = Purpose::sign_in) {
    auto verification = verify(totp_id, host.code(secret), purpose);
    REQUIRE(verification.valid());
    return verification;
  }

  void change_password() { CHECK(host.verifier.password_changed("u_42") == 0); }
  /// The verbs ask for the factors that it had before.
  void reset_to_totp(const Authorization& authorization) {
    host.verifier.reset_user("u_42", authorization, {.keep_factor = totp_id});
    const auto hotp = host.verifier.enroll_factor(
        mfa::Hotp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, mfa::by_operator);
    hotp_id = hotp.factor.id();
    REQUIRE(hotp.factor.confirm(mfa::otp::hotp(mfa::otp::base32_decode(hotp.hotp.secret), 0)).confirmed());
    codes_id =
        host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator).factor.id();
  }

  /// A further authenticator of the user, which is confirmed with this code.
  mfa::Confirmation confirm_another(bool rightly) {
    const auto another = host.verifier.enroll_factor(
        mfa::Totp{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"}, mfa::by_operator);
    return another.factor.confirm(rightly ? host.code(another.totp.secret)
                                          : host.wrong_code(another.totp.secret));
  }
};

struct Verb {
  const char* name;
  std::function<void(Account&, const Authorization&)> call;
};

const std::vector<Verb> verbs{
    {"enrol a further factor",
     [](Account& account, const Authorization& authorization) {
       (void)account.host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, authorization);
     }},
    {"enrol recovery codes",
     [](Account& account, const Authorization& authorization) {
       (void)account.host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, authorization);
     }},
    {"delete a factor",
     [](Account& account, const Authorization& authorization) {
       account.host.verifier.delete_factor(account.hotp_id, "u_42", authorization);
     }},
    {"reset the user",
     [](Account& account, const Authorization& authorization) {
       account.host.verifier.reset_user("u_42", authorization);
     }},
    {"reset the user to one factor",
     [](Account& account, const Authorization& authorization) {
       account.host.verifier.reset_user("u_42", authorization, {.keep_factor = account.codes_id});
     }},
    {"regenerate recovery codes",
     [](Account& account, const Authorization& authorization) {
       (void)account.host.verifier.regenerate_recovery_codes(account.codes_id, "u_42", authorization);
     }},
    {"remember a device",
     [](Account& account, const Authorization& authorization) {
       (void)account.host.verifier.remember_device("u_42", "Laptop", authorization);
     }},
    {"unlock a factor",
     [](Account& account, const Authorization& authorization) {
       account.host.verifier.unlock_factor(account.hotp_id, "u_42", authorization);
     }},
};

struct Row {
  const char* given;
  bool allows;
  std::function<Authorization(Account&)> make;
};

/// A verification that counts, and then something happens.
template <class Then> std::function<Authorization(Account&)> shown_and(Then then) {
  return [then](Account& account) {
    Authorization authorization = account.shown();
    then(account);
    return authorization;
  };
}

const std::vector<Row> rows{
    {"nothing", false, [](Account&) { return Authorization(); }},
    {"an operator", true, [](Account&) { return Authorization(mfa::by_operator); }},

    {"a verification to sign in", true, [](Account& account) { return Authorization(account.shown()); }},
    {"a verification to step up", true,
     [](Account& account) { return Authorization(account.shown(Purpose::step_up)); }},
    {"the verification of an action", false,
     [](Account& account) { return Authorization(account.shown(Purpose::action)); }},
    {"a wrong code", false,
     [](Account& account) {
       return Authorization(account.verify(account.totp_id, account.host.wrong_code(account.secret)));
     }},
    {"a confirmation", true, [](Account& account) { return Authorization(account.confirm_another(true)); }},
    {"a confirmation that failed", false,
     [](Account& account) { return Authorization(account.confirm_another(false)); }},

    {"the id of a challenge that was verified", true,
     [](Account& account) { return Authorization::of_challenge(account.shown().challenge().id()); }},
    {"the id of one that was not", false,
     [](Account& account) {
       const auto verification = account.verify(account.totp_id, account.host.wrong_code(account.secret));
       return Authorization::of_challenge(verification.challenge().id());
     }},
    {"the id of one that is open", false,
     [](Account& account) {
       return Authorization::of_challenge(
           account.host.verifier.challenge_factor(account.totp_id, "u_42").id());
     }},
    {"the id of none", false,
     [](Account&) { return Authorization::of_challenge("auth_challenge_01FVYZ5QM8N98T9ME5BCB2BBMJ"); }},
    {"the id of a factor", false,
     [](Account& account) { return Authorization::of_challenge(account.totp_id); }},
    {"an empty id", false, [](Account&) { return Authorization::of_challenge(""); }},

    {"another user's verification", false,
     [](Account& account) {
       return Authorization(account.verify(account.others_id, account.host.code(account.others_secret)));
     }},

    {"one of almost ten minutes ago", true,
     shown_and([](Account& account) { account.host.clock.advance(10min - 1ms); })},
    {"one of ten minutes ago", false, shown_and([](Account& account) { account.host.clock.advance(10min); })},
    {"one of a clock that was ten minutes ahead", false,
     shown_and([](Account& account) { account.host.clock.advance(-10min); })},
    {"one that others opened many challenges after", true, shown_and([](Account& account) {
       for (int i = 0; i < 50; ++i) (void)account.host.verifier.challenge_factor(account.totp_id, "u_42");
     })},
    {"one of before the password was changed", false,
     shown_and([](Account& account) { account.change_password(); })},
    {"one of before, which others had opened many challenges after", false, shown_and([](Account& account) {
       for (int i = 0; i < 50; ++i) (void)account.host.verifier.challenge_factor(account.totp_id, "u_42");
       account.change_password();
     })},
    {"one of before, whose own time was over", false,
     [](Account& account) {
       const auto challenge = account.host.verifier.challenge_factor(account.totp_id, "u_42");
       account.host.clock.advance(*challenge.expires_at() - challenge.created_at() - 1s);
       const auto verification = challenge.verify(account.host.code(account.secret));
       REQUIRE(verification.valid());
       account.host.clock.advance(1s);
       (void)account.host.verifier.challenge_factor(account.hotp_id, "u_42");
       account.change_password();
       return Authorization(verification);
     }},
    {"one of after the password was changed, twice", true,
     [](Account& account) {
       account.change_password();
       account.change_password();
       return Authorization(account.shown());
     }},
    {"one of before a reset to its factor", false, shown_and([](Account& account) {
       for (int i = 0; i < 50; ++i) (void)account.host.verifier.challenge_factor(account.totp_id, "u_42");
       account.host.verifier.reset_user("u_43", mfa::by_operator, {.keep_factor = account.others_id});
       account.reset_to_totp(mfa::by_operator);
     })},
    {"one of a factor that was deleted", false, shown_and([](Account& account) {
       account.host.verifier.delete_factor(account.totp_id, "u_42", mfa::by_operator);
     })},
};

/// What a verb throws; of no `errc` if it does what it is to do.
errc called(const Verb& verb, Account& account, const Authorization& authorization) {
  return thrown_by([&] {
    verb.call(account, authorization);
    return 0;
  });
}

} // namespace

TEST_CASE("Each verb is allowed by what shows a factor, and by nothing else") {
  for (const Verb& verb : verbs)
    for (const Row& row : rows) {
      CAPTURE(verb.name, row.given);
      Account account;
      const Authorization authorization = row.make(account);
      const auto before = account.host.storage.contents();
      CHECK(called(verb, account, authorization) == (row.allows ? errc{} : errc::authorization_required));
      if (!row.allows) CHECK(account.host.storage.contents() == before);
    }
}

TEST_CASE("How long a verification counts is the host's to say") {
  for (const auto passed : {59s, 60s}) {
    CAPTURE(passed.count());
    Host host({.authorization_lifetime = 60s});
    const auto totp = host.enroll_totp();
    const Authorization shown = totp.factor.confirm(host.code(totp.totp.secret));
    host.clock.advance(passed);
    CHECK(thrown_by([&] { return host.verifier.remember_device("u_42", "Laptop", shown); }) ==
          (passed < 60s ? errc{} : errc::authorization_required));
  }
}

TEST_CASE("One verification allows what follows from it: the factor it vouches for may be deleted last") {
  Account account;
  const auto shown = account.shown();
  const auto& verifier = account.host.verifier;
  CHECK_NOTHROW(verifier.regenerate_recovery_codes(account.codes_id, "u_42", shown));
  CHECK_NOTHROW(verifier.delete_factor(account.hotp_id, "u_42", shown));
  CHECK_NOTHROW(verifier.delete_factor(account.totp_id, "u_42", shown)); // by itself
  CHECK(thrown_by([&] { return verifier.remember_device("u_42", "Laptop", shown); }) ==
        errc::authorization_required);
}

TEST_CASE("What allowed a reset to its factor allows what follows, until the password changes") {
  Account account;
  for (int i = 0; i < 50; ++i) (void)account.host.verifier.challenge_factor(account.hotp_id, "u_42");
  const auto shown = account.shown();
  const auto& verifier = account.host.verifier;
  for (int reset = 0; reset < 2; ++reset) {
    verifier.reset_user("u_42", shown, {.keep_factor = account.totp_id});
    CHECK_NOTHROW(verifier.remember_device("u_42", "Laptop", shown));
  }
  CHECK(verifier.password_changed("u_42") == 1);
  CHECK(thrown_by([&] { return verifier.remember_device("u_42", "Laptop", shown); }) ==
        errc::authorization_required);
}

TEST_CASE(
    "A further factor whose enrolment was allowed before the password changed is not confirmed after it") {
  Account account;
  const auto& verifier = account.host.verifier;
  const auto another = verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, account.shown()).factor;
  account.change_password();
  const auto challenge = another.challenge_enrollment();
  CHECK(thrown_by([&] { return challenge.confirm(challenge.code()); }) == errc::authorization_required);
}

TEST_CASE("A device that is remembered while the password changes is not trusted after it") {
  mfa::test::HostOver<Meanwhile> host;
  const auto totp = host.enroll_totp();
  const Authorization shown = totp.factor.confirm(host.code(totp.totp.secret));
  host.storage.then = [&] { CHECK(host.verifier.password_changed("u_42") == 0); };
  CHECK(thrown_by([&] { return host.verifier.remember_device("u_42", "Laptop", shown); }) ==
        errc::authorization_required);
  CHECK(host.verifier.list_devices("u_42").empty());
}

TEST_CASE("What one session asks for while another changes the password, or the factors, is not done after") {
  struct Row {
    std::string name;
    std::function<void(mfa::test::HostOver<Meanwhile>&, const std::string& vouching)> meanwhile;
  };
  const std::vector<Row> rows{
      {"the password is changed",
       [](auto& host, const std::string&) { (void)host.verifier.password_changed("u_42"); }},
      {"what allowed it is deleted",
       [](auto& host, const std::string& vouching) {
         (void)host.verifier.delete_factor(vouching, "u_42", mfa::by_operator);
       }},
      {"the user is reset",
       [](auto& host, const std::string&) { (void)host.verifier.reset_user("u_42", mfa::by_operator); }},
  };
  for (const Row& row : rows) {
    for (const bool unlocks : {false, true}) {
      CAPTURE(row.name, unlocks);
      mfa::test::HostOver<Meanwhile> host;
      const auto totp = host.enroll_totp();
      const Authorization shown = totp.factor.confirm(host.code(totp.totp.secret));
      const std::string codes_id =
          host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, shown).factor.id();
      const auto before = host.storage.find_factor(codes_id)->sealed;
      host.storage.then = [&] { row.meanwhile(host, totp.factor.id()); };
      const errc refused = thrown_by([&] {
        if (unlocks)
          host.verifier.unlock_factor(codes_id, "u_42", shown);
        else
          (void)host.verifier.regenerate_recovery_codes(codes_id, "u_42", shown);
      });
      CHECK((refused == errc::authorization_required || refused == errc::entity_not_found));
      const auto left = host.storage.find_factor(codes_id);
      CHECK((!left || left->sealed == before));
    }
  }
}

TEST_CASE(
    "What was shown before the password changed allows nothing, though somebody emptied the user's record") {
  Account account;
  account.change_password();
  const auto shown = account.shown();
  auto record = account.host.storage.find_counter("user_u_42");
  REQUIRE(record.has_value());
  record->data.clear();
  mfa::storage::Batch batch;
  batch.counters.push_back(*record);
  REQUIRE(account.host.storage.commit(batch));
  account.host.clock.advance(1s);
  account.change_password();
  CHECK(thrown_by([&] { return account.host.verifier.remember_device("u_42", "Laptop", shown); }) ==
        errc::authorization_required);
}

TEST_CASE(
    "A changed password ends the trust in devices though the user's record is damaged, and tells of it") {
  const bool sealed = GENERATE(false, true);
  const mfa::KeyRing keys("key", std::array<unsigned char, 32>{1});
  Host host({.key_ring = keys});
  const auto& verifier = host.verifier;
  const auto totp = host.enroll_totp();
  const Authorization shown = totp.factor.confirm(host.code(totp.totp.secret));
  const auto device = verifier.remember_device("u_42", "Laptop", shown);
  mfa::storage::Batch batch;
  batch.counters.push_back(*host.storage.find_counter("user_u_42"));
  if (sealed)
    batch.counters[0] =
        mfa::test::edited(batch.counters[0], keys, [](auto& record) { record.data = "damaged"; });
  else
    batch.counters[0].data.back() ^= 1;
  REQUIRE(host.storage.commit(batch));

  const errc damaged = sealed ? errc::corrupt_record : errc::seal_broken;
  CHECK(thrown_by([&] { return verifier.password_changed("u_42"); }) == damaged);
  CHECK_FALSE(verifier.check_device(device.token, "u_42").has_value());
  CHECK(thrown_by([&] { return verifier.remember_device("u_42", "Laptop", shown); }) == damaged);
  CHECK(thrown_by([&] { return verifier.password_changed("u_42"); }) == damaged); // as often as it is told
}

TEST_CASE("What was shown before the password changed allows nothing a day later, when records were purged") {
  Host host({.authorization_lifetime = 24h, .open_challenges_a_user = 1});
  const auto totp = host.enroll_totp();
  const Authorization shown = totp.factor.confirm(host.code(totp.totp.secret));
  (void)totp.factor.challenge(); // which takes the place of what was shown in the list of those that end
  host.clock.advance(-10min);    // of a node whose clock is behind
  CHECK(host.verifier.password_changed("u_42") == 0);
  host.clock.advance(24h);
  host.verifier.purge_expired();
  CHECK(thrown_by([&] { return host.verifier.remember_device("u_42", "Laptop", shown); }) ==
        errc::authorization_required);
  host.clock.advance(24h);
  host.verifier.purge_expired();
  CHECK(host.storage.find_counter("user_u_42") == std::nullopt);
  CHECK(thrown_by([&] { return host.verifier.remember_device("u_42", "Laptop", shown); }) ==
        errc::authorization_required);
}

TEST_CASE("The changed password of somebody who has nothing leaves nothing behind") {
  Host host;
  CHECK(host.verifier.password_changed("nobody") == 0);
  CHECK(host.storage.contents() == Host().storage.contents());
}

TEST_CASE("What a user's records said before there were generations is read and written as it was") {
  mfa::storage::CounterRecord record;
  mfa::decision::UserRecord user;
  user.enrollments.push_back({.factor_id = "auth_factor_1", .authorized = true});
  mfa::decision::encode_user(user, record, mfa::Time());
  CHECK(record.data.front() == 2);
  CHECK(mfa::decision::decode_user(record).generation == 0);
  mfa::decision::end_what_was_shown(user, mfa::Time());
  user.generation = 300;
  mfa::decision::encode_user(user, record, mfa::Time());
  CHECK(record.data.front() == 3);
  CHECK(mfa::decision::decode_user(record).generation == 300);
  CHECK_FALSE(mfa::decision::decode_user(record).enrollments.at(0).authorized);
  for (const bool credits : {false, true})
    for (const bool channel : {false, true})
      for (const std::uint64_t generation : {0, 300}) {
        mfa::decision::ChallengeTerms terms;
        if (credits) terms.credit.counters = {"counter"};
        if (channel) terms.channel = mfa::Channel::voice;
        terms.generation = generation;
        mfa::storage::ChallengeRecord challenge;
        challenge.answer = "the kind's own";
        mfa::decision::put_terms(challenge, terms);
        CHECK(challenge.answer.front() ==
              1 + (credits ? 1 : 0) + (channel ? 2 : 0) + (generation != 0 ? 4 : 0));
        const auto read = mfa::decision::take_terms(challenge);
        CHECK(read.generation == generation);
        CHECK(read.credit.counters == terms.credit.counters);
        CHECK(read.channel == terms.channel);
        CHECK(challenge.answer == "the kind's own");
      }
  mfa::storage::ChallengeRecord later;
  later.answer = "\x09";
  CHECK(thrown_by([&] { return mfa::decision::take_terms(later); }) == errc::corrupt_record);
}

TEST_CASE("A verification allows nothing on another user's factors, though any user may be meant") {
  Account account;
  const auto& verifier = account.host.verifier;
  const Authorization others = account.verify(account.others_id, account.host.code(account.others_secret));
  CHECK(thrown_by([&] {
          verifier.delete_factor(account.hotp_id, mfa::any_user, others);
          return 0;
        }) == errc::authorization_required);
  CHECK(thrown_by([&] {
          return verifier.regenerate_recovery_codes(account.codes_id, mfa::any_user, others);
        }) == errc::authorization_required);
}

TEST_CASE("Nobody's factor vouches for nobody's other factor") {
  Host host;
  const auto mine = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "a"});
  const auto theirs = host.verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "b"});
  const Authorization shown = mine.factor.confirm(host.code(mine.totp.secret));
  REQUIRE(theirs.factor.confirm(host.code(theirs.totp.secret)).confirmed());
  CHECK(thrown_by([&] {
          theirs.factor.remove(shown);
          return 0;
        }) == errc::authorization_required);
  CHECK_NOTHROW(theirs.factor.remove(mfa::by_operator));
}

TEST_CASE("An unverified factor is deleted without any, for it signs nobody in") {
  Account account;
  const auto waiting =
      account.host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, mfa::by_operator);
  CHECK_NOTHROW(waiting.factor.remove());
}

TEST_CASE("A password alone enrols and confirms a first factor, and gets no session by that") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const std::string& id = enrolled.factor.id();
  CHECK(thrown_by([&] { return host.verifier.challenge_factor(id, "u_42"); }) == errc::factor_not_verified);
  // Codes that nobody has to show are not given for it, though the user has no other factor.
  CHECK(thrown_by([&] {
          return host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}).factor.id();
        }) == errc::authorization_required);
  CHECK(thrown_by([&] { return host.verifier.remember_device("u_42", "Laptop", Authorization()); }) ==
        errc::authorization_required);
  // Its answer is no verification, by its type: see purposes.cpp.
  CHECK(enrolled.factor.confirm(host.code(enrolled.totp.secret)).confirmed());
}

TEST_CASE("A password alone does nothing beside a factor that stands") {
  Account account;
  const auto& verifier = account.host.verifier;
  const auto before = account.host.storage.contents();
  const auto refused = [&](const auto& request) {
    CHECK(thrown_by([&] { return verifier.enroll_factor(request).factor.id(); }) ==
          errc::authorization_required);
  };
  refused(mfa::Totp{.issuer = "Foo Corp", .user = "mallory", .user_id = "u_42"});
  refused(mfa::Hotp{.issuer = "Foo Corp", .user = "mallory", .user_id = "u_42"});
  refused(mfa::Sms{.phone_number = "+14155550199", .user_id = "u_42"});
  refused(mfa::GenericOtp{.user_id = "u_42"});
  refused(mfa::RecoveryCodes{.user_id = "u_42"});
  for (const Verb& verb : verbs) CHECK(called(verb, account, {}) == errc::authorization_required);
  CHECK(account.host.storage.contents() == before);
}

TEST_CASE("What a password alone enrolled before the user's own factor is confirmed no more after it") {
  Host host;
  const auto thiefs = host.enroll_totp();
  const auto own = host.enroll_totp();
  REQUIRE(own.factor.confirm(host.code(own.totp.secret)).confirmed());
  const std::string code = host.code(thiefs.totp.secret);
  for (int i = 0; i < 2; ++i)
    CHECK(thrown_by([&] { return thiefs.factor.confirm(code); }) == errc::authorization_required);
  CHECK_FALSE(host.verifier.get_factor(thiefs.factor.id(), "u_42").verified());
  CHECK(thrown_by([&] { return thiefs.factor.challenge(); }) == errc::factor_not_verified);
  // The user may enrol another beside it, by what he has shown.
  host.clock.advance(30s);
  const auto shown = own.factor.challenge().verify(host.code(own.totp.secret));
  const auto second = host.verifier.enroll_factor(mfa::GenericOtp{.user_id = "u_42"}, shown).factor;
  const auto challenge = second.challenge_enrollment();
  CHECK(challenge.confirm(challenge.code()).confirmed());
}

TEST_CASE("A device is trusted for as long as the factor that vouched for it, or any, is there") {
  for (const bool by_operator : {false, true}) {
    CAPTURE(by_operator);
    Account account;
    const auto& verifier = account.host.verifier;
    const auto device = verifier.remember_device(
        "u_42", "Laptop", by_operator ? Authorization(mfa::by_operator) : Authorization(account.shown()));
    const auto trusted = [&] { return verifier.check_device(device.token, "u_42").has_value(); };
    verifier.delete_factor(account.hotp_id, "u_42", mfa::by_operator);
    CHECK(trusted());
    verifier.delete_factor(account.totp_id, "u_42", mfa::by_operator);
    CHECK(trusted() == by_operator);
    verifier.delete_factor(account.codes_id, "u_42", mfa::by_operator); // the last
    CHECK_FALSE(trusted());
  }
}

TEST_CASE("An enrolment that was not confirmed in time is not confirmed later, whatever was purged") {
  Host host;
  const auto enrolled = host.enroll_totp();
  const auto confirm = [&] {
    return thrown_by([&] { return enrolled.factor.confirm(host.code(enrolled.totp.secret)); });
  };
  for (const auto passed : {10min, 24h * 60 + 0min, 24h * 366 + 0min}) {
    host.clock.advance(passed);
    (void)host.verifier.purge_expired();
    CHECK(confirm() == errc::enrollment_expired);
  }
}
