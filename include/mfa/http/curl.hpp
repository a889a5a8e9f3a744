#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
#include <vector>

#include <mfa/http/curl_exchange.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/mail.hpp>
#include <mfa/http/request.hpp>
#include <mfa/storage/conversation.hpp>
#include <mfa/storage/process.hpp>

namespace mfa::http {

/// Requests by libcurl, in threads that wait for the answer. Connections are kept for the next ones. Usable
/// from many threads. What a forked process sends goes over connections of its own.
class Curl {
 public:
  /// Throws `errc::invalid_argument` for options out of their range.
  explicit Curl(CurlOptions options = CurlOptions()) : state_(std::make_unique<State>(std::move(options))) {}

  /// What the server answered, whatever its status. Throws `DeliveryError` if it did not: `unavailable` if
  /// the request cannot have arrived, `unclear` if it may have.
  [[nodiscard]] Response perform(const Request& request) { return state_->perform<Response>(request); }
  [[nodiscard]] MailReply perform(const Mail& mail) { return state_->perform<MailReply>(mail); }

 private:
  using Exchange = mfa::detail::curl::Exchange;
  using Owned = mfa::detail::OwnedAtHome<Exchange>;

  struct State {
    explicit State(CurlOptions given) : options(std::move(given)) { mfa::detail::curl::check(options); }

    template <class Answer> Answer perform(const auto& request) {
      Owned exchange = take();
      Answer answer = mfa::detail::block_on(exchange->perform(request));
      give_back(std::move(exchange)); // one that threw is closed
      return answer;
    }

    Owned take() {
      if (home.is_here()) {
        const std::lock_guard lock(mutex);
        if (!idle.empty()) {
          Owned exchange = std::move(idle.back());
          idle.pop_back();
          return exchange;
        }
      }
      return mfa::detail::make_at_home<Exchange>(options);
    }

    /// An answer counts, whatever becomes of its connection.
    void give_back(Owned exchange) noexcept {
      if (!home.is_here()) return; // a thread of the parent's may hold the mutex for ever
      try {
        const std::lock_guard lock(mutex);
        if (idle.size() < options.max_connections) idle.push_back(std::move(exchange));
      } catch (const std::bad_alloc&) { // it is closed
      }
    }

    const CurlOptions options;
    const mfa::detail::HomeProcess home;
    std::mutex mutex;
    std::vector<Owned> idle;
  };

  std::unique_ptr<State> state_;
};

} // namespace mfa::http
