// Messages that are sent in the background: bounded, each sent or told of once, also while it stops, and gone
// from memory as soon as they are sent.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/background.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/gate.hpp"
#include "support/host.hpp"
#include "support/scripted_gateway.hpp"

using namespace std::chrono_literals;
using mfa::DeliveryError;
using mfa::DeliveryFailure;
using mfa::errc;
using mfa::SmsMessage;
using mfa::delivery::Attempt;
using mfa::delivery::AttemptObserver;
using mfa::delivery::Background;
using mfa::delivery::BackgroundOptions;
using mfa::test::Gate;
using mfa::test::Say;
using mfa::test::ScriptedGateway;
using mfa::test::thrown_by;

namespace {

/// Each to a number of its own.
SmsMessage message(std::string id) {
  std::string to = "+1415555" + id;
  return {.to = std::move(to), .body = "123456 is your code", .id = std::move(id)};
}

/// Stops at a gate with each message, if there is one.
struct SlowGateway {
  Gate* gate = nullptr;
  std::mutex mutex = {};
  std::map<std::string, int> sent = {};

  void send(const SmsMessage& given) {
    if (gate != nullptr) gate->pass();
    const std::lock_guard lock(mutex);
    ++sent[given.id];
  }
};

/// How often each message was told of, and how.
class Heard {
 public:
  AttemptObserver observer() {
    return [this](const Attempt& attempt) {
      const std::lock_guard lock(mutex_);
      ends_[std::string(attempt.message_id)] += attempt.taken() ? "sent"
                                                : attempt.failure()
                                                    ? std::string(to_string(*attempt.failure()))
                                                    : "threw";
      throw std::runtime_error("an observer's own, which nobody hears");
    };
  }
  std::map<std::string, std::string> ends() {
    const std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::string> ends_;
};

template <class Call> std::optional<DeliveryFailure> refused(Call&& call) {
  try {
    call();
  } catch (const DeliveryError& error) {
    return error.failure();
  }
  return std::nullopt;
}

using Ends = std::map<std::string, std::string>;

} // namespace

TEST_CASE("Messages are sent by the workers, and what is too much is refused") {
  Gate gate;
  SlowGateway gateway{.gate = &gate};
  Heard heard;
  Background background(gateway, {.workers = 2, .max_waiting = 3, .observer = heard.observer()});
  background.send(message("1")); // which returns while nothing is sent
  background.send(message("2"));
  REQUIRE(gate.wait_for_inside(2));
  for (const auto* const id : {"3", "4", "5"}) background.send(message(id));
  CHECK(background.waiting() == 3);
  CHECK(refused([&] { background.send(message("6")); }) == DeliveryFailure::throttled);
  CHECK(heard.ends().empty());
  gate.open();
  CHECK(background.stop(60s));
  CHECK(gate.most_inside() <= 2);
  CHECK(gateway.sent == std::map<std::string, int>{{"1", 1}, {"2", 1}, {"3", 1}, {"4", 1}, {"5", 1}});
  CHECK(heard.ends() == Ends{{"1", "sent"}, {"2", "sent"}, {"3", "sent"}, {"4", "sent"}, {"5", "sent"}});
  CHECK(refused([&] { background.send(message("7")); }) == DeliveryFailure::unavailable);
  CHECK(background.stop(0s));
}

TEST_CASE("Messages to one recipient go one after the other, in their order, and hold up nobody else") {
  // Each first try fails, so that whoever came first would be overtaken.
  struct Failing {
    Gate* gate;
    std::mutex mutex = {};
    std::vector<std::string> begun = {};
    std::vector<std::string> sent = {};

    void send(const SmsMessage& given) { carry(given.id); }
    void send(const mfa::VoiceMessage& given) { carry(given.id); }
    void send(const mfa::PushMessage& given) { carry(given.id); }
    void carry(const std::string& id) {
      {
        const std::lock_guard lock(mutex);
        begun.push_back(id);
      }
      if (id.ends_with("first")) gate->pass();
      const std::lock_guard lock(mutex);
      sent.push_back(id);
    }
    std::vector<std::string> all_sent() {
      const std::lock_guard lock(mutex);
      return sent;
    }
  };
  const auto wait_for = [](auto holds) {
    for (int i = 0; i < 20'000 && !holds(); ++i) std::this_thread::sleep_for(1ms);
    return holds();
  };
  Gate gate;
  Failing gateway{.gate = &gate};
  Background background(gateway, {.workers = 8});
  const auto to = [](std::string number, std::string id) {
    return SmsMessage{.to = std::move(number), .body = "123456 is your code", .id = std::move(id)};
  };
  background.send(to("+14155550123", "alan's first"));
  background.send(mfa::PushMessage{.user_id = "u_42", .body = "123456", .id = "grace's first"});
  REQUIRE(gate.wait_for_inside(2));
  for (const auto* const id : {"alan's second", "alan's third"}) background.send(to("+14155550123", id));
  background.send(
      mfa::VoiceMessage{.to = "+14155550123", .spoken = "1", .language = {}, .id = "alan's call"});
  background.send(mfa::PushMessage{.user_id = "u_42", .body = "123456", .id = "grace's second"});
  background.send(to("+14155550199", "another's"));
  REQUIRE(wait_for([&] { return gateway.all_sent().size() == 1; }));
  std::this_thread::sleep_for(50ms); // for what would go too soon
  CHECK(gateway.all_sent() == std::vector<std::string>{"another's"});
  CHECK(background.waiting() == 4);
  gate.open();
  CHECK(background.stop(60s));
  std::vector<std::string> alans;
  std::vector<std::string> graces;
  for (const std::string& id : gateway.sent) {
    if (id.starts_with("alan")) alans.push_back(id);
    if (id.starts_with("grace")) graces.push_back(id);
  }
  CHECK(alans == std::vector<std::string>{"alan's first", "alan's second", "alan's third", "alan's call"});
  CHECK(graces == std::vector<std::string>{"grace's first", "grace's second"});
}

TEST_CASE("A code that has replaced another leaves after it, though the other was tried again") {
  struct Once { // refuses the first message at first
    int tries = 0;
    std::vector<std::string> sent = {};
    std::mutex mutex = {};
    void send(const SmsMessage& given) {
      const std::lock_guard lock(mutex);
      if (tries++ == 0) throw DeliveryError(DeliveryFailure::unavailable, "not now; try again");
      sent.push_back(given.id);
    }
  };
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  Once gateway;
  Background background(mfa::delivery::Retry(gateway, {.first_delay = 200ms}), {.workers = 4});
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  const mfa::Verifier verifier{storage, clock, background, options};
  const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"});
  std::vector<std::string> ids;
  for (int i = 0; i < 2; ++i) {
    ids.push_back(verifier.challenge_enrollment(enrolled.factor.id(), "u_42").id());
    clock.advance(1min);
  }
  CHECK(background.stop(60s));
  CHECK(gateway.sent == ids);
}

TEST_CASE("What is not sent is told of, with its reason") {
  ScriptedGateway gateway(
      {DeliveryFailure::opted_out, Say::nothing_known(), Say(), DeliveryFailure::unclear});
  Heard heard;
  {
    Background background(gateway, {.workers = 1, .observer = heard.observer()});
    for (const auto* const id : {"1", "2", "3", "4"}) background.send(message(id));
  } // its end sends what waits
  CHECK(heard.ends() == Ends{{"1", "opted_out"}, {"2", "threw"}, {"3", "sent"}, {"4", "unclear"}});
}

TEST_CASE("A stop waits for its deadline, and then tells of those that were not begun") {
  Gate gate;
  SlowGateway gateway{.gate = &gate};
  Heard heard;
  Background background(gateway, {.workers = 1, .observer = heard.observer()});
  for (const auto* const id : {"1", "2", "3"}) background.send(message(id));
  REQUIRE(gate.wait_for_inside(1));
  CHECK_FALSE(background.stop(10ms));
  CHECK(heard.ends() == Ends{{"2", "unavailable"}, {"3", "unavailable"}});
  CHECK(background.waiting() == 0);
  gate.open();
  CHECK(background.stop(60s));
  CHECK(gateway.sent == std::map<std::string, int>{{"1", 1}});
  CHECK(heard.ends() == Ends{{"1", "sent"}, {"2", "unavailable"}, {"3", "unavailable"}});
}

TEST_CASE("Its end lets messages go for as long as the option says") {
  Gate gate;
  SlowGateway gateway{.gate = &gate};
  Heard heard;
  std::optional<Background<SlowGateway>> background;
  background.emplace(gateway, BackgroundOptions{.workers = 1, .drain = 10ms, .observer = heard.observer()});
  background->send(message("1"));
  background->send(message("2"));
  REQUIRE(gate.wait_for_inside(1));
  std::thread opens([&] {
    // Until the second was given up.
    for (int i = 0; i < 20'000 && heard.ends().empty(); ++i) std::this_thread::sleep_for(1ms);
    gate.open();
  });
  background.reset();
  opens.join();
  CHECK(heard.ends() == Ends{{"1", "sent"}, {"2", "unavailable"}});
}

TEST_CASE("While it stops, each message that was accepted is sent or told of, once") {
  for (int round = 0; round < 40; ++round) {
    SlowGateway gateway;
    Heard heard;
    std::mutex mutex;
    std::vector<std::string> accepted;
    {
      std::optional<Background<SlowGateway>> background;
      background.emplace(
          gateway,
          BackgroundOptions{.workers = 3, .max_waiting = 20, .drain = 0ms, .observer = heard.observer()});
      std::vector<std::thread> threads;
      for (int thread = 0; thread < 4; ++thread)
        threads.emplace_back([&, thread] {
          for (int i = 0; i < 100; ++i) {
            const std::string id = std::to_string(thread) + "." + std::to_string(i);
            const auto why = refused([&] { background->send(message(id)); });
            if (why == DeliveryFailure::unavailable) return;
            if (why) continue;
            const std::lock_guard lock(mutex);
            accepted.push_back(id);
          }
        });
      for (int thread = 0; thread < 2; ++thread)
        threads.emplace_back([&, round] {
          std::this_thread::sleep_for(std::chrono::microseconds(50 * round));
          (void)background->stop(std::chrono::milliseconds(round % 3));
        });
      for (std::thread& thread : threads) thread.join();
    }
    const Ends ends = heard.ends();
    CHECK(ends.size() == accepted.size());
    std::size_t sent = 0;
    for (const std::string& id : accepted) {
      const auto end = ends.find(id);
      REQUIRE(end != ends.end());
      sent += end->second == "sent" ? 1 : 0;
      CHECK(gateway.sent.count(id) == (end->second == "sent" ? 1 : 0));
      CHECK((end->second == "sent" || end->second == "unavailable"));
    }
    CHECK(gateway.sent.size() == sent);
    for (const auto& [id, times] : gateway.sent) CHECK(times == 1);
  }
}

namespace {

/// A message of a host's own that counts itself.
struct Counted {
  explicit Counted(std::string name) : id(std::move(name)) { ++alive; }
  Counted(const Counted& other) : id(other.id) { ++alive; }
  Counted& operator=(const Counted&) = delete;
  ~Counted() { --alive; }

  std::string id;
  static inline std::atomic<int> alive = 0;
};

struct CountedGateway {
  bool throws = false;
  int most = 0;
  void send(const Counted& counted) {
    most = std::max(most, Counted::alive.load());
    if (throws) throw std::runtime_error(counted.id);
  }
};

} // namespace

TEST_CASE("Nothing is left of a message when it was sent, failed or refused") {
  CountedGateway gateway;
  std::vector<int> alive;
  for (const bool throws : {false, true}) {
    gateway.throws = throws;
    Background background(
        gateway, {.workers = 1, .observer = [&](const Attempt&) { alive.push_back(Counted::alive); }});
    background.send(Counted("a name that is longer than what a string holds in itself"));
    CHECK(background.stop(60s));
    CHECK(thrown_by([&] { background.send(Counted("1")); }) == errc::message_not_delivered);
  }
  CHECK(alive == std::vector{0, 0});
  CHECK(gateway.most >= 1);
  CHECK(Counted::alive == 0);
}

TEST_CASE("In a forked process it refuses and ends, and the parent's goes on") {
  SlowGateway gateway;
  Heard heard;
  std::optional<Background<SlowGateway>> background;
  background.emplace(gateway, BackgroundOptions{.workers = 2, .observer = heard.observer()});
  {
    mfa::test::ChildProcess child([&](const mfa::test::Channel& parent) {
      const auto why = refused([&] { background->send(message("child")); });
      const bool stopped = background->stop(60s) && background->waiting() == 0;
      background.reset();
      parent.send(stopped && why ? to_string(*why) : "nothing");
    });
    CHECK(child.channel().receive() == "unavailable");
    CHECK(child.wait() == 0);
  }
  background->send(message("parent"));
  CHECK(background->stop(60s));
  CHECK(heard.ends() == Ends{{"parent", "sent"}});
}

TEST_CASE("A challenge whose message failed in the background ends when its host reports that") {
  using Sender = Background<ScriptedGateway>;
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  ScriptedGateway gateway({Say(), DeliveryFailure::balance_empty, DeliveryFailure::unclear});
  const mfa::Verifier<mfa::storage::Memory, mfa::testing::ManualClock, Sender>* reported_to = nullptr;
  const auto report = [&](const Attempt& attempt) {
    if (attempt.taken() || attempt.failure() == DeliveryFailure::unclear) return; // the code may arrive
    (void)reported_to->report_delivery(attempt.message_id, mfa::DeliveryReport::not_sent);
  };
  Sender background(gateway, {.workers = 1, .observer = report});
  std::vector<std::string> ended;
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  options.observer = [&](const mfa::Event& event) {
    if (event.type == mfa::EventType::delivery_reported) ended.emplace_back(event.challenge_id);
  };
  const mfa::Verifier verifier{storage, clock, background, options};
  reported_to = &verifier;
  const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"});
  std::vector<std::string> ids;
  for (int i = 0; i < 3; ++i) {
    ids.push_back(verifier.challenge_enrollment(enrolled.factor.id(), "u_42").id());
    clock.advance(1min);
  }
  CHECK(background.stop(60s));
  CHECK(gateway.asked() == ids);
  CHECK(ended == std::vector{ids.at(1)});
  CHECK(verifier.get_challenge(ids.at(0), "u_42").id() == ids.at(0));
  CHECK(thrown_by([&] { return verifier.get_challenge(ids.at(1), "u_42"); }) == errc::entity_not_found);
  CHECK(verifier.get_challenge(ids.at(2), "u_42").id() == ids.at(2));
}

TEST_CASE("A verifier's message that is refused as too much withdraws its challenge, or goes by another") {
  Gate gate;
  SlowGateway slow{.gate = &gate};
  ScriptedGateway other;
  Background background(slow, {.workers = 1, .max_waiting = 1});
  for (const auto* const id : {"1", "2"}) {
    background.send(message(id));
    REQUIRE(gate.wait_for_inside(1));
  }
  CHECK(refused([&] { background.send(message("3")); }) == DeliveryFailure::throttled);
  mfa::delivery::Failover failover(background, other);
  failover.send(message("4"));
  CHECK(other.asked() == std::vector<std::string>{"4"});
  gate.open();
}

TEST_CASE("Options of the background out of their range are refused") {
  ScriptedGateway gateway;
  const auto made = [&](BackgroundOptions options) {
    return [&gateway, options] { Background(gateway, options); };
  };
  CHECK(thrown_by(made({.workers = 0})) == errc::invalid_argument);
  CHECK(thrown_by(made({.workers = 1001})) == errc::invalid_argument);
  CHECK(thrown_by(made({.max_waiting = 0})) == errc::invalid_argument);
  CHECK(thrown_by(made({.max_waiting = 1'000'001})) == errc::invalid_argument);
  CHECK(thrown_by(made({.drain = -1ms})) == errc::invalid_argument);
  CHECK(thrown_by(made({.drain = 25h})) == errc::invalid_argument);
}
