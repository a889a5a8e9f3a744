// What users do with passkeys, on two nodes of a service with one PostgreSQL.
#include <mfa/mfa.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/passkey_journeys.hpp"
#include "support/postgres_server.hpp"

TEST_CASE("Passkeys sign in, once, and are counted, resealed and deleted, on PostgreSQL") {
  const mfa::test::PostgresServer server;
  mfa::storage::Postgres one(server.uri());
  mfa::storage::Postgres another(server.uri());
  mfa::testing::ManualClock clock;
  mfa::Verifier first{one, clock, mfa::test::passkey_journey_options()};
  mfa::Verifier second{another, clock, mfa::test::passkey_journey_options()};
  mfa::test::check_passkey_journeys(first, second, mfa::test::CallsBlocking());
}
