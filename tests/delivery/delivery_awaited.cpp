// The same decorators over transports that are awaited: on an event loop, beneath an `async::Verifier`, and
// when a task is destroyed while it waits.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/async.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/delivery/background.hpp>
#include <mfa/delivery/channels.hpp>
#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/delivery/timer.hpp>
#include <mfa/testing/manual_timer.hpp>

#include "support/catch.hpp"
#include "support/event_loop.hpp"
#include "support/scripted_gateway.hpp"
#include "support/task.hpp"

using namespace std::chrono_literals;
using mfa::DeliveryError;
using mfa::DeliveryFailure;
using mfa::SmsMessage;
using mfa::delivery::Background;
using mfa::delivery::Channels;
using mfa::delivery::CircuitBreaker;
using mfa::delivery::CircuitState;
using mfa::delivery::Failover;
using mfa::delivery::Retry;
using mfa::test::EventLoop;
using mfa::test::Say;
using mfa::test::ScriptedGateway;
using mfa::test::Task;
using enum DeliveryFailure;

namespace {

/// A gateway that is awaited, and takes its time.
struct Awaited {
  EventLoop::Handle loop;
  ScriptedGateway gateway = {};
  std::chrono::milliseconds time = 1ms;

  Task<> send(const SmsMessage& message) {
    co_await loop.sleep(time);
    gateway.send(message);
  }
};

struct LoopTimer {
  EventLoop::Handle loop;
  std::shared_ptr<std::chrono::milliseconds> slept = std::make_shared<std::chrono::milliseconds>();

  [[nodiscard]] std::chrono::steady_clock::time_point now() const { return std::chrono::steady_clock::now(); }
  auto sleep(std::chrono::milliseconds time) {
    *slept += time;
    return loop.sleep(std::min<std::chrono::milliseconds>(time, 1ms));
  }
};

const SmsMessage message{.to = "+14155550123", .body = "123456 is your code", .id = "auth_challenge_1"};

/// What an await throws in a coroutine that its host has cancelled.
const std::system_error cancellation(std::make_error_code(std::errc::operation_canceled));

/// A gateway that is awaited, whose caller is cancelled while it waits.
struct Cancelled {
  EventLoop::Handle loop;
  std::vector<SmsMessage> asked = {};
  bool fails_otherwise = false;

  Task<> send(const SmsMessage& sent) {
    asked.push_back(sent);
    co_await loop.sleep(1ms);
    throw fails_otherwise ? std::system_error(std::make_error_code(std::errc::io_error)) : cancellation;
  }
};

template <class Transport> Task<std::string> outcome(Transport& transport) {
  std::string words = "taken";
  try {
    co_await transport.send(message);
  } catch (const DeliveryError& error) {
    words = to_string(error.failure());
  } catch (const std::system_error& error) {
    words = error.code() == std::errc::operation_canceled ? "cancelled" : "failed";
  }
  co_return words;
}

} // namespace

TEST_CASE("Decorators of transports that are awaited are awaited") {
  EventLoop loop;
  Awaited first{loop.handle(), std::deque<Say>{unavailable, Say(throttled, 2s), unclear}};
  ScriptedGateway second({unavailable, balance_empty}); // which blocks
  LoopTimer timer{loop.handle()};
  Retry retry{Failover{CircuitBreaker{first}, second}, mfa::delivery::RetryOptions(), timer};
  static_assert(std::is_same_v<decltype(retry.send(message)), Task<>>);

  CHECK(loop.run(outcome(retry)) == "unclear");
  CHECK(first.gateway.asked() == std::vector<std::string>(3, message.id));
  CHECK(second.asked() == std::vector<std::string>(2, message.id));
  CHECK(*timer.slept >= 2s + 250ms);
  CHECK(loop.run(outcome(retry)) == "taken");

  // In whatever order they stand.
  first.gateway.say({opted_out});
  second.say({unavailable});
  Failover failover(second, first);
  static_assert(std::is_same_v<decltype(failover.send(message)), Task<>>);
  CHECK(loop.run(outcome(failover)) == "opted_out");
  Channels channels(failover);
  static_assert(std::is_same_v<decltype(channels.send(message)), Task<>>);
  CHECK(loop.run(outcome(channels)) == "taken");
}

TEST_CASE("Decorators serve an async::Verifier, awaited or in the background") {
  EventLoop loop;
  using Storage = mfa::async::Threads<Task, mfa::storage::Memory, EventLoop::Handle>;
  Storage storage(mfa::storage::Memory(), loop.handle(), {.threads = 1});
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  options.key_ring = mfa::KeyRing::generate();

  const auto challenge = [&](auto& transport, std::string phone_number) {
    const auto verifier = mfa::async::make_verifier<Task>(storage, mfa::clock::System(), transport, options);
    const mfa::Sms phone{.phone_number = std::move(phone_number), .user_id = "u_42"};
    const auto run = [&]() -> Task<std::string> {
      const auto enrolled = co_await verifier.enroll_factor(phone);
      const auto created = co_await verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
      co_return created.id();
    };
    return loop.run(run());
  };

  Awaited first{loop.handle(), std::deque<Say>{unavailable}};
  Awaited second{loop.handle()};
  Failover failover(first, second);
  const std::string id = challenge(failover, "+14155550123");
  CHECK(first.gateway.asked() == std::vector<std::string>{id});
  CHECK(second.gateway.asked() == std::vector<std::string>{id});

  ScriptedGateway blocks({unavailable});
  Background background{Retry{blocks}, {.workers = 1}};
  const std::string second_id = challenge(background, "+14155550124");
  CHECK(background.stop(60s));
  CHECK(blocks.asked() == std::vector<std::string>(2, second_id));
  CHECK(storage.stop(60s));
}

TEST_CASE("A task that is destroyed while it tries a provider out leaves the circuit half open") {
  EventLoop loop;
  mfa::testing::ManualTimer timer;
  Awaited gateway{loop.handle(), std::deque<Say>{unavailable}};
  CircuitBreaker breaker(gateway, {.failures = 1, .open_for = 1s}, timer);
  CHECK(loop.run(outcome(breaker)) == "unavailable");
  CHECK(breaker.state() == CircuitState::open);
  timer.advance(1s);
  {
    gateway.time = 1h;
    const auto probe = outcome(breaker);
    probe.start();
    CHECK(breaker.state() == CircuitState::half_open);
    gateway.time = 1ms;
    CHECK(loop.run(outcome(breaker)) == "unavailable"); // while another is under way
  }
  CHECK(breaker.state() == CircuitState::half_open);
  CHECK(loop.run(outcome(breaker)) == "taken");
  CHECK(breaker.state() == CircuitState::closed);
}

TEST_CASE("A cancellation says nothing of a provider, and no other is asked") {
  EventLoop loop;
  Cancelled gateway{loop.handle()};

  mfa::testing::ManualTimer timer;
  CircuitBreaker breaker(gateway, {.failures = 1, .open_for = 1s}, timer);
  CHECK(loop.run(outcome(breaker)) == "cancelled");
  CHECK(breaker.state() == CircuitState::closed);
  gateway.fails_otherwise = true;
  CHECK(loop.run(outcome(breaker)) == "failed");
  CHECK(breaker.state() == CircuitState::open);
  gateway.fails_otherwise = false;
  timer.advance(1s);
  CHECK(loop.run(outcome(breaker)) == "cancelled");
  CHECK(breaker.state() == CircuitState::half_open);

  std::size_t told = 0;
  const auto count = [&told](const mfa::delivery::Attempt&) { ++told; };
  ScriptedGateway second;
  Failover failover({.observer = count}, gateway, second);
  gateway.asked.clear();
  CHECK(loop.run(outcome(failover)) == "cancelled");
  CHECK(gateway.asked.size() == 1);
  CHECK(second.asked().empty());
  Retry retry(gateway, {.attempts = 3, .observer = count}, LoopTimer{loop.handle()});
  gateway.asked.clear();
  CHECK(loop.run(outcome(retry)) == "cancelled");
  CHECK(gateway.asked.size() == 1);
  CHECK(told == 0);
}

TEST_CASE("A verb that is cancelled while it sends says so, and its challenge stands") {
  EventLoop loop;
  using Storage = mfa::async::Threads<Task, mfa::storage::Memory, EventLoop::Handle>;
  Storage storage(mfa::storage::Memory(), loop.handle(), {.threads = 1});
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  options.key_ring = mfa::KeyRing::generate();
  std::vector<mfa::EventType> events;
  options.observer = [&events](const mfa::Event& event) { events.push_back(event.type); };
  Cancelled gateway{loop.handle()};

  const auto check = [&](const auto& verifier, const auto& value_of, std::string phone_number,
                         std::string user_id) {
    const mfa::Sms phone{.phone_number = std::move(phone_number), .user_id = user_id};
    const auto run = [&]() -> Task<std::string> {
      const auto enrolled = co_await verifier.enroll_factor(phone);
      std::string words = "an answer";
      try {
        (void)co_await verifier.challenge_enrollment(value_of(enrolled).factor.id(), mfa::any_user);
      } catch (const std::system_error& error) {
        words = error.code() == std::errc::operation_canceled ? "cancelled" : error.what();
      }
      co_return words;
    };
    CHECK(loop.run(run()) == "cancelled");
    CHECK(std::ranges::find(events, mfa::EventType::sms_not_sent) == events.end());
    const SmsMessage sent = gateway.asked.back();
    const auto answered = loop.run(verifier.confirm_enrollment(sent.id, sent.code));
    CHECK(value_of(answered).confirmed());
  };
  check(
      mfa::async::make_verifier<Task>(storage, mfa::clock::System(), gateway, options),
      [](const auto& value) -> const auto& { return value; }, "+14155550123", "u_42");
  check(
      mfa::async::make_verifier<Task>(storage, mfa::clock::System(), gateway, options, mfa::return_errors),
      [](const auto& result) -> const auto& { return *result; }, "+14155550124", "u_43");
  CHECK(storage.stop(60s));
}
