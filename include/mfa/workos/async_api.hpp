#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/async/verifier.hpp>
#include <mfa/cancellation.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/policy.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/workos/api_keys.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/exchange.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/pending_authentication.hpp>

namespace mfa::workos {

/// `Api` for a host with an event loop, over an `async::Verifier`: `handle` returns its `Task`.
template <class VerifierType, class Pending = NoPendingAuthentication> class AsyncApi;

template <template <class> class Task, class Storage, class Clock, class Sms, class Errors, class Pending>
class AsyncApi<async::Verifier<Task, Storage, Clock, Sms, Errors>, Pending> {
  using VerifierType = async::Verifier<Task, Storage, Clock, Sms, Errors>;
  static constexpr bool signs_in = !std::is_same_v<Pending, NoPendingAuthentication>;
  static_assert(!signs_in || PendingAuthentication<Pending>,
                "mfa: the policy of pending authentications needs: find(std::string_view token), and "
                "finish(std::string_view token, const mfa::workos::SecondFactor& shown), each returning what "
                "a Task can await: see <mfa/workos/pending_authentication.hpp>");

 public:
  /// As that of `Api`.
  AsyncApi(const VerifierType& verifier, const std::vector<crypto::SecretString>& keys,
           ApiOptions options = ApiOptions(), Policy<Pending> pending = Pending())
      : verifier_(verifier), keys_(keys), options_(std::move(options)), pending_(std::move(pending)) {}

  /// As that of `Api`.
  void replace_keys(const std::vector<crypto::SecretString>& keys) { keys_.replace(keys); }

  /// As that of `Api`, which must stay until the task has ended. Throws only if its task is cancelled
  /// (`async::Cancellation`).
  [[nodiscard]] Task<Response> handle(Request request) const {
    detail::Exchange exchange({keys_, options_, detail::sends_sms<Sms>, detail::sends_email<Sms>, signs_in},
                              request);
    std::exception_ptr thrown;
    try {
      if constexpr (signs_in)
        if (const auto token = exchange.token_to_find()) exchange.found(co_await pending_->find(*token));
      if (exchange.needs_verb()) {
        const EventContext context = exchange.event_context();
        auto verb =
            verifier_.run_verb(context, [&exchange](const verbs::Run& run) { return exchange.verb(run); });
        exchange.replied(detail::answered(co_await std::move(verb)));
      }
      if constexpr (signs_in)
        if (const SecondFactor* const shown = exchange.to_finish())
          exchange.finished(co_await pending_->finish(exchange.token(), *shown));
    } catch (...) {
      thrown = std::current_exception();
    }
    async::rethrow_cancellation<Task<Response>>(thrown);
    if (thrown) exchange.failed(thrown);
    co_return exchange.response();
  }

 private:
  const VerifierType& verifier_;
  ApiKeys keys_;
  ApiOptions options_;
  Policy<Pending> pending_;
};

template <class V> AsyncApi(const V&, const std::vector<crypto::SecretString>&) -> AsyncApi<V>;
template <class V> AsyncApi(const V&, const std::vector<crypto::SecretString>&, ApiOptions) -> AsyncApi<V>;
template <class V, class P>
AsyncApi(const V&, const std::vector<crypto::SecretString>&, ApiOptions, P&&) -> AsyncApi<V, PolicyType<P>>;

} // namespace mfa::workos
