// How often a verb waits for PostgreSQL: counted by a proxy before the server.
#include <mfa/storage/postgres.hpp>

#include "support/catch.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_server.hpp"
#include "support/round_trips.hpp"

TEST_CASE("Each verb waits for PostgreSQL as often as it must") {
  mfa::test::PostgresServer server;
  mfa::test::LoopbackProxy proxy(server.port());
  mfa::storage::Postgres storage(server.uri(proxy.port()));
  mfa::test::check_round_trips(storage, proxy);
  CHECK(proxy.connections() == 1);
}
