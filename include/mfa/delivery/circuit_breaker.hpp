#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/cancellation.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/timer.hpp>
#include <mfa/delivery/transport.hpp>
#include <mfa/error.hpp>
#include <mfa/policy.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::delivery {

enum class CircuitState : std::uint8_t {
  closed,    ///< messages go to the provider
  open,      ///< they are refused
  half_open, ///< one of them goes, and what becomes of it decides
};

constexpr std::string_view to_string(CircuitState state) noexcept {
  switch (state) {
  case CircuitState::closed: return "closed";
  case CircuitState::open: return "open";
  case CircuitState::half_open: return "half_open";
  }
  return "unknown";
}

struct CircuitBreakerOptions {
  std::string name = {};                                         ///< of the provider, for errors
  std::size_t failures = 5;                                      ///< in a row that open it: 1 to 1,000
  std::chrono::milliseconds open_for = std::chrono::seconds(30); ///< a millisecond to a day
  std::function<void(CircuitState)> observer = {}; ///< hears of each change; what it throws is swallowed
};

/// Throws `errc::invalid_argument` for options out of their range.
inline void check_options(const CircuitBreakerOptions& options) {
  using namespace std::chrono;
  if (options.failures < 1 || options.failures > 1000)
    throw Error(errc::invalid_argument, "CircuitBreakerOptions::failures must be from 1 to 1,000");
  if (options.open_for < milliseconds(1) || options.open_for > hours(24))
    throw Error(errc::invalid_argument,
                "CircuitBreakerOptions::open_for must be from a millisecond to a day");
}

/// Whether a message was not taken through the provider's doing, whoever it was for. What is about one
/// recipient or one text is not, as anybody could ask for it; nor is throttling, which some providers do by
/// the number.
[[nodiscard]] constexpr bool is_of_provider(std::optional<DeliveryFailure> failure) noexcept {
  if (!failure) return true;
  switch (*failure) {
  case DeliveryFailure::credentials_refused:
  case DeliveryFailure::balance_empty:
  case DeliveryFailure::unavailable:
  case DeliveryFailure::unclear: return true;
  case DeliveryFailure::invalid_recipient:
  case DeliveryFailure::opted_out:
  case DeliveryFailure::not_permitted:
  case DeliveryFailure::throttled:
  case DeliveryFailure::message_refused: break;
  }
  return false;
}

/// A circuit as decisions, without its lock.
class Circuit {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  /// What was decided for one message.
  struct Admission {
    bool admitted = false;
    std::chrono::milliseconds wait{}; ///< until another can be, about
    std::uint64_t era = 0;            ///< give it back with what became of the message
  };

  Circuit(std::size_t failures, std::chrono::milliseconds open_for) noexcept
      : most_failures_(failures), open_for_(open_for) {}

  [[nodiscard]] CircuitState state() const noexcept { return state_; }

  [[nodiscard]] Admission admit(TimePoint now) noexcept {
    using std::chrono::milliseconds;
    if (state_ == CircuitState::open) {
      if (now < until_) return {.wait = std::chrono::ceil<milliseconds>(until_ - now)};
      change(CircuitState::half_open);
    }
    if (state_ == CircuitState::half_open) {
      if (probing_) return {.wait = std::min<milliseconds>(open_for_, std::chrono::seconds(1))};
      probing_ = true;
    }
    return {.admitted = true, .era = era_};
  }

  /// What became of a message that was admitted. That of another era, before the circuit last changed, says
  /// nothing of now.
  void tell(std::uint64_t era, bool failed, TimePoint now) noexcept {
    if (era != era_) return;
    if (!failed) {
      failures_ = 0;
      if (state_ == CircuitState::half_open) change(CircuitState::closed);
    } else if (++failures_ >= most_failures_ || state_ == CircuitState::half_open) {
      change(CircuitState::open);
      until_ = now + open_for_;
    }
  }

  /// Nobody will hear what became of it.
  void forget(std::uint64_t era) noexcept {
    if (era == era_) probing_ = false;
  }

 private:
  void change(CircuitState state) noexcept {
    state_ = state;
    failures_ = 0;
    probing_ = false;
    ++era_;
  }

  std::size_t most_failures_;
  std::chrono::milliseconds open_for_;
  CircuitState state_ = CircuitState::closed;
  std::size_t failures_ = 0; ///< in a row
  std::uint64_t era_ = 0;
  bool probing_ = false; ///< while half open: a message is under way
  TimePoint until_{};    ///< while open
};

/// A transport that spares a provider that is down, and its own callers the wait for it: after so many
/// failures in a row of the provider's making (`is_of_provider`) it refuses messages with
/// `DeliveryFailure::unavailable` and the time to wait, and then tries one at a time until one is taken. Put
/// one around each provider of a `Failover`. It is awaited if its transport is. In a forked process it lets
/// all messages through and counts nothing: make one there.
///
/// Policies given as lvalues are borrowed and must outlive it; temporaries are owned. Usable from many
/// threads if they are. The observer is called in the thread that sends.
template <class Transport, Timer TimerPolicy = SteadyTimer> class CircuitBreaker {
  static_assert(
      !mfa::detail::PointsToPolicy<Transport>,
      "mfa: give delivery::CircuitBreaker the transport itself, not a pointer: *transport borrows it");

 public:
  static constexpr bool asks_several = detail::AsksSeveral<Transport>;

  /// Throws `errc::invalid_argument` for options out of their range.
  explicit CircuitBreaker(Policy<Transport> transport,
                          CircuitBreakerOptions options = CircuitBreakerOptions(),
                          Policy<TimerPolicy> timer = TimerPolicy())
      : transport_(std::move(transport)), timer_(std::move(timer)),
        breaker_(std::make_shared<Breaker>(std::move(options))) {}

  template <class Message>
    requires detail::AllBlock<Message, Transport>
  void send(const Message& message) {
    Passage passage(breaker_, now());
    std::exception_ptr thrown;
    try {
      (void)transport_->send(message);
    } catch (...) {
      thrown = std::current_exception();
    }
    passage.end(thrown, now());
  }

  /// The same in a coroutine, which the message must outlive.
  template <class Message>
    requires detail::SomeAreAwaited<Message, Transport> detail::ReturnedBy<Message, Transport>
    send(const Message& message) {
      Passage passage(breaker_, now());
      std::exception_ptr thrown;
      try {
        co_await transport_->send(message);
      } catch (...) {
        thrown = std::current_exception();
      }
      async::rethrow_cancellation<detail::ReturnedBy<Message, Transport>>(thrown);
      passage.end(thrown, now());
    }

  /// As it is now, for a page that shows it. An open one whose time is over is `open` until a message comes.
  [[nodiscard]] CircuitState state() const {
    if (!breaker_->home.is_here()) return CircuitState::closed;
    const std::lock_guard lock(breaker_->mutex);
    return breaker_->circuit.state();
  }

 private:
  struct Breaker {
    explicit Breaker(CircuitBreakerOptions given)
        : options((check_options(given), std::move(given))), circuit(options.failures, options.open_for) {}

    /// Calls with the circuit, and tells the observer if it changed.
    template <class Call> auto with_circuit(Call call) {
      std::unique_lock lock(mutex);
      const CircuitState before = circuit.state();
      auto result = call(circuit);
      const CircuitState after = circuit.state();
      lock.unlock();
      if (after != before && options.observer) {
        try {
          options.observer(after);
        } catch (...) { // of the host's own
        }
      }
      return result;
    }

    CircuitBreakerOptions options;
    /// In another one, a thread of its parent's may hold the mutex for ever.
    const mfa::detail::HomeProcess home;
    mutable std::mutex mutex;
    Circuit circuit;
  };

  /// One message that was admitted, from then on. It may be destroyed after the `CircuitBreaker`.
  class Passage {
   public:
    Passage(std::shared_ptr<Breaker> breaker, Circuit::TimePoint now) : breaker_(std::move(breaker)) {
      if (!breaker_->home.is_here()) return;
      const auto admission = breaker_->with_circuit([&](Circuit& circuit) { return circuit.admit(now); });
      if (!admission.admitted) {
        const auto wait = std::chrono::ceil<std::chrono::seconds>(admission.wait);
        const std::string& name = breaker_->options.name;
        throw DeliveryError(DeliveryFailure::unavailable,
                            (name.empty() ? "the provider" : name) +
                                " failed repeatedly and is not asked now; nothing was sent: try again in " +
                                std::to_string(wait.count()) + " s, or another provider",
                            wait);
      }
      era_ = admission.era;
    }
    Passage(const Passage&) = delete;
    Passage& operator=(const Passage&) = delete;
    ~Passage() {
      if (ended_ || !breaker_->home.is_here()) return;
      const std::lock_guard lock(breaker_->mutex);
      breaker_->circuit.forget(era_);
    }

    void end(const std::exception_ptr& thrown, Circuit::TimePoint now) {
      const bool failed = thrown && is_of_provider(delivery_failure(thrown));
      if (breaker_->home.is_here())
        ended_ = breaker_->with_circuit([&](Circuit& circuit) {
          circuit.tell(era_, failed, now);
          return true;
        });
      if (thrown) std::rethrow_exception(thrown);
    }

   private:
    const std::shared_ptr<Breaker> breaker_;
    std::uint64_t era_ = 0;
    bool ended_ = false;
  };

  [[nodiscard]] Circuit::TimePoint now() const { return std::as_const(*timer_).now(); }

  Policy<Transport> transport_;
  Policy<TimerPolicy> timer_;
  std::shared_ptr<Breaker> breaker_;
};

template <class T> CircuitBreaker(T&&) -> CircuitBreaker<PolicyType<T>>;
template <class T> CircuitBreaker(T&&, CircuitBreakerOptions) -> CircuitBreaker<PolicyType<T>>;
template <class T, class U>
CircuitBreaker(T&&, CircuitBreakerOptions, U&&) -> CircuitBreaker<PolicyType<T>, PolicyType<U>>;

} // namespace mfa::delivery
