#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <coroutine>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/event.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/verb.hpp>

#include "seeded_random.hpp"

namespace mfa::test {

/// How messages fared in a simulated world.
struct GatewayTally {
  std::uint64_t taken = 0;
  std::uint64_t by_second = 0; ///< of these, by the second provider
  std::uint64_t later = 0;     ///< of these, after a wait
  std::uint64_t unclear = 0;
  std::uint64_t unclear_sent = 0; ///< of which these had been sent
  std::uint64_t refused = 0;
  std::uint64_t spared = 0; ///< how often a provider was not asked that had failed
};

/// Two providers of text messages, whose weather changes by the minute: they do well, are down, throttle, or
/// lose requests and answers. Each node asks them by decorators of its own, `Retry` of `Failover` of a
/// `CircuitBreaker` around each, with the defaults. What these do is held against rules that know the
/// providers' answers and times, and no decision of the decorators. In one thread and in simulated time.
class SimulatedGateways {
  using Milliseconds = std::chrono::milliseconds;

 public:
  static constexpr std::size_t providers = 2;

  /// `now` counts milliseconds.
  SimulatedGateways(std::uint64_t seed, std::size_t nodes, const std::int64_t& now)
      : seed_(seed), now_(now), nodes_(nodes) {
    for (Node& node : nodes_) restart(node);
  }
  SimulatedGateways(const SimulatedGateways&) = delete;
  SimulatedGateways& operator=(const SimulatedGateways&) = delete;

  /// One message on its way through the decorators of a node. Destroyed, its node has crashed there.
  class Sending final : public verbs::Driver {
   public:
    Sending(SimulatedGateways& world, std::size_t node, const SmsMessage& message)
        : Driver(false), world_(world), sends_(world.nodes_[node].transport->retry.send(message)) {
      world_.current_ = this;
      sends_.start();
    }

    [[nodiscard]] bool done() const noexcept { return sends_.done(); }
    /// What the transport threw.
    [[nodiscard]] const std::exception_ptr& failure() const noexcept { return sends_.failure(); }
    /// How long it waits.
    [[nodiscard]] std::int64_t wait() const noexcept { return wait_; }
    /// The wait is over.
    void go_on() {
      world_.current_ = this;
      resume();
    }

    bool answer(verbs::Request&) override { return false; } // it makes none

   private:
    friend SimulatedGateways;
    SimulatedGateways& world_;
    std::int64_t wait_ = 0;
    verbs::Verb<void> sends_;
  };

  /// `luck` says what happens to it; 0: nothing, each provider takes it at once. What becomes of it goes to
  /// `arrived`, when a provider has sent it.
  template <class Arrived>
  std::unique_ptr<Sending> send(std::size_t node, const SmsMessage& message, std::uint64_t luck,
                                Arrived arrived) {
    Course& course = courses_[message.id];
    if (course.asked != 0 || course.told != 0) complain("a message is handed to the transport twice");
    course.node = node;
    course.luck = luck;
    course.began = now_;
    course.arrived = std::move(arrived);
    return std::make_unique<Sending>(*this, node, message);
  }

  /// The node has lost what it knew of the providers. Its messages under way are gone before.
  void crash(std::size_t node) { restart(nodes_[node]); }

  /// A message has come to its end at the node: `thrown` is what its transport threw, or null.
  void end(const std::string& id, const std::exception_ptr& thrown, GatewayTally& tally) {
    Course& course = courses_.at(id);
    const auto failure = delivery_failure(thrown);
    course.end = !thrown                               ? EventType::sms_sent
                 : failure == DeliveryFailure::unclear ? EventType::message_unclear
                                                       : EventType::sms_not_sent;
    if (!course.over) {
      // Then a further try would have come too late.
      const std::int64_t latest = course.not_before + half_delay(course.round);
      if (course.asks_next || latest <= course.began + deadline)
        return complain("a message is given up though a provider may take it");
    }
    switch (course.end) {
    case EventType::sms_sent:
      ++tally.taken;
      tally.by_second += course.told_last == 1 ? 1 : 0;
      tally.later += course.round > 0 ? 1 : 0;
      if (course.sent != 1) complain("a message is lost");
      break;
    case EventType::message_unclear:
      ++tally.unclear;
      tally.unclear_sent += static_cast<std::uint64_t>(course.sent);
      if (!course.unclear) complain("a message is unclear of which all is known");
      break;
    default:
      ++tally.refused;
      if (course.sent != 0) complain("a message that was sent is said not to be");
      if (course.unclear) complain("what was unclear is said to be clear");
      if (retry_after_of(thrown) != course.again_after) complain("another time to wait is told");
    }
    tally.spared += std::exchange(spared_, 0);
  }

  /// What the verifier's observer is told of a message.
  void hear(const Event& event) {
    if (event.type != EventType::sms_sent && event.type != EventType::message_unclear &&
        event.type != EventType::sms_not_sent)
      return;
    auto course = courses_.find(event.challenge_id);
    if (course == courses_.end()) return complain("an event tells of a message that nobody sent");
    // It tells of the first message of a challenge, or of one that was sent again, with a number after it.
    for (; course != courses_.end() && course->first.starts_with(event.challenge_id); ++course)
      if (course->second.end == event.type && !std::exchange(course->second.event_came, true)) return;
    complain("an event tells another end of a message");
  }

  /// What the rules do not explain; empty: nothing.
  [[nodiscard]] const std::string& wrong() const noexcept { return wrong_; }

 private:
  static constexpr std::int64_t deadline = 20'000;
  static constexpr std::int64_t open_for = 30'000;
  static constexpr int most_rounds = 3;
  static constexpr int failures_to_open = 5;

  /// Until a message goes on.
  struct Wait {
    Sending& sending;
    std::int64_t time;

    [[nodiscard]] bool await_ready() const noexcept { return time <= 0; }
    template <class Promise> void await_suspend(std::coroutine_handle<Promise> waits) const noexcept {
      sending.wait_ = time;
      sending.suspended(waits.promise());
    }
    void await_resume() const noexcept {}
  };

  struct Timer {
    SimulatedGateways& world;
    [[nodiscard]] std::chrono::steady_clock::time_point now() const noexcept {
      return std::chrono::steady_clock::time_point(Milliseconds(world.now_));
    }
    [[nodiscard]] Wait sleep(Milliseconds time) const noexcept { return {*world.current_, time.count()}; }
  };

  struct Provider {
    SimulatedGateways& world;
    std::size_t place;
    verbs::Verb<void> send(const SmsMessage& message) { return world.ask(place, message); }
  };

  struct Transport {
    using Breaker = delivery::CircuitBreaker<Provider, Timer>;
    delivery::Retry<delivery::Failover<Breaker, Breaker>, Timer> retry;
  };

  /// What a node has heard of a provider.
  struct Circuit {
    int failed = 0; ///< in a row
    bool open = false;
    std::int64_t open_until = 0;
    bool probing = false; ///< while open: a message is under way to it
    int era = 0;          ///< what was asked before it changed says nothing
  };

  struct Node {
    std::unique_ptr<Transport> transport;
    std::array<Circuit, providers> circuits;
  };

  /// One message, by the rules.
  struct Course {
    std::size_t node = 0;
    std::uint64_t luck = 0;
    std::function<void()> arrived;
    int sent = 0; ///< by all providers, to its phone
    int asked = 0;
    int told = 0;
    int round = 0;        ///< that has ended
    std::size_t next = 0; ///< provider
    std::size_t told_last = 0;
    bool asks_next = true; ///< at once, and not after a wait
    bool over = false;     ///< no provider may be asked any more
    bool unclear = false;
    bool later = false;      ///< one of this round may take it later
    bool waits_known = true; ///< each of those said when
    std::optional<std::int64_t> shortest_wait;
    std::int64_t began = 0;
    std::int64_t not_before = 0;
    std::optional<Milliseconds> again_after; ///< that the callers are told, if it ends now
    std::optional<std::exception_ptr> said;  ///< by the provider that was asked last; null: it took it
    int era = 0;                             ///< of the circuit when it was
    EventType end{};
    bool event_came = false;
  };

  void restart(Node& node) {
    node.circuits = {};
    node.transport = std::make_unique<Transport>(Transport{
        .retry = delivery::Retry(
            delivery::Failover({.names = {"A", "B"},
                                .observer = [this](const delivery::Attempt& attempt) { tell(attempt); }},
                               delivery::CircuitBreaker(Provider{*this, 0}, {}, Timer{*this}),
                               delivery::CircuitBreaker(Provider{*this, 1}, {}, Timer{*this})),
            delivery::RetryOptions(), Timer{*this})});
  }

  // --- what providers do

  enum class Weather { fair, down, throttles, loses };

  [[nodiscard]] Weather weather(std::size_t provider) const {
    std::uint64_t minute = seed_ + provider * 1'000'003 + static_cast<std::uint64_t>(now_ / 60'000) * 7919;
    const std::uint64_t drawn = next_random(minute) % 6;
    return drawn < 3 ? Weather::fair : static_cast<Weather>(drawn - 2);
  }

  verbs::Verb<void> ask(std::size_t provider, const SmsMessage& message) {
    Sending& sending = *current_;
    Course& course = courses_.at(message.id);
    asked(course, provider);
    course.said.reset();
    const auto below = [&](std::uint64_t end) { return next_random(course.luck) % end; };
    if (course.luck == 0) {
      take(course);
      course.said = std::exception_ptr();
      co_return;
    }
    const Wait on_its_way{sending, static_cast<std::int64_t>(below(300))};
    co_await on_its_way;
    constexpr std::int64_t patience = 5'000;
    Wait on_its_way_back{sending, static_cast<std::int64_t>(below(10) == 0 ? below(4'000) : below(100))};
    std::exception_ptr thrown;
    const auto refuse = [&](DeliveryFailure failure, auto... retry_after) {
      thrown = std::make_exception_ptr(DeliveryError(failure, "no", retry_after...));
    };
    const std::uint64_t drawn = below(100);
    const Weather now = weather(provider);
    if (drawn < 5) {
      static constexpr std::array reasons{DeliveryFailure::invalid_recipient, DeliveryFailure::opted_out,
                                          DeliveryFailure::not_permitted, DeliveryFailure::message_refused};
      if (drawn < reasons.size())
        refuse(reasons[drawn]);
      else
        thrown = std::make_exception_ptr(std::runtime_error("a bug of a client library's"));
    } else if (now == Weather::down && drawn < 90) {
      refuse(DeliveryFailure::unavailable);
    } else if (now == Weather::throttles && drawn < 60) {
      if (below(4) == 0)
        refuse(DeliveryFailure::throttled);
      else
        refuse(DeliveryFailure::throttled, std::chrono::seconds(1 + below(15)));
    } else if (now == Weather::loses && drawn < 60) {
      if (drawn < 30) take(course);
      refuse(DeliveryFailure::unclear);
      on_its_way_back.time = patience;
    } else {
      take(course);
    }
    co_await on_its_way_back;
    course.said = thrown;
    if (thrown) std::rethrow_exception(thrown);
  }

  void take(Course& course) {
    if (++course.sent > 1) complain("a message is sent twice");
    course.arrived();
  }

  // --- the rules

  static std::int64_t half_delay(int failed_rounds) { return 250LL << (failed_rounds - 1); }

  static bool of_provider(const std::exception_ptr& thrown) {
    const auto failure = delivery_failure(thrown);
    return thrown &&
           (!failure || failure == DeliveryFailure::unavailable || failure == DeliveryFailure::unclear ||
            failure == DeliveryFailure::credentials_refused || failure == DeliveryFailure::balance_empty);
  }

  /// A provider is asked.
  void asked(Course& course, std::size_t provider) {
    ++course.asked;
    expect_turn(course, provider);
    Circuit& circuit = nodes_[course.node].circuits[provider];
    if (circuit.open) {
      if (now_ < circuit.open_until) complain("a provider is asked that had failed just before");
      if (circuit.probing) complain("a provider that had failed is asked by two messages at once");
      circuit.probing = true;
      ++circuit.era;
    }
    course.era = circuit.era;
  }

  void answered(const Course& course, Circuit& circuit, bool failed) {
    if (course.era != circuit.era) return;
    const bool was_open = circuit.open;
    circuit.failed = failed ? circuit.failed + 1 : 0;
    circuit.open = failed && (was_open || circuit.failed == failures_to_open);
    circuit.probing = false;
    if (circuit.open) {
      circuit.open_until = now_ + open_for;
      circuit.failed = 0;
    }
    if (circuit.open || was_open) ++circuit.era;
  }

  void expect_turn(const Course& course, std::size_t provider) {
    if (course.over) return complain("another provider is asked for what no other may be");
    if (provider != course.next) return complain("providers are not asked in their order");
    if (course.asks_next) return;
    if (now_ < course.not_before) complain("a provider is asked again too soon");
    if (now_ > course.not_before + half_delay(course.round)) complain("a provider is asked again too late");
    if (now_ > course.began + deadline) complain("a provider is asked after the deadline");
  }

  /// What the `Failover` tells of one provider.
  void tell(const delivery::Attempt& attempt) {
    Course& course = courses_.at(std::string(attempt.message_id));
    const std::size_t provider = attempt.provider;
    Circuit& circuit = nodes_[course.node].circuits[provider];
    ++course.told;
    if (attempt.provider_name != (provider == 0 ? "A" : "B")) complain("an attempt has another's name");
    if (!course.said) { // it was not asked
      expect_turn(course, provider);
      ++spared_;
      if (attempt.failure() != DeliveryFailure::unavailable || !circuit.open ||
          (now_ >= circuit.open_until && !circuit.probing))
        complain("a provider is not asked that does well");
    } else {
      if (attempt.cause != *course.said) complain("an attempt tells otherwise than the provider said");
      course.said.reset();
      answered(course, circuit, of_provider(attempt.cause));
    }
    course.told_last = provider;
    follow(course, attempt);
  }

  /// What may come next.
  void follow(Course& course, const delivery::Attempt& attempt) {
    course.again_after.reset();
    const auto said = attempt.failure();
    if (attempt.taken() || said == DeliveryFailure::invalid_recipient || said == DeliveryFailure::opted_out ||
        said == DeliveryFailure::unclear) {
      course.over = true;
      course.unclear = said == DeliveryFailure::unclear;
      return;
    }
    if (!said || said == DeliveryFailure::throttled || said == DeliveryFailure::unavailable) {
      course.later = true;
      const auto wait = retry_after_of(attempt.cause);
      course.waits_known = course.waits_known && wait;
      if (wait)
        course.shortest_wait =
            std::min(course.shortest_wait.value_or(INT64_MAX), std::int64_t{wait->count()} * 1000);
    }
    course.asks_next = true;
    if (++course.next < providers) return;
    ++course.round;
    course.next = 0;
    course.asks_next = false;
    course.over = !course.later || course.round == most_rounds;
    const std::int64_t asked_for = course.waits_known ? course.shortest_wait.value_or(0) : 0;
    if (course.later && course.waits_known) course.again_after = std::chrono::milliseconds(asked_for);
    course.not_before = now_ + std::max(half_delay(course.round), asked_for);
    course.later = false;
    course.waits_known = true;
    course.shortest_wait.reset();
  }

  void complain(const char* wrong) {
    if (wrong_.empty()) wrong_ = wrong;
  }

  std::uint64_t seed_;
  const std::int64_t& now_;
  std::map<std::string, Course, std::less<>> courses_; ///< by the message's id
  Sending* current_ = nullptr;                         ///< that runs
  std::uint64_t spared_ = 0;
  std::string wrong_;
  std::vector<Node> nodes_;
};

} // namespace mfa::test
