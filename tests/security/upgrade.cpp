// A database that release 0.1.0 wrote, whose records carry no seal, opens while it is upgraded, signs its
// users in, and is sealed as it is used and by reseal_all. After that, as for whoever never said that it is
// to be upgraded, nothing counts that carries no seal, and who strips or edits a record gets nothing.
#include <chrono>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/verbs/sealed_records.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/software_authenticator.hpp"
#include "support/webauthn_host.hpp"
#include "support/whole_storage.hpp"

using mfa::Authorization;
using mfa::errc;
using mfa::FactorState;
using mfa::FactorType;
using mfa::Options;
using mfa::Purpose;
using mfa::Status;
using mfa::Time;
using mfa::UnsealedRecords;
using nlohmann::json;
using namespace mfa::test;

namespace {

constexpr std::string_view victim = "u_victim";
constexpr std::string_view attacker = "u_attacker";

/// What commit 17f96f8, the last whose records carry no seal, wrote for two users with a factor of each kind,
/// and what they know.
const json& written() {
  static const json records = [] {
    std::ifstream file(MFA_SOURCE_DIRECTORY "/tests/security/records_of_0_1_0.json");
    return json::parse(file);
  }();
  return records;
}

Time time_of(const json& milliseconds) {
  return Time(std::chrono::milliseconds(milliseconds.get<std::int64_t>()));
}
std::optional<Time> optional_time_of(const json& value) {
  return value.is_null() ? std::nullopt : std::optional(time_of(value));
}

mfa::storage::Batch batch() {
  mfa::storage::Batch all;
  for (const json& record : written().at("factor_records"))
    all.factors.push_back({.id = record.at("id"),
                           .type = FactorType(record.at("type").get<std::uint8_t>()),
                           .state = FactorState(record.at("state").get<std::uint8_t>()),
                           .user_id = record.at("user_id"),
                           .friendly_name = record.at("friendly_name"),
                           .created_at = time_of(record.at("created_at")),
                           .updated_at = time_of(record.at("updated_at")),
                           .last_used_at = optional_time_of(record.at("last_used_at")),
                           .failures = record.at("failures"),
                           .last_failure_at = optional_time_of(record.at("last_failure_at")),
                           .parameters = from_hex(record.at("parameters").get<std::string>()),
                           .sealed = from_hex(record.at("sealed").get<std::string>())});
  for (const json& record : written().at("challenge_records"))
    all.challenges.push_back({.id = record.at("id"),
                              .factor_id = record.at("factor_id"),
                              .state = mfa::ChallengeState(record.at("state").get<std::uint8_t>()),
                              .created_at = time_of(record.at("created_at")),
                              .updated_at = time_of(record.at("updated_at")),
                              .expires_at = optional_time_of(record.at("expires_at")),
                              .purge_at = time_of(record.at("purge_at")),
                              .attempts_left = record.at("attempts_left"),
                              .answer = from_hex(record.at("answer").get<std::string>()),
                              .binding = from_hex(record.at("binding").get<std::string>())});
  for (const json& record : written().at("counter_records"))
    all.counters.push_back({.id = record.at("id"),
                            .data = from_hex(record.at("data").get<std::string>()),
                            .purge_at = time_of(record.at("purge_at"))});
  return all;
}

Options options(UnsealedRecords unsealed) {
  const std::string key = from_hex(written().at("key").at("hex").get<std::string>());
  Options options;
  options.key_ring =
      mfa::KeyRing(written().at("key").at("id").get<std::string>(), mfa::crypto::bytes_of(key));
  options.webauthn = mfa::webauthn::relying_party(example_settings());
  options.unsealed_records = unsealed;
  return options;
}

using Database = WholeStorage<mfa::storage::Memory>;

/// A host over the database, at the time when that was written.
struct UpgradedHost {
  explicit UpgradedHost(Database& database, UnsealedRecords unsealed)
      : storage(database), verifier(storage, clock, sms, with_messages(options(unsealed))) {
    clock.set(time_of(written().at("time")));
  }

  Database& storage;
  mfa::testing::ManualClock clock;
  mfa::testing::RecordingSms sms;
  mfa::Verifier<Database, mfa::testing::ManualClock, mfa::testing::RecordingSms> verifier;

 private:
  static Options with_messages(Options options) {
    options.sms_template = code_only;
    options.sms_allowed_country_codes = mfa::sms::every_country();
    return options;
  }
};

/// A user of the database, with all that he holds.
class User {
 public:
  explicit User(std::string_view user_id) {
    for (const json& user : written().at("users"))
      if (user.at("user_id") == user_id) user_ = &user;
    REQUIRE(user_ != nullptr);
    const json& key = factor("webauthn");
    authenticator.key = SigningKey(from_hex(key.at("private_key").get<std::string>()));
    authenticator.credential_id = key.at("credential_id");
    authenticator.flags |= SoftwareAuthenticator::user_verified;
    authenticator.sign_count = 8;
  }

  SoftwareAuthenticator authenticator;

  static const std::vector<std::string>& kinds() {
    static const std::vector<std::string> all{"totp",           "sms",     "generic_otp", "hotp",
                                              "recovery_codes", "webauthn"};
    return all;
  }

  [[nodiscard]] std::string id() const { return user_->at("user_id"); }
  [[nodiscard]] std::string device_token() const { return user_->at("device_token"); }
  [[nodiscard]] const json& factor(const std::string& name) const { return user_->at("factors").at(name); }
  [[nodiscard]] std::string factor_id(const std::string& name) const { return factor(name).at("factor_id"); }
  [[nodiscard]] std::string challenge_id(const std::string& name) const {
    return factor(name).at("challenge_id");
  }

  /// The right answer to the challenge that was open when the database was written.
  [[nodiscard]] std::string answer(const UpgradedHost& host, const std::string& name) const {
    const json& held = factor(name);
    if (name == "sms" || name == "generic_otp") return held.at("code");
    if (name == "webauthn") return authenticator.get(held.at("options").dump()).json();
    return unasked_answer(host, name);
  }

  /// Challenges the factor anew and answers rightly.
  mfa::Verification sign_in(UpgradedHost& host, const std::string& name, const std::string& factor_id,
                            const std::string& whose) const {
    const auto challenge = host.verifier.challenge_factor(factor_id, whose);
    std::string code;
    if (name == "sms")
      code = host.sms.last().body;
    else if (name == "generic_otp")
      code = std::string(challenge.code());
    else if (name == "webauthn")
      code = authenticator.get(std::string(challenge.webauthn_options())).json();
    else
      code = unasked_answer(host, name);
    return host.verifier.verify_challenge(challenge.id(), code);
  }

 private:
  [[nodiscard]] std::string unasked_answer(const UpgradedHost& host, const std::string& name) const {
    const json& held = factor(name);
    if (name == "recovery_codes") return held.at("codes").at(1).get<std::string>();
    const auto secret = mfa::otp::base32_decode(held.at("secret").get<std::string>());
    return name == "hotp" ? mfa::otp::hotp(secret, held.at("next").get<std::uint64_t>())
                          : mfa::otp::totp(secret, host.clock.now());
  }

  const json* user_ = nullptr;
};

/// The database as the release wrote it.
Database database() {
  Database storage;
  REQUIRE(storage.commit(batch()));
  return storage;
}

std::vector<std::string> unsealed(const Database& storage) {
  std::vector<std::string> ids;
  const Contents contents = storage.contents();
  for (const auto& factor : contents.factors)
    if (!mfa::verbs::is_sealed(factor.sealed)) ids.push_back(factor.id);
  return ids;
}

/// What moves a database to seals.
Database upgraded_database() {
  Database storage = database();
  UpgradedHost host(storage, UnsealedRecords::accept);
  const auto progress = host.verifier.reseal_all();
  REQUIRE(progress.failed == 0);
  REQUIRE(progress.resealed == storage.contents().factors.size());
  return storage;
}

std::string content_of(std::string_view sealed) {
  REQUIRE(mfa::verbs::is_sealed(sealed));
  return std::string(sealed.substr(1 + mfa::verbs::stamp_in(sealed).size()));
}

} // namespace

TEST_CASE("unless it is to be upgraded, nothing counts that carries no seal") {
  Database storage = database();
  UpgradedHost host(storage, UnsealedRecords::refuse);
  const Contents before = storage.contents();
  for (const std::string_view user_id : {victim, attacker}) {
    const User user(user_id);
    CHECK(thrown_by([&] { return host.verifier.list_factors(user.id()); }) == errc::seal_broken);
    CHECK_FALSE(host.verifier.check_device(user.device_token(), user.id()));
    for (const std::string& kind : User::kinds()) {
      CAPTURE(kind);
      CHECK(thrown_by([&] { return host.verifier.get_factor(user.factor_id(kind), mfa::any_user); }) ==
            errc::seal_broken);
      CHECK(thrown_by([&] { return user.sign_in(host, kind, user.factor_id(kind), user.id()); }) ==
            errc::seal_broken);
      CHECK(thrown_by([&] {
              return host.verifier.verify_challenge(user.challenge_id(kind), user.answer(host, kind));
            }) == errc::seal_broken);
    }
  }
  CHECK(storage.contents() == before);
}

TEST_CASE("while it is upgraded, a user signs in with what he has, and what he uses is sealed") {
  Database storage = database();
  UpgradedHost host(storage, UnsealedRecords::accept);
  const User user(victim);
  CHECK(host.verifier.list_factors(user.id()).size() == 8);
  CHECK(host.verifier.check_device(user.device_token(), user.id()));
  for (const std::string& kind : User::kinds()) {
    CAPTURE(kind);
    const auto verification =
        host.verifier.verify_challenge(user.challenge_id(kind), user.answer(host, kind));
    CHECK(to_string(verification.status()) == "valid");
    CHECK(verification.user_id() == user.id());
    const auto factor = storage.find_factor(user.factor_id(kind));
    const auto challenge = storage.find_challenge(user.challenge_id(kind));
    REQUIRE((factor && challenge));
    CHECK(mfa::verbs::is_sealed(factor->sealed));
    CHECK(mfa::verbs::is_sealed(challenge->answer));
    CHECK(host.verifier.verify_challenge(user.challenge_id(kind), user.answer(host, kind)).status() ==
          Status::already_verified);
  }
  // What was used before the upgrade stays used, and counts.
  const auto used_code = user.factor("recovery_codes").at("codes").at(0).get<std::string>();
  const auto challenge = host.verifier.challenge_factor(user.factor_id("recovery_codes"), user.id());
  CHECK(host.verifier.verify_challenge(challenge.id(), used_code).status() == Status::code_already_used);
  CHECK(host.verifier.get_factor(user.factor_id("recovery_codes"), user.id()).recovery_codes()->remaining ==
        2);
}

TEST_CASE("while it is upgraded, the rules of today hold for what was stored before") {
  Database storage = database();
  UpgradedHost host(storage, UnsealedRecords::accept);
  const User user(victim);
  // Of a session, and for signing in.
  const std::string bound = user.factor("totp").at("bound_challenge_id");
  const std::string binding = user.factor("totp").at("binding");
  const std::string code = user.answer(host, "totp");
  CHECK(thrown_by([&] { return host.verifier.verify_challenge(bound, code); }) == errc::entity_not_found);
  CHECK(thrown_by([&] {
          return host.verifier.verify_challenge(bound, code,
                                                {.purpose = Purpose::step_up, .binding = binding});
        }) == errc::wrong_purpose);
  CHECK(host.verifier.verify_challenge(bound, code, {.binding = binding}).valid());
  // What was never confirmed signs nobody in, and is not confirmed beside factors that were.
  for (const std::string name : {"unverified_totp", "unverified_webauthn"}) {
    CAPTURE(name);
    CHECK(thrown_by([&] { return host.verifier.challenge_factor(user.factor_id(name), user.id()); }) ==
          errc::factor_not_verified);
  }
  const auto secret = mfa::otp::base32_decode(user.factor("unverified_totp").at("secret").get<std::string>());
  CHECK(thrown_by([&] {
          return host.verifier.confirm_enrollment(user.factor_id("unverified_totp"),
                                                  mfa::otp::totp(secret, host.clock.now()));
        }) == errc::authorization_required);
  CHECK_FALSE(host.verifier.get_factor(user.factor_id("unverified_totp"), user.id()).verified());
}

TEST_CASE("after the upgrade a user signs in with each factor, and is asked for seals") {
  Database storage = upgraded_database();
  CHECK(unsealed(storage).empty());
  UpgradedHost host(storage, UnsealedRecords::refuse);
  for (const std::string_view user_id : {victim, attacker}) {
    host.clock.advance(std::chrono::minutes(2)); // to the next code of each
    const User user(user_id);
    for (const std::string& kind : User::kinds()) {
      CAPTURE(kind);
      const auto verification = user.sign_in(host, kind, user.factor_id(kind), user.id());
      CHECK(to_string(verification.status()) == "valid");
      CHECK(verification.user_id() == user.id());
    }
  }
}

TEST_CASE("after the upgrade, who strips or edits a record, or puts the old one back, gets nothing") {
  const mfa::storage::Batch old = batch();
  const User user(attacker);
  for (const std::string& kind : User::kinds()) {
    const auto tried = [&](const char* what, auto edit) {
      CAPTURE(kind, what);
      Database storage = upgraded_database();
      auto factor = *storage.find_factor(user.factor_id(kind));
      edit(factor);
      mfa::storage::Batch change;
      change.factors.push_back(factor);
      REQUIRE(storage.commit(change));
      UpgradedHost host(storage, UnsealedRecords::refuse);
      host.clock.advance(std::chrono::minutes(2));
      for (const std::string_view whose : {victim, attacker}) {
        const errc error = thrown_by([&] { return user.sign_in(host, kind, factor.id, std::string(whose)); });
        CHECK((error == errc::seal_broken || error == errc::entity_not_found));
      }
      CHECK(thrown_by([&] { return host.verifier.list_factors(factor.user_id); }) == errc::seal_broken);
    };
    tried("stripped", [](auto& factor) { factor.sealed = content_of(factor.sealed); });
    tried("given to another user", [](auto& factor) { factor.user_id = victim; });
    tried("stripped and given to another user", [](auto& factor) {
      factor.sealed = content_of(factor.sealed);
      factor.user_id = victim;
    });
    tried("as it was before, and given to another user", [&](auto& factor) {
      const std::uint64_t version = factor.version;
      for (const auto& former : old.factors)
        if (former.id == factor.id) factor = former;
      factor.version = version;
      factor.user_id = victim;
    });
  }
}

TEST_CASE("even while it is upgraded, no seal is stripped from a secret") {
  const User user(attacker);
  for (const std::string& kind : User::kinds()) {
    if (kind == "generic_otp") continue; // which has no secret
    CAPTURE(kind);
    Database storage = upgraded_database();
    auto factor = *storage.find_factor(user.factor_id(kind));
    factor.sealed = content_of(factor.sealed);
    factor.user_id = victim;
    mfa::storage::Batch change;
    change.factors.push_back(factor);
    REQUIRE(storage.commit(change));
    UpgradedHost host(storage, UnsealedRecords::accept);
    host.clock.advance(std::chrono::minutes(2));
    CHECK(thrown_by([&] { return user.sign_in(host, kind, factor.id, std::string(victim)); }) ==
          errc::seal_broken);
  }
}
