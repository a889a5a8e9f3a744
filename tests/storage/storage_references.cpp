// Tables may refer to each other and to the host's users: a storage whose challenges end with their factor
// keeps every promise and every verb's, and the conformance suite can be told how users are made. On SQLite,
// where triggers do what foreign keys would.
#include <iostream>
#include <stdexcept>
#include <string>
#include <vector>

#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/sqlite_file.hpp"

using mfa::errc;
using mfa::storage::Sqlite;
using namespace mfa::test;
using mfa::testing::check_storage;
using mfa::testing::ConformanceOptions;
using Outcome = mfa::testing::CheckResult::Outcome;

namespace {

/// As FOREIGN KEY (factor_id) REFERENCES mfa_factors (id) ON DELETE CASCADE, whose violation the storage
/// tells as a conflict.
constexpr const char* challenges_end_with_their_factor = R"sql(
CREATE TRIGGER cascade AFTER DELETE ON mfa_factors BEGIN
  DELETE FROM mfa_challenges WHERE factor_id = OLD.id;
END;
CREATE TRIGGER of_a_factor BEFORE INSERT ON mfa_challenges
WHEN NOT EXISTS (SELECT 1 FROM mfa_factors WHERE id = NEW.factor_id) BEGIN
  SELECT RAISE(IGNORE);
END;
)sql";

/// As FOREIGN KEY (user_id) REFERENCES users (id).
constexpr const char* factors_belong_to_users = R"sql(
CREATE TABLE users (id TEXT PRIMARY KEY);
CREATE TRIGGER inserted BEFORE INSERT ON mfa_factors
WHEN NEW.user_id <> '' AND NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id) BEGIN
  SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed');
END;
CREATE TRIGGER updated BEFORE UPDATE ON mfa_factors
WHEN NEW.user_id <> '' AND NOT EXISTS (SELECT 1 FROM users WHERE id = NEW.user_id) BEGIN
  SELECT RAISE(ABORT, 'FOREIGN KEY constraint failed');
END;
)sql";

struct References {
  explicit References(const char* sql) {
    { const Sqlite storage(file.path, quick); }
    HostConnection(file.path).execute(sql);
  }
  [[nodiscard]] auto open() const {
    return [this] { return Sqlite(file.path, quick); };
  }
  SqliteFile file;
};

const ConformanceOptions brief{.threads = 4, .processes = 3, .rounds = 10};

} // namespace

TEST_CASE("A storage whose challenges end with their factor keeps every promise") {
  const References references(challenges_end_with_their_factor);
  const auto report = check_storage(references.open(), brief);
  std::cout << report;
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
}

TEST_CASE("The verbs do the same on it") {
  const References references(challenges_end_with_their_factor);
  HostOver<Sqlite> host({.key_ring = mfa::KeyRing::generate()}, references.file.path, quick);
  const auto totp = host.enroll_totp();
  const auto shown = totp.factor.confirm(host.code(totp.totp.secret));
  const auto phone = host.enroll_sms("+14155550123", "u_42", shown);
  const auto of_totp = host.challenge(totp.factor.id());
  const auto of_phone = host.challenge(phone.factor.id());
  host.verifier.delete_factor(totp.factor.id(), "u_42", shown);
  CHECK(thrown_by([&] { return host.verifier.get_challenge(of_totp, mfa::any_user); }) ==
        errc::entity_not_found);
  CHECK(thrown_by([&] { return host.verify(of_totp, host.code(totp.totp.secret)); }) ==
        errc::entity_not_found);
  CHECK(thrown_by([&] { return host.challenge(totp.factor.id()); }) == errc::entity_not_found);
  CHECK(host.verify(of_phone, host.sms.last().body) == mfa::Status::valid);
}

TEST_CASE("A storage whose factors refer to the host's users is checked with users that the host makes") {
  const References references(factors_belong_to_users);
  CHECK(check_storage(references.open(), {.threads = 2, .processes = 0, .rounds = 1}).failures() > 10);

  HostConnection host(references.file.path);
  ConformanceOptions options = brief;
  int made = 0;
  SECTION("of any name") {
    options.make_user = [&](const std::string& user_id) {
      ++made;
      std::string literal;
      for (const char c : user_id) literal.append(c == '\'' ? 2 : 1, c);
      host.execute("INSERT OR IGNORE INTO users VALUES ('" + literal + "')");
      return user_id;
    };
  }
  SECTION("with numbers of its own") {
    options.make_user = [&](const std::string&) {
      const std::string number = std::to_string(++made);
      host.execute("INSERT INTO users VALUES ('" + number + "')");
      return number;
    };
  }
  const auto report = check_storage(references.open(), options);
  CHECK(report.failures() == 0);
  if (report.failures() > 0) std::cout << report;
  CHECK(report.count(Outcome::not_checked) == 0);
  CHECK(made > 100);
}

TEST_CASE("What make_user throws is told as such") {
  const References references(factors_belong_to_users);
  ConformanceOptions options{.only = "a user's factors are listed in the order"};
  options.make_user = [](const std::string&) -> std::string {
    throw std::runtime_error("no room for users");
  };
  const auto report = check_storage(references.open(), options);
  REQUIRE(report.checks.size() == 1);
  CHECK(report.failures() == 1);
  CHECK_THAT(report.checks.front().told,
             contains("ConformanceOptions::make_user threw, for the user id \"u_"));
  CHECK_THAT(report.checks.front().told, contains("no room for users"));
}
