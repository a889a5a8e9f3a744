#pragma once

#include <concepts>
#include <exception>
#include <utility>

#include <mfa/async/storage.hpp>
#include <mfa/clock/concept.hpp>
#include <mfa/event.hpp>
#include <mfa/message.hpp>
#include <mfa/policies.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/run.hpp>

namespace mfa::async::detail {

/// A transport that blocks with such a message: its `send` returns nothing to await.
template <class Transport, class Message>
concept SendsAtOnce = requires(Transport& transport, const Message& message) {
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

  bool answer(verbs::Request& request) override {
    if constexpr (Clock<ClockPolicy>)
      if (auto* const read = verbs::as<verbs::ReadClock>(request)) {
        read->answer = policies_.clock->now();
        return true;
      }
    if (auto* const send = verbs::as<verbs::Send>(request)) {
      const bool sent =
          send->message.visit([this](const auto& message) { return this->send_at_once(message); });
      if (sent) return true;
    }
    request_ = &request;
    return false;
  }

  /// The request for which the verb waits.
  [[nodiscard]] verbs::Request& request() const noexcept { return *request_; }

  /// The request is answered, or `failure` was thrown in its place.
  void go_on(std::exception_ptr failure) {
    request_->failure = std::move(failure);
    this->resume();
  }

 private:
  template <class Message> bool send_at_once(const Message& message) {
    if constexpr (SendsAtOnce<SmsPolicy, Message>)
      policies_.sms->send(message);
    else if constexpr (!Sends<SmsPolicy, Message>)
      mfa::detail::throw_no_transport(channel_of(message));
    else
      return false;
    return true;
  }

  const Policies& policies_;
  verbs::Run run_;
  verbs::Request* request_ = nullptr;
};

} // namespace mfa::async::detail
