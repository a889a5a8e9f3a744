// However many machines with one PostgreSQL verify one right code at once, their clocks 30 s apart or not,
// one is told that it is valid.
#include <cstdio>

#include <mfa/storage/postgres.hpp>

#include "support/catch.hpp"
#include "support/postgres_server.hpp"
#include "support/race_for_one_code.hpp"

TEST_CASE("8 processes of 8 threads on PostgreSQL: one is valid, a thousand times") {
  constexpr int rounds = 1000;
  const mfa::test::PostgresServer server;
  mfa::test::RaceForOneCode race([&] { return mfa::storage::Postgres(server.uri()); });
  const auto result = race.run(rounds);
  std::printf("%d rounds; %llu commits lost a race and began anew\n", rounds,
              static_cast<unsigned long long>(result.conflicts));
  CHECK(result.good_rounds == rounds);
  CHECK(result.conflicts > 0);
}
