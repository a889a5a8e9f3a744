#pragma once

#include <exception>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/policy.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verifier.hpp>
#include <mfa/workos/api_keys.hpp>
#include <mfa/workos/api_options.hpp>
#include <mfa/workos/exchange.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/pending_authentication.hpp>

namespace mfa::workos {

/// WorkOS's MFA API over a verifier, without a server: give it what your HTTP server read, and send what it
/// answers (docs/from-workos.md). Whoever has a key is the host's own program, as with WorkOS: he may enrol,
/// ask and delete factors of any user. Usable from many threads at once.
template <class VerifierType, class Pending = NoPendingAuthentication> class Api;

template <class Storage, class Clock, class Sms, class Errors, class Pending>
class Api<Verifier<Storage, Clock, Sms, Errors>, Pending> {
  static constexpr bool signs_in = !std::is_same_v<Pending, NoPendingAuthentication>;
  static_assert(!signs_in || PendingAuthentication<Pending>,
                "mfa: the policy of pending authentications needs: std::optional<mfa::workos::PendingUser> "
                "find(std::string_view token), and std::optional<nlohmann::ordered_json> "
                "finish(std::string_view token, const mfa::workos::SecondFactor& shown)");

 public:
  /// The verifier must outlive it. Throws `errc::invalid_argument` for keys as `ApiKeys` does.
  Api(const Verifier<Storage, Clock, Sms, Errors>& verifier, const std::vector<crypto::SecretString>& keys,
      ApiOptions options = ApiOptions(), Policy<Pending> pending = Pending())
      : verifier_(verifier), keys_(keys), options_(std::move(options)), pending_(std::move(pending)) {}

  /// From here on these keys are taken and no others: see `ApiKeys`.
  void replace_keys(const std::vector<crypto::SecretString>& keys) { keys_.replace(keys); }

  /// Answers a request, whatever it is. Throws only for want of memory or of random bytes.
  [[nodiscard]] Response handle(const Request& request) const {
    detail::Exchange exchange({keys_, options_, detail::sends_sms<Sms>, detail::sends_email<Sms>, signs_in},
                              request);
    try {
      if constexpr (signs_in)
        if (const auto token = exchange.token_to_find()) exchange.found(pending_->find(*token));
      if (exchange.needs_verb())
        exchange.replied(detail::answered(verifier_.run_verb(
            exchange.event_context(), [&exchange](const verbs::Run& run) { return exchange.verb(run); })));
      if constexpr (signs_in)
        if (const SecondFactor* const shown = exchange.to_finish())
          exchange.finished(pending_->finish(exchange.token(), *shown));
    } catch (...) {
      exchange.failed(std::current_exception());
    }
    return exchange.response();
  }

 private:
  const Verifier<Storage, Clock, Sms, Errors>& verifier_;
  ApiKeys keys_;
  ApiOptions options_;
  Policy<Pending> pending_;
};

template <class V> Api(const V&, const std::vector<crypto::SecretString>&) -> Api<V>;
template <class V> Api(const V&, const std::vector<crypto::SecretString>&, ApiOptions) -> Api<V>;
template <class V, class P>
Api(const V&, const std::vector<crypto::SecretString>&, ApiOptions, P&&) -> Api<V, PolicyType<P>>;

} // namespace mfa::workos
