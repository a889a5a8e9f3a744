// Whoever can write to the whole PostgreSQL database, and has an honest account of his own but no key, gains
// nothing by it. MFA_LONG takes 1,000 edits and MFA_TEST_EDITS any number, MFA_TEST_SEED the seed that a run
// printed.
#include <mfa/storage/postgres.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/hostile_database.hpp"
#include "support/postgres_server.hpp"

TEST_CASE("no edit of a record in PostgreSQL gains anything") {
  const mfa::test::PostgresServer server;
  (void)mfa::test::hostile::nothing_is_gained<mfa::storage::Postgres>(
      "PostgreSQL", mfa::test::how_much("MFA_TEST_EDITS", 300, 1'000), server.uri());
}
