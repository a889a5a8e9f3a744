// However many processes on one SQLite file verify one right code at once, on one challenge or each on its
// own of one factor, their clocks 30 s apart or not, exactly one is told that it is valid.
#include <chrono>
#include <cstdio>
#include <random>
#include <string>
#include <thread>

#include <unistd.h>

#include <mfa/storage/sqlite.hpp>

#include "support/catch.hpp"
#include "support/race_for_one_code.hpp"
#include "support/temporary_directory.hpp"

namespace {

/// Lets the others read before it writes, as reading and writing a file takes no time in which they would.
struct RacingSqlite : mfa::storage::Sqlite {
  using Sqlite::Sqlite;

  bool commit(const mfa::storage::Batch& batch) {
    thread_local std::minstd_rand random(static_cast<unsigned>(::getpid()));
    std::this_thread::sleep_for(std::chrono::microseconds(random() % 300));
    return Sqlite::commit(batch);
  }
};

} // namespace

TEST_CASE("4 processes on SQLite: one is valid, two thousand times") {
  constexpr int rounds = 2000;
  const mfa::test::TemporaryDirectory directory;
  const auto open = [&] {
    return RacingSqlite(directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off});
  };
  mfa::test::RaceForOneCode<decltype(open), 4, 1> race(open);
  race.run_and_check(rounds);
}
