// One of two providers is down for a minute while messages keep coming, from many threads, on a clock that
// runs faster: none is lost, none is sent twice, and each provider is asked in its order.
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/background.hpp>
#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/sms/concept.hpp>

#include "support/catch.hpp"
#include "support/scaled_timer.hpp"

using namespace std::chrono_literals;
using mfa::DeliveryError;
using mfa::DeliveryFailure;
using mfa::SmsMessage;
using mfa::delivery::Attempt;
using mfa::delivery::Background;
using mfa::delivery::CircuitBreaker;
using mfa::delivery::Failover;
using mfa::delivery::Retry;
using mfa::test::ScaledTimer;

namespace {

constexpr auto outage_begins = 20s;
constexpr auto outage_ends = 80s;
constexpr auto load_ends = 100s;

/// A provider that is down, or never is, and counts what it was handed.
class Provider {
 public:
  Provider(ScaledTimer& timer, bool fails) : timer_(timer), fails_(fails) {}

  void send(const SmsMessage& message) {
    timer_.sleep(200ms);
    const std::lock_guard lock(mutex_);
    ++asked;
    const auto now = timer_.since_start();
    if (fails_ && now >= outage_begins && now < outage_ends) {
      ++refused;
      throw DeliveryError(DeliveryFailure::unavailable, "down; try again");
    }
    ++taken[message.id];
  }

  std::size_t asked = 0;
  std::size_t refused = 0;
  std::map<std::string, int> taken;

 private:
  ScaledTimer& timer_;
  bool fails_;
  std::mutex mutex_;
};

/// What observers heard of each message.
class Heard {
 public:
  auto hear(std::map<std::string, std::string> Heard::*of) {
    return [this, of](const Attempt& attempt) {
      const std::lock_guard lock(mutex_);
      std::string& words = (this->*of)[std::string(attempt.message_id)];
      words += attempt.provider_name;
      words += attempt.taken() ? '+' : '-';
    };
  }

  std::map<std::string, std::string> providers;
  std::map<std::string, std::string> ends;

 private:
  std::mutex mutex_;
};

/// Hands it messages from four threads until the load ends; how many were accepted. What is refused as too
/// much is handed in again.
template <class Transport> std::size_t load(Transport& transport, ScaledTimer& timer) {
  std::atomic<std::size_t> count = 0;
  std::vector<std::thread> threads;
  for (int thread = 0; thread < 4; ++thread)
    threads.emplace_back([&, thread] {
      for (int i = 0; timer.since_start() < load_ends; ++i) {
        // Each to somebody else: what goes to one recipient waits for what went before.
        const SmsMessage message{.to = "+14155" + std::to_string(500'000 + 10'000 * thread + i),
                                 .body = "123456",
                                 .id = std::to_string(thread) + "." + std::to_string(i)};
        for (bool accepted = false; !accepted;) {
          try {
            transport.send(message);
            accepted = true;
          } catch (const DeliveryError& error) {
            if (error.failure() != DeliveryFailure::throttled) throw;
            timer.sleep(500ms);
          }
        }
        ++count;
        timer.sleep(400ms);
      }
    });
  for (std::thread& thread : threads) thread.join();
  return count;
}

bool only(const std::map<std::string, int>& taken, int times) {
  for (const auto& [id, count] : taken)
    if (count != times) return false;
  return true;
}

} // namespace

TEST_CASE("A provider is down for a minute, and the other takes what it does not") {
  ScaledTimer timer(100);
  Provider first(timer, true);
  Provider second(timer, false);
  Heard heard;
  std::size_t accepted = 0;
  {
    Background background(Retry(Failover({.names = {"A", "B"}, .observer = heard.hear(&Heard::providers)},
                                         CircuitBreaker(first, {.failures = 5, .open_for = 10s}, timer),
                                         CircuitBreaker(second, {.failures = 5, .open_for = 10s}, timer)),
                                mfa::delivery::RetryOptions(), timer),
                          {.workers = 8, .observer = heard.hear(&Heard::ends)});
    accepted = load(background, timer);
    CHECK(background.stop(60s));
  }
  INFO(accepted << " messages, " << first.asked << " by A of which " << first.refused << " were refused, "
                << second.asked << " by B");
  CHECK(accepted > 200);
  CHECK(only(first.taken, 1));
  CHECK(only(second.taken, 1));
  CHECK(first.taken.size() + second.taken.size() == accepted);
  for (const auto& [id, count] : first.taken) CHECK_FALSE(second.taken.contains(id));
  CHECK(heard.ends.size() == accepted);
  for (const auto& [id, words] : heard.ends) CHECK(words == "+");
  // A first, and B for what A did not take.
  CHECK(heard.providers.size() == accepted);
  for (const auto& [id, words] : heard.providers) CHECK(words == (first.taken.contains(id) ? "A+" : "A-B+"));
  CHECK(!first.taken.empty());
  CHECK(!second.taken.empty());
  // A was spared: five at once and those that were under way, and one in ten seconds.
  CHECK(first.refused >= 5);
  CHECK(first.refused <= 5 + 8 + 6);
}

TEST_CASE("The only provider is down for a minute, and all that wait are sent when it is back") {
  ScaledTimer timer(100);
  Provider only_one(timer, true);
  Heard heard;
  std::size_t accepted = 0;
  {
    Background background(Retry(only_one,
                                {.attempts = 100,
                                 .first_delay = 1s,
                                 .longest_delay = 10s,
                                 .deadline = 10min,
                                 .observer = heard.hear(&Heard::providers)},
                                timer),
                          {.workers = 16, .max_waiting = 300, .observer = heard.hear(&Heard::ends)});
    accepted = load(background, timer);
    CHECK(background.stop(60s));
  }
  INFO(accepted << " messages, asked " << only_one.asked << " times, " << only_one.refused << " refused");
  CHECK(accepted > 200);
  CHECK(only_one.refused > 16);
  CHECK(only(only_one.taken, 1));
  CHECK(only_one.taken.size() == accepted);
  CHECK(heard.ends.size() == accepted);
  for (const auto& [id, words] : heard.ends) CHECK(words == "+");
  for (const auto& [id, words] : heard.providers) CHECK(words == std::string(words.size() - 1, '-') + '+');
}
