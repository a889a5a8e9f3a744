#pragma once

#include <chrono>
#include <cstddef>
#include <exception>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/crypto/replaceable_key_ring.hpp>
#include <mfa/decision/not_found.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/options.hpp>
#include <mfa/policy.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/checked_records.hpp>
#include <mfa/verbs/ids.hpp>

namespace mfa::detail {

/// What a `Verifier` drives: the host's policies and options.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy> struct Policies {
  storage::Checked<StoragePolicy> storage;
  Policy<ClockPolicy> clock;
  Policy<SmsPolicy> sms;
  Options options; ///< without its key ring, which is
  crypto::ReplaceableKeyRing keys = {};
};

/// One run of a verb: the policies, the key ring that was current when it began, what the host said of the
/// request, and the steps that verbs have in common.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy> class Verb {
 public:
  const storage::Checked<StoragePolicy>& storage;
  const Policy<SmsPolicy>& sms;
  const Options& options;

  Verb(const Policies<StoragePolicy, ClockPolicy, SmsPolicy>& policies, const EventContext& event_context)
      : storage(policies.storage), sms(policies.sms), options(policies.options), clock_(policies.clock),
        keys_(policies.keys.get()) {
    if (!options.observer) return;
    constexpr std::size_t longest = 512;
    event_context_ = {printable(event_context.ip_address, longest),
                      printable(event_context.user_agent, longest),
                      printable(event_context.request_id, longest)};
  }

  [[nodiscard]] const KeyRing& keys() const noexcept { return *keys_; }

  [[nodiscard]] factor::Context now() const {
    // A year before `std::chrono::system_clock::time_point` ends where it counts nanoseconds, so that what is
    // to last for a while has its end in it.
    constexpr Time end = std::chrono::sys_days(std::chrono::year(2261) / 1 / 1);
    const Time time = std::chrono::floor<std::chrono::milliseconds>(clock_->now());
    if (time < Time{} || time >= end)
      throw Error(errc::clock_out_of_range, "the clock reads before 1970 or after 2260; set it");
    return {time, options, *keys_};
  }

  /// Calls `attempt`, which finds, decides and commits, until it returns something: `true`, or an optional
  /// with the result. Nothing means that the commit found a record changed: another verb got through, and the
  /// limits bound how often that happens. `what` is what changed.
  template <class Attempt> auto until_committed(const char* what, Attempt attempt) const {
    constexpr int most_tries = 1000;
    for (int tries = 0; tries < most_tries; ++tries)
      if (auto done = attempt()) {
        if constexpr (std::is_same_v<decltype(done), bool>)
          return;
        else
          return *std::move(done);
      }
    throw Error(errc::storage_conflict,
                std::string(what) +
                    " kept changing under the operation; nothing was done. Try again, and if it "
                    "stays so, check that the storage's commit compares versions");
  }

  [[nodiscard]] storage::FactorRecord find_factor(std::string_view id, std::string_view user_id) const {
    if (!is_id(id, factor_id_prefix)) decision::throw_not_found("factor");
    auto factor = storage->find_factor(id);
    if (!factor || (!user_id.empty() && factor->user_id != user_id)) decision::throw_not_found("factor");
    return *std::move(factor);
  }

  struct Found {
    storage::ChallengeRecord challenge;
    storage::FactorRecord factor;
  };

  /// None if either is gone. An unknown challenge costs the reads that a known one does.
  [[nodiscard]] std::optional<Found> find_challenge_with_factor(std::string_view id) const {
    if constexpr (storage::FindsChallengeWithFactor<StoragePolicy>) {
      if (auto found = storage->find_challenge_with_factor(id); found && found->factor)
        return Found{std::move(found->challenge), *std::move(found->factor)};
    } else {
      constexpr std::string_view decoy_factor_id = "auth_factor_00000000000000000000000000";
      auto challenge = storage->find_challenge(id);
      auto factor =
          storage->find_factor(challenge ? std::string_view(challenge->factor_id) : decoy_factor_id);
      if (challenge && factor) return Found{*std::move(challenge), *std::move(factor)};
    }
    return std::nullopt;
  }

  /// The counter of the first id, taken over from another of them if it is new there.
  [[nodiscard]] storage::CounterRecord find_counter(const std::vector<std::string>& ids) const {
    storage::CounterRecord counter;
    for (const std::string& id : ids)
      if (auto found = storage->find_counter(id)) {
        counter = *std::move(found);
        break;
      }
    if (counter.id != ids.front()) counter.version = 0;
    counter.id = ids.front();
    return counter;
  }

  /// Inserts factors whose ids are new. If the commit answers `false` and no such id is there, the storage
  /// undid it for other reasons, as in a deadlock.
  void commit_new(const std::vector<storage::FactorRecord>& factors) const {
    until_committed("the new factor", [&] {
      storage::Batch batch;
      batch.factors = factors;
      if (storage->commit(std::move(batch))) return true;
      for (const storage::FactorRecord& factor : factors)
        if (storage->find_factor(factor.id))
          throw Error(
              errc::storage_conflict,
              "a factor with a new id exists already, which cannot be by chance; check the storage and the "
              "random generator");
      return false;
    });
  }

  /// A factor to be, of the texts that the caller has checked.
  [[nodiscard]] storage::FactorRecord new_factor(const factor::Context& context, FactorType type,
                                                 std::string_view user_id,
                                                 std::string_view friendly_name) const {
    storage::FactorRecord record;
    record.id = ulid(context.now, factor_id_prefix);
    record.type = type;
    record.user_id = user_id;
    record.friendly_name = friendly_name;
    record.created_at = record.updated_at = context.now;
    return record;
  }

  void emit(Event event) const noexcept {
    if (!options.observer) return;
    event.ip_address = event_context_.ip_address;
    event.user_agent = event_context_.user_agent;
    event.request_id = event_context_.request_id;
    try {
      options.observer(event);
    } catch (...) { // see Observer
    }
  }

  void emit(EventType type, Time at, const storage::FactorRecord& factor,
            std::exception_ptr cause = {}) const noexcept {
    emit({.type = type,
          .at = at,
          .factor_type = factor.type,
          .factor_id = factor.id,
          .user_id = factor.user_id,
          .cause = std::move(cause)});
  }

  /// Tells of a run that has ended, in whatever way. It began at `begun`.
  void emit_run(EventType type, std::size_t count, Time begun) const noexcept {
    Time at = begun;
    try {
      at = now().now;
    } catch (...) { // the clock broke meanwhile
    }
    emit({.type = type, .at = at, .count = count});
  }

 private:
  const Policy<ClockPolicy>& clock_;
  std::shared_ptr<const KeyRing> keys_;
  EventContext event_context_; ///< for the log
};

/// Lets what is not in the core add a verb to a `Verifier`.
struct VerifierAccess {
  template <class Verifier> static auto begin(const Verifier& verifier, const EventContext& event_context) {
    return verifier.begin(event_context);
  }
};

} // namespace mfa::detail
