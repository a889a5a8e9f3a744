// Gateways that lose requests and answers, fail, throttle and come back, in simulated time, under decorators
// with all that they decide: with the defaults nothing is sent twice, and nobody is told otherwise than it
// was. Also with many messages at once, where each step of the decorators is one that rules explain.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>

#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/testing/manual_timer.hpp>

#include "support/catch.hpp"
#include "support/environment.hpp"
#include "support/seeded_random.hpp"
#include "support/simulated_gateways.hpp"

using namespace std::chrono_literals;
using mfa::DeliveryError;
using mfa::DeliveryFailure;
using mfa::SmsMessage;
using mfa::delivery::CircuitBreaker;
using mfa::delivery::Failover;
using mfa::delivery::Retry;
using mfa::test::SeededRandom;
using mfa::testing::ManualTimer;

namespace {

/// What was really sent, by all gateways together.
using Sent = std::map<std::string, int>;

/// A gateway whose weather changes: for minutes it does well, is down, throttles, or loses much.
class Gateway {
 public:
  Gateway(std::uint64_t seed, ManualTimer& timer, Sent& sent, bool deduplicates)
      : random_(seed), timer_(timer), sent_(sent), deduplicates_(deduplicates) {}

  void send(const SmsMessage& message) {
    timer_.sleep(std::chrono::milliseconds(below(300)));
    if (timer_.now() >= until_) {
      weather_ = static_cast<Weather>(below(4));
      until_ = timer_.now() + std::chrono::seconds(10 + below(120));
    }
    const auto luck = below(100);
    if (luck < 2) throw DeliveryError(DeliveryFailure::invalid_recipient, "no such number");
    if (luck < 4) throw DeliveryError(DeliveryFailure::message_refused, "not this text");
    if (luck < 6) throw std::runtime_error("a bug of the client library's, before anything was sent");
    switch (weather_) {
    case Weather::fair: break;
    case Weather::down:
      if (luck < 90) throw DeliveryError(DeliveryFailure::unavailable, "down");
      break;
    case Weather::throttles:
      if (luck < 60)
        throw DeliveryError(DeliveryFailure::throttled, "wait", std::chrono::seconds(1 + below(9)));
      break;
    case Weather::loses:
      if (luck < 30) throw DeliveryError(DeliveryFailure::unclear, "the request was lost");
      if (luck < 60) {
        take(message);
        throw DeliveryError(DeliveryFailure::unclear, "the answer was lost");
      }
      break;
    }
    take(message);
  }

 private:
  enum class Weather { fair, down, throttles, loses };

  std::uint64_t below(std::uint64_t end) { return mfa::test::next_random(random_) % end; }

  void take(const SmsMessage& message) {
    if (deduplicates_ && taken_[message.id]++ > 0) return;
    ++sent_[message.id];
  }

  std::uint64_t random_;
  ManualTimer& timer_;
  Sent& sent_;
  bool deduplicates_;
  std::map<std::string, int> taken_;
  Weather weather_ = Weather::fair;
  std::chrono::steady_clock::time_point until_{};
};

struct Tally {
  std::size_t messages = 0;
  std::size_t sent = 0;       ///< and said to be
  std::size_t unclear = 0;    ///< of which
  std::size_t arrived = 0;    ///< these were sent
  std::size_t not_sent = 0;   ///< and said not to be
  std::size_t twice = 0;      ///< or more
  std::size_t told_wrong = 0; ///< said to be sent or not, and was not or was
};

std::ostream& operator<<(std::ostream& out, const Tally& tally) {
  return out << tally.messages << " messages: " << tally.sent << " sent, " << tally.unclear
             << " unclear, of which " << tally.arrived << " were sent, " << tally.not_sent << " not sent; "
             << tally.twice << " sent twice, of " << tally.told_wrong << " the host was told otherwise";
}

/// `decorate(a, b, timer)` makes the transport of two gateways. Plays messages until so many were sent.
template <class Decorate> Tally play(const char* name, bool deduplicate, Decorate decorate) {
  const auto seed = mfa::test::from_environment("MFA_TEST_SEED", 1);
  const auto messages = mfa::test::from_environment("MFA_TEST_MESSAGES", 20'000);
  const SeededRandom random(seed); // of the waits
  ManualTimer timer;
  Sent sent;
  Gateway a(seed, timer, sent, deduplicate);
  Gateway b(seed + 1'000'003, timer, sent, deduplicate);
  auto transport = decorate(a, b, timer);
  Tally tally;
  for (std::uint64_t i = 0; i < messages; ++i) {
    const SmsMessage message{.to = "+14155550123", .body = "123456", .id = std::to_string(i)};
    std::optional<DeliveryFailure> failure;
    try {
      transport.send(message);
    } catch (const DeliveryError& error) {
      failure = error.failure();
    } catch (const std::exception&) {
      failure = DeliveryFailure::unavailable; // by its contract nothing was sent
    }
    const int times = sent.contains(message.id) ? sent.at(message.id) : 0;
    ++tally.messages;
    tally.twice += times > 1 ? 1 : 0;
    if (failure == DeliveryFailure::unclear) {
      ++tally.unclear;
      tally.arrived += times > 0 ? 1 : 0;
    } else {
      ++(failure ? tally.not_sent : tally.sent);
      tally.told_wrong += (times > 0) == failure.has_value() ? 1 : 0;
    }
    timer.advance(std::chrono::milliseconds(500));
  }
  std::cout << name << ": " << tally << '\n';
  return tally;
}

} // namespace

TEST_CASE("With the defaults nothing is sent twice, and nobody is told otherwise than it was") {
  const Tally around = play("Retry of Failover", false, [](Gateway& a, Gateway& b, ManualTimer& timer) {
    return Retry(Failover(CircuitBreaker(a, {}, timer), CircuitBreaker(b, {}, timer)),
                 mfa::delivery::RetryOptions(), timer);
  });
  const Tally beneath = play("Failover of Retry", false, [](Gateway& a, Gateway& b, ManualTimer& timer) {
    return Failover(Retry(CircuitBreaker(a, {}, timer), mfa::delivery::RetryOptions(), timer),
                    Retry(CircuitBreaker(b, {}, timer), mfa::delivery::RetryOptions(), timer));
  });
  for (const Tally& tally : {around, beneath}) {
    CHECK(tally.twice == 0);
    CHECK(tally.told_wrong == 0);
    CHECK(tally.sent + tally.unclear + tally.not_sent == tally.messages);
    CHECK(tally.sent > tally.messages * 7 / 10);
    CHECK(tally.unclear > tally.messages / 100);
    CHECK(tally.arrived > 0);
    CHECK(tally.arrived < tally.unclear);
    CHECK(tally.not_sent > 0);
  }
}

TEST_CASE("Providers that deduplicate are handed again what is unclear, and send nothing twice") {
  const auto retried = [](bool deduplicates) {
    return [deduplicates](Gateway& a, Gateway& b, ManualTimer& timer) {
      const mfa::delivery::RetryOptions options{.provider_deduplicates_by_id = deduplicates};
      return Failover(Retry(a, options, timer), Retry(b, options, timer));
    };
  };
  const Tally without = play("deduplicating, not used", true, retried(false));
  const Tally with = play("deduplicating", true, retried(true));
  for (const Tally& tally : {without, with}) {
    CHECK(tally.twice == 0);
    CHECK(tally.told_wrong == 0);
  }
  CHECK(with.unclear < without.unclear / 2);
}

TEST_CASE("Who lets unclear messages be sent twice has some sent twice, and fewer unclear") {
  const auto failover = [](bool twice) {
    return [twice](Gateway& a, Gateway& b, ManualTimer&) {
      return Failover({.send_unclear_twice = twice}, a, b);
    };
  };
  const Tally without = play("unclear once", false, failover(false));
  const Tally with = play("unclear twice", false, failover(true));
  CHECK(without.twice == 0);
  CHECK(with.twice > 0);
  CHECK(with.told_wrong == 0);
  CHECK(with.unclear < without.unclear);
}

TEST_CASE("Whom decorators ask, when, and what they tell is what the rules say, with many messages at once") {
  using mfa::test::SimulatedGateways;
  struct Flight {
    std::size_t node = 0;
    SmsMessage message;
    std::unique_ptr<SimulatedGateways::Sending> sending; // ends first
  };
  const auto seed = mfa::test::from_environment("MFA_TEST_SEED", 1);
  const auto messages = mfa::test::from_environment("MFA_TEST_MESSAGES", 20'000);
  constexpr std::size_t nodes = 2;
  const SeededRandom random(seed); // of the waits
  std::uint64_t drawn = seed;
  const auto below = [&](std::uint64_t end) { return mfa::test::next_random(drawn) % end; };
  std::int64_t now = 0;
  SimulatedGateways gateways(seed, nodes, now);
  mfa::test::GatewayTally tally;
  std::multimap<std::int64_t, std::unique_ptr<Flight>> waiting; // by when each goes on
  std::size_t arrived = 0;
  std::size_t most_at_once = 0;
  std::size_t crashed = 0;
  const auto carry_on = [&](std::unique_ptr<Flight> flight) {
    if (!flight->sending->done()) {
      waiting.emplace(now + flight->sending->wait(), std::move(flight));
      return;
    }
    const std::exception_ptr thrown = flight->sending->failure();
    flight->sending.reset();
    gateways.end(flight->message.id, thrown, tally);
  };
  const auto run_until = [&](std::int64_t time) {
    while (!waiting.empty() && waiting.begin()->first <= time) {
      auto next = waiting.extract(waiting.begin());
      now = next.key();
      next.mapped()->sending->go_on();
      carry_on(std::move(next.mapped()));
    }
  };
  for (std::uint64_t i = 0; i < messages && gateways.wrong().empty(); ++i) {
    const std::int64_t begins = now + static_cast<std::int64_t>(below(300));
    run_until(begins);
    now = begins;
    if (below(2'000) == 0) {
      const std::size_t node = below(nodes);
      crashed += std::erase_if(waiting, [&](const auto& each) { return each.second->node == node; });
      gateways.crash(node);
    }
    auto flight = std::make_unique<Flight>();
    flight->node = below(nodes);
    flight->message = {.to = "+14155550123", .body = "123456", .id = std::to_string(i)};
    flight->sending =
        gateways.send(flight->node, flight->message, mfa::test::next_random(drawn) | 1, [&] { ++arrived; });
    carry_on(std::move(flight));
    most_at_once = std::max(most_at_once, waiting.size());
  }
  run_until(INT64_MAX);
  std::cout << messages << " messages, at most " << most_at_once << " at once: " << tally.taken
            << " taken, of which " << tally.by_second << " by the second and " << tally.later
            << " after a wait, " << tally.unclear << " unclear, of which " << tally.unclear_sent
            << " had been sent, " << tally.refused << " refused, " << crashed
            << " on a node that crashed; a gateway was spared " << tally.spared << " times\n";
  INFO("seed " << seed);
  CHECK(gateways.wrong() == "");
  CHECK(tally.taken + tally.unclear + tally.refused + crashed == messages);
  CHECK(arrived >= tally.taken + tally.unclear_sent);
  CHECK(arrived <= tally.taken + tally.unclear_sent + crashed);
  for (const std::uint64_t count : {tally.by_second, tally.later, tally.unclear_sent, tally.refused,
                                    tally.spared, std::uint64_t{crashed}})
    CHECK(count > messages / 1'000);
}
