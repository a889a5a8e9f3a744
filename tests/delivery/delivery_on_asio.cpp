// Decorators on Asio, whose loop is their timer too.
#include <mfa/async/asio.hpp>

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/use_future.hpp>

#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/delivery/timer.hpp>
#include <mfa/sms/concept.hpp>

#include "support/catch.hpp"
#include "support/scripted_gateway.hpp"

using namespace std::chrono_literals;
using mfa::DeliveryFailure;
using mfa::SmsMessage;
using mfa::async::AsioLoop;
using mfa::async::AsioTask;
using mfa::delivery::CircuitBreaker;
using mfa::delivery::Failover;
using mfa::delivery::Retry;
using mfa::test::Say;
using mfa::test::ScriptedGateway;
using enum DeliveryFailure;

namespace {

static_assert(mfa::delivery::Timer<AsioLoop>);

struct Awaited {
  AsioLoop loop;
  ScriptedGateway gateway = {};

  std::chrono::milliseconds time = 1ms;

  AsioTask<void> send(const SmsMessage& message) {
    co_await loop.sleep(time);
    gateway.send(message);
  }
};

} // namespace

TEST_CASE("Decorators are awaited on Asio") {
  asio::io_context context;
  Awaited first{context, std::deque<Say>{unavailable, unavailable}};
  Awaited second{context, std::deque<Say>{throttled, not_permitted}};
  Retry retry{
      Failover{CircuitBreaker{first}, CircuitBreaker{second}}, {.first_delay = 40ms}, AsioLoop(context)};
  const SmsMessage message{.to = "+14155550123", .body = "123456", .id = "auth_challenge_1"};
  const auto send = [&] {
    auto sent = asio::co_spawn(context, retry.send(message), asio::use_future);
    context.restart();
    context.run();
    return sent;
  };
  const auto start = std::chrono::steady_clock::now();
  send().get();
  CHECK(std::chrono::steady_clock::now() - start >= 60ms); // 20 and 40 at least
  CHECK(first.gateway.asked().size() == 3);
  CHECK(second.gateway.asked().size() == 2);
  first.gateway.say({invalid_recipient});
  auto refused = send();
  CHECK_THROWS_AS(refused.get(), mfa::DeliveryError);
}

TEST_CASE("A context may end with a message under way, after the circuit breaker") {
  const SmsMessage message{.to = "+14155550123", .body = "123456", .id = "auth_challenge_1"};
  const bool in_failover = GENERATE(false, true);
  CAPTURE(in_failover);
  std::weak_ptr<int> held; // by what the message under way still needs
  {
    asio::io_context context;
    {
      Awaited gateway{context, {}, 1h};
      ScriptedGateway other;
      auto token = std::make_shared<int>();
      held = token;
      CircuitBreaker breaker{gateway,
                             {.observer = [token = std::move(token)](mfa::delivery::CircuitState) {}}};
      std::optional<Failover<CircuitBreaker<Awaited>, ScriptedGateway>> failover;
      if (in_failover)
        asio::co_spawn(context, failover.emplace(std::move(breaker), other).send(message), asio::detached);
      else
        asio::co_spawn(context, breaker.send(message), asio::detached);
      context.run_for(10ms);
    }
    CHECK(!held.expired());
  }
  CHECK(held.expired());
}
