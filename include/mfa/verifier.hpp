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

#include <mfa/challenge.hpp>
#include <mfa/challenge_details.hpp>
#include <mfa/clock/concept.hpp>
#include <mfa/clock/system.hpp>
#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/decision/challenge.hpp>
#include <mfa/decision/lockout.hpp>
#include <mfa/decision/verification.hpp>
#include <mfa/encoding/checked_text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/send_limits.hpp>
#include <mfa/key_rotation.hpp>
#include <mfa/options.hpp>
#include <mfa/page.hpp>
#include <mfa/policy.hpp>
#include <mfa/sms/concept.hpp>
#include <mfa/sms/none.hpp>
#include <mfa/sms/phone_number.hpp>
#include <mfa/status.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/trusted_device.hpp>
#include <mfa/verbs/claims.hpp>
#include <mfa/verbs/ids.hpp>
#include <mfa/verbs/policies.hpp>
#include <mfa/verbs/rotation.hpp>
#include <mfa/verbs/sms_delivery.hpp>
#include <mfa/verification.hpp>
#include <mfa/verifier_reference.hpp>

namespace mfa {

/// The three verbs - enrol, challenge, verify - over a host's storage, clock and SMS transport. Usable from
/// many threads at once when the policies are; all shipped ones are. Verbs change what the storage holds and
/// not the verifier, so they work on a `const` one; only `replace_key_ring` does not. Factors and challenges
/// that it returns point back to it, so it neither moves nor copies; once it is gone, their verbs throw.
///
/// Every verb throws `Error`: what it says of itself below, and besides `errc::clock_out_of_range`, whatever
/// the storage throws, `errc::storage_conflict` if records keep changing under it, `errc::corrupt_record`,
/// `errc::seal_broken` and `errc::unknown_key` for records that cannot be used. A verb that threw gave no
/// verdict; a commit whose answer was lost may have happened.
template <class StoragePolicy, class ClockPolicy = clock::System, class SmsPolicy = sms::None>
class Verifier {
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
  static_assert(misused || SmsTransport<SmsPolicy>,
                "mfa: the SMS transport needs: void send(const mfa::SmsMessage& message)");

 public:
  using FactorHandle = Factor<StoragePolicy, ClockPolicy, SmsPolicy>;
  using ChallengeHandle = Challenge<StoragePolicy, ClockPolicy, SmsPolicy>;

  /// Throws `errc::invalid_argument` for an option out of its range and `errc::no_key_ring` if the storage
  /// outlives the process and there are no keys to seal its secrets.
  explicit Verifier(Policy<StoragePolicy> storage, Options options = Options())
      : Verifier(std::move(storage), ClockPolicy{}, SmsPolicy{}, std::move(options)) {}
  Verifier(Policy<StoragePolicy> storage, Policy<ClockPolicy> clock, Options options = Options())
      : Verifier(std::move(storage), std::move(clock), SmsPolicy{}, std::move(options)) {}
  Verifier(Policy<StoragePolicy> storage, Policy<ClockPolicy> clock, Policy<SmsPolicy> sms,
           Options options = Options())
      : policies_{std::move(storage), std::move(clock), std::move(sms), std::move(options)} {
    check_options(policies_.options);
    KeyRing keys = std::exchange(policies_.options.key_ring, {});
    if (keys.empty()) {
      if constexpr (storage::Ephemeral<StoragePolicy>)
        keys = KeyRing::generate();
      else
        throw Error(
            errc::no_key_ring,
            "this storage outlives the process, so its secrets must be sealed: set Options::key_ring to "
            "mfa::KeyRing{\"any-id\", key} with 32 bytes (`openssl rand 32`) kept outside the storage, or to "
            "mfa::KeyRing::unsealed() to keep them in the clear");
    }
    policies_.keys.replace(std::move(keys));
  }

  Verifier(const Verifier&) = delete;
  Verifier& operator=(const Verifier&) = delete;
  ~Verifier() { reference_.end(); }

  // --- enrol

  /// Enrols a factor (`Totp`, `Sms`, `GenericOtp`, `Hotp`, `RecoveryCodes`, `WebAuthn`) and returns it with
  /// what its user needs: `.factor`, and `.totp`, `.sms` and so on by kind. Keep `.factor.id()`. The factor
  /// is unverified until its first valid verification, but for recovery codes, which are verified at once.
  /// Throws `errc::invalid_argument`, `errc::invalid_secret`, `errc::qr_code_too_large`,
  /// `errc::invalid_phone_number`, `errc::sms_country_not_allowed`, `errc::no_relying_party`.
  template <class Request>
    requires(!std::is_void_v<factor::KindFor<Request>>)
  [[nodiscard]] auto enroll_factor(const Request& request,
                                   const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    using Kind = factor::KindFor<Request>;
    static_assert(!(Kind::type == FactorType::sms && std::is_same_v<SmsPolicy, sms::None>),
                  "mfa: this Verifier sends no text messages; pass an SMS transport as its third argument");
    detail::check_text("user_id", request.user_id, storage::longest_user_id);
    detail::check_text("friendly_name", request.friendly_name, storage::longest_friendly_name);
    const factor::Context context = verb.now();
    storage::FactorRecord record =
        verb.new_factor(context, Kind::type, request.user_id, request.friendly_name);
    auto shown = enroll<Kind>(verb, request, record, context);
    FactorDetails details(record, context);
    verb.commit_new({record});
    verb.emit(EventType::factor_enrolled, context.now, record);
    return typename Kind::template Enrolled<FactorHandle>{FactorHandle(std::move(details), reference_),
                                                          std::move(shown)};
  }

  /// Chosen for what is no request.
  template <class NotARequest = factor::UnnamedRequest>
    requires(std::is_void_v<factor::KindFor<NotARequest>>)
  auto enroll_factor(const NotARequest&, const EventContext& = {}) const {
    static_assert(!std::is_void_v<factor::KindFor<NotARequest>>,
                  "mfa: enroll_factor takes a request by its name: mfa::Totp{...}, mfa::Sms{...}, "
                  "mfa::GenericOtp{...}, mfa::Hotp{...}, mfa::RecoveryCodes{...} or mfa::WebAuthn{...}");
  }

  /// Draws new recovery codes, which replace all old ones, used or not, at once. Returns what `enroll_factor`
  /// does. Ask for a fresh second factor before. Throws `errc::entity_not_found`; also if `user_id` is given
  /// and the factor is not that user's; and `errc::invalid_argument` for a factor of another kind.
  [[nodiscard]] auto regenerate_recovery_codes(std::string_view factor_id, std::string_view user_id = {},
                                               const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    using Kind = factor::RecoveryCodesKind;
    using Regenerated = typename Kind::template Enrolled<FactorHandle>;
    return verb.until_committed("the factor", [&]() -> std::optional<Regenerated> {
      const factor::Context context = verb.now();
      auto factor = verb.find_factor(factor_id, user_id);
      if (factor.type != Kind::type)
        throw Error(errc::invalid_argument, "factor " + factor.id + " is of kind " +
                                                std::string(to_string(factor.type)) +
                                                ", not a set of recovery codes");
      auto shown = Kind::regenerate(factor, context);
      factor.updated_at = context.now;
      FactorDetails details(factor, context);
      storage::Batch batch;
      batch.factors.push_back(factor);
      if (!verb.storage->commit(std::move(batch))) return std::nullopt;
      verb.emit(EventType::recovery_codes_regenerated, context.now, factor);
      return Regenerated{FactorHandle(std::move(details), reference_), std::move(shown)};
    });
  }

  // --- challenge

  /// Puts the question: SMS sends a code, and the factor's earlier codes die. Throws
  /// `errc::entity_not_found`, `errc::invalid_argument` for a binding that is too long,
  /// `errc::factor_locked_out`, `errc::factor_not_verified`, `errc::insufficient_assurance`; with `sms`
  /// `errc::invalid_sms_template`, `errc::sms_rate_limited` (with `retry_after()`),
  /// `errc::sms_country_not_allowed`, and `errc::sms_not_sent`, which carries the transport's exception
  /// nested and leaves no live challenge behind, unless the storage fails as well; with `generic_otp`
  /// `errc::code_rate_limited` (with `retry_after()`); with `webauthn` `errc::no_relying_party`.
  [[nodiscard]] ChallengeHandle challenge_factor(std::string_view factor_id,
                                                 const ChallengeOptions& options = ChallengeOptions()) const {
    const auto verb = begin(options.event_context);
    return verb.until_committed("the factor", [&]() -> std::optional<ChallengeHandle> {
      const factor::Context context = verb.now();
      auto factor = verb.find_factor(factor_id, options.user_id);
      decision::check_challengeable(factor, options, context);

      storage::Batch batch;
      const auto counter_ids =
          factor::with_kind(factor.type, [&](auto kind) { return kind.counter_ids(factor, context); });
      if (!counter_ids.empty()) batch.counters.push_back(verb.find_counter(counter_ids));
      storage::ChallengeRecord challenge;
      challenge.id = detail::ulid(context.now, detail::challenge_id_prefix);
      auto effects = create_challenge(verb, factor, challenge, batch, options, context);
      ChallengeDetails details(challenge);
      const Event event{
          EventType::challenge_created, context.now, factor.type, factor.id, factor.user_id, details.id()};
      batch.challenges.push_back(std::move(challenge));
      if (effects.factor_changed) batch.factors.push_back(factor);
      if (!verb.storage->commit(std::move(batch))) return std::nullopt;
      verb.emit(event);
      if (effects.message) detail::send(verb, *effects.message, event);
      return ChallengeHandle(std::move(details), std::move(effects), reference_);
    });
  }

  // --- verify

  /// Checks what the user typed, or what the browser sent, of at most 65,536 bytes. Whatever is counted is
  /// committed before the answer is given. Throws `errc::entity_not_found` for an unknown challenge and,
  /// alike, for another user's or another binding, and `errc::invalid_argument` for more bytes than a code or
  /// a binding may have.
  Verification verify_challenge(std::string_view challenge_id, std::string_view code,
                                const VerifyOptions& options = VerifyOptions()) const {
    if (code.size() > decision::longest_answer)
      throw Error(errc::invalid_argument, "the code to verify has " + std::to_string(code.size()) +
                                              " bytes; limit what a request may bring");
    decision::check_binding("VerifyOptions", options.binding);
    if (!detail::is_id(challenge_id, detail::challenge_id_prefix)) decision::throw_not_found("challenge");
    const auto verb = begin(options.event_context);
    auto claims = decision::Claims::open;
    return verb.until_committed("the challenge", [&]() -> std::optional<Verification> {
      const factor::Context context = verb.now();
      auto found = verb.find_challenge_with_factor(challenge_id);
      if (!found) {
        // What a known challenge costs too, so that time does not tell them apart.
        if (!options.binding.empty()) (void)context.keys.authenticate(options.binding, challenge_id);
        decision::throw_not_found("challenge");
      }
      auto& [challenge, factor] = *found;
      decision::Verdict verdict = decision::verify(factor, challenge, code, options, context, claims);
      Verification verification(verdict, ChallengeDetails(challenge), factor, context);
      const bool observed = static_cast<bool>(verb.options.observer);
      const std::string user_id = observed ? factor.user_id : std::string();
      if (verdict.factor_changed || verdict.challenge_changed) {
        storage::Batch batch;
        for (const std::string& id : verdict.claims) batch.counters.push_back(detail::claim(id, factor));
        if (verdict.factor_changed) batch.factors.push_back(std::move(factor));
        if (verdict.challenge_changed) batch.challenges.push_back(std::move(challenge));
        if (!verb.storage->commit(std::move(batch))) {
          if (detail::is_claimed(verb, verdict.claims)) claims = decision::Claims::taken;
          return std::nullopt;
        }
      }
      if (observed) emit(verb, verdict, verification, user_id, context.now);
      return verification;
    });
  }

  // --- look up

  /// Throws `errc::entity_not_found`; also if `user_id` is given and the factor is not that user's.
  [[nodiscard]] FactorHandle get_factor(std::string_view factor_id, std::string_view user_id = {}) const {
    const auto verb = begin();
    return FactorHandle(FactorDetails(verb.find_factor(factor_id, user_id), verb.now()), reference_);
  }

  /// The factors enrolled with this `user_id`, oldest first, unverified ones included; none for an unknown
  /// user.
  [[nodiscard]] std::vector<FactorHandle> list_factors(std::string_view user_id) const {
    if (user_id.empty() || !detail::is_plain_text(user_id, storage::longest_user_id)) return {};
    const auto verb = begin();
    return handles_of(verb, verb.storage->list_factors(user_id));
  }

  /// The same by pages: those after `page.after`, at most `page.limit`. Fewer come only at the end. Throws
  /// `errc::invalid_argument`. Only for a storage that offers pages.
  template <class S = StoragePolicy>
  [[nodiscard]] std::vector<FactorHandle> list_factors(std::string_view user_id, const Page& page) const {
    static_assert(storage::PagesFactors<S>,
                  "mfa: list_factors by pages needs a storage that offers: "
                  "std::vector<mfa::storage::FactorRecord> list_factors(std::string_view user_id, "
                  "std::string_view after_id, std::size_t limit)");
    check_page(page);
    if (user_id.empty() || !detail::is_plain_text(user_id, storage::longest_user_id)) return {};
    const auto verb = begin();
    return handles_of(verb, verb.storage->list_factors(user_id, page.after, page.limit));
  }

  /// Throws `errc::entity_not_found`; also if its factor is deleted, or if `user_id` is given and the factor
  /// is not that user's.
  [[nodiscard]] ChallengeHandle get_challenge(std::string_view challenge_id,
                                              std::string_view user_id = {}) const {
    const auto verb = begin();
    if (!detail::is_id(challenge_id, detail::challenge_id_prefix)) decision::throw_not_found("challenge");
    const auto found = verb.find_challenge_with_factor(challenge_id);
    if (!found || (!user_id.empty() && found->factor.user_id != user_id))
      decision::throw_not_found("challenge");
    return ChallengeHandle(ChallengeDetails(found->challenge), reference_);
  }

  // --- trusted devices

  /// Remembers a device on which the user has just shown a second factor, so that the host need not ask for
  /// one there until `lifetime` (1 s to 366 days) is over. `label` is what `list_devices` shows, up to 200
  /// bytes. Throws `errc::invalid_argument`.
  [[nodiscard]] RememberedDevice remember_device(std::string_view user_id, std::string_view label,
                                                 std::chrono::seconds lifetime = usual_device_lifetime,
                                                 const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    return detail::remember_device(verb, user_id, label, lifetime);
  }

  /// The device that the token was given to, if it is this user's and still trusted; otherwise nothing,
  /// whatever the token is. A device whose time is over is forgotten. Ask after the password, in the place of
  /// a challenge.
  [[nodiscard]] std::optional<TrustedDevice>
  check_device(std::string_view token, std::string_view user_id,
               const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    return detail::check_device(verb, token, user_id);
  }

  /// The user's trusted devices, oldest first.
  [[nodiscard]] std::vector<TrustedDevice> list_devices(std::string_view user_id) const {
    const auto verb = begin();
    return detail::list_devices(verb, user_id);
  }

  /// Ends the trust in one device; false if the user has none of this id.
  bool revoke_device(std::string_view user_id, std::string_view device_id,
                     const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    return detail::revoke_devices(verb, user_id,
                                  [&](const TrustedDevice& device) { return device.id == device_id; }) > 0;
  }

  /// Ends the trust in all devices of the user, and returns how many there were. Call it when the password or
  /// a factor changes.
  std::size_t revoke_devices(std::string_view user_id,
                             const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    return detail::revoke_devices(verb, user_id, [](const TrustedDevice&) { return true; });
  }

  // --- move out (move in: <mfa/import.hpp>)

  /// Dangerous: the factor's secret in the clear, as an otpauth URI, with which anybody is the user's
  /// authenticator. For moving out. Tells the observer. Throws `errc::entity_not_found`; also if `user_id` is
  /// given and the factor is not that user's; and `errc::invalid_argument` for a factor that is neither TOTP
  /// nor HOTP.
  [[nodiscard]] crypto::SecretString
  unsafe_export_otpauth_uri(std::string_view factor_id, std::string_view user_id = {},
                            const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    const factor::Context context = verb.now();
    const auto factor = verb.find_factor(factor_id, user_id);
    auto uri = factor::with_kind(factor.type, [&](auto kind) -> crypto::SecretString {
      if constexpr (requires { kind.unsafe_uri(factor, context); })
        return kind.unsafe_uri(factor, context);
      else
        throw Error(errc::invalid_argument, "factor " + factor.id + " is of kind " +
                                                std::string(to_string(factor.type)) +
                                                ", which no otpauth URI describes");
    });
    verb.emit(EventType::factor_secret_exported, context.now, factor);
    return uri;
  }

  // --- end

  /// Removes the factor; its challenges are not found any more. Throws `errc::entity_not_found`; also if
  /// `user_id` is given and the factor is not that user's.
  void delete_factor(std::string_view factor_id, std::string_view user_id = {},
                     const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    verb.until_committed("the factor", [&] {
      const factor::Context context = verb.now();
      const auto factor = verb.find_factor(factor_id, user_id);
      storage::Batch batch;
      batch.removals = detail::removals_of_claims(verb, factor);
      batch.removals.push_back({storage::RecordKind::factor, factor.id, factor.version});
      if (!verb.storage->commit(std::move(batch))) return false;
      verb.emit(EventType::factor_deleted, context.now, factor);
      return true;
    });
  }

  /// For operators: forgets the factor's wrong codes, whether it is locked or waiting, and the codes that
  /// a TOTP factor took for a day or more ahead of now, when the clock was wrong. Throws
  /// `errc::entity_not_found`; also if `user_id` is given and the factor is not that user's.
  void unlock_factor(std::string_view factor_id, std::string_view user_id = {},
                     const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    verb.until_committed("the factor", [&] {
      const factor::Context context = verb.now();
      auto factor = verb.find_factor(factor_id, user_id);
      decision::forget_failures(factor);
      factor::with_kind(factor.type, [&](auto kind) { kind.unlock(factor, context); });
      factor.updated_at = context.now;
      storage::Batch batch;
      batch.factors.push_back(factor);
      if (!verb.storage->commit(std::move(batch))) return false;
      verb.emit(EventType::factor_unlocked, context.now, factor);
      return true;
    });
  }

  /// For operators: forgets the messages that were sent to a phone number, so that the next need not wait.
  /// False if there were none. Throws `errc::invalid_phone_number`.
  bool reset_sms_limits(std::string_view phone_number,
                        const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    const factor::Context context = verb.now();
    const std::string number = sms::parse_phone_number(phone_number);
    return reset_counts(
        verb, factor::sms_counter_ids(number, context.keys),
        {.type = EventType::send_limits_reset, .at = context.now, .factor_type = FactorType::sms});
  }

  /// The same for what a factor counts: an SMS factor the messages to its number, by whatever factor they
  /// went; a generic OTP factor its codes. Throws `errc::entity_not_found`; also if `user_id` is given and
  /// the factor is not that user's.
  bool reset_send_limits(std::string_view factor_id, std::string_view user_id = {},
                         const EventContext& event_context = EventContext()) const {
    const auto verb = begin(event_context);
    const factor::Context context = verb.now();
    const auto factor = verb.find_factor(factor_id, user_id);
    const auto ids =
        factor::with_kind(factor.type, [&](auto kind) { return kind.counter_ids(factor, context); });
    return reset_counts(verb, ids,
                        {.type = EventType::send_limits_reset,
                         .at = context.now,
                         .factor_type = factor.type,
                         .factor_id = factor.id,
                         .user_id = factor.user_id});
  }

  /// For operators: removes challenges past `Options::challenge_retention` and send counts past their day,
  /// and returns how many. Call it daily, from one process. Only for a storage that offers `purge`.
  template <class S = StoragePolicy>
  std::size_t purge_expired(const EventContext& event_context = EventContext()) const {
    static_assert(storage::Purges<S>, "mfa: purge_expired needs a storage that offers: std::size_t "
                                      "purge(mfa::Time now, std::size_t limit)");
    const auto verb = begin(event_context);
    constexpr std::size_t at_once = 1000; // so that no lock is held for long
    const Time time = verb.now().now;
    std::size_t removed = 0;
    std::exception_ptr failure;
    try {
      for (std::size_t last = at_once; last >= at_once; removed += last)
        last = verb.storage->purge(time, at_once);
    } catch (...) {
      failure = std::current_exception();
    }
    verb.emit_run(EventType::expired_purged, removed, time);
    if (failure) std::rethrow_exception(failure);
    return removed;
  }

  /// For operators, after a change of keys: moves every secret that another key holds to the current one,
  /// while the other verbs run. Throws `errc::invalid_argument` for the options. Only for a storage that
  /// offers `scan_factors`.
  template <class S = StoragePolicy>
  ResealProgress reseal_all(const ResealOptions& options = ResealOptions()) const {
    static_assert(
        storage::ScansFactors<S>,
        "mfa: reseal_all needs a storage that offers: "
        "std::vector<mfa::storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit)");
    return detail::reseal_all(begin(options.event_context), options);
  }

  /// For operators: which key how many factors need, before one is retired. Reads every factor. Challenges
  /// need the key that was current when they were created until they end. Only for a storage that offers
  /// `scan_factors`.
  template <class S = StoragePolicy> [[nodiscard]] KeyCounts count_keys() const {
    static_assert(
        storage::ScansFactors<S>,
        "mfa: count_keys needs a storage that offers: "
        "std::vector<mfa::storage::FactorRecord> scan_factors(std::string_view after_id, std::size_t limit)");
    return detail::count_keys(begin());
  }

  /// For operators: from here on verbs use this key ring, while those that have begun end with theirs.
  /// <docs/keys.md> says in which steps a key is replaced. Throws `errc::no_key_ring` for a ring without keys
  /// that is not `KeyRing::unsealed()`. Each node of a service is told by itself.
  void replace_key_ring(KeyRing keys, const EventContext& event_context = EventContext()) {
    if (keys.empty())
      throw Error(errc::no_key_ring,
                  "replace_key_ring needs a key ring with keys, as mfa::read_key_file returns, or "
                  "mfa::KeyRing::unsealed() to keep secrets in the clear; the one in use stays");
    const auto verb = begin(event_context);
    const Time now = verb.now().now;
    policies_.keys.replace(std::move(keys));
    verb.emit({.type = EventType::key_ring_replaced, .at = now});
  }

  /// What it was made with, but for the key ring, which is empty here: the one in use can be replaced.
  [[nodiscard]] const Options& options() const& noexcept { return policies_.options; }
  [[nodiscard]] Options options() && { return std::move(policies_.options); }

 private:
  friend detail::VerifierAccess;

  using Verb = detail::Verb<StoragePolicy, ClockPolicy, SmsPolicy>;

  [[nodiscard]] Verb begin(const EventContext& event_context = EventContext()) const {
    return Verb(policies_, event_context);
  }

  std::vector<FactorHandle> handles_of(const Verb& verb,
                                       const std::vector<storage::FactorRecord>& records) const {
    std::vector<FactorHandle> factors;
    if (records.empty()) return factors;
    const factor::Context context = verb.now();
    for (const storage::FactorRecord& record : records)
      factors.emplace_back(FactorDetails(record, context), reference_);
    return factors;
  }

  static void check_page(const Page& page) {
    if (!page.after.empty() && !detail::is_id(page.after, detail::factor_id_prefix))
      throw Error(errc::invalid_argument,
                  "Page::after is no factor id; give the last id of the page before, or nothing");
    if (page.limit < 1 || page.limit > Page::most)
      throw Error(errc::invalid_argument, "Page::limit is " + std::to_string(page.limit) +
                                              "; it may be 1 to " + std::to_string(Page::most));
  }

  /// A kind that asks for them is given the user's other factors.
  template <class Kind, class Request>
  static auto enroll(const Verb& verb, const Request& request, storage::FactorRecord& record,
                     const factor::Context& context) {
    std::vector<storage::FactorRecord> others;
    if constexpr (requires { Kind::enroll(request, record, others, context); }) {
      if (!request.user_id.empty()) others = verb.storage->list_factors(request.user_id);
      return Kind::enroll(request, record, others, context);
    } else {
      return Kind::enroll(request, record, context);
    }
  }

  static factor::ChallengeEffects create_challenge(const Verb& verb, storage::FactorRecord& factor,
                                                   storage::ChallengeRecord& challenge, storage::Batch& batch,
                                                   const ChallengeOptions& options,
                                                   const factor::Context& context) {
    const std::string counted = batch.counters.empty() ? std::string() : batch.counters.front().data;
    std::exception_ptr refusal; // no policy is called while it is handled: see detail::send
    std::optional<errc> code;
    try {
      return decision::create_challenge(
          factor, challenge, batch.counters.empty() ? nullptr : &batch.counters.front(), options, context);
    } catch (const Error& error) {
      refusal = std::current_exception();
      code = error.code();
    }
    const bool limited = code == errc::sms_rate_limited || code == errc::code_rate_limited;
    if (code == errc::sms_rate_limited || code == errc::sms_country_not_allowed)
      verb.emit(EventType::sms_refused, context.now, factor, refusal);
    if (code == errc::code_rate_limited) verb.emit(EventType::code_refused, context.now, factor, refusal);
    if (limited && batch.counters.front().data != counted) { // see factor::count_send
      storage::Batch bounded;
      bounded.counters.push_back(std::move(batch.counters.front()));
      (void)verb.storage->commit(std::move(bounded)); // or the next attempt does it
    }
    std::rethrow_exception(refusal);
  }

  /// Removes what was counted under these ids, and tells.
  static bool reset_counts(const Verb& verb, const std::vector<std::string>& ids, const Event& event) {
    bool reset = false;
    verb.until_committed("the count of what was sent", [&] {
      storage::Batch batch;
      for (const std::string& id : ids)
        if (const auto counter = verb.storage->find_counter(id))
          batch.removals.push_back({storage::RecordKind::counter, counter->id, counter->version});
      reset = !batch.removals.empty();
      return !reset || verb.storage->commit(std::move(batch));
    });
    if (reset) verb.emit(event);
    return reset;
  }

  static void emit(const Verb& verb, const decision::Verdict& verdict, const Verification& verification,
                   std::string_view user_id, Time time) noexcept {
    Event event{verification.valid() ? EventType::verification_succeeded : EventType::verification_failed,
                time,
                verification.factor_type(),
                verification.factor_id(),
                user_id,
                verification.challenge().id(),
                verification.status()};
    verb.emit(event);
    const auto emit_also = [&](EventType type) {
      event.type = type;
      verb.emit(event);
    };
    if (verdict.first_verification) emit_also(EventType::factor_verified);
    if (verdict.locked_now) emit_also(EventType::factor_locked_out);
    if (verdict.event) emit_also(*verdict.event);
  }

  detail::Policies<StoragePolicy, ClockPolicy, SmsPolicy> policies_;
  detail::VerifierReference<const Verifier> reference_{*this};
};

template <class S> Verifier(S&&) -> Verifier<PolicyType<S>>;
template <class S> Verifier(S&&, Options) -> Verifier<PolicyType<S>>;
template <class S, class C>
  requires(!std::is_same_v<PolicyType<C>, Options>)
Verifier(S&&, C&&)
->Verifier<PolicyType<S>, PolicyType<C>>;
template <class S, class C> Verifier(S&&, C&&, Options) -> Verifier<PolicyType<S>, PolicyType<C>>;
template <class S, class C, class T>
  requires(!std::is_same_v<PolicyType<T>, Options>)
Verifier(S&&, C&&, T&&)
->Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>>;
template <class S, class C, class T>
Verifier(S&&, C&&, T&&, Options) -> Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>>;
// In another order: the class says which is right.
template <class S, class C, class T, class O>
Verifier(S&&, C&&, T&&, O&&) -> Verifier<PolicyType<S>, PolicyType<C>, PolicyType<T>>;

} // namespace mfa
