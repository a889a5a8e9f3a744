#pragma once

#include <exception>
#include <memory>
#include <string>
#include <utility>

#include <mfa/async/carry_on.hpp>
#include <mfa/async/loop.hpp>
#include <mfa/async/pool.hpp>
#include <mfa/delivery/failure.hpp>
#include <mfa/http/curl_exchange.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/transport.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::async {

/// A transport for hosts with an event loop: `async::Curl<Task, Loop, sms::Twilio>` sends as `sms::Twilio`
/// does, with the same settings, requests and errors, but what waits suspends a coroutine and no thread.
/// Names of hosts are looked up by threads of libcurl's own; with a libcurl before 7.87 the loop waits for
/// such a thread when its look-up is given up, by `connect_timeout` or as the task is destroyed. Usable from
/// every thread that runs the loop.
///
/// At most `CurlOptions::max_connections` messages are sent at once. The others wait for their turn, for as
/// long as `connect_timeout`; that it was too long is noticed up to a second later, and nothing was sent.
///
/// A task may be destroyed wherever it is suspended: its connection is closed, and the message may have been
/// sent or not. Tasks may outlive the transport, but not the loop.
///
/// Not for `email::Smtp`, where libcurl waits in the thread for a mail server's last answer: send e-mails by
/// `delivery::Background` there.
template <template <class> class Task, Loop L, class Transport> class Curl {
 public:
  static_assert(
      requires(const typename Transport::Provider& provider, const http::Response& response) {
        provider.outcome(response);
      },
      "mfa: libcurl waits for mail servers in the thread; send e-mails by mfa::delivery::Background");

  using Provider = typename Transport::Provider;
  using Settings = typename Transport::Settings;
  using Message = typename Transport::Message;

  /// Throws `errc::invalid_argument` for settings or options that cannot be used.
  Curl(L loop, Settings settings, http::CurlOptions options = http::CurlOptions())
      : state_(new State(std::move(loop), std::move(settings), std::move(options)),
               mfa::detail::DeleteAtHome()) {}

  /// The message need not outlive the call. What it throws for messages that cannot be sent at all, it throws
  /// at once.
  [[nodiscard]] Task<void> send(const Message& message) {
    const auto sending = std::make_shared<Sending>(state_);
    return detail::carry_on<Task>(sending,
                                  deliver(*sending, state_->provider.request(message, http::current_time())));
  }

 private:
  using Exchange = mfa::detail::curl::Exchange;

  struct State {
    State(L given_loop, Settings settings, http::CurlOptions given)
        : loop(std::move(given_loop)), provider(std::move(settings)), options(std::move(given)),
          exchanges(options.max_connections, "async::Curl") {
      mfa::detail::curl::check(options);
    }

    void tell_late() { exchanges.tell_late(); }

    const L loop;
    const Provider provider;
    const http::CurlOptions options;
    detail::Pool<Exchange> exchanges;
  };

  /// One message.
  struct Sending {
    explicit Sending(std::shared_ptr<State> given) : state(std::move(given)), loop(state->loop) {}

    void tell_late() { state->tell_late(); }

    [[noreturn]] void throw_not_watched(const std::exception& why) const {
      if (exchange != nullptr && exchange->may_have_arrived())
        throw DeliveryError(DeliveryFailure::unclear,
                            std::string("the answer to a message cannot be waited for; whether it was taken "
                                        "is not known. ")
                                .append(why.what()));
      throw DeliveryError(
          DeliveryFailure::unavailable,
          std::string("a provider cannot be waited for; nothing was sent. ").append(why.what()));
    }

    const std::shared_ptr<State> state;
    const L& loop;
    const Exchange* exchange = nullptr; ///< while it is the message's
  };

  /// The sending outlives it, as whoever carries it on has a share.
  template <class Request> static mfa::detail::Conversation<void> deliver(Sending& sending, Request request) {
    State& state = *sending.state;
    auto lease = co_await state.exchanges.lease(state.options.connect_timeout);
    if (!lease)
      throw DeliveryError(DeliveryFailure::unavailable,
                          "all of a transport's connections are busy; nothing was sent. Raise "
                          "CurlOptions::max_connections.");
    if (lease.is_empty()) lease.put(std::make_unique<Exchange>(state.options));
    sending.exchange = &*lease;
    const auto answer = co_await lease->perform(request);
    http::judge(state.provider, answer);
  }

  std::shared_ptr<State> state_;
};

} // namespace mfa::async
