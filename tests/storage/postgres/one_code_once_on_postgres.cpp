// However many machines with one PostgreSQL verify one right code at once, their clocks 30 s apart or not,
// one is told that it is valid: in each of 250 rounds, or of a thousand with MFA_LONG.
#include <mfa/storage/postgres.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/postgres_server.hpp"
#include "support/race_for_one_code.hpp"

TEST_CASE("8 processes of 8 threads on PostgreSQL: one is valid in every round") {
  const mfa::test::PostgresServer server;
  mfa::test::RaceForOneCode race([&] { return mfa::storage::Postgres(server.uri()); });
  race.run_and_check(static_cast<int>(mfa::test::how_much("MFA_TEST_ROUNDS", 250, 1000)));
}
