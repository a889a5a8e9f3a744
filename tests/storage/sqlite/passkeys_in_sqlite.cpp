// What users do with passkeys, on two nodes of a service with one SQLite file.
#include <mfa/mfa.hpp>
#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/passkey_journeys.hpp"
#include "support/sqlite_file.hpp"

TEST_CASE("Passkeys sign in, once, and are counted, resealed and deleted, on SQLite") {
  const mfa::test::SqliteFile file;
  mfa::storage::Sqlite one(file.path, mfa::test::quick);
  mfa::storage::Sqlite another(file.path, mfa::test::quick);
  mfa::testing::ManualClock clock;
  mfa::Verifier first{one, clock, mfa::test::passkey_journey_options()};
  mfa::Verifier second{another, clock, mfa::test::passkey_journey_options()};
  mfa::test::check_passkey_journeys(first, second, mfa::test::CallsBlocking());
}
