// A forked process is refused its parent's storage::Postgres, and leaves the parent's connections alone.
#include <mfa/storage/postgres.hpp>

#include "support/catch.hpp"
#include "support/forked.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_server.hpp"

TEST_CASE("storage::Postgres is refused to a forked process, which can open its own") {
  const mfa::test::PostgresServer server;
  const mfa::test::LoopbackProxy proxy(server.port());
  mfa::test::check_forked([&] { return mfa::storage::Postgres(server.uri(proxy.port())); },
                          mfa::test::reads_by_its_own([&] { return mfa::storage::Postgres(server.uri()); }));
  CHECK(proxy.connections() == 1);
}
