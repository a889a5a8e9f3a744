// While workers are killed and PostgreSQL crashes under load, no enrolment that was acknowledged is lost and
// no code is accepted twice.
#include <csignal>

#include <mfa/storage/postgres.hpp>

#include "support/catch.hpp"
#include "support/killed_under_load.hpp"
#include "support/postgres_server.hpp"

TEST_CASE("200 killed workers and 20 crashes of PostgreSQL lose nothing and accept no code twice") {
  using mfa::test::PostgresServer;
  PostgresServer server(PostgresServer::Durable::yes);
  mfa::test::KilledUnderLoad load([&] { return mfa::storage::Postgres(server.uri()); });
  load.run(200, 20, [&] { server.restart(SIGQUIT); });
}
