// `async::Verifier` on Asio, over a blocking storage on threads: in many threads, when its context ends, and
// when its verbs are cancelled in each of their calls.
#include <mfa/async/asio.hpp>

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <future>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <asio/bind_cancellation_slot.hpp>
#include <asio/cancellation_signal.hpp>
#include <asio/co_spawn.hpp>
#include <asio/detached.hpp>
#include <asio/io_context.hpp>
#include <asio/post.hpp>
#include <asio/this_coro.hpp>
#include <asio/use_future.hpp>

#include <mfa/async.hpp>
#include <mfa/async/threads.hpp>
#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/circuit_breaker.hpp>
#include <mfa/delivery/failover.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/testing/manual_clock.hpp>

#include "support/catch.hpp"
#include "support/forwarding_storage.hpp"

using mfa::Status;
using mfa::async::AsioLoop;
using mfa::async::AsioTask;
using mfa::testing::ManualClock;
using namespace std::chrono_literals;

namespace {

/// Memory that calls the test before each of its calls, in the thread that makes it.
struct Told : mfa::test::ForwardsFive<Told> {
  static constexpr bool ephemeral = true;

  std::function<void()> before = [] {};
  mfa::storage::Memory memory;

  auto around(std::string_view, auto call) {
    before();
    return call(memory);
  }
};

template <class StoragePolicy> using Storage = mfa::async::Threads<AsioTask, StoragePolicy, AsioLoop>;
template <class StoragePolicy>
using Verifier = mfa::async::Verifier<AsioTask, Storage<StoragePolicy>, ManualClock>;

/// `co_spawn` takes only what can be made empty.
template <class Result> AsioTask<std::optional<Result>> optional(AsioTask<Result> task) {
  co_return co_await std::move(task);
}

template <class Result> Result run(asio::io_context& context, AsioTask<Result> task) {
  auto result = asio::co_spawn(context, optional(std::move(task)), asio::use_future);
  context.restart();
  context.run();
  return *result.get();
}

const mfa::Totp totp_of_alan{.issuer = "Foo Corp", .user = "alan", .user_id = "u_42"};

std::string code_of(std::string_view secret, const ManualClock& clock) {
  return mfa::otp::totp(mfa::otp::base32_decode(secret), clock.now());
}

/// Tells a thread that waits for the end of what this is a part of.
class End {
 public:
  explicit End(std::atomic<bool>& over) : over_(over) {}
  End(const End&) = delete;
  End& operator=(const End&) = delete;
  ~End() {
    over_ = true;
    over_.notify_all();
  }

 private:
  std::atomic<bool>& over_;
};

AsioTask<bool> verify(const Verifier<Told>& verifier, std::string challenge_id, std::string code,
                      std::atomic<bool>& over) {
  const End end(over);
  const auto verification = co_await verifier.verify_challenge(challenge_id, code);
  co_return verification.valid();
}

/// A TOTP factor that its user has confirmed, a period ago.
template <class StoragePolicy>
auto enroll_verified(asio::io_context& context, const Verifier<StoragePolicy>& verifier, ManualClock& clock) {
  auto enrolled = run(context, verifier.enroll_factor(totp_of_alan));
  REQUIRE(run(context, enrolled.factor.confirm(code_of(enrolled.totp.secret, clock))).confirmed());
  clock.advance(30s);
  return enrolled;
}

/// A user enrols, confirms it and, by the next code, signs in.
template <class StoragePolicy>
AsioTask<void> enroll_and_log_in(const Verifier<StoragePolicy>& verifier, const ManualClock& clock,
                                 std::string user_id, int& valid) {
  const mfa::Totp request{.issuer = "Foo Corp", .user = "alan", .user_id = user_id};
  const auto enrolled = co_await verifier.enroll_factor(request);
  const auto key = mfa::otp::base32_decode(enrolled.totp.secret);
  const std::string first = mfa::otp::totp(key, clock.now());
  const auto confirmation = co_await enrolled.factor.confirm(first);
  if (!confirmation.confirmed()) co_return;
  const auto challenge = co_await enrolled.factor.challenge();
  const std::string next = mfa::otp::totp(key, clock.now() + 30s);
  const auto verification = co_await challenge.verify(next);
  valid += verification.valid() ? 1 : 0;
}

/// Not inlined, as g++ 12 takes what Asio allocates for something else then.
[[gnu::noinline]] AsioTask<void> log_in(const Verifier<mfa::storage::Memory>& verifier, std::string factor_id,
                                        std::string code, std::atomic<int>& valid,
                                        std::atomic<int>& answered) {
  const auto challenge = co_await verifier.challenge_factor(factor_id, mfa::any_user);
  const auto verification = co_await verifier.verify_challenge(challenge.id(), code);
  valid += verification.status() == Status::valid ? 1 : 0;
  ++answered;
}

/// A gateway that takes each message and never says so.
struct NeverAnswers {
  AsioLoop loop;
  std::vector<mfa::SmsMessage> taken = {};

  AsioTask<void> send(const mfa::SmsMessage& message) {
    taken.push_back(message);
    co_await loop.sleep(1h);
  }
};

/// A coroutine that goes on when it is cancelled, unless what it awaits says so.
template <class Result> AsioTask<Result> goes_on(AsioTask<Result> task) {
  co_await asio::this_coro::throw_if_cancelled(false);
  co_return co_await std::move(task);
}

} // namespace

TEST_CASE("Coroutines that race in four threads with one code sign in once") {
  asio::io_context context;
  mfa::storage::Memory memory;
  Storage<mfa::storage::Memory> storage(memory, context, {.threads = 3});
  ManualClock clock;
  const Verifier<mfa::storage::Memory> verifier(storage, clock, {.open_challenges_a_user = 100});
  const auto enrolled = enroll_verified(context, verifier, clock);
  const std::string code = code_of(enrolled.totp.secret, clock);
  std::atomic<int> valid = 0;
  std::atomic<int> answered = 0;
  for (int i = 0; i < 100; ++i)
    asio::co_spawn(context, log_in(verifier, enrolled.factor.id(), code, valid, answered), asio::detached);
  context.restart();
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < 4; ++i) threads.emplace_back([&] { context.run(); });
  }
  CHECK(valid == 1);
  CHECK(answered == 100);
}

TEST_CASE("A context may end with verbs in every state, after verifier and storage") {
  int valid = 0;
  for (int round = 0; round < 60; ++round) {
    asio::io_context context;
    mfa::storage::Memory memory;
    ManualClock clock;
    Storage<mfa::storage::Memory> storage(memory, context, {.threads = 2});
    const Verifier<mfa::storage::Memory> verifier(storage, clock);
    for (int i = 0; i < 20; ++i)
      asio::co_spawn(context, enroll_and_log_in(verifier, clock, "u_" + std::to_string(i), valid),
                     asio::detached);
    if (round == 59)
      context.run();
    else
      context.run_for(std::chrono::microseconds(round * round * 10));
  }
  CHECK(valid >= 20); // of the last round all
}

TEST_CASE("A verb that is cancelled in any of its calls did all or nothing, and gives no verdict") {
  int unused = 0;
  int used = 0;
  for (int cancelled_call = 1;; ++cancelled_call) {
    CAPTURE(cancelled_call);
    asio::io_context context;
    std::atomic<bool> over = false;
    Told told;
    ManualClock clock;
    Storage<Told> storage(told, context, {.threads = 1});
    const Verifier<Told> verifier(storage, clock);
    const auto enrolled = enroll_verified(context, verifier, clock);
    const auto challenge = run(context, verifier.challenge_factor(enrolled.factor.id(), mfa::any_user));
    const std::string code = code_of(enrolled.totp.secret, clock);

    // In the call with this number the verb is cancelled, and when it has ended the call goes on.
    asio::cancellation_signal signal;
    int calls = 0;
    told.before = [&] {
      if (++calls != cancelled_call) return;
      asio::post(context, [&signal] { signal.emit(asio::cancellation_type::terminal); });
      over.wait(false);
    };
    auto answer = asio::co_spawn(context, verify(verifier, challenge.id(), code, over),
                                 asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    context.restart();
    context.run();
    if (calls < cancelled_call) { // as many as a verification makes
      CHECK(answer.get());
      break;
    }
    try {
      (void)answer.get();
      FAIL("a verdict");
    } catch (const std::system_error& error) {
      CHECK(error.code() == asio::error::operation_aborted);
    }
    const auto again = run(context, verifier.verify_challenge(challenge.id(), code)).status();
    unused += again == Status::valid ? 1 : 0;
    used += again == Status::already_verified ? 1 : 0;
    CHECK(unused + used == cancelled_call);
  }
  CHECK(unused >= 1);
  CHECK(used >= 1);
}

TEST_CASE("Clients who leave while their codes are sent harm neither their challenges nor the provider") {
  const bool throws = GENERATE(true, false);
  CAPTURE(throws);
  asio::io_context context;
  mfa::storage::Memory memory;
  Storage<mfa::storage::Memory> storage(memory, context, {.threads = 1});
  NeverAnswers gateway{context};
  NeverAnswers other{context};
  mfa::delivery::CircuitBreaker breaker(gateway, {.failures = 5});
  int told = 0;
  mfa::delivery::Failover failover({.observer = [&](const mfa::delivery::Attempt&) { ++told; }}, breaker,
                                   other);
  int not_sent = 0;
  mfa::Options options{.sms_allowed_country_codes = {"1"}};
  options.observer = [&](const mfa::Event& event) { not_sent += event.type == mfa::EventType::sms_not_sent; };
  const auto verifier = mfa::async::make_verifier<AsioTask>(storage, mfa::clock::System(), failover, options);
  for (int client = 0; client < 5; ++client) {
    CAPTURE(client);
    const mfa::Sms phone{.phone_number = "+1415555012" + std::to_string(client),
                         .user_id = "u_" + std::to_string(client)};
    const auto enrolled = run(context, verifier.enroll_factor(phone));
    auto verb = optional(verifier.challenge_enrollment(enrolled.factor.id(), mfa::any_user));
    if (!throws) verb = goes_on(std::move(verb));
    asio::cancellation_signal signal;
    auto answer = asio::co_spawn(context, std::move(verb),
                                 asio::bind_cancellation_slot(signal.slot(), asio::use_future));
    context.restart();
    while (gateway.taken.size() == static_cast<std::size_t>(client)) context.run_one();
    asio::post(context, [&signal] { signal.emit(asio::cancellation_type::terminal); });
    context.run_for(10s);
    REQUIRE(answer.wait_for(0s) == std::future_status::ready);
    try {
      (void)answer.get();
      FAIL("a challenge");
    } catch (const std::system_error& error) {
      CHECK(error.code() == asio::error::operation_aborted);
    }
    const auto& [to, body, id, code] = gateway.taken.back();
    CHECK(run(context, verifier.confirm_enrollment(id, code)).confirmed());
  }
  CHECK(breaker.state() == mfa::delivery::CircuitState::closed);
  CHECK(other.taken.empty());
  CHECK(told == 0);
  CHECK(not_sent == 0);
}
