#pragma once

#include <chrono>
#include <concepts>
#include <exception>
#include <utility>

#include <mfa/delivery/failure.hpp>
#include <mfa/http/curl.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/types.hpp>

namespace mfa::http {

/// What a provider's interface is, without any network: the request that sends a message, and what an answer
/// means. `outcome` returns if the message was taken, and throws `DeliveryError` if not. A model is made of
/// its `Settings`, which it checks (`errc::invalid_argument`), and is used from many threads.
template <class P>
concept Provider = requires(const P& provider, const typename P::Message& message, Time now) {
  typename P::Settings;
  requires std::constructible_from<P, typename P::Settings>;
  provider.outcome(std::declval<Curl&>().perform(provider.request(message, now)));
};

/// Returns if an answer says that the message was taken, and throws `DeliveryError` if not. Whatever else the
/// description throws, as without memory, does not say that nothing was sent.
template <class Description, class Answer> void judge(const Description& provider, const Answer& answer) {
  try {
    provider.outcome(answer);
  } catch (const DeliveryError&) {
    throw;
  } catch (const std::exception&) {
    std::throw_with_nested(DeliveryError(DeliveryFailure::unclear,
                                         "the answer of a provider could not be read to its end; whether "
                                         "the message was taken is not known"));
  }
}

[[nodiscard]] inline Time current_time() {
  return std::chrono::time_point_cast<Time::duration>(std::chrono::system_clock::now());
}

/// A transport that blocks, of a provider's description. `async::Curl` is the one that is awaited.
template <Provider ProviderType> class Transport {
 public:
  using Provider = ProviderType;
  using Settings = typename Provider::Settings;
  using Message = typename Provider::Message;

  /// Throws `errc::invalid_argument` for settings or options that cannot be used.
  explicit Transport(Settings settings, CurlOptions options = CurlOptions())
      : provider_(std::move(settings)), curl_(std::move(options)) {}

  /// Returns once the provider has taken the message, and throws `DeliveryError` otherwise. Usable from many
  /// threads.
  void send(const Message& message) {
    judge(provider_, curl_.perform(provider_.request(message, current_time())));
  }

  [[nodiscard]] const Provider& provider() const noexcept { return provider_; }

 private:
  Provider provider_;
  Curl curl_;
};

} // namespace mfa::http
