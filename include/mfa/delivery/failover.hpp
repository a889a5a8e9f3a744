#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/cancellation.hpp>
#include <mfa/delivery/attempt.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/delivery/transport.hpp>
#include <mfa/error.hpp>
#include <mfa/policy.hpp>

namespace mfa::delivery {

struct FailoverOptions {
  /// By which errors and `Attempt` call the providers, in their order. Those without are "provider 1" and so
  /// on.
  std::vector<std::string> names = {};
  /// Lets the next provider send a message of which nobody knows whether the one before has sent it: the user
  /// gets it for certain, and may get it twice.
  bool send_unclear_twice = false;
  AttemptObserver observer = {}; ///< hears of each provider that was asked, in their order
};

/// Whether a provider may take what another refused for this reason. Of what says nothing the sender knows
/// that nothing was sent.
[[nodiscard]] constexpr bool another_may_take(std::optional<DeliveryFailure> failure,
                                              bool send_unclear_twice) noexcept {
  if (!failure) return true;
  switch (*failure) {
  case DeliveryFailure::invalid_recipient:
  case DeliveryFailure::opted_out: return false;
  case DeliveryFailure::unclear: return send_unclear_twice;
  case DeliveryFailure::not_permitted:
  case DeliveryFailure::throttled:
  case DeliveryFailure::credentials_refused:
  case DeliveryFailure::balance_empty:
  case DeliveryFailure::message_refused:
  case DeliveryFailure::unavailable: break;
  }
  return true;
}

/// Whether the same provider may take it later. Of what says nothing, it may.
[[nodiscard]] constexpr bool later_may_be_taken(std::optional<DeliveryFailure> failure) noexcept {
  return !failure || *failure == DeliveryFailure::throttled || *failure == DeliveryFailure::unavailable;
}

/// The way of one message through the providers, as decisions: whom to ask next, and what all of them come
/// to. For one thread at a time; the options must outlive it.
class FailoverCourse {
 public:
  FailoverCourse(const FailoverOptions& options, std::size_t providers, std::string_view message_id)
      : options_(options), providers_(providers), message_id_(message_id) {}

  /// Whether `provider()` is to be asked.
  [[nodiscard]] bool goes_on() const noexcept { return next_ < providers_ && !ended_; }
  [[nodiscard]] std::size_t provider() const noexcept { return next_; }

  /// What the provider threw; null: it took the message.
  void tell(const std::exception_ptr& thrown) {
    const std::string name = name_of(next_);
    detail::tell(options_.observer, Attempt{.message_id = message_id_,
                                            .number = next_ + 1,
                                            .provider = next_,
                                            .provider_name = name,
                                            .cause = thrown});
    taken_ = !thrown;
    const auto failure = delivery_failure(thrown);
    ended_ = taken_ || !another_may_take(failure, options_.send_unclear_twice);
    ++next_;
    if (!taken_) count(name, failure, thrown);
  }

  /// Returns if the message was taken. Otherwise throws what the only provider that was asked threw, or a
  /// `DeliveryError` with what each of them said, and what the last threw nested. It is `unclear` if any of
  /// them may have sent the message. Otherwise it has the reason of the last, or of the last that may take
  /// the message later.
  void finish() const {
    if (taken_) return;
    if (next_ == 1) std::rethrow_exception(last_);
    const DeliveryError error = why_not();
    try {
      std::rethrow_exception(last_);
    } catch (...) {
      std::throw_with_nested(error);
    }
  }

 private:
  [[nodiscard]] std::string name_of(std::size_t provider) const {
    if (provider < options_.names.size() && !options_.names[provider].empty())
      return options_.names[provider];
    return "provider " + std::to_string(provider + 1);
  }

  void count(std::string_view name, std::optional<DeliveryFailure> failure,
             const std::exception_ptr& thrown) {
    last_ = thrown;
    said_.append(said_.empty() ? "" : "; ").append(name).append(": ").append(text_of(thrown));
    const bool later = later_may_be_taken(failure);
    if (failure == DeliveryFailure::unclear)
      failure_ = DeliveryFailure::unclear;
    else if (failure_ != DeliveryFailure::unclear && (ended_ || later || !later_))
      failure_ = failure.value_or(DeliveryFailure::unavailable);
    if (!later) return;
    // Nobody need wait longer than until the first of them may take it; of one that does not say when, that
    // is not known.
    const auto wait = retry_after_of(thrown);
    retry_after_ = !later_ ? wait : wait && retry_after_ ? std::min(wait, retry_after_) : std::nullopt;
    later_ = true;
  }

  /// Of what is no `Error` only that: the text of a client library may hold anything.
  static std::string text_of(const std::exception_ptr& thrown) {
    try {
      std::rethrow_exception(thrown);
    } catch (const Error& error) {
      std::string text = error.what();
      while (text.ends_with('.')) text.pop_back();
      return text;
    } catch (...) {
      return "threw an exception that is no mfa::Error";
    }
  }

  [[nodiscard]] DeliveryError why_not() const {
    const std::string text = failure_ == DeliveryFailure::unclear
                                 ? "whether the message was taken is not known (" + said_ + ")"
                                 : "no provider took the message (" + said_ + ")";
    if (retry_after_ && later_may_be_taken(failure_)) return {failure_, text, *retry_after_};
    return {failure_, text};
  }

  const FailoverOptions& options_;
  std::size_t providers_;
  std::string_view message_id_;
  std::size_t next_ = 0;
  bool taken_ = false;
  bool ended_ = false;
  bool later_ = false; ///< one of them may take it later
  DeliveryFailure failure_ = DeliveryFailure::unavailable;
  std::optional<std::chrono::seconds> retry_after_;
  std::string said_;
  std::exception_ptr last_;
};

/// A transport over several: asks one after the other until one takes the message, for as long as another may
/// take what was refused (`another_may_take`). Sends every kind of message that all of them send; awaits
/// those that are awaited, and then its own `send` returns what the first of them returns.
///
/// Transports given as lvalues are borrowed and must outlive it; temporaries are owned. Options come first,
/// since there may be any number of transports. Usable from many threads if they are.
template <class... Transports> class Failover {
  static_assert(sizeof...(Transports) > 0, "mfa: delivery::Failover needs transports");
  static_assert(
      (!mfa::detail::PointsToPolicy<Transports> && ...),
      "mfa: give delivery::Failover the transports themselves, not pointers: *transport borrows it");

 public:
  static constexpr bool asks_several = sizeof...(Transports) > 1 || (detail::AsksSeveral<Transports> || ...);

  explicit Failover(Policy<Transports>... transports) : transports_(std::move(transports)...) {}
  Failover(FailoverOptions options, Policy<Transports>... transports)
      : options_(std::move(options)), transports_(std::move(transports)...) {}

  /// Returns once a provider has taken the message; throws what `FailoverCourse::finish` says otherwise.
  template <class Message>
    requires detail::AllBlock<Message, Transports...>
  void send(const Message& message) {
    FailoverCourse course(options_, sizeof...(Transports), message.id);
    while (course.goes_on()) {
      std::exception_ptr thrown;
      try {
        send_by<0>(course.provider(), message);
      } catch (...) {
        thrown = std::current_exception();
      }
      course.tell(thrown);
    }
    course.finish();
  }

  /// The same in a coroutine, which the message must outlive.
  template <class Message>
    requires detail::SomeAreAwaited<Message, Transports...> detail::ReturnedBy<Message, Transports...>
    send(const Message& message) {
      FailoverCourse course(options_, sizeof...(Transports), message.id);
      while (course.goes_on()) {
        std::exception_ptr thrown;
        try {
          co_await await_by<0>(course.provider(), message);
        } catch (...) {
          thrown = std::current_exception();
        }
        async::rethrow_cancellation<detail::ReturnedBy<Message, Transports...>>(thrown);
        course.tell(thrown);
      }
      course.finish();
    }

 private:
  template <std::size_t I, class Message> void send_by(std::size_t provider, const Message& message) {
    if constexpr (I + 1 < sizeof...(Transports))
      if (provider != I) return send_by<I + 1>(provider, message);
    (void)std::get<I>(transports_)->send(message);
  }

  template <std::size_t I, class Message>
  detail::ReturnedBy<Message, Transports...> await_by(std::size_t provider, const Message& message) {
    if constexpr (I + 1 < sizeof...(Transports))
      if (provider != I) return await_by<I + 1>(provider, message);
    return sent(*std::get<I>(transports_), message);
  }

  /// In the coroutine type of the first, whatever the type of this one.
  template <class Transport, class Message>
  static detail::ReturnedBy<Message, Transports...> sent(Transport& transport, const Message& message) {
    using Result = typename detail::Sent<Transport, Message>::Type;
    if constexpr (std::is_same_v<Result, detail::ReturnedBy<Message, Transports...>>)
      return transport.send(message);
    else if constexpr (detail::Awaited<Result>)
      return awaited<detail::ReturnedBy<Message, Transports...>>(transport, message);
    else
      return blocked<detail::ReturnedBy<Message, Transports...>>(transport, message);
  }

  template <class Result, class Transport, class Message>
  static Result awaited(Transport& transport, const Message& message) {
    co_await transport.send(message);
  }
  template <class Result, class Transport, class Message>
  static Result blocked(Transport& transport, const Message& message) {
    (void)transport.send(message);
    co_return;
  }

  FailoverOptions options_;
  std::tuple<Policy<Transports>...> transports_;
};

template <class... Transports>
  requires(!std::is_same_v<PolicyType<Transports>, FailoverOptions> && ...)
Failover(Transports&&...)
->Failover<PolicyType<Transports>...>;
template <class... Transports>
Failover(FailoverOptions, Transports&&...) -> Failover<PolicyType<Transports>...>;

} // namespace mfa::delivery
