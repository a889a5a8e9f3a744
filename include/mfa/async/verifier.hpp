#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/async/driver.hpp>
#include <mfa/async/storage.hpp>
#include <mfa/cancellation.hpp>
#include <mfa/challenge.hpp>
#include <mfa/clock/concept.hpp>
#include <mfa/clock/system.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery_report.hpp>
#include <mfa/event.hpp>
#include <mfa/factor.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor_details.hpp>
#include <mfa/fwd.hpp>
#include <mfa/handles.hpp>
#include <mfa/key_rotation.hpp>
#include <mfa/message.hpp>
#include <mfa/options.hpp>
#include <mfa/page.hpp>
#include <mfa/policies.hpp>
#include <mfa/policy.hpp>
#include <mfa/remaining.hpp>
#include <mfa/result.hpp>
#include <mfa/sms/none.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/challenge.hpp>
#include <mfa/verbs/compare_options.hpp>
#include <mfa/verbs/delete_factor.hpp>
#include <mfa/verbs/devices.hpp>
#include <mfa/verbs/enroll.hpp>
#include <mfa/verbs/export.hpp>
#include <mfa/verbs/look_up.hpp>
#include <mfa/verbs/maintenance.hpp>
#include <mfa/verbs/passkey.hpp>
#include <mfa/verbs/recovery_codes.hpp>
#include <mfa/verbs/rename_factor.hpp>
#include <mfa/verbs/report_delivery.hpp>
#include <mfa/verbs/request.hpp>
#include <mfa/verbs/resend.hpp>
#include <mfa/verbs/reset_user.hpp>
#include <mfa/verbs/rotation.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/unlock.hpp>
#include <mfa/verbs/verify.hpp>
#include <mfa/verification.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa::async {

/// The verbs of `mfa::Verifier` for a host with an event loop: each returns a `Task`, the host's own
/// coroutine type, which the host awaits. Rules, options, statuses, errors and events are the same, and so
/// are handles, whose verbs return tasks too. What a verb is given it copies, but for the policies, the lines
/// of an import and the verifier itself, which must stay until its tasks have ended.
///
/// The storage's functions return what a `Task` can await (`async::Storage`). A clock returns a time or
/// something to await. A transport's `send` returns something to await, or nothing: then it must not block
/// for long. Usable from every thread that runs the host's coroutines when the policies are.
///
/// A task that is destroyed before its end, where it waits: before its commit, nothing has happened; during
/// it, the attempt may have been counted, the factor changed, the challenge created; after it, the message of
/// a challenge may not have been sent, and events may be missing. Never is there a verdict. The same is true
/// of one that is cancelled, which throws what says so (`async::Cancellation`), also with `return_errors`.
template <template <class> class Task, class StoragePolicy, class ClockPolicy = clock::System,
          class SmsPolicy = sms::None, class Errors = ThrowErrors>
class Verifier {
  static constexpr bool are_policies = !mfa::detail::PointsToPolicy<StoragePolicy> &&
                                       !mfa::detail::PointsToPolicy<ClockPolicy> &&
                                       !mfa::detail::PointsToPolicy<SmsPolicy>;
  static_assert(are_policies,
                "mfa: give the policy itself, not a pointer to it: *storage borrows the storage, which must "
                "outlive the verifier");
  static_assert(!are_policies || Storage<StoragePolicy>,
                "mfa: the storage needs find_factor, find_challenge, find_counter, list_factors and commit, "
                "each returning what a Task can await: see <mfa/async/storage.hpp>");

 public:
  using FactorHandle = Factor<StoragePolicy, ClockPolicy, SmsPolicy, Verifier>;
  using ChallengeHandle = Challenge<StoragePolicy, ClockPolicy, SmsPolicy, Verifier>;
  /// What awaiting a verb gives whose result is a `T`: that, or with `return_errors` a `Result<T>`.
  template <class T> using Answer = typename Errors::template Answer<T>;

  /// See `mfa::Verifier`. `make_verifier` spares its caller the names of the policies.
  explicit Verifier(Policy<StoragePolicy> storage, Options options = Options(), Errors errors = {})
      : Verifier(std::move(storage), ClockPolicy{}, SmsPolicy{}, std::move(options), errors) {}
  Verifier(Policy<StoragePolicy> storage, Policy<ClockPolicy> clock, Options options = Options(),
           Errors errors = {})
      : Verifier(std::move(storage), std::move(clock), SmsPolicy{}, std::move(options), errors) {}
  Verifier(Policy<StoragePolicy> storage, Policy<ClockPolicy> clock, Policy<SmsPolicy> sms,
           Options options = Options(), Errors = {})
      : policies_(std::move(storage), std::move(clock), std::move(sms), std::move(options)) {}

  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;
  ~Verifier() { handles_.end(); }

  // Each as in `mfa::Verifier`, which says what it does and what it throws.

  template <class Request>
    requires(!std::is_void_v<factor::KindFor<Request>>)
  [[nodiscard]] auto enroll_factor(const Request& request,
                                   const Authorization& authorization = Authorization(),
                                   const EventContext& event_context = EventContext()) const {
    using Kind = factor::KindFor<Request>;
    static_assert(!(Kind::type == FactorType::sms &&
                    (std::is_same_v<SmsPolicy, sms::None> || !SmsTransport<SmsPolicy>)),
                  "mfa: this verifier sends no text messages; give it an SMS transport after the clock");
    static_assert(!(Kind::type == FactorType::email && !EmailTransport<SmsPolicy>),
                  "mfa: this verifier sends no e-mails; give what follows the clock a function that takes "
                  "const mfa::EmailMessage&: send");
    return run(event_context, [request, authorization](const verbs::Run& run) {
      return verbs::enroll_factor<Kind>(run, request, authorization);
    });
  }

  [[nodiscard]] Task<Answer<ChallengeHandle>>
  challenge_enrollment(std::string_view factor_id, const Whose& whose,
                       const ChallengeOptions& options = ChallengeOptions(),
                       const Authorization& authorization = Authorization()) const {
    return run(options.event_context,
               [factor_id = std::string(factor_id), whose, options, authorization](const verbs::Run& run) {
                 return verbs::challenge_enrollment(run, factor_id, whose, options, authorization);
               });
  }

  [[nodiscard]] Task<Answer<Confirmation>>
  confirm_enrollment(std::string_view id, std::string_view code,
                     const VerifyOptions& options = VerifyOptions()) const {
    return run(options.event_context,
               [id = std::string(id), code = crypto::SecretString(code), options](const verbs::Run& run) {
                 return verbs::confirm_enrollment(run, id, code, options);
               });
  }

  [[nodiscard]] auto regenerate_recovery_codes(std::string_view factor_id, const Whose& whose,
                                               const Authorization& authorization,
                                               const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [factor_id = std::string(factor_id), whose, authorization](const verbs::Run& run) {
                 return verbs::regenerate_recovery_codes(run, factor_id, whose, authorization);
               });
  }

  [[nodiscard]] Task<Answer<ChallengeHandle>>
  challenge_factor(std::string_view factor_id, const Whose& whose,
                   const ChallengeOptions& options = ChallengeOptions()) const {
    return run(options.event_context,
               [factor_id = std::string(factor_id), whose, options](const verbs::Run& run) {
                 return verbs::challenge_factor(run, factor_id, whose, options);
               });
  }

  [[nodiscard]] Task<Answer<ChallengeHandle>>
  resend_challenge(std::string_view challenge_id, const Whose& whose,
                   const ResendOptions& options = ResendOptions()) const {
    return run(options.event_context,
               [challenge_id = std::string(challenge_id), whose, options](const verbs::Run& run) {
                 return verbs::resend_challenge(run, challenge_id, whose, options);
               });
  }

  Task<Answer<bool>> report_delivery(std::string_view message_id, DeliveryReport report,
                                     const EventContext& event_context = EventContext()) const {
    return run(event_context, [message_id = std::string(message_id), report](const verbs::Run& run) {
      return verbs::report_delivery(run, message_id, report);
    });
  }

  [[nodiscard]] Task<Answer<ChallengeHandle>>
  challenge_user(const UserId& user_id, const ChallengeOptions& options = ChallengeOptions()) const {
    return run(options.event_context, [user_id, options](const verbs::Run& run) {
      return verbs::challenge_user(run, user_id, options);
    });
  }

  [[nodiscard]] Task<Answer<ChallengeHandle>>
  challenge_passkey(const ChallengeOptions& options = ChallengeOptions()) const {
    return run(options.event_context,
               [options](const verbs::Run& run) { return verbs::challenge_passkey(run, options); });
  }

  [[nodiscard]] Task<Answer<Verification>>
  verify_challenge(std::string_view challenge_id, std::string_view code,
                   const VerifyOptions& options = VerifyOptions()) const {
    return run(options.event_context, [challenge_id = std::string(challenge_id),
                                       code = crypto::SecretString(code), options](const verbs::Run& run) {
      return verbs::verify_challenge(run, challenge_id, code, options);
    });
  }

  [[nodiscard]] Task<Answer<FactorHandle>> get_factor(std::string_view factor_id, const Whose& whose) const {
    return run(EventContext(), [factor_id = std::string(factor_id), whose](const verbs::Run& run) {
      return verbs::get_factor(run, factor_id, whose);
    });
  }

  [[nodiscard]] Task<Answer<std::vector<FactorHandle>>> list_factors(const UserId& user_id) const {
    return run(EventContext(),
               [user_id](const verbs::Run& run) { return verbs::list_factors(run, user_id); });
  }

  template <class S = StoragePolicy>
  [[nodiscard]] Task<Answer<std::vector<FactorHandle>>> list_factors(const UserId& user_id,
                                                                     const Page& page) const {
    static_assert(
        PagesFactors<S>,
        "mfa: list_factors by pages needs a storage that offers: list_factors(std::string_view user_id, "
        "std::string_view after_id, std::size_t limit)");
    return run(EventContext(),
               [user_id, page](const verbs::Run& run) { return verbs::list_factors(run, user_id, page); });
  }

  [[nodiscard]] Task<Answer<ChallengeHandle>> get_challenge(std::string_view challenge_id,
                                                            const Whose& whose) const {
    return run(EventContext(), [challenge_id = std::string(challenge_id), whose](const verbs::Run& run) {
      return verbs::get_challenge(run, challenge_id, whose);
    });
  }

  Task<Answer<FactorHandle>> rename_factor(std::string_view factor_id, const Whose& whose,
                                           std::string_view friendly_name,
                                           const EventContext& event_context = EventContext()) const {
    return run(event_context, [factor_id = std::string(factor_id), whose,
                               friendly_name = std::string(friendly_name)](const verbs::Run& run) {
      return verbs::rename_factor(run, factor_id, whose, friendly_name);
    });
  }

  [[nodiscard]] Task<Answer<RememberedDevice>>
  remember_device(const UserId& user_id, std::string_view label, const Authorization& authorization,
                  std::chrono::seconds lifetime = usual_device_lifetime,
                  const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [user_id, label = std::string(label), authorization, lifetime](const verbs::Run& run) {
                 return verbs::remember_device(run, user_id, label, authorization, lifetime);
               });
  }

  [[nodiscard]] Task<Answer<std::optional<TrustedDevice>>>
  check_device(std::string_view token, const UserId& user_id,
               const EventContext& event_context = EventContext()) const {
    return run(event_context, [token = crypto::SecretString(token), user_id](const verbs::Run& run) {
      return verbs::check_device(run, token, user_id);
    });
  }

  [[nodiscard]] Task<Answer<std::vector<TrustedDevice>>> list_devices(const UserId& user_id) const {
    return run(EventContext(),
               [user_id](const verbs::Run& run) { return verbs::list_devices(run, user_id); });
  }

  Task<Answer<bool>> revoke_device(const UserId& user_id, std::string_view device_id,
                                   const EventContext& event_context = EventContext()) const {
    return run(event_context, [user_id, device_id = std::string(device_id)](const verbs::Run& run) {
      return verbs::revoke_device(run, user_id, device_id);
    });
  }

  Task<Answer<std::size_t>> password_changed(const UserId& user_id,
                                             const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [user_id](const verbs::Run& run) { return verbs::password_changed(run, user_id); });
  }

  Task<Answer<std::size_t>> revoke_devices(const UserId& user_id,
                                           const RevokeOptions& options = RevokeOptions()) const {
    return run(options.event_context, [user_id, options](const verbs::Run& run) {
      return verbs::revoke_devices(run, user_id, std::nullopt, options.keep_device);
    });
  }

  [[nodiscard]] Task<Answer<crypto::SecretString>>
  unsafe_export_otpauth_uri(std::string_view factor_id, const Whose& whose,
                            const EventContext& event_context = EventContext()) const {
    return run(event_context, [factor_id = std::string(factor_id), whose](const verbs::Run& run) {
      return verbs::unsafe_export_otpauth_uri(run, factor_id, whose);
    });
  }

  Task<Answer<Remaining>> delete_factor(std::string_view factor_id, const Whose& whose,
                                        const Authorization& authorization = Authorization(),
                                        const DeleteOptions& options = DeleteOptions()) const {
    return run(options.event_context,
               [factor_id = std::string(factor_id), whose, authorization, options](const verbs::Run& run) {
                 return verbs::delete_factor(run, factor_id, whose, authorization, options);
               });
  }

  Task<Answer<UserReset>> reset_user(const UserId& user_id, const Authorization& authorization,
                                     const ResetOptions& options = ResetOptions()) const {
    return run(options.event_context, [user_id, authorization, options](const verbs::Run& run) {
      return verbs::reset_user(run, user_id, authorization, options);
    });
  }

  Task<Answer<void>> unlock_factor(std::string_view factor_id, const Whose& whose,
                                   const Authorization& authorization,
                                   const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [factor_id = std::string(factor_id), whose, authorization](const verbs::Run& run) {
                 return verbs::unlock_factor(run, factor_id, whose, authorization);
               });
  }

  Task<Answer<bool>> reset_sms_limits(std::string_view phone_number,
                                      const EventContext& event_context = EventContext()) const {
    return run(event_context, [phone_number = std::string(phone_number)](const verbs::Run& run) {
      return verbs::reset_sms_limits(run, phone_number);
    });
  }

  Task<Answer<bool>> reset_sms_budgets(std::string_view which,
                                       const EventContext& event_context = EventContext()) const {
    return run(event_context, [which = std::string(which)](const verbs::Run& run) {
      return verbs::reset_sms_budgets(run, which);
    });
  }

  Task<Answer<bool>> reset_send_limits(std::string_view factor_id, const Whose& whose,
                                       const EventContext& event_context = EventContext()) const {
    return run(event_context, [factor_id = std::string(factor_id), whose](const verbs::Run& run) {
      return verbs::reset_send_limits(run, factor_id, whose);
    });
  }

  template <class S = StoragePolicy>
  Task<Answer<std::size_t>> purge_expired(const EventContext& event_context = EventContext()) const {
    static_assert(Purges<S>,
                  "mfa: purge_expired needs a storage that offers: purge(mfa::Time now, std::size_t limit)");
    return run(event_context, [](const verbs::Run& run) { return verbs::purge_expired(run); });
  }

  template <class S = StoragePolicy>
  Task<Answer<ResealProgress>> reseal_all(const ResealOptions& options = ResealOptions()) const {
    static_assert(ScansFactors<S>, "mfa: reseal_all needs a storage that offers: "
                                   "scan_factors(std::string_view after_id, std::size_t limit)");
    return run(options.event_context,
               [options](const verbs::Run& run) { return verbs::reseal_all(run, options); });
  }

  template <class S = StoragePolicy> [[nodiscard]] Task<Answer<KeyCounts>> count_keys() const {
    static_assert(ScansFactors<S>, "mfa: count_keys needs a storage that offers: "
                                   "scan_factors(std::string_view after_id, std::size_t limit)");
    return run(EventContext(), [](const verbs::Run& run) { return verbs::count_keys(run); });
  }

  Task<Answer<void>> replace_key_ring(KeyRing keys, const EventContext& event_context = EventContext()) {
    return run(event_context, [this, keys = std::move(keys)](const verbs::Run& run) mutable {
      return verbs::replace_key_ring(run, [this, &keys] { policies_.replace_keys(std::move(keys)); });
    });
  }

  Task<Answer<void>> compare_options() const {
    return run(EventContext(), [](const verbs::Run& run) { return verbs::compare_options(run, false); });
  }

  Task<Answer<void>> publish_options() const {
    return run(EventContext(), [](const verbs::Run& run) { return verbs::compare_options(run, true); });
  }

  [[nodiscard]] const Options& options() const& noexcept { return policies_.options; }

  /// Runs a verb that is not in the core, as <mfa/import.hpp> does: `make` makes it of a `const verbs::Run&`.
  template <class Make> auto run_verb(const EventContext& event_context, Make make) const {
    return run(event_context, std::move(make));
  }

  /// What the handles of a verifier that is gone answer.
  template <class T> static T gone() { mfa::detail::throw_verifier_gone(); }

 private:
  using Driver = detail::AwaitingDriver<StoragePolicy, ClockPolicy, SmsPolicy>;
  using Handles = mfa::detail::Handles<Verifier>;

  template <class Make> auto run(const EventContext& event_context, Make make) const {
    using Verb = decltype(make(std::declval<const verbs::Run&>()));
    using Result = decltype(std::declval<const Handles&>().take(std::declval<Verb&>()));
    return drive<Result>(EventContext(event_context), std::move(make));
  }

  template <class Result, class Make>
  Task<Answer<Result>> drive(EventContext event_context, Make make) const {
    Driver driver(policies_, event_context);
    auto verb = make(driver.run());
    verb.start();
    while (!verb.done()) {
      std::exception_ptr failure;
      try {
        co_await answer(driver.request());
      } catch (...) {
        failure = std::current_exception();
      }
      rethrow_cancellation<Task<void>>(failure); // past the verb, which ends as if its task were destroyed
      driver.go_on(std::move(failure));
    }
    const auto take = [&] { return handles_.take(verb); };
    if constexpr (std::is_void_v<Answer<Result>>)
      take();
    else
      co_return Errors::template answer<Result>(take);
  }

  Task<void> answer(verbs::Request& request) const {
    using namespace verbs;
    switch (request.asks) {
    case Asks::clock: return answer(static_cast<ReadClock&>(request));
    case Asks::factor: return answer(static_cast<FindFactor&>(request));
    case Asks::challenge: return answer(static_cast<FindChallenge&>(request));
    case Asks::counter: return answer(static_cast<FindCounter&>(request));
    case Asks::challenge_with_factor: return answer(static_cast<FindChallengeWithFactor&>(request));
    case Asks::factors_of_user: return answer(static_cast<ListFactors&>(request));
    case Asks::page_of_factors: return answer(static_cast<ListPageOfFactors&>(request));
    case Asks::scan_of_factors: return answer(static_cast<ScanFactors&>(request));
    case Asks::commit: return answer(static_cast<Commit&>(request));
    case Asks::purge: return answer(static_cast<Purge&>(request));
    case Asks::send: break;
    }
    return answer(static_cast<Send&>(request));
  }

  // Each a coroutine of its own, whose memory lasts for the request alone: g++ keeps what an expression with
  // `co_await` returns in the coroutine's.

  Task<void> answer(verbs::FindFactor& find) const {
    find.answer = co_await policies_.storage->find_factor(find.id);
  }
  Task<void> answer(verbs::FindChallenge& find) const {
    find.answer = co_await policies_.storage->find_challenge(find.id);
  }
  Task<void> answer(verbs::FindCounter& find) const {
    find.answer = co_await policies_.storage->find_counter(find.id);
  }
  Task<void> answer(verbs::ListFactors& list) const {
    list.answer = co_await policies_.storage->list_factors(list.user_id);
  }
  Task<void> answer(verbs::Commit& commit) const {
    commit.answer = co_await policies_.storage->commit(std::move(*commit.batch));
  }
  Task<void> answer(verbs::Send& send) const {
    return send.message.visit([this](const auto& message) { return this->send(message); });
  }
  template <class Message> Task<void> send(const Message& message) const {
    if constexpr (Sends<SmsPolicy, Message> && !detail::SendsAtOnce<SmsPolicy, Message>)
      co_await policies_.sms->send(message);
    co_return;
  }
  Task<void> answer(verbs::ReadClock& read) const {
    if constexpr (!Clock<ClockPolicy>) read.answer = co_await policies_.clock->now();
    co_return;
  }

  // A verb asks for these only where the storage offers them.
  Task<void> answer(verbs::FindChallengeWithFactor& find) const {
    if constexpr (FindsChallengeWithFactor<StoragePolicy>)
      *find.found = co_await policies_.storage->find_challenge_with_factor(find.id);
    co_return;
  }
  Task<void> answer(verbs::ListPageOfFactors& list) const {
    if constexpr (PagesFactors<StoragePolicy>)
      list.answer = co_await policies_.storage->list_factors(list.user_id, list.after_id, list.limit);
    co_return;
  }
  Task<void> answer(verbs::ScanFactors& scan) const {
    if constexpr (ScansFactors<StoragePolicy>)
      scan.answer = co_await policies_.storage->scan_factors(scan.after_id, scan.limit);
    co_return;
  }
  Task<void> answer(verbs::Purge& purge) const {
    if constexpr (Purges<StoragePolicy>)
      purge.answer = co_await policies_.storage->purge(purge.now, purge.limit);
    co_return;
  }

  mfa::detail::Policies<StoragePolicy, ClockPolicy, SmsPolicy> policies_;
  Handles handles_{*this};
};

// A verifier by its task type alone: `make_verifier<Task>(storage, clock, sms, options)`.

template <template <class> class Task, class S, class Errors = ThrowErrors>
[[nodiscard]] auto make_verifier(S&& storage, Options options = Options(), Errors errors = {}) {
  return Verifier<Task, PolicyType<S>, clock::System, sms::None, Errors>(std::forward<S>(storage),
                                                                         std::move(options), errors);
}

template <template <class> class Task, class S, class C, class Errors = ThrowErrors>
  requires(!std::is_same_v<PolicyType<C>, Options>)
[[nodiscard]] auto make_verifier(S&& storage, C&& clock, Options options = Options(), Errors errors = {}) {
  return Verifier<Task, PolicyType<S>, PolicyType<C>, sms::None, Errors>(
      std::forward<S>(storage), std::forward<C>(clock), std::move(options), errors);
}

template <template <class> class Task, class S, class C, class T, class Errors = ThrowErrors>
  requires(!std::is_same_v<PolicyType<C>, Options> && !std::is_same_v<PolicyType<T>, Options>)
[[nodiscard]] auto make_verifier(S&& storage, C&& clock, T&& sms, Options options = Options(),
                                 Errors errors = {}) {
  return Verifier<Task, PolicyType<S>, PolicyType<C>, PolicyType<T>, Errors>(
      std::forward<S>(storage), std::forward<C>(clock), std::forward<T>(sms), std::move(options), errors);
}

} // namespace mfa::async
