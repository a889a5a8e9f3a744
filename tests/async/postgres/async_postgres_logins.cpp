// A thousand logins at once on one thread, over connections with a long way to the server: every right code
// is accepted once, and a login that waits takes little memory.
#include <chrono>
#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include <mfa/async/verifier.hpp>
#include <mfa/mfa.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/storage/postgres.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/allocations.hpp"
#include "support/async_postgres.hpp"
#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/loopback_proxy.hpp"
#include "support/postgres_schemas.hpp"
#include "support/task.hpp"

using mfa::Status;
using mfa::testing::ManualClock;
using namespace mfa::test;
using namespace std::chrono_literals;

TEST_CASE("A thousand logins wait at once on one thread, and each code is accepted once") {
  constexpr std::size_t count = 1000;
  mfa::storage::PostgresOptions options = new_schema();
  options.max_connections = 64;
  options.connect_timeout = 60s; // for a busy machine
  options.statement_timeout = 30s;
  ManualClock clock;
  const auto keys = mfa::KeyRing::generate();
  struct User {
    std::string factor_id;
    mfa::crypto::SecretBytes secret;
  };
  std::vector<User> users;
  {
    mfa::storage::Postgres storage(server().uri(), options);
    mfa::Verifier verifier{storage, clock, mfa::Options{.key_ring = keys}};
    for (std::size_t i = 0; i < count; ++i) {
      const auto enrolled = verifier.enroll_factor(mfa::Totp{.issuer = "Foo Corp", .user = "alan"});
      users.push_back({enrolled.factor.id(), mfa::otp::base32_decode(enrolled.totp.secret)});
      const std::string code = mfa::otp::totp(users.back().secret, clock.now());
      REQUIRE(verifier.confirm_enrollment(users.back().factor_id, code).confirmed());
    }
    clock.advance(30s);
  }

  const LoopbackProxy proxy(server().port(), 20ms);
  EventLoop loop;
  AsyncPostgres storage(loop.handle(), server().uri(proxy.port()), options);
  const mfa::async::Verifier<Task, AsyncPostgres, ManualClock> verifier{storage, clock,
                                                                        mfa::Options{.key_ring = keys}};
  std::size_t ended = 0;
  std::size_t valid = 0;
  std::size_t refused = 0;
  const auto log_in = [&](const User& user) -> Task<> {
    const auto challenge = co_await verifier.challenge_factor(user.factor_id, mfa::any_user);
    const std::string code = mfa::otp::totp(user.secret, clock.now());
    const auto verification = co_await verifier.verify_challenge(challenge.id(), code);
    if (verification.valid()) ++valid;
    const auto again = co_await verifier.challenge_factor(user.factor_id, mfa::any_user);
    const auto replayed = co_await verifier.verify_challenge(again.id(), code);
    if (replayed.status() == Status::code_already_used) ++refused;
    ++ended;
  };
  std::vector<Task<>> tasks;
  tasks.reserve(count);
  const std::size_t before = allocated;
  for (const User& user : users) tasks.push_back(log_in(user));
  for (const auto& task : tasks) task.start();
  CHECK((allocated - before) / count < 16'384); // bytes each, of which some were given back
  REQUIRE(loop.run_until([&] { return ended == count; }, 120s));
  CHECK(valid == count);
  CHECK(refused == count);
  CHECK(proxy.connections() == 64);
}
