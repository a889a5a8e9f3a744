#pragma once

#include <concepts>
#include <exception>
#include <type_traits>
#include <utility>
#include <variant>

#include <mfa/async/storage.hpp>
#include <mfa/clock/concept.hpp>
#include <mfa/event.hpp>
#include <mfa/policies.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/run.hpp>

namespace mfa::async::detail {

/// A transport that blocks: its `send` returns nothing to await.
template <class T>
concept BlockingTransport = requires(T& transport, const SmsMessage& message) {
  { transport.send(message) } -> std::same_as<void>;
};

/// Runs one verb on policies that are awaited. What they answer at once is answered so: a clock that returns
/// a time, a transport that returns nothing.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy>
class AwaitingDriver final : public verbs::Driver {
  using Policies = mfa::detail::Policies<StoragePolicy, ClockPolicy, SmsPolicy>;

 public:
  AwaitingDriver(const Policies& policies, const EventContext& event_context)
      : Driver(FindsChallengeWithFactor<StoragePolicy>), policies_(policies),
        run_(*this, policies.options, policies.keys.get(), event_context) {}

  [[nodiscard]] const verbs::Run& run() const noexcept { return run_; }

  bool answer(const verbs::Request& request) override {
    if constexpr (Clock<ClockPolicy>)
      if (const auto* const read = std::get_if<verbs::ReadClock*>(&request)) {
        (*read)->answer = policies_.clock->now();
        return true;
      }
    if constexpr (BlockingTransport<SmsPolicy>)
      if (const auto* const send = std::get_if<verbs::SendSms*>(&request)) {
        policies_.sms->send(*(*send)->message);
        return true;
      }
    request_ = request;
    return false;
  }

  /// The request for which the verb waits, if it is one of these.
  template <class Asked> [[nodiscard]] Asked* asks() const noexcept {
    const auto* const asked = std::get_if<Asked*>(&request_);
    return asked != nullptr ? *asked : nullptr;
  }

  /// The request is answered, or `failure` was thrown in its place.
  void go_on(std::exception_ptr failure) {
    if (failure) std::visit([&](auto* asked) { asked->failure = std::move(failure); }, request_);
    this->resume();
  }

 private:
  const Policies& policies_;
  verbs::Run run_;
  verbs::Request request_;
};

} // namespace mfa::async::detail
