#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mfa/cancellation.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/timer.hpp>
#include <mfa/delivery/transport.hpp>
#include <mfa/error.hpp>
#include <mfa/policy.hpp>

namespace mfa::delivery {

struct RetryOptions {
  std::size_t attempts = 3; ///< at most, the first included: 1 to 100
  /// What the first wait is about; each further one is about twice as long. A millisecond to an hour.
  std::chrono::milliseconds first_delay = std::chrono::milliseconds(500);
  /// What no wait exceeds, but for what a provider asks for. Up to a day.
  std::chrono::milliseconds longest_delay = std::chrono::seconds(10);
  /// From the first try on: later than that none begins. Up to a day. One that has begun is not interrupted.
  std::chrono::milliseconds deadline = std::chrono::seconds(20);
  /// The provider, which is one, takes a message's `id` as its idempotency key, and so sends none twice that
  /// it is handed twice. Then a message of which nobody knows whether it was sent is handed to it again.
  bool provider_deduplicates_by_id = false;
  AttemptObserver observer = {}; ///< hears of each try
};

/// Throws `errc::invalid_argument` for options out of their range.
inline void check_options(const RetryOptions& options) {
  using namespace std::chrono;
  const auto refuse = [](const char* what) {
    throw Error(errc::invalid_argument, std::string("RetryOptions::").append(what));
  };
  if (options.attempts < 1 || options.attempts > 100) refuse("attempts must be from 1 to 100");
  if (options.first_delay < milliseconds(1) || options.first_delay > hours(1))
    refuse("first_delay must be from a millisecond to an hour");
  if (options.longest_delay < options.first_delay || options.longest_delay > hours(24))
    refuse("longest_delay must be from first_delay to a day");
  if (options.deadline < milliseconds(0) || options.deadline > hours(24))
    refuse("deadline must be up to a day");
}

/// Whether the same provider is handed a message again that it refused for this reason. Of what says nothing
/// the sender knows that nothing was sent.
[[nodiscard]] constexpr bool is_retried(std::optional<DeliveryFailure> failure, bool deduplicates) noexcept {
  if (!failure) return true;
  switch (*failure) {
  case DeliveryFailure::throttled:
  case DeliveryFailure::unavailable: return true;
  case DeliveryFailure::unclear: return deduplicates;
  case DeliveryFailure::invalid_recipient:
  case DeliveryFailure::opted_out:
  case DeliveryFailure::not_permitted:
  case DeliveryFailure::credentials_refused:
  case DeliveryFailure::balance_empty:
  case DeliveryFailure::message_refused: break;
  }
  return false;
}

/// How long to wait after so many failed tries, 1 or more: at least what the provider asked for, or half of
/// the delay of this try, and up to as much again as that half, by a random number.
[[nodiscard]] inline std::chrono::milliseconds retry_delay(std::size_t failed,
                                                           std::optional<std::chrono::seconds> retry_after,
                                                           const RetryOptions& options,
                                                           std::uint32_t random) noexcept {
  using std::chrono::milliseconds;
  std::int64_t delay = options.first_delay.count();
  for (std::size_t i = 1; i < failed && delay < options.longest_delay.count(); ++i) delay *= 2;
  const std::int64_t half = std::min<std::int64_t>(delay, options.longest_delay.count()) / 2;
  const std::int64_t spread = half * static_cast<std::int64_t>(random) / UINT32_MAX;
  if (!retry_after) return milliseconds(half + spread);
  const auto asked =
      std::clamp<std::chrono::seconds>(*retry_after, std::chrono::seconds(0), std::chrono::hours(24));
  return std::max(milliseconds(half), milliseconds(asked)) + milliseconds(spread);
}

/// The tries of one message, as decisions. For one thread at a time; the options must outlive it.
class RetryCourse {
 public:
  using TimePoint = std::chrono::steady_clock::time_point;

  RetryCourse(const RetryOptions& options, std::string_view message_id, TimePoint now)
      : options_(options), message_id_(message_id), deadline_(now + options.deadline) {}

  /// What the transport threw, or null: it took the message. Returns how long to wait before the next try;
  /// none: there is no other.
  std::optional<std::chrono::milliseconds> tell(const std::exception_ptr& thrown, TimePoint now,
                                                std::uint32_t random) {
    ++tries_;
    detail::tell(options_.observer, Attempt{.message_id = message_id_, .number = tries_, .cause = thrown});
    taken_ = !thrown;
    if (taken_) return std::nullopt;
    const auto failure = delivery_failure(thrown);
    if (!unclear_) last_ = thrown; // what comes later does not make it clear
    unclear_ = unclear_ || failure == DeliveryFailure::unclear;
    const bool deduplicates = options_.provider_deduplicates_by_id && !message_id_.empty();
    if (tries_ >= options_.attempts || !is_retried(failure, deduplicates)) return std::nullopt;
    const auto wait = retry_delay(tries_, retry_after_of(thrown), options_, random);
    if (now + wait > deadline_) return std::nullopt;
    return wait;
  }

  /// Returns if the message was taken. Otherwise throws what the last try threw or, if the message may have
  /// been sent, what the first threw after which it may.
  void finish() const {
    if (!taken_) std::rethrow_exception(last_);
  }

 private:
  const RetryOptions& options_;
  std::string_view message_id_;
  TimePoint deadline_;
  std::size_t tries_ = 0;
  bool taken_ = false;
  bool unclear_ = false;
  std::exception_ptr last_;
};

/// A transport that hands the message to another one again, the same with the same `id`, when that was
/// throttled or was not there (`is_retried`), after waits that grow and are not the same for all. It waits in
/// the thread of the caller: behind `Background` no request does. Above transports that are awaited it is
/// awaited, and so must be the timer's `sleep`.
///
/// Policies given as lvalues are borrowed and must outlive it; temporaries are owned. Usable from many
/// threads if they are.
template <class Transport, Timer TimerPolicy = SteadyTimer> class Retry {
  static_assert(!mfa::detail::PointsToPolicy<Transport>,
                "mfa: give delivery::Retry the transport itself, not a pointer: *transport borrows it");

 public:
  static constexpr bool asks_several = detail::AsksSeveral<Transport>;

  /// Throws `errc::invalid_argument` for options out of their range, and for `provider_deduplicates_by_id`
  /// above a `Failover`.
  explicit Retry(Policy<Transport> transport, RetryOptions options = RetryOptions(),
                 Policy<TimerPolicy> timer = TimerPolicy())
      : transport_(std::move(transport)), options_(std::move(options)), timer_(std::move(timer)) {
    check_options(options_);
    if (asks_several && options_.provider_deduplicates_by_id)
      throw Error(
          errc::invalid_argument,
          "RetryOptions::provider_deduplicates_by_id is about one provider, and this Retry is above "
          "several, of which another would be handed what the first may have sent; put a Retry around "
          "each provider, beneath the Failover");
  }

  /// Returns once the message was taken; throws what `RetryCourse::finish` says otherwise.
  template <class Message>
    requires detail::AllBlock<Message, Transport>
  void send(const Message& message) {
    RetryCourse course(options_, message.id, now());
    for (std::optional<std::chrono::milliseconds> wait;;) {
      std::exception_ptr thrown;
      try {
        (void)transport_->send(message);
      } catch (...) {
        thrown = std::current_exception();
      }
      wait = course.tell(thrown, now(), thrown ? random() : 0);
      if (!wait) break;
      timer_->sleep(*wait);
    }
    course.finish();
  }

  /// The same in a coroutine, which the message must outlive.
  template <class Message>
    requires detail::SomeAreAwaited<Message, Transport> detail::ReturnedBy<Message, Transport>
    send(const Message& message) {
      static_assert(
          !std::is_void_v<decltype(timer_->sleep(std::chrono::milliseconds()))>,
          "mfa: delivery::Retry over a transport that is awaited needs a timer whose sleep(std::chrono::"
          "milliseconds) is awaited, as its third argument");
      RetryCourse course(options_, message.id, now());
      for (std::optional<std::chrono::milliseconds> wait;;) {
        std::exception_ptr thrown;
        try {
          co_await transport_->send(message);
        } catch (...) {
          thrown = std::current_exception();
        }
        async::rethrow_cancellation<detail::ReturnedBy<Message, Transport>>(thrown);
        wait = course.tell(thrown, now(), thrown ? random() : 0);
        if (!wait) break;
        co_await timer_->sleep(*wait);
      }
      course.finish();
    }

 private:
  [[nodiscard]] std::chrono::steady_clock::time_point now() const { return std::as_const(*timer_).now(); }

  static std::uint32_t random() {
    std::array<unsigned char, 4> bytes{};
    crypto::random_bytes(bytes);
    std::uint32_t number = 0;
    for (const unsigned char byte : bytes) number = number << 8 | byte;
    return number;
  }

  Policy<Transport> transport_;
  RetryOptions options_;
  Policy<TimerPolicy> timer_;
};

template <class T> Retry(T&&) -> Retry<PolicyType<T>>;
template <class T> Retry(T&&, RetryOptions) -> Retry<PolicyType<T>>;
template <class T, class U> Retry(T&&, RetryOptions, U&&) -> Retry<PolicyType<T>, PolicyType<U>>;

} // namespace mfa::delivery
