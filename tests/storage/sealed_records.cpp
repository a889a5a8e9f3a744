// Whoever writes to the database and has no key changes nothing that a decision reads: an edit by SQL of each
// column, and what becomes of it. Seals move to a new key with the secrets, and records of a release that
// knew no seals are refused, or taken and sealed where a host upgrades.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/flipped_bits.hpp"
#include "support/host.hpp"
#include "support/sqlite_file.hpp"

using mfa::errc;
using mfa::KeyRing;
using mfa::Options;
using mfa::Status;
using mfa::UnsealedRecords;
using mfa::crypto::bytes_of;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using namespace mfa::test;
using namespace std::chrono_literals;

namespace {

constexpr std::string_view old_key = "0123456789abcdef0123456789ABCDEF";
constexpr std::string_view new_key = "ABCDEF01234567890abcdef012345678";
const KeyRing keys{"old", bytes_of(old_key)};
const KeyRing switched = KeyRing{"new", bytes_of(new_key)}.add_further("old", bytes_of(old_key));
const KeyRing afterwards{"new", bytes_of(new_key)};

/// A user with an authenticator, which he has used and mistyped, a trusted device, and an open challenge that
/// his session is bound to.
template <class Storage> struct Scene : HostOver<Storage> {
  template <class... Arguments>
  explicit Scene(Arguments&&... arguments)
      : HostOver<Storage>(Options{.key_ring = keys}, std::forward<Arguments>(arguments)...) {
    CHECK(totp.factor.challenge().verify(this->wrong_code(totp.totp.secret)).status() == Status::wrong_code);
    challenge_id = totp.factor.challenge({.binding = "session 1"}).id();
  }

  decltype(std::declval<HostOver<Storage>&>().enroll_totp()) totp = this->enroll_verified_totp();
  decltype(std::declval<HostOver<Storage>&>().enroll_totp()) others = this->enroll_verified_totp("u_43");
  mfa::crypto::SecretString token = this->verifier.remember_device("u_42", "laptop", mfa::by_operator).token;
  std::string challenge_id;

  /// What a verifier makes of the right code.
  template <class Verifier> errc sign_in_by(Verifier& by) {
    return thrown_by([&] {
      return by.verify_challenge(challenge_id, this->code(totp.totp.secret), {.binding = "session 1"});
    });
  }
  errc sign_in() { return sign_in_by(this->verifier); }
};

const std::string other_factor = "auth_factor_00000000000000000000000000";
const std::string other_challenge = "auth_challenge_00000000000000000000000000";

/// A column, and what somebody writes there.
struct Edit {
  const char* column;
  std::string value; ///< in SQL
  errc thrown;       ///< by every verb that reads the row; none if it goes through
};

using Edits = std::vector<Edit>;

/// That the edits are of each column of the table once.
void check_complete(HostConnection& operators, const std::string& table, const Edits& edits) {
  std::string columns;
  for (const Edit& edit : edits) columns += (columns.empty() ? "" : ",") + std::string(edit.column);
  CHECK(operators.ask("SELECT group_concat(name) FROM pragma_table_info('" + table + "')") == columns);
}

/// Makes each edit of the row in a database of its own, and calls `look` with it.
template <class IdOf, class Look>
void edit_each(const std::string& table, const Edits& edits, IdOf id_of, Look look) {
  for (const Edit& edit : edits) {
    CAPTURE(edit.column, edit.value);
    const SqliteFile file;
    Scene<mfa::storage::Sqlite> scene(file.path, quick);
    HostConnection operators(file.path);
    check_complete(operators, table, edits);
    operators.execute("UPDATE " + table + " SET " + edit.column + " = " + edit.value + " WHERE id = '" +
                      id_of(scene) + "'");
    REQUIRE(operators.ask("SELECT changes()") == "1");
    look(scene, edit);
  }
}

constexpr errc goes_through{};

} // namespace

TEST_CASE("A factor that was edited by SQL is refused, but for what the host may edit") {
  const Edits edits{
      {"id", "'" + other_factor + "'", errc::seal_broken}, // a copy of his factor under another id
      {"version", "version + 1", goes_through},
      {"type", "5", errc::seal_broken}, // recovery codes
      {"state", "3 - state", errc::seal_broken},
      {"user_id", "'u_43'", errc::seal_broken},
      {"friendly_name", "'Work phone'", goes_through},
      {"created_at", "created_at - 1", errc::seal_broken},
      {"updated_at", "updated_at + 1", goes_through},
      {"last_used_at", "NULL", errc::seal_broken},
      {"failures", "0", errc::seal_broken},
      {"last_failure_at", "last_failure_at - 86400000", errc::seal_broken},
      {"parameters", "CAST(parameters || 'x' AS BLOB)", errc::seal_broken},
      {"sealed", "(SELECT sealed FROM mfa_factors WHERE user_id = 'u_43')", errc::seal_broken},
  };
  edit_each(
      "mfa_factors", edits, [](auto& scene) { return scene.totp.factor.id(); },
      [](auto& scene, const Edit& edit) {
        const bool moved = edit.column == std::string_view("id");
        const std::string id = moved ? other_factor : scene.totp.factor.id();
        const std::string user_id = edit.column == std::string_view("user_id") ? "u_43" : "u_42";
        CHECK(thrown_by([&] { return scene.verifier.get_factor(id, user_id); }) == edit.thrown);
        CHECK(thrown_by([&] { return scene.verifier.list_factors(user_id); }) == edit.thrown);
        CHECK(thrown_by([&] { return scene.verifier.challenge_factor(id, user_id); }) == edit.thrown);
        CHECK(thrown_by([&] { return scene.verifier.confirm_enrollment(id, "123456"); }) ==
              (edit.thrown == goes_through ? errc::invalid_argument : edit.thrown)); // which is done
        CHECK(thrown_by([&] { scene.verifier.unlock_factor(id, user_id, mfa::by_operator); }) == edit.thrown);
        if (!moved) CHECK(scene.sign_in() == edit.thrown);
        CHECK(thrown_by([&] { scene.verifier.delete_factor(id, user_id, mfa::by_operator); }) == edit.thrown);
      });
}

TEST_CASE("A challenge that was edited by SQL is refused, but for when it may be purged") {
  const Edits edits{
      {"id", "'" + other_challenge + "'", errc::seal_broken},
      {"version", "version + 1", goes_through},
      {"factor_id", "(SELECT id FROM mfa_factors WHERE user_id = 'u_43')", errc::seal_broken},
      {"state", "2", errc::seal_broken}, // verified
      {"created_at", "created_at + 1", errc::seal_broken},
      {"updated_at", "updated_at + 1", errc::seal_broken},
      {"expires_at", "expires_at + 86400000", errc::seal_broken},
      {"purge_at", "purge_at + 1", goes_through},
      {"attempts_left", "attempts_left + 1", errc::seal_broken},
      {"answer", "CAST(answer || 'x' AS BLOB)", errc::seal_broken},
      {"binding", "x''", errc::seal_broken},
  };
  edit_each(
      "mfa_challenges", edits, [](auto& scene) { return scene.challenge_id; },
      [](auto& scene, const Edit& edit) {
        if (edit.column == std::string_view("id")) scene.challenge_id = other_challenge;
        CHECK(thrown_by([&] { return scene.verifier.get_challenge(scene.challenge_id, mfa::any_user); }) ==
              edit.thrown);
        // A challenge that somebody made verified allows nothing either.
        CHECK(thrown_by([&] {
                return scene.enroll_totp("u_42", mfa::Authorization::of_challenge(scene.challenge_id));
              }) == (edit.thrown == goes_through ? errc::authorization_required : edit.thrown));
        CHECK(scene.sign_in() == edit.thrown);
      });
}

TEST_CASE("A counter that was edited by SQL is refused, but for when it may be purged") {
  const Edits edits{
      {"id", "'trusted_devices_u_43'", errc::seal_broken},
      {"version", "version + 1", goes_through},
      {"data", "CAST(data || 'x' AS BLOB)", errc::seal_broken},
      {"purge_at", "purge_at + 1", goes_through},
  };
  edit_each(
      "mfa_counters", edits, [](auto&) { return "trusted_devices_u_42"; },
      [](auto& scene, const Edit& edit) {
        const std::string user_id = edit.column == std::string_view("id") ? "u_43" : "u_42";
        if (user_id == "u_42")
          CHECK(thrown_by([&] { return scene.verifier.check_device(scene.token, user_id); }) == edit.thrown);
        CHECK(thrown_by([&] { return scene.verifier.list_devices(user_id); }) == edit.thrown);
        CHECK(thrown_by([&] { return scene.verifier.remember_device(user_id, "phone", mfa::by_operator); }) ==
              edit.thrown);
      });
}

TEST_CASE("What the host edits is told, and kept by the next write") {
  const SqliteFile file;
  Scene<mfa::storage::Sqlite> scene(file.path, quick);
  HostConnection(file.path).execute("UPDATE mfa_factors SET friendly_name = 'Work phone'");
  const std::string id = scene.totp.factor.id();
  CHECK(scene.verifier.get_factor(id, "u_42").friendly_name() == "Work phone");
  CHECK(scene.sign_in() == goes_through);
  CHECK(scene.verifier.get_factor(id, "u_42").friendly_name() == "Work phone");
}

TEST_CASE("A seal that anybody can make is refused by a key ring with keys") {
  Scene<flips::OwnStorage> scene;
  const auto reseal = [](auto& record) {
    record = opened(record, keys);
    mfa::verbs::seal(record, KeyRing::unsealed());
  };
  reseal(scene.storage.records.challenges.at(scene.challenge_id));
  CHECK(scene.sign_in() == errc::unknown_key);
  reseal(scene.storage.records.factors.at(scene.totp.factor.id()));
  CHECK(thrown_by([&] { return scene.totp.factor.challenge(); }) == errc::unknown_key);
  reseal(scene.storage.records.counters.at("trusted_devices_u_42"));
  CHECK_FALSE(scene.verifier.check_device(scene.token, "u_42"));
}

TEST_CASE("reseal_all moves seals and secrets to the new key, and count_keys counts both") {
  using Counts = std::map<std::string, std::size_t>;
  Scene<flips::OwnStorage> scene;
  scene.verifier.replace_key_ring(switched);
  CHECK(scene.verifier.count_keys().factors == Counts{{"old", 2}});
  // A wrong code writes the factor, and not its secret.
  CHECK(scene.others.factor.challenge().verify(scene.wrong_code(scene.others.totp.secret)).status() ==
        Status::wrong_code);
  CHECK(scene.verifier.count_keys().factors == Counts{{"new", 1}, {"old", 2}});
  CHECK(scene.verifier.reseal_all().resealed == 2);
  CHECK(scene.verifier.count_keys().factors == Counts{{"new", 2}});
  CHECK(scene.verifier.reseal_all().resealed == 0);
  // A seal alone is moved, too.
  auto& record = scene.storage.records.factors.at(scene.totp.factor.id());
  record = opened(record, switched);
  mfa::verbs::seal(record, keys);
  CHECK(scene.verifier.count_keys().factors == Counts{{"new", 2}, {"old", 1}});
  CHECK(scene.verifier.reseal_all().resealed == 1);
  CHECK(scene.verifier.count_keys().factors == Counts{{"new", 2}});

  scene.verifier.replace_key_ring(afterwards);
  // What has a part that the old key alone opens counts no more: the challenge is refused, and the device,
  // whose token is sealed, not known.
  CHECK(scene.sign_in() == errc::unknown_key);
  CHECK_FALSE(scene.verifier.check_device(scene.token, "u_42"));
  CHECK(scene.verifier.list_devices("u_42").empty());
  const auto signed_in = scene.totp.factor.challenge().verify(scene.code(scene.totp.totp.secret));
  CHECK(signed_in.valid());
  const auto remembered = scene.verifier.remember_device("u_42", "laptop", signed_in);
  CHECK(scene.verifier.check_device(remembered.token, "u_42"));
}

namespace {

/// The record as a release would have written it that sealed secrets alone.
FactorRecord as_before(FactorRecord record) {
  record = opened(std::move(record), keys);
  record.sealed = keys.seal(mfa::factor::open_secret(record, keys),
                            std::string(to_string(record.type)) + " factor " + record.id);
  return record;
}
ChallengeRecord as_before(ChallengeRecord record) {
  record = opened(std::move(record), keys);
  (void)mfa::decision::take_terms(record);
  return record;
}
CounterRecord as_before(CounterRecord record) { return opened(std::move(record), keys); }

void unseal_all(flips::Records& records) {
  for (auto& [id, factor] : records.factors) factor = as_before(factor);
  for (auto& [id, challenge] : records.challenges) challenge = as_before(challenge);
  for (auto& [id, counter] : records.counters) counter = as_before(counter);
}

} // namespace

TEST_CASE("Records without a seal are refused, and a counter without one says nothing") {
  Scene<flips::OwnStorage> scene;
  const flips::Records sealed = scene.storage.records;
  unseal_all(scene.storage.records);
  const std::string id = scene.totp.factor.id();
  CHECK(scene.sign_in() == errc::seal_broken);
  CHECK(thrown_by([&] { return scene.verifier.get_factor(id, "u_42"); }) == errc::seal_broken);
  CHECK(thrown_by([&] { return scene.verifier.list_factors("u_42"); }) == errc::seal_broken);
  CHECK(thrown_by([&] { return scene.verifier.get_challenge(scene.challenge_id, "u_42"); }) ==
        errc::seal_broken);
  CHECK_FALSE(scene.verifier.check_device(scene.token, "u_42"));
  CHECK(scene.verifier.list_devices("u_42").empty());
  const auto progress = scene.verifier.reseal_all();
  CHECK(progress.failed == 2);
  CHECK_THAT(progress.last_failure, contains("Options::unsealed_records"));

  // Whichever of the two is without: neither takes the other along.
  scene.storage.records = sealed;
  scene.storage.records.factors.at(id) = as_before(sealed.factors.at(id));
  CHECK(scene.sign_in() == errc::seal_broken);
  scene.storage.records = sealed;
  scene.storage.records.challenges.at(scene.challenge_id) =
      as_before(sealed.challenges.at(scene.challenge_id));
  CHECK(scene.sign_in() == errc::seal_broken);
  scene.storage.records = sealed;
  CHECK(scene.sign_in() == goes_through);
}

TEST_CASE("A host that upgrades takes records without a seal and seals them, and refuses them afterwards") {
  Scene<flips::OwnStorage> scene;
  unseal_all(scene.storage.records);
  const std::string id = scene.totp.factor.id();
  const auto is_sealed = [&](const std::string& factor_id) {
    return mfa::verbs::is_sealed(scene.storage.records.factors.at(factor_id).sealed);
  };
  mfa::Verifier upgrading{scene.storage, scene.clock,
                          Options{.key_ring = keys, .unsealed_records = UnsealedRecords::accept}};
  CHECK(upgrading.list_factors("u_42").size() == 1);
  CHECK(upgrading.check_device(scene.token, "u_42"));
  CHECK_FALSE(is_sealed(id));                         // reading writes nothing
  CHECK(scene.sign_in_by(upgrading) == goes_through); // with a challenge of the earlier release
  CHECK(is_sealed(id));
  CHECK_FALSE(is_sealed(scene.others.factor.id()));
  CHECK(upgrading.reseal_all().resealed == 1);
  CHECK(is_sealed(scene.others.factor.id()));
  CHECK(upgrading.reseal_all().resealed == 0);

  // From here on nobody can make a record that is taken.
  scene.clock.advance(30s);
  const auto signed_in = scene.totp.factor.challenge().verify(scene.code(scene.totp.totp.secret));
  CHECK(signed_in.valid());
  CHECK(scene.verifier.check_device(scene.token, "u_42"));
  auto& record = scene.storage.records.factors.at(id);
  record = as_before(record);
  CHECK(thrown_by([&] { return scene.totp.factor.challenge(); }) == errc::seal_broken);
}

TEST_CASE("While a host upgrades, a seal that is there counts as ever") {
  Scene<flips::OwnStorage> scene;
  mfa::Verifier upgrading{scene.storage, scene.clock,
                          Options{.key_ring = keys, .unsealed_records = UnsealedRecords::accept}};
  scene.storage.records.factors.at(scene.totp.factor.id()).user_id = "u_43";
  CHECK(scene.sign_in_by(upgrading) == errc::seal_broken);
  // And a secret of another record or user opens in none.
  auto& record = scene.storage.records.factors.at(scene.totp.factor.id());
  record = as_before(scene.storage.records.factors.at(scene.others.factor.id()));
  record.id = scene.totp.factor.id();
  record.user_id = "u_42";
  CHECK(scene.sign_in_by(upgrading) == errc::seal_broken);
}
