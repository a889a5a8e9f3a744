// A storage on MariaDB that is made as docs/policies.md says, on the tables that it shows, keeps every
// promise of the conformance suite; so does one whose challenges end with their factor, and whose factors
// belong to users.
#include <fstream>
#include <iostream>
#include <iterator>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/mariadb_server.hpp"
#include "support/mariadb_storage.hpp"

using mfa::test::contains;
using mfa::test::MariadbServer;
using mfa::test::MariadbStorage;
using mfa::testing::check_storage;
using mfa::testing::ConformanceOptions;
using Outcome = mfa::testing::CheckResult::Outcome;

namespace {

/// The block of SQL in docs/policies.md, statement by statement.
std::vector<std::string> documented_statements() {
  std::ifstream file(MFA_SOURCE_DIRECTORY "/docs/policies.md");
  const std::string page{std::istreambuf_iterator<char>(file), {}};
  const std::string_view fence = "```sql\n";
  auto start = page.find(fence);
  REQUIRE(start != std::string::npos);
  start += fence.size();
  const std::string sql = page.substr(start, page.find("```", start) - start);
  std::vector<std::string> statements;
  for (std::size_t at = 0, end = 0; (end = sql.find(";\n", at)) != std::string::npos; at = end + 2)
    statements.push_back(sql.substr(at, end - at));
  return statements;
}

/// One server for all tests, with fresh tables for each.
struct Tables {
  Tables() {
    static const MariadbServer server;
    socket = server.socket();
    MariadbStorage storage(socket);
    for (const char* statement : {"DROP DATABASE mfa", "CREATE DATABASE mfa", "USE mfa"})
      storage.execute(statement);
    for (const std::string& statement : documented_statements()) storage.execute(statement);
  }
  void execute(const std::string& sql) const { MariadbStorage(socket).execute(sql); }
  [[nodiscard]] auto open() const {
    return [this] { return MariadbStorage(socket); };
  }
  std::string socket;
};

const ConformanceOptions brief{.threads = 4, .processes = 3, .rounds = 10};

} // namespace

TEST_CASE("The documented tables for MariaDB keep every promise of the five functions") {
  const Tables tables;
  const auto report = check_storage(tables.open(), brief);
  std::cout << report;
  CHECK(report.failures() == 0);
}

TEST_CASE("So they do if challenges end with their factor, and factors belong to users of the host") {
  const Tables tables;
  tables.execute(
      "ALTER TABLE mfa_challenges ADD FOREIGN KEY (factor_id) REFERENCES mfa_factors (id) ON DELETE CASCADE");
  tables.execute("CREATE TABLE users (id VARBINARY(255) NOT NULL PRIMARY KEY) ENGINE = InnoDB");
  tables.execute("ALTER TABLE mfa_factors ADD FOREIGN KEY (user_id) REFERENCES users (id)");
  CHECK(check_storage(tables.open(), {.processes = 0, .rounds = 1}).failures() > 10); // nobody is a user
  ConformanceOptions options = brief;
  options.make_user = [&](const std::string& user_id) {
    tables.execute("INSERT IGNORE INTO users SET id = X'" +
                   mfa::detail::hexadecimal(mfa::crypto::bytes_of(user_id)) + "'");
    return user_id;
  };
  const auto report = check_storage(tables.open(), options);
  std::cout << report;
  CHECK(report.failures() == 0);
}

TEST_CASE("The usual types for text break promises: VARCHAR, with utf8mb4_bin too") {
  const Tables tables;
  const std::string collation = GENERATE("utf8mb4_general_ci", "utf8mb4_bin");
  CAPTURE(collation);
  tables.execute("ALTER TABLE mfa_counters MODIFY id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE " +
                 collation);
  tables.execute("ALTER TABLE mfa_factors MODIFY user_id VARCHAR(255) CHARACTER SET utf8mb4 COLLATE " +
                 collation);
  for (const auto* promise :
       {"counters whose ids are alike are different counters", "the longest ids are kept whole",
        "users whose ids are alike have their own factors"}) {
    CAPTURE(promise);
    CHECK(check_storage(tables.open(), {.only = promise}).failures() == 1);
  }
}
