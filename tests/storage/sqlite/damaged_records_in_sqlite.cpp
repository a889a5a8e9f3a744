// Whoever can write the SQLite file can make the service fail, with an `mfa::Error`, and no more: no crafted
// record has it read beyond the record's own bytes, not even one of somebody who has the keys.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include <mfa/encoding/fields.hpp>
#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/edited_record.hpp"
#include "support/host.hpp"
#include "support/sqlite_file.hpp"

using mfa::errc;
using mfa::detail::FieldWriter;
using namespace mfa::test;

namespace {

/// One factor of each kind that needs no browser.
std::vector<std::string> enrol_all(HostOver<mfa::storage::Sqlite>& host) {
  return {
      host.enroll_totp().factor.id(), host.enroll_sms().factor.id(),
      host.verifier.enroll_factor(mfa::GenericOtp{.destination = "a***", .user_id = "u_42"}).factor.id(),
      host.verifier.enroll_factor(mfa::Hotp{.issuer = "Foo", .user = "alan", .user_id = "u_42"}).factor.id(),
      host.verifier.enroll_factor(mfa::RecoveryCodes{.user_id = "u_42"}, mfa::by_operator).factor.id()};
}

} // namespace

TEST_CASE("a crafted length in a factor's parameters is an error of its listing") {
  const SqliteFile file;
  const mfa::KeyRing keys = mfa::KeyRing::generate();
  HostOver<mfa::storage::Sqlite> host(mfa::Options{.key_ring = keys}, file.path, quick);
  const std::vector<std::string> ids = enrol_all(host);
  for (const std::string& id : ids)
    for (const std::size_t left : {std::size_t{0}, std::size_t{1}, std::size_t{30}, std::size_t{500}})
      for (std::uint64_t beyond = 1; beyond < 20; ++beyond)
        for (const bool first : {true, false}) {
          INFO(id << ", " << left << " bytes left, " << beyond << " more said");
          FieldWriter fields(1);
          if (!first) fields.text("issuer");
          const std::string crafted = fields.number(left + beyond).take() + std::string(left, '\1');
          const auto record =
              edited(*host.storage.find_factor(id), keys, [&](auto& factor) { factor.parameters = crafted; });
          REQUIRE(host.storage.commit({{record}, {}, {}, {}}));
          CHECK(thrown_by([&] { return host.verifier.list_factors("u_42"); }) == errc::corrupt_record);
          CHECK(thrown_by([&] { return host.verifier.get_factor(id, mfa::any_user); }) ==
                errc::corrupt_record);
        }
}

TEST_CASE("an id that was made a blob is an error of the scan, and no endless loop") {
  const SqliteFile file;
  HostOver<mfa::storage::Sqlite> host(mfa::Options{.key_ring = mfa::KeyRing::generate()}, file.path, quick);
  (void)enrol_all(host);
  HostConnection(file.path).execute("UPDATE mfa_factors SET id = CAST(id AS BLOB) WHERE type = 1");
  CHECK(thrown_by([&] { return host.verifier.reseal_all(); }) == errc::corrupt_record);
  CHECK(thrown_by([&] { return host.verifier.count_keys(); }) == errc::corrupt_record);
}

TEST_CASE("a factor that this release cannot read keeps none of the others from another key") {
  const auto old_key = mfa::key_from_hex("8d0f6c2b41a7e95330c4d87f1b6e29a05c73f8e14d92b60a7fe3581c9a24d6b7");
  const auto new_key = mfa::key_from_hex("17b9e3405af28c6dd10437ce95f86b2a4e7d03c1b8569fa2e06d1c47395b8af2");
  const SqliteFile file;
  HostOver<mfa::storage::Sqlite> host(mfa::Options{.key_ring = {"old", old_key}}, file.path, quick);
  const std::vector<std::string> ids = enrol_all(host);
  const std::string damage =
      GENERATE("type = 99", "type = 0", "type = 257", "state = 7", "failures = -1", "failures = 4294967296");
  INFO(damage);
  HostConnection(file.path).execute("UPDATE mfa_factors SET " + damage + " WHERE id = '" + ids[1] + "'");
  host.verifier.replace_key_ring(mfa::KeyRing{"new", new_key}.add_further("old", old_key));
  CHECK(host.verifier.count_keys().unreadable == 1);
  const auto progress = host.verifier.reseal_all({.batch = 2});
  CHECK(progress.scanned == ids.size());
  CHECK(progress.resealed == ids.size() - 1);
  CHECK(progress.failed == 1);
  CHECK_THAT(progress.last_failure, contains(ids[1]));
  CHECK(host.verifier.count_keys().factors == std::map<std::string, std::size_t>{{"new", ids.size() - 1}});
}

TEST_CASE("times that overflow are errors of every verb that reads them") {
  const SqliteFile file;
  HostOver<mfa::storage::Sqlite> host(mfa::Options{.key_ring = mfa::KeyRing::generate()}, file.path, quick);
  const std::string id = enrol_all(host).front();
  const std::string challenge_id = host.challenge(id);
  HostConnection operators(file.path);
  operators.execute("UPDATE mfa_factors SET failures = 7");
  for (const char* time : {"9223372036854775807", "-9223372036854775808", "-1", "200000000000000"}) {
    INFO(time);
    operators.execute("UPDATE mfa_factors SET last_failure_at = " + std::string(time));
    CHECK(thrown_by([&] { return host.verify(challenge_id, "123456"); }) == errc::corrupt_record);
    CHECK(thrown_by([&] { return host.verifier.challenge_factor(id, mfa::any_user); }) ==
          errc::corrupt_record);
    CHECK(thrown_by([&] { return host.verifier.list_factors("u_42"); }) == errc::corrupt_record);
  }
}
