#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/authorization.hpp>
#include <mfa/blocking_driver.hpp>
#include <mfa/challenge.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/clock/concept.hpp>
#include <mfa/clock/system.hpp>
#include <mfa/confirmation.hpp>
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
#include <mfa/storage/concept.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
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
#include <mfa/verbs/resend.hpp>
#include <mfa/verbs/reset_user.hpp>
#include <mfa/verbs/rotation.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/unlock.hpp>
#include <mfa/verbs/verify.hpp>
#include <mfa/verification.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa {

namespace detail {

/// For calls of a verb that do not say whose.
template <class Called = void> auto say_whose() {
  static_assert(
      !std::is_void_v<Called>,
      "mfa: say whose it is, after the id: a user's id, as challenge_factor(factor_id, user_id), so "
      "that another's is not found; or mfa::any_user");
}

} // namespace detail

/// The three verbs - enrol, challenge, verify - over a host's storage, clock and SMS transport. Usable from
/// many threads at once when the policies are; all shipped ones are. Verbs change what the storage holds and
/// not the verifier, so they work on a `const` one; only `replace_key_ring` does not. Factors and challenges
/// that it returns point back to it, so it neither moves nor copies; once it is gone, their verbs throw.
///
/// Every verb throws `Error`: what it says of itself below, and besides `errc::clock_out_of_range`, whatever
/// the storage throws, `errc::storage_conflict` if records keep changing under it, `errc::corrupt_record`,
/// `errc::seal_broken` and `errc::unknown_key` for records that cannot be used. A verb that threw gave no
/// verdict; a commit whose answer was lost may have happened.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy, class Errors> class Verifier {
  static constexpr bool options_are_last = !std::is_same_v<StoragePolicy, Options> &&
                                           !std::is_same_v<ClockPolicy, Options> &&
                                           !std::is_same_v<SmsPolicy, Options>;
  static_assert(options_are_last,
                "mfa: Options come last: Verifier{storage, options}, Verifier{storage, clock, options} or "
                "Verifier{storage, clock, sms, options}");
  static constexpr bool are_policies = !detail::PointsToPolicy<StoragePolicy> &&
                                       !detail::PointsToPolicy<ClockPolicy> &&
                                       !detail::PointsToPolicy<SmsPolicy>;
  static_assert(
      are_policies,
      "mfa: give the policy itself, not a pointer to it: Verifier{*storage} borrows the storage, which "
      "must outlive it");
  static constexpr bool misused = !options_are_last || !are_policies;

  static_assert(
      misused || storage::FindsFactor<StoragePolicy>,
      "mfa: the storage needs: std::optional<mfa::storage::FactorRecord> find_factor(std::string_view id)");
  static_assert(misused || storage::FindsChallenge<StoragePolicy>,
                "mfa: the storage needs: std::optional<mfa::storage::ChallengeRecord> "
                "find_challenge(std::string_view id)");
  static_assert(
      misused || storage::FindsCounter<StoragePolicy>,
      "mfa: the storage needs: std::optional<mfa::storage::CounterRecord> find_counter(std::string_view id)");
  static_assert(misused || storage::ListsFactors<StoragePolicy>,
                "mfa: the storage needs: std::vector<mfa::storage::FactorRecord> "
                "list_factors(std::string_view user_id)");
  static_assert(misused || storage::Commits<StoragePolicy>,
                "mfa: the storage needs: bool commit(const mfa::storage::Batch& batch)");
  static_assert(misused || Clock<ClockPolicy>,
                "mfa: the clock needs: std::chrono::system_clock::time_point now() const");
  static constexpr bool sends = SmsTransport<SmsPolicy> || EmailTransport<SmsPolicy> ||
                                VoiceTransport<SmsPolicy> || PushTransport<SmsPolicy>;
  static_assert(misused || sends, "mfa: the SMS transport needs: void send(const mfa::SmsMessage& message)");

 public:
  using FactorHandle = Factor<StoragePolicy, ClockPolicy, SmsPolicy, Verifier>;
  using ChallengeHandle = Challenge<StoragePolicy, ClockPolicy, SmsPolicy, Verifier>;
  /// What a verb returns whose result is a `T`: that, or with `return_errors` a `Result<T>`.
  template <class T> using Answer = typename Errors::template Answer<T>;

  /// Throws `errc::invalid_argument` for an option out of its range and `errc::no_key_ring` if the storage
  /// outlives the process and there are no keys to seal its secrets.
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

  // --- enrol

  /// Enrols a factor (`Totp`, `Sms`, `GenericOtp`, `Hotp`, `RecoveryCodes`, `WebAuthn`, `Email`) and returns
  /// it with what its user needs: `.factor`, and `.totp`, `.sms` and so on by kind. Keep `.factor.id()`. The
  /// factor is unverified, and signs nobody in, until `confirm_enrollment`, but for recovery codes, which are
  /// verified at once, and so need an authorization even as the first.
  /// Throws `errc::invalid_argument`, `errc::invalid_secret`, `errc::qr_code_too_large`,
  /// `errc::invalid_phone_number`, `errc::sms_country_not_allowed`, `errc::invalid_email_address`,
  /// `errc::no_relying_party`; and
  /// `errc::authorization_required` if the user has a verified factor already and `authorization` is not a
  /// fresh verification of his.
  template <class Request>
    requires(!std::is_void_v<factor::KindFor<Request>>)
  [[nodiscard]] auto enroll_factor(const Request& request,
                                   const Authorization& authorization = Authorization(),
                                   const EventContext& event_context = EventContext()) const {
    using Kind = factor::KindFor<Request>;
    static_assert(!(Kind::type == FactorType::sms &&
                    (std::is_same_v<SmsPolicy, sms::None> || !SmsTransport<SmsPolicy>)),
                  "mfa: this Verifier sends no text messages; pass an SMS transport as its third argument");
    static_assert(!(Kind::type == FactorType::email && !EmailTransport<SmsPolicy>),
                  "mfa: this Verifier sends no e-mails; give its third argument a function: "
                  "void send(const mfa::EmailMessage& message)");
    return run_with_lists(event_context, [&](const verbs::Run& run) {
      return verbs::enroll_factor<Kind>(run, request, authorization);
    });
  }

  /// Chosen for what is no request.
  template <class NotARequest = factor::UnnamedRequest>
    requires(std::is_void_v<factor::KindFor<NotARequest>>)
  auto enroll_factor(const NotARequest&, const Authorization& = {}, const EventContext& = {}) const {
    static_assert(!std::is_void_v<factor::KindFor<NotARequest>>,
                  "mfa: enroll_factor takes a request by its name: mfa::Totp{...}, mfa::Sms{...}, "
                  "mfa::GenericOtp{...}, mfa::Hotp{...}, mfa::RecoveryCodes{...}, mfa::WebAuthn{...} or "
                  "mfa::Email{...}");
  }

  /// Puts the question by whose answer the user confirms the enrolment, as `challenge_factor` does otherwise;
  /// `options.purpose` and `options.device_token` are not looked at. Throws what `challenge_factor` throws,
  /// and `errc::invalid_argument` for a factor that is verified, and `errc::enrollment_expired`.
  /// A further WebAuthn factor wants an `authorization` again, as whoever holds the session makes the answer;
  /// otherwise `errc::authorization_required`.
  [[nodiscard]] Answer<ChallengeHandle>
  challenge_enrollment(std::string_view factor_id, const Whose& whose,
                       const ChallengeOptions& options = ChallengeOptions(),
                       const Authorization& authorization = Authorization()) const {
    return run_with_lists(options.event_context, [&](const verbs::Run& run) {
      return verbs::challenge_enrollment(run, factor_id, whose, options, authorization);
    });
  }

  template <class Called = void>
  auto challenge_enrollment(std::string_view, const ChallengeOptions& = {}) const {
    return detail::say_whose<Called>();
  }

  /// Checks the answer by which a user shows that he has what was enrolled. `id` is that of the challenge
  /// which `challenge_enrollment` made, or, for TOTP and HOTP, whose codes come unasked, that of the factor.
  /// `options.purpose` is not looked at. Throws what `verify_challenge` throws, `errc::enrollment_expired`,
  /// and `errc::authorization_required` for a right answer if another factor of the user was verified after
  /// this one was enrolled as the first; given a factor's id, also what `challenge_enrollment` throws.
  Answer<Confirmation> confirm_enrollment(std::string_view id, std::string_view code,
                                          const VerifyOptions& options = VerifyOptions()) const {
    return run_with_lists(options.event_context, [&](const verbs::Run& run) {
      return verbs::confirm_enrollment(run, id, code, options);
    });
  }

  /// Draws new recovery codes, which replace all old ones, used or not, at once. Returns what `enroll_factor`
  /// does. Throws `errc::entity_not_found`, also if the factor is not that user's;
  /// `errc::authorization_required`; and `errc::invalid_argument` for a factor of another kind.
  [[nodiscard]] auto regenerate_recovery_codes(std::string_view factor_id, const Whose& whose,
                                               const Authorization& authorization,
                                               const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) {
      return verbs::regenerate_recovery_codes(run, factor_id, whose, authorization);
    });
  }

  // --- challenge

  /// Puts the question, for signing in unless `options.purpose` says otherwise: SMS sends a code, and the
  /// factor's earlier codes die. Throws `errc::entity_not_found`, also if the factor is not that user's;
  /// `errc::invalid_argument` for options that contradict themselves or a binding that is too long,
  /// `errc::factor_locked_out`, `errc::user_delayed` (with `retry_after()`), `errc::factor_not_verified`,
  /// `errc::insufficient_assurance`; with `sms` `errc::invalid_sms_template`, `errc::sms_rate_limited` (with
  /// `retry_after()`), `errc::sms_country_not_allowed`, and `errc::sms_not_sent`, which carries the
  /// transport's exception nested and leaves no live challenge behind, unless the storage fails as well; with
  /// `email` `errc::invalid_email_template`, `errc::email_rate_limited` (with `retry_after()`),
  /// `errc::invalid_argument` for a link that is bound to nothing, and `errc::message_not_delivered`, which
  /// is like `errc::sms_not_sent`; with `generic_otp` `errc::code_rate_limited` (with `retry_after()`); with
  /// `webauthn` `errc::no_relying_party`.
  [[nodiscard]] Answer<ChallengeHandle>
  challenge_factor(std::string_view factor_id, const Whose& whose,
                   const ChallengeOptions& options = ChallengeOptions()) const {
    return run(options.event_context, [&](const verbs::Run& run) {
      return verbs::challenge_factor(run, factor_id, whose, options);
    });
  }

  template <class Called = void> auto challenge_factor(std::string_view, const ChallengeOptions& = {}) const {
    return detail::say_whose<Called>();
  }

  /// Sends the code of a pending challenge again, or a new one in its place (`Options::resend_same_code`):
  /// one code counts at a time. What was left of the challenge's time and attempts remains, and so do its
  /// binding, which `options` must bring, and its purpose. Counted as every send is; `resend_after()` of what
  /// is returned says how long the next has to wait, and before that this throws as `challenge_factor` does,
  /// with the challenge as it was. With `generic_otp` the code is yours to deliver again: `code()`.
  /// Throws `errc::entity_not_found`, also if the factor is not that user's or for another binding;
  /// `errc::challenge_over` for a challenge that was answered, has expired, has taken too many wrong codes or
  /// was replaced; `errc::invalid_argument` for one that sends nothing; what `challenge_factor` throws. After
  /// `errc::sms_not_sent` or `errc::message_not_delivered` the challenge stands, and the code that was sent
  /// before counts.
  [[nodiscard]] Answer<ChallengeHandle>
  resend_challenge(std::string_view challenge_id, const Whose& whose,
                   const ResendOptions& options = ResendOptions()) const {
    return run(options.event_context, [&](const verbs::Run& run) {
      return verbs::resend_challenge(run, challenge_id, whose, options);
    });
  }

  template <class Called = void> auto resend_challenge(std::string_view, const ResendOptions& = {}) const {
    return detail::say_whose<Called>();
  }

  /// Tells what became of a message, by its `id` (`SmsMessage::id` and its like): for the host's handler of
  /// the provider's reports, which must know that they are the provider's, and for a `delivery::Background`'s
  /// observer. If a message is not sent or does not arrive, and its code is the only one that would be
  /// answered, its challenge ends: a report on a message whose code was replaced since ends nothing. What was
  /// not sent is counted on none of `Options::sms_budgets`. False for a message that is not known any more.
  Answer<bool> report_delivery(std::string_view message_id, DeliveryReport report,
                               const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [&](const verbs::Run& run) { return verbs::report_delivery(run, message_id, report); });
  }

  /// Puts the question to all security keys and passkeys of the user at once, so that nobody has to say which
  /// he has in his hand; any of them may answer. Throws `errc::entity_not_found` if he has none that is
  /// verified, `errc::insufficient_assurance` if none can show what `options.required` asks for,
  /// `errc::invalid_argument` and `errc::no_relying_party`.
  /// The challenge's id is longer than others, up to 1,024 bytes. Nothing is stored until an answer counts.
  [[nodiscard]] Answer<ChallengeHandle>
  challenge_user(const UserId& user_id, const ChallengeOptions& options = ChallengeOptions()) const {
    return run_with_lists(options.event_context, [&](const verbs::Run& run) {
      return verbs::challenge_user(run, user_id, options);
    });
  }

  /// The same for whoever comes, who signs in with a passkey and without a user name: `Verification::user_id`
  /// says who it is. He must show his PIN or biometric, as he shows nothing else, so
  /// `options.required.factors` is 2 at least. Throws `errc::insufficient_assurance` for more. Cheap enough
  /// to make for every visitor of a page.
  [[nodiscard]] Answer<ChallengeHandle>
  challenge_passkey(const ChallengeOptions& options = ChallengeOptions()) const {
    return run(options.event_context,
               [&](const verbs::Run& run) { return verbs::challenge_passkey(run, options); });
  }

  // --- verify

  /// Checks what the user typed, or what the browser sent, of at most 65,536 bytes. Whatever is counted is
  /// committed before the answer is given. Throws `errc::entity_not_found` for an unknown challenge and,
  /// alike, for another user's or another binding, `errc::wrong_purpose` for a challenge that is for
  /// something else, and `errc::invalid_argument` for more bytes than a code or a binding may have.
  Answer<Verification> verify_challenge(std::string_view challenge_id, std::string_view code,
                                        const VerifyOptions& options = VerifyOptions()) const {
    return run(options.event_context, [&](const verbs::Run& run) {
      return verbs::verify_challenge(run, challenge_id, code, options);
    });
  }

  // --- look up

  /// Throws `errc::entity_not_found`; also if the factor is not that user's.
  [[nodiscard]] Answer<FactorHandle> get_factor(std::string_view factor_id, const Whose& whose) const {
    return run(EventContext(),
               [&](const verbs::Run& run) { return verbs::get_factor(run, factor_id, whose); });
  }

  template <class Called = void> auto get_factor(std::string_view) const {
    return detail::say_whose<Called>();
  }

  /// The factors enrolled with this `user_id`, oldest first, unverified ones included; none for an unknown
  /// user.
  [[nodiscard]] Answer<std::vector<FactorHandle>> list_factors(const UserId& user_id) const {
    return run_with_lists(EventContext(),
                          [&](const verbs::Run& run) { return verbs::list_factors(run, user_id); });
  }

  /// The same by pages: those after `page.after`, at most `page.limit`. Fewer come only at the end. Throws
  /// `errc::invalid_argument`. Only for a storage that offers pages.
  template <class S = StoragePolicy>
  [[nodiscard]] Answer<std::vector<FactorHandle>> list_factors(const UserId& user_id,
                                                               const Page& page) const {
    static_assert(storage::PagesFactors<S>,
                  "mfa: list_factors by pages needs a storage that offers: "
                  "std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id, "
                  "std::string_view after_id, std::size_t limit)");
    return run_with_lists(EventContext(),
                          [&](const verbs::Run& run) { return verbs::list_factors(run, user_id, page); });
  }

  /// Throws `errc::entity_not_found`; also if its factor is deleted or not that user's.
  [[nodiscard]] Answer<ChallengeHandle> get_challenge(std::string_view challenge_id,
                                                      const Whose& whose) const {
    return run(EventContext(),
               [&](const verbs::Run& run) { return verbs::get_challenge(run, challenge_id, whose); });
  }

  template <class Called = void> auto get_challenge(std::string_view) const {
    return detail::say_whose<Called>();
  }

  /// Gives the factor another name, of up to 200 bytes, as `list_factors` shows it, and returns it. A label:
  /// it needs no authorization. Throws `errc::invalid_argument` and `errc::entity_not_found`; also if the
  /// factor is not that user's.
  Answer<FactorHandle> rename_factor(std::string_view factor_id, const Whose& whose,
                                     std::string_view friendly_name,
                                     const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) {
      return verbs::rename_factor(run, factor_id, whose, friendly_name);
    });
  }

  // --- trusted devices

  /// Remembers a device on which the user has just shown a second factor, so that the host need not ask for
  /// one there until `lifetime` (1 s to 366 days) is over. `label` is what `list_devices` shows, up to 200
  /// bytes. Throws `errc::authorization_required` and `errc::invalid_argument`.
  [[nodiscard]] Answer<RememberedDevice>
  remember_device(const UserId& user_id, std::string_view label, const Authorization& authorization,
                  std::chrono::seconds lifetime = usual_device_lifetime,
                  const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) {
      return verbs::remember_device(run, user_id, label, authorization, lifetime);
    });
  }

  /// The device that the token was given to, if it is this user's and still trusted; otherwise nothing,
  /// whatever the token is. A device whose time is over is forgotten. Ask after the password, in the place of
  /// a challenge.
  [[nodiscard]] Answer<std::optional<TrustedDevice>>
  check_device(std::string_view token, const UserId& user_id,
               const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [&](const verbs::Run& run) { return verbs::check_device(run, token, user_id); });
  }

  /// The user's trusted devices, oldest first.
  [[nodiscard]] Answer<std::vector<TrustedDevice>> list_devices(const UserId& user_id) const {
    return run(EventContext(), [&](const verbs::Run& run) { return verbs::list_devices(run, user_id); });
  }

  /// Ends the trust in one device; false if the user has none of this id.
  Answer<bool> revoke_device(const UserId& user_id, std::string_view device_id,
                             const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [&](const verbs::Run& run) { return verbs::revoke_device(run, user_id, device_id); });
  }

  /// To be called when the user's password was changed or reset: ends his open challenges, which a session
  /// with the old password may hold, all that was shown before (it allows no change of his factors any more,
  /// nor the confirmation of a further one), and the trust in all his devices. Returns how many there were.
  /// Throws for a damaged record of his after it has ended the trust in them; see `reset_user`.
  Answer<std::size_t> password_changed(const UserId& user_id,
                                       const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) { return verbs::password_changed(run, user_id); });
  }

  /// Ends the trust in all devices of the user, or in all but `options.keep_device`, and returns in how many.
  Answer<std::size_t> revoke_devices(const UserId& user_id,
                                     const RevokeOptions& options = RevokeOptions()) const {
    return run(options.event_context, [&](const verbs::Run& run) {
      return verbs::revoke_devices(run, user_id, std::nullopt, options.keep_device);
    });
  }

  // --- move out (move in: <mfa/import.hpp>)

  /// Dangerous: the factor's secret in the clear, as an otpauth URI, with which anybody is the user's
  /// authenticator. For moving out. Tells the observer. Throws `errc::entity_not_found`, also if the factor
  /// is not that user's, and `errc::invalid_argument` for a factor that is neither TOTP nor HOTP.
  [[nodiscard]] Answer<crypto::SecretString>
  unsafe_export_otpauth_uri(std::string_view factor_id, const Whose& whose,
                            const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) {
      return verbs::unsafe_export_otpauth_uri(run, factor_id, whose);
    });
  }

  // --- end

  /// Removes the factor; its challenges are not found any more, and the devices that were remembered by it,
  /// or all if it was the user's last verified one, are trusted no more. Returns what the user has left, of a
  /// factor of no user nothing. Throws `errc::entity_not_found`, also if the factor is not that user's,
  /// `errc::authorization_required` for a verified one, and `errc::last_factor` if `options` say so.
  Answer<Remaining> delete_factor(std::string_view factor_id, const Whose& whose,
                                  const Authorization& authorization = Authorization(),
                                  const DeleteOptions& options = DeleteOptions()) const {
    return run_with_lists(options.event_context, [&](const verbs::Run& run) {
      return verbs::delete_factor(run, factor_id, whose, authorization, options);
    });
  }

  template <class Called = void> auto delete_factor(std::string_view) const {
    return detail::say_whose<Called>();
  }

  /// Ends everything by which the user shows a second factor, in one commit: his factors, or all but
  /// `options.keep_factor`, his challenges, open ones and answered ones but that of the `authorization`, his
  /// trusted devices, and his wrong codes unless a factor stays. Without one, whoever has his password enrols
  /// the first: so this is for operators, after they have made sure whose it is, and for a user who has shown
  /// a factor. What was sent to him stays counted, and authenticators know him by the same handle; not so if
  /// an operator resets all of a user of whom what is recorded beside his factors cannot be read. Throws
  /// `errc::authorization_required`, `errc::invalid_argument`, and for the factor to keep
  /// `errc::entity_not_found`, if it is not the user's, and `errc::factor_not_verified`.
  Answer<UserReset> reset_user(const UserId& user_id, const Authorization& authorization,
                               const ResetOptions& options = ResetOptions()) const {
    return run_with_lists(options.event_context, [&](const verbs::Run& run) {
      return verbs::reset_user(run, user_id, authorization, options);
    });
  }

  /// Forgets the factor's wrong codes, whether it is locked or waiting, and the codes that a TOTP factor took
  /// for a day or more ahead of now, when the clock was wrong: for operators, and for a user who has shown
  /// another factor, or this one on a trusted device. Throws `errc::authorization_required` and
  /// `errc::entity_not_found`; also if the factor is not that user's.
  Answer<void> unlock_factor(std::string_view factor_id, const Whose& whose,
                             const Authorization& authorization,
                             const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) {
      return verbs::unlock_factor(run, factor_id, whose, authorization);
    });
  }

  template <class Called = void> auto unlock_factor(std::string_view) const {
    return detail::say_whose<Called>();
  }

  /// For operators: forgets the messages that were sent to a phone number, so that the next need not wait.
  /// False if there were none. Throws `errc::invalid_phone_number`.
  Answer<bool> reset_sms_limits(std::string_view phone_number,
                                const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [&](const verbs::Run& run) { return verbs::reset_sms_limits(run, phone_number); });
  }

  /// For operators: forgets what `Options::sms_budgets` has counted of a country ("GB"), of the neighbours of
  /// a number ("+447700900123") or of everything ("*"), each without the others. False if that is nothing.
  /// Throws `errc::invalid_argument` and `errc::invalid_phone_number`.
  Answer<bool> reset_sms_budgets(std::string_view which,
                                 const EventContext& event_context = EventContext()) const {
    return run(event_context, [&](const verbs::Run& run) { return verbs::reset_sms_budgets(run, which); });
  }

  /// The same for what a factor counts: an SMS factor the messages to its number, by whatever factor they
  /// went; a generic OTP factor its codes; and either the codes that were sent to its user. Throws
  /// `errc::entity_not_found`; also if the factor is not that user's.
  Answer<bool> reset_send_limits(std::string_view factor_id, const Whose& whose,
                                 const EventContext& event_context = EventContext()) const {
    return run(event_context,
               [&](const verbs::Run& run) { return verbs::reset_send_limits(run, factor_id, whose); });
  }

  /// For operators: removes challenges past `Options::challenge_retention` and send counts past their day,
  /// and returns how many. Call it daily, from one process. Only for a storage that offers `purge`.
  template <class S = StoragePolicy>
  Answer<std::size_t> purge_expired(const EventContext& event_context = EventContext()) const {
    static_assert(storage::Purges<S>, "mfa: purge_expired needs a storage that offers: std::size_t "
                                      "purge(mfa::Time now, std::size_t limit)");
    return run_with_lists(event_context, [&](const verbs::Run& run) { return verbs::purge_expired(run); });
  }

  /// For operators, after a change of keys or of the epoch: moves every secret that another key holds to the
  /// current one, and the seals of all factors and of what is kept of their users, while the other verbs run.
  /// Throws `errc::invalid_argument` for the options. Only for a storage that offers `scan_factors`.
  template <class S = StoragePolicy>
  Answer<ResealProgress> reseal_all(const ResealOptions& options = ResealOptions()) const {
    static_assert(
        storage::ScansFactors<S>,
        "mfa: reseal_all needs a storage that offers: "
        "std::vector<mfa::storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit)");
    return run_with_lists(options.event_context,
                          [&](const verbs::Run& run) { return verbs::reseal_all(run, options); });
  }

  /// For operators: which key how many factors need, before one is retired. Reads every factor. Challenges
  /// need the key that was current when they were created until they end. Only for a storage that offers
  /// `scan_factors`.
  template <class S = StoragePolicy> [[nodiscard]] Answer<KeyCounts> count_keys() const {
    static_assert(
        storage::ScansFactors<S>,
        "mfa: count_keys needs a storage that offers: "
        "std::vector<mfa::storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit)");
    return run_with_lists(EventContext(), [&](const verbs::Run& run) { return verbs::count_keys(run); });
  }

  /// For operators: from here on verbs use this key ring, while those that have begun end with theirs.
  /// <docs/keys.md> says in which steps a key is replaced. Throws `errc::no_key_ring` for a ring without keys
  /// that is not `KeyRing::unsealed()`. Each node of a service is told by itself.
  Answer<void> replace_key_ring(KeyRing keys, const EventContext& event_context = EventContext()) {
    return run(event_context, [&](const verbs::Run& run) {
      return verbs::replace_key_ring(run, [&] { policies_.replace_keys(std::move(keys)); });
    });
  }

  /// To be called when a node starts: compares the options that decide security with those that the storage
  /// was first used with, and throws `errc::options_differ` with the names of those that are not alike: two
  /// nodes with other limits have, together, neither's.
  Answer<void> compare_options() const {
    return run(EventContext(), [&](const verbs::Run& run) { return verbs::compare_options(run, false); });
  }

  /// For operators: from now on other nodes are compared with the options of this one.
  Answer<void> publish_options() const {
    return run(EventContext(), [&](const verbs::Run& run) { return verbs::compare_options(run, true); });
  }

  /// What it was made with, but for the key ring, which is empty here: the one in use can be replaced.
  [[nodiscard]] const Options& options() const& noexcept { return policies_.options; }
  [[nodiscard]] Options options() && { return std::move(policies_.options); }

  /// Runs a verb that is not in the core, as <mfa/import.hpp> does: `make` makes it of a `const verbs::Run&`.
  template <class Make> auto run_verb(const EventContext& event_context, Make make) const {
    return run_with_lists(event_context, make);
  }

  /// What the handles of a verifier that is gone answer.
  template <class T> static T gone() {
    return Errors::template answer<typename detail::Answered<T>::type>(
        []() -> typename detail::Answered<T>::type { detail::throw_verifier_gone(); });
  }

 private:
  /// What follows from a mistake that was told above would hide it.
  static constexpr bool usable = !misused && Storage<StoragePolicy> && Clock<ClockPolicy> && sends;

  struct Unusable {
    template <class T> operator T() const;
  };

  template <class Make> auto run(const EventContext& event_context, Make make) const {
    return run_by<detail::BlockingDriver>(event_context, make);
  }

  /// The same for a verb that lists, scans or purges.
  template <class Make> auto run_with_lists(const EventContext& event_context, Make make) const {
    return run_by<detail::BlockingListsDriver>(event_context, make);
  }

  template <template <class, class, class> class Driver, class Make>
  auto run_by(const EventContext& event_context, Make make) const {
    if constexpr (usable) {
      const auto drive = [&] {
        Driver<StoragePolicy, ClockPolicy, SmsPolicy> driver(policies_, event_context);
        auto verb = make(driver.run());
        verb.start();
        return handles_.take(verb);
      };
      return Errors::template answer<decltype(drive())>(drive);
    } else {
      return Unusable{};
    }
  }

  detail::Policies<StoragePolicy, ClockPolicy, SmsPolicy> policies_;
  detail::Handles<Verifier> handles_{*this};
};

template <class S> Verifier(S&&) -> Verifier<PolicyType<S>>;
template <class S> Verifier(S&&, Options) -> Verifier<PolicyType<S>>;
template <class S>
Verifier(S&&, Options, ReturnErrors) -> Verifier<PolicyType<S>, clock::System, sms::None, ReturnErrors>;
template <class S, class C>
  requires(!std::is_same_v<PolicyType<C>, Options>)
Verifier(S&&, C&&)
->Verifier<PolicyType<S>, PolicyType<C>>;
template <class S, class C> Verifier(S&&, C&&, Options) -> Verifier<PolicyType<S>, PolicyType<C>>;
template <class S, class C>
Verifier(S&&, C&&, Options, ReturnErrors) -> Verifier<PolicyType<S>, PolicyType<C>, sms::None, ReturnErrors>;
template <class S, class C, class T>
  requires(!std::is_same_v<PolicyType<T>, Options> && !std::is_same_v<PolicyType<T>, ReturnErrors>)
Verifier(S&&, C&&, T&&)
->Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>>;
template <class S, class C, class T>
Verifier(S&&, C&&, T&&, Options) -> Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>>;
template <class S, class C, class T>
Verifier(S&&, C&&, T&&, Options, ReturnErrors)
    -> Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>, ReturnErrors>;
// In another order: the class says which is right.
template <class S, class C, class T, class O>
  requires(!std::is_same_v<PolicyType<O>, ReturnErrors>)
Verifier(S&&, C&&, T&&, O&&)
->Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>>;

} // namespace mfa
