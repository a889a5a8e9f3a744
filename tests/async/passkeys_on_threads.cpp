// What users do with passkeys, on two asynchronous verifiers over one storage in memory, on threads.
#include <mfa/async.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/passkey_journeys.hpp"
#include "support/task.hpp"

using mfa::storage::Memory;
using mfa::test::EventLoop;
using mfa::test::Task;

TEST_CASE("Passkeys sign in, once, and are counted, resealed and deleted, on threads") {
  EventLoop loop;
  Memory memory;
  mfa::async::Threads<Task, Memory, EventLoop::Handle> storage(memory, loop.handle(), {.threads = 4});
  mfa::testing::ManualClock clock;
  auto first = mfa::async::make_verifier<Task>(storage, clock, mfa::test::passkey_journey_options());
  auto second = mfa::async::make_verifier<Task>(storage, clock, mfa::test::passkey_journey_options());
  mfa::test::check_passkey_journeys(first, second, mfa::test::CallsOnLoop{loop});
}
