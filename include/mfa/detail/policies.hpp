#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <mfa/decision/context.hpp>
#include <mfa/detail/ulid.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/options.hpp>
#include <mfa/policy.hpp>
#include <mfa/storage/concept.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail {

/// What a `Verifier` drives: the host's policies and options, and the steps that its verbs have in common.
template <class StoragePolicy, class ClockPolicy, class SmsPolicy> struct Policies {
  Policy<StoragePolicy> storage;
  Policy<ClockPolicy> clock;
  Policy<SmsPolicy> sms;
  Options options;

  [[nodiscard]] decision::Context now() const {
    constexpr Time end{std::chrono::milliseconds(100'000'000'000'000)};
    const Time time = std::chrono::floor<std::chrono::milliseconds>(clock->now());
    if (time < Time{} || time >= end)
      throw Error(errc::clock_out_of_range, "the clock reads before 1970 or after 5138; set it");
    return {time, options, options.key_ring};
  }

  /// Calls `attempt`, which finds, decides and commits, until it returns something: `true`, or an optional
  /// with the result. Nothing means that the commit found a record changed: another verb got through, and the
  /// limits bound how often that happens. `what` is what changed.
  template <class Attempt> auto until_committed(const char* what, Attempt attempt) {
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

  [[nodiscard]] storage::FactorRecord find_factor(std::string_view id, std::string_view user_id) {
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
  [[nodiscard]] std::optional<Found> find_challenge_with_factor(std::string_view id) {
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
  [[nodiscard]] storage::CounterRecord find_counter(const std::vector<std::string>& ids) {
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

  void commit_new(std::vector<storage::FactorRecord> factors) {
    storage::Batch batch;
    batch.factors = std::move(factors);
    if (!storage->commit(std::move(batch)))
      throw Error(
          errc::storage_conflict,
          "a factor with a new id exists already, which cannot be by chance; check the storage and the "
          "random generator");
  }

  /// A factor to be, of the texts that the caller has checked.
  [[nodiscard]] storage::FactorRecord new_factor(const decision::Context& context, FactorType type,
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

  void emit(const Event& event) const noexcept {
    if (!options.observer) return;
    try {
      options.observer(event);
    } catch (...) { // see Observer
    }
  }
};

/// Lets what is not in the core drive a `Verifier`'s policies.
struct VerifierAccess {
  template <class Verifier> static auto& policies(Verifier& verifier) { return verifier.policies_; }
};

} // namespace mfa::detail
