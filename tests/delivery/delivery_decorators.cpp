// Transports made of transports: which provider is asked next, what is tried again and when, when a provider
// is spared, and what a host is told.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <exception>
#include <optional>
#include <stdexcept>
#include <stop_token>
#include <string>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/channels.hpp>
#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/retry.hpp>
#include <mfa/delivery/timer.hpp>
#include <mfa/mfa.hpp>
#include <mfa/testing/manual_timer.hpp>

#include "support/catch.hpp"
#include "support/child_process.hpp"
#include "support/errors.hpp"
#include "support/host.hpp"
#include "support/scripted_gateway.hpp"

using namespace std::chrono_literals;
using mfa::DeliveryError;
using mfa::DeliveryFailure;
using mfa::errc;
using mfa::SmsMessage;
using mfa::delivery::Attempt;
using mfa::delivery::Channels;
using mfa::delivery::CircuitBreaker;
using mfa::delivery::CircuitBreakerOptions;
using mfa::delivery::CircuitState;
using mfa::delivery::Failover;
using mfa::delivery::FailoverOptions;
using mfa::delivery::Retry;
using mfa::delivery::RetryOptions;
using mfa::test::Say;
using mfa::test::ScriptedGateway;
using mfa::test::thrown_by;
using mfa::testing::ManualTimer;
using enum DeliveryFailure;

namespace {

const SmsMessage message{.to = "+14155550123", .body = "123456 is your code", .id = "auth_challenge_1"};

/// What a `send` came to.
struct Outcome {
  bool sent = false;
  std::optional<DeliveryFailure> failure = {};
  std::optional<std::chrono::seconds> retry_after = {};
  std::string text = {};
  std::exception_ptr nested = {};
};

template <class Transport> Outcome send(Transport& transport, const SmsMessage& given = message) {
  Outcome outcome;
  try {
    transport.send(given);
    outcome.sent = true;
  } catch (const DeliveryError& error) {
    outcome.failure = error.failure();
    outcome.retry_after = error.retry_after();
    outcome.text = error.what();
    if (const auto* const with = dynamic_cast<const std::nested_exception*>(&error))
      outcome.nested = with->nested_ptr();
  } catch (const std::exception& error) {
    outcome.text = error.what();
  }
  return outcome;
}

/// What an observer heard, a word an attempt.
struct Heard {
  std::vector<std::string> attempts = {};

  auto observer() {
    return [this](const Attempt& attempt) {
      const auto failure = attempt.failure();
      attempts.push_back(std::to_string(attempt.number) +
                         (attempt.provider_name.empty() ? "" : " " + std::string(attempt.provider_name)) +
                         ": " +
                         (attempt.taken() ? "taken"
                          : failure       ? std::string(to_string(*failure))
                                          : "threw"));
      CHECK(attempt.message_id == message.id);
      throw std::runtime_error("an observer's own, which nobody hears");
    };
  }
};

struct Decision {
  std::optional<DeliveryFailure> failure;
  bool next;        ///< provider is asked
  bool again;       ///< the same is asked
  bool of_provider; ///< its circuit counts it
};

/// Each reason, and none.
const std::vector<Decision> decisions{
    {invalid_recipient, false, false, false},
    {opted_out, false, false, false},
    {not_permitted, true, false, false},
    {throttled, true, true, false},
    {credentials_refused, true, false, true},
    {balance_empty, true, false, true},
    {message_refused, true, false, false},
    {unavailable, true, true, true},
    {unclear, false, false, true},
    {std::nullopt, true, true, true},
};

Say say(const std::optional<DeliveryFailure>& failure) {
  return failure ? Say(*failure) : Say::nothing_known();
}

std::string name(const std::optional<DeliveryFailure>& failure) {
  return failure ? std::string(to_string(*failure)) : "threw";
}

} // namespace

TEST_CASE("The next provider is asked for what another may have") {
  for (const Decision& row : decisions) {
    CAPTURE(name(row.failure));
    CHECK(mfa::delivery::another_may_take(row.failure, false) == row.next);
    CHECK(mfa::delivery::another_may_take(row.failure, true) == (row.next || row.failure == unclear));

    ScriptedGateway first({say(row.failure)});
    ScriptedGateway second;
    Heard heard;
    Failover failover({.names = {"Twilio"}, .observer = heard.observer()}, first, second);
    const Outcome outcome = send(failover);
    CHECK(outcome.sent == row.next);
    CHECK(outcome.failure == (row.next ? std::nullopt : row.failure));
    CHECK(first.asked() == std::vector<std::string>{message.id});
    CHECK(second.asked().size() == (row.next ? 1 : 0));
    std::vector<std::string> expected{"1 Twilio: " + name(row.failure)};
    if (row.next) expected.push_back("2 provider 2: taken");
    CHECK(heard.attempts == expected);
  }
}

TEST_CASE("A message of which nobody knows is sent by the next provider if the host says so") {
  ScriptedGateway first({unclear});
  ScriptedGateway second({unavailable});
  ScriptedGateway third;
  Failover twice({.send_unclear_twice = true}, first, second, third);
  CHECK(send(twice).sent);
  CHECK(third.asked().size() == 1);

  // Then it stays unclear, whatever the others say.
  for (const auto later : {invalid_recipient, unavailable, throttled, balance_empty}) {
    first.say({unclear});
    second.say({later});
    third.say({later});
    CHECK(send(twice).failure == unclear);
  }
}

TEST_CASE("What all providers come to names each, and has the reason that helps") {
  struct Row {
    std::deque<Say> says; ///< of the three
    DeliveryFailure failure;
    std::optional<std::chrono::seconds> retry_after = {};
  };
  const Row row = GENERATE(values<Row>({
      {{credentials_refused, balance_empty, message_refused}, message_refused},
      {{message_refused, balance_empty, credentials_refused}, credentials_refused},
      {{unavailable, balance_empty, credentials_refused}, unavailable},
      {{balance_empty, Say(throttled, 7s), credentials_refused}, throttled, 7s},
      {{Say(throttled, 9s), Say(throttled, 7s), Say(throttled, 8s)}, throttled, 7s},
      {{Say(throttled, 9s), Say(unavailable, 7s), Say(throttled, 8s)}, throttled, 7s},
      {{Say(throttled, 9s), unavailable, credentials_refused}, unavailable}, // which may come back at once
      {{unavailable, Say(throttled, 9s), Say(throttled, 3s)}, throttled},
      {{Say(throttled, 9s), unavailable, opted_out}, opted_out},
      {{Say(throttled, 9s), unavailable, invalid_recipient}, invalid_recipient},
      {{Say(throttled, 9s), unavailable, unclear}, unclear},
      {{balance_empty, balance_empty, Say::nothing_known()}, unavailable},
      {{Say::nothing_known(), balance_empty, balance_empty}, unavailable},
  }));
  ScriptedGateway first({row.says.at(0)});
  ScriptedGateway second({row.says.at(1)});
  ScriptedGateway third({row.says.at(2)});
  Failover failover({.names = {"Twilio", "", "Sinch"}}, first, second, third);
  const Outcome outcome = send(failover);
  CAPTURE(outcome.text);
  REQUIRE(outcome.failure);
  CHECK(to_string(*outcome.failure) == to_string(row.failure));
  CHECK(outcome.retry_after == row.retry_after);
  for (const std::string each : {"Twilio: ", "provider 2: ", "Sinch: "})
    CHECK_THAT(outcome.text, mfa::test::contains(each));
  CHECK_THAT(outcome.text, !mfa::test::contains("hunter2"));
  REQUIRE(outcome.nested); // what the last threw
  const Say& last = row.says.at(2);
  CHECK(mfa::delivery_failure(outcome.nested) == last.failure);
}

TEST_CASE("What the only provider that was asked threw comes through as it is") {
  ScriptedGateway first({invalid_recipient});
  ScriptedGateway second;
  Failover failover(first, second);
  const Outcome outcome = send(failover);
  CHECK(outcome.text == "no: ask why.");
  CHECK_FALSE(outcome.nested);
  ScriptedGateway alone({Say::nothing_known()});
  Failover only(alone);
  CHECK(send(only).text == "password=hunter2");
}

TEST_CASE("The same provider is asked again for what passes") {
  for (const Decision& row : decisions) {
    CAPTURE(name(row.failure));
    CHECK(mfa::delivery::is_retried(row.failure, false) == row.again);
    CHECK(mfa::delivery::is_retried(row.failure, true) == (row.again || row.failure == unclear));

    ScriptedGateway gateway({say(row.failure), say(row.failure)});
    ManualTimer timer;
    Heard heard;
    Retry retry(gateway, {.observer = heard.observer()}, timer);
    const Outcome outcome = send(retry);
    CHECK(outcome.sent == row.again);
    const std::string refused = ": " + name(row.failure);
    CHECK(heard.attempts == (row.again ? std::vector{"1" + refused, "2" + refused, std::string("3: taken")}
                                       : std::vector{"1" + refused}));
    CHECK(gateway.asked() == std::vector<std::string>(heard.attempts.size(), message.id));
    CHECK((timer.now().time_since_epoch() > 0s) == row.again);
  }
}

TEST_CASE("Tries are bounded, and the last error is thrown") {
  ManualTimer timer;
  for (const std::size_t attempts : {1U, 2U, 5U, 100U}) {
    ScriptedGateway gateway(std::deque<Say>(200, Say(unavailable)));
    Retry retry(gateway, {.attempts = attempts, .first_delay = 1ms, .longest_delay = 1ms}, timer);
    CHECK(send(retry).failure == unavailable);
    CHECK(gateway.asked().size() == attempts);
  }
  ScriptedGateway gateway({unavailable, Say(throttled, 2s), balance_empty});
  Retry retry(gateway, RetryOptions(), timer);
  CHECK(send(retry).failure == balance_empty);
}

TEST_CASE("An unclear message is handed again to a provider that deduplicates, and stays unclear") {
  ManualTimer timer;
  ScriptedGateway gateway({unclear, unavailable, balance_empty});
  Retry retry(gateway, {.provider_deduplicates_by_id = true}, timer);
  CHECK(send(retry).failure == unclear); // whatever is said later
  CHECK(gateway.asked() == std::vector<std::string>(3, message.id));
  gateway.say({unclear});
  CHECK(send(retry).sent);

  // It has nothing to know it by.
  SmsMessage nameless = message;
  nameless.id.clear();
  gateway.say({unclear});
  CHECK(send(retry, nameless).failure == unclear);
}

TEST_CASE(
    "Waits grow, have a longest, are not the same for all, and are what the provider asks for at least") {
  const RetryOptions options{.attempts = 9, .first_delay = 100ms, .longest_delay = 1s};
  const auto delay = [&](std::size_t failed, std::optional<std::chrono::seconds> asked,
                         std::uint32_t random) {
    return mfa::delivery::retry_delay(failed, asked, options, random).count();
  };
  CHECK(delay(1, {}, 0) == 50);
  CHECK(delay(1, {}, UINT32_MAX) == 100);
  CHECK(delay(1, {}, UINT32_MAX / 2) == 74);
  CHECK(delay(2, {}, UINT32_MAX) == 200);
  CHECK(delay(4, {}, UINT32_MAX) == 800);
  CHECK(delay(5, {}, UINT32_MAX) == 1000);
  CHECK(delay(100, {}, UINT32_MAX) == 1000);
  CHECK(delay(100, {}, 0) == 500);
  CHECK(delay(1, 3s, 0) == 3000);
  CHECK(delay(1, 3s, UINT32_MAX) == 3050);
  CHECK(delay(1, 0s, 0) == 50);
  CHECK(delay(1, -3s, 0) == 50);
  CHECK(delay(1, std::chrono::seconds::max(), 0) == 24 * 3600 * 1000);
  const RetryOptions widest{.first_delay = 1h, .longest_delay = 24h};
  CHECK(mfa::delivery::retry_delay(100, {}, widest, UINT32_MAX) == 24h);

  // Two messages that were refused at once do not come back at once.
  std::vector<std::chrono::nanoseconds> waits;
  for (int i = 0; i < 20; ++i) {
    ManualTimer timer;
    ScriptedGateway gateway({throttled});
    Retry retry(gateway, {.first_delay = 1h, .longest_delay = 1h, .deadline = 24h}, timer);
    CHECK(send(retry).sent);
    waits.emplace_back(timer.now().time_since_epoch());
    CHECK(waits.back() >= 30min);
    CHECK(waits.back() <= 1h);
  }
  CHECK(*std::max_element(waits.begin(), waits.end()) - *std::min_element(waits.begin(), waits.end()) > 1min);
}

TEST_CASE("No try begins after the deadline") {
  const auto tries = [](std::deque<Say> says, std::chrono::milliseconds deadline) {
    ManualTimer timer;
    ScriptedGateway gateway(std::move(says));
    Retry retry(gateway, {.attempts = 100, .first_delay = 2s, .longest_delay = 2s, .deadline = deadline},
                timer);
    (void)send(retry);
    CHECK(timer.now().time_since_epoch() <= deadline);
    return gateway.asked().size();
  };
  const std::deque<Say> down(100, Say(unavailable));
  CHECK(tries(down, 0s) == 1);
  CHECK(tries(down, 900ms) == 1);
  CHECK(tries(down, 2s) >= 2);
  CHECK(tries(down, 2s) <= 3);
  CHECK(tries(down, 20s) >= 11);
  // Asked to wait until later than that, it gives up at once, and says for how long.
  CHECK(tries({Say(throttled, 19s)}, 20s) == 2);
  CHECK(tries({Say(throttled, 21s)}, 20s) == 1);
  ScriptedGateway gateway({Say(throttled, 21s)});
  ManualTimer timer;
  Retry retry(gateway, RetryOptions(), timer);
  CHECK(send(retry).retry_after == 21s);
}

TEST_CASE("A circuit opens for what is of the provider's making") {
  for (const Decision& row : decisions) {
    CAPTURE(name(row.failure));
    CHECK(mfa::delivery::is_of_provider(row.failure) == row.of_provider);
    ScriptedGateway gateway(std::deque<Say>(3, say(row.failure)));
    ManualTimer timer;
    CircuitBreaker breaker(gateway, {.failures = 3}, timer);
    for (int i = 0; i < 3; ++i) CHECK_FALSE(send(breaker).sent);
    CHECK((breaker.state() == CircuitState::open) == row.of_provider);
    CHECK(send(breaker).sent != row.of_provider);
  }
}

TEST_CASE("A circuit opens after failures in a row, and closes after a message that is taken") {
  ScriptedGateway gateway(
      {unavailable, unavailable, Say(), unavailable, opted_out, unavailable, unavailable, unclear});
  ManualTimer timer;
  std::vector<std::string> changes;
  CircuitBreaker breaker(gateway,
                         {.name = "Twilio",
                          .failures = 3,
                          .open_for = 30s,
                          .observer =
                              [&](CircuitState state) {
                                changes.emplace_back(to_string(state));
                                throw std::runtime_error("an observer's own");
                              }},
                         timer);
  for (int i = 0; i < 8; ++i) {
    CHECK(breaker.state() == CircuitState::closed);
    (void)send(breaker);
  }
  CHECK(breaker.state() == CircuitState::open);
  CHECK(gateway.asked().size() == 8);

  timer.advance(29'500ms);
  const Outcome refused = send(breaker);
  CHECK(refused.failure == unavailable);
  CHECK(refused.retry_after == 1s);
  CHECK_THAT(refused.text, mfa::test::contains("Twilio"));
  CHECK(gateway.asked().size() == 8);

  // The first one afterwards decides.
  timer.advance(500ms);
  gateway.say({unavailable});
  CHECK(send(breaker).failure == unavailable);
  CHECK(gateway.asked().size() == 9);
  CHECK(send(breaker).retry_after == 30s);
  timer.advance(30s);
  CHECK(send(breaker).sent);
  CHECK(breaker.state() == CircuitState::closed);
  CHECK(changes == std::vector<std::string>{"open", "half_open", "open", "half_open", "closed"});

  gateway.say({unavailable, unavailable, Say()});
  for (int i = 0; i < 3; ++i) (void)send(breaker); // the count began anew
  CHECK(breaker.state() == CircuitState::closed);
}

TEST_CASE("A forked process is held up by no circuit of its parent's") {
  ScriptedGateway gateway({unavailable});
  CircuitBreaker breaker(gateway, {.failures = 1});
  REQUIRE(send(breaker).failure == unavailable);
  REQUIRE(breaker.state() == CircuitState::open);
  const auto of_child = [](auto& sender) {
    const mfa::test::ChildProcess child([&](const mfa::test::Channel& parent) {
      const bool closed = sender.state() == CircuitState::closed;
      const bool sent = send(sender).sent;
      parent.send(!closed ? "not closed" : sent ? "sent" : "refused");
    });
    REQUIRE(child.channel().wait(20s));
    return child.channel().receive();
  };
  CHECK(of_child(breaker) == "sent");
  CHECK(breaker.state() == CircuitState::open);

  // A thread of the parent's may have its lock.
  struct Takes {
    void send(const SmsMessage&) const {}
  };
  CircuitBreaker busy{Takes()};
  std::vector<std::jthread> threads;
  for (int i = 0; i < 3; ++i)
    threads.emplace_back([&](const std::stop_token& stop) {
      while (!stop.stop_requested()) busy.send(message);
    });
  for (int i = 0; i < 60; ++i) REQUIRE(of_child(busy) == "sent");
}

TEST_CASE("While one message tries a provider out, no other does, and what began before says nothing") {
  using mfa::delivery::Circuit;
  const Circuit::TimePoint start{};
  Circuit circuit(2, 30s);
  const auto slow = circuit.admit(start);
  for (int i = 0; i < 2; ++i) circuit.tell(circuit.admit(start).era, true, start);
  CHECK(circuit.state() == CircuitState::open);
  circuit.tell(slow.era, false, start + 1s); // began when all was well
  CHECK(circuit.state() == CircuitState::open);
  CHECK_FALSE(circuit.admit(start + 29s).admitted);
  CHECK(circuit.admit(start + 29s).wait == 1s);

  const auto probe = circuit.admit(start + 30s);
  CHECK(probe.admitted);
  CHECK(circuit.state() == CircuitState::half_open);
  CHECK_FALSE(circuit.admit(start + 31s).admitted);
  CHECK(circuit.admit(start + 31s).wait == 1s);
  circuit.tell(slow.era, true, start + 31s);
  CHECK(circuit.state() == CircuitState::half_open);

  circuit.forget(slow.era);
  CHECK_FALSE(circuit.admit(start + 31s).admitted);
  circuit.forget(probe.era); // its coroutine was destroyed
  const auto second = circuit.admit(start + 31s);
  CHECK(second.admitted);
  circuit.tell(second.era, false, start + 32s);
  CHECK(circuit.state() == CircuitState::closed);
}

namespace {

struct Mail {
  std::vector<std::string> sent = {};
  void send(const mfa::EmailMessage& email) { sent.push_back(email.id); }
};

} // namespace

TEST_CASE("Each kind of message goes by the first transport that has a send for it") {
  mfa::testing::RecordingSms sms;
  Mail mail;
  Mail second_mail;
  Channels channels(sms, mail, second_mail);
  static_assert(mfa::Sends<decltype(channels), SmsMessage>);
  static_assert(mfa::Sends<decltype(channels), mfa::EmailMessage>);
  static_assert(!mfa::Sends<decltype(channels), mfa::VoiceMessage>);
  static_assert(std::is_void_v<decltype(channels.send(message))>);
  channels.send(message);
  channels.send(
      mfa::EmailMessage{.to = "alan@example.com", .subject = "code", .text = "1", .html = "", .id = "e"});
  CHECK(sms.messages().size() == 1);
  CHECK(mail.sent == std::vector<std::string>{"e"});
  CHECK(second_mail.sent.empty());

  // A decorator sends what all of its transports send.
  using All = Failover<ScriptedGateway, ScriptedGateway>;
  static_assert(mfa::Sends<All, mfa::PushMessage>);
  static_assert(!mfa::Sends<Failover<ScriptedGateway, Mail>, SmsMessage>);
  static_assert(mfa::Sends<Failover<ScriptedGateway, Mail>, mfa::EmailMessage>);
  static_assert(!mfa::Sends<Retry<Mail>, SmsMessage>);
  static_assert(!mfa::Sends<CircuitBreaker<Mail>, SmsMessage>);
}

TEST_CASE("Decorators compose, owned and borrowed, beneath a verifier") {
  ManualTimer timer;
  ScriptedGateway first(std::deque<Say>(100, Say(unavailable)));
  ScriptedGateway second({Say(throttled, 2s)});
  Failover providers({.names = {"first", "second"}}, CircuitBreaker(first, {.failures = 3}, timer),
                     CircuitBreaker(second, {}, timer));
  Retry gateway(std::move(providers), RetryOptions(), timer);
  static_assert(
      std::is_same_v<decltype(gateway), Retry<Failover<CircuitBreaker<ScriptedGateway, ManualTimer>,
                                                       CircuitBreaker<ScriptedGateway, ManualTimer>>,
                                              ManualTimer>>);
  mfa::storage::Memory storage;
  mfa::testing::ManualClock clock;
  mfa::Options options;
  options.sms_allowed_country_codes = {"1"};
  const mfa::Verifier verifier{storage, clock, gateway, options};
  const auto enrolled = verifier.enroll_factor(mfa::Sms{.phone_number = "+14155550123", .user_id = "u_42"});
  const auto challenge = verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
  CHECK(first.asked() == std::vector<std::string>(2, challenge.id()));
  CHECK(second.asked() == std::vector<std::string>(2, challenge.id()));

  // What the providers come to, the verb says, and the host finds it nested.
  clock.advance(1min);
  second.say(std::deque<Say>(100, Say(balance_empty)));
  try {
    (void)verifier.challenge_enrollment(enrolled.factor.id(), "u_42");
    FAIL("it was sent");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == errc::sms_not_sent);
    CHECK_THAT(error.what(), mfa::test::contains("unavailable"));
    CHECK(mfa::delivery_failure(error.cause()) == unavailable);
  }
}

TEST_CASE("Options out of their range are refused by name") {
  ScriptedGateway gateway;
  const auto retry = [&](RetryOptions options) { return [&gateway, options] { Retry(gateway, options); }; };
  const auto breaker = [&](CircuitBreakerOptions options) {
    return [&gateway, options] { CircuitBreaker(gateway, options); };
  };
  CHECK(thrown_by(retry({.attempts = 0})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.attempts = 101})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.first_delay = 0ms})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.first_delay = 2h, .longest_delay = 2h})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.first_delay = 2s, .longest_delay = 1s})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.longest_delay = 25h})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.deadline = -1ms})) == errc::invalid_argument);
  CHECK(thrown_by(retry({.deadline = 25h})) == errc::invalid_argument);
  Failover several(gateway, gateway);
  CHECK(thrown_by([&] { Retry(several, {.provider_deduplicates_by_id = true}); }) == errc::invalid_argument);
  CHECK(thrown_by([&] { Retry(CircuitBreaker{several}, {.provider_deduplicates_by_id = true}); }) ==
        errc::invalid_argument);
  CHECK(thrown_by([&] { Retry(Channels{several}, {.provider_deduplicates_by_id = true}); }) ==
        errc::invalid_argument);
  CHECK(thrown_by([&] { Retry(Failover{gateway}, {.provider_deduplicates_by_id = true}); }) == errc{});
  CHECK(thrown_by(breaker({.failures = 0})) == errc::invalid_argument);
  CHECK(thrown_by(breaker({.failures = 1001})) == errc::invalid_argument);
  CHECK(thrown_by(breaker({.open_for = 0ms})) == errc::invalid_argument);
  CHECK(thrown_by(breaker({.open_for = 25h})) == errc::invalid_argument);
}
