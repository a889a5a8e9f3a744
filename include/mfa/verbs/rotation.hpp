#pragma once

#include <cstddef>
#include <exception>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/decision/user_record.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/kinds.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/key_rotation.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/authorize.hpp>
#include <mfa/verbs/checked_records.hpp>
#include <mfa/verbs/compare_options.hpp>
#include <mfa/verbs/device_records.hpp>
#include <mfa/verbs/maintenance.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/sealed_records.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// Whether these bytes carry a seal of the current key and epoch.
[[nodiscard]] inline bool is_sealed_now(std::string_view bytes, const KeyRing& keys) {
  return is_sealed(bytes) && keys.is_current_stamp(stamp_in(bytes));
}

/// Takes the record's seal off and moves its secret to the current key; false if there is nothing to commit,
/// as both seal and secret are under that key.
inline bool reseal(const Run& run, storage::FactorRecord& record) {
  const KeyRing& keys = run.keys();
  const bool stamped_now = is_sealed_now(record.sealed, keys);
  run.open(record);
  if (record.sealed.empty() || keys.is_current(record.sealed)) return !stamped_now;
  factor::seal_secret(record, factor::open_secret(record, keys), keys);
  return true;
}

/// Counts a record that cannot be read; throws again what is no fault of the record. For handlers.
inline void count_unreadable(const Error& error, ResealProgress& progress) {
  if (!is_of_the_record(error)) throw;
  ++progress.failed;
  progress.last_failure = error.what();
}

/// Moves a factor that another verb has changed since it was read; false if there is nothing to move.
Verb<bool> reseal_changed(const VerbRun auto& run, const storage::FactorRecord& factor) {
  for (Rounds rounds("the factor");; rounds.next()) {
    auto found = co_await run.find_sealed_factor(factor.id);
    if (!found || !reseal(run, *found)) co_return false;
    storage::Batch batch;
    batch.factors.push_back(*std::move(found));
    if (co_await run.commit(batch)) co_return true;
  }
}

/// Commits resealed factors and counts those that this moved. Where another verb got through meanwhile, each
/// is looked at anew.
Verb<void> commit_resealed(const VerbRun auto& run, std::vector<storage::FactorRecord> factors,
                           ResealProgress& progress) {
  if (factors.empty()) co_return;
  storage::Batch batch;
  batch.factors = factors;
  if (co_await run.commit(batch)) {
    progress.resealed += factors.size();
    co_return;
  }
  for (const storage::FactorRecord& factor : factors) {
    try {
      if (co_await reseal_changed(run, factor)) ++progress.resealed;
    } catch (const Error& error) {
      count_unreadable(error, progress);
    }
  }
}

/// Counters that must outlive the key and the epoch under which they are sealed, by their ids: what each must
/// say if its seal says nothing any more; empty: then nothing.
using LastingCounters = std::map<std::string, std::string>;

/// Takes in those of a factor: what bounds its user, the devices that he trusts, and the claims by which
/// passkeys find it. What two factors of a user have in common is taken in once.
inline void add_lasting_counters(const storage::FactorRecord& factor, LastingCounters& counters) {
  counters.try_emplace(decision::user_record_id(factor.user_id, factor.id));
  if (!factor.user_id.empty()) counters.try_emplace(devices_record_id(factor.user_id));
  if (!is_verified(factor)) return;
  for (const std::string& id : factor::claims_of(factor)) counters.try_emplace(id, factor.id);
}

/// Seals one anew, unless it is not there or sealed as it must be.
Verb<void> reseal_counter(const VerbRun auto& run, const std::string& id, const std::string& data) {
  for (Rounds rounds("the counter");; rounds.next()) {
    auto found = co_await run.find_sealed_counter(id);
    if (!found || is_sealed_now(found->data, run.keys())) co_return;
    open_or_empty(*found, run.keys(), run.options.unsealed_records);
    if (found->data.empty()) found->data = data;
    if (found->data.empty()) co_return;
    storage::Batch batch;
    batch.counters.push_back(*std::move(found));
    if (co_await run.commit(batch)) co_return;
  }
}

Verb<void> reseal_counters(const VerbRun auto& run, const LastingCounters& counters,
                           ResealProgress& progress) {
  for (const auto& [id, data] : counters) {
    try {
      co_await reseal_counter(run, id, data);
    } catch (const Error& error) {
      count_unreadable(error, progress);
    }
  }
}

/// Where the next page begins. Throws where that would be the same page again.
[[nodiscard]] inline std::string last_id_of(const std::vector<storage::FactorRecord>& page,
                                            std::string_view after) {
  if (page.back().id <= after)
    throw Error(errc::corrupt_record,
                "the storage returned a page of factors that does not come after the page before: a record's "
                "id was changed, or scan_factors does not compare ids byte by byte. Restore the record");
  return page.back().id;
}

/// Moves the record's secret and returns whether there is something to commit. A secret that does not open is
/// counted.
inline bool reseal_or_count(const Run& run, storage::FactorRecord& record, LastingCounters& counters,
                            ResealProgress& progress) {
  try {
    storage::check(record);
    const bool changed = reseal(run, record);
    add_lasting_counters(record, counters);
    return changed;
  } catch (const Error& error) {
    count_unreadable(error, progress);
    return false;
  }
}

Verb<void> reseal_pages(const VerbRun auto& run, const ResealOptions& options, ResealProgress& progress) {
  for (;;) {
    auto page = co_await run.scan_factors(progress.last_id, options.batch);
    if (page.empty()) co_return;
    progress.scanned += page.size();
    progress.last_id = last_id_of(page, progress.last_id);
    std::vector<storage::FactorRecord> resealed;
    LastingCounters counters;
    for (storage::FactorRecord& record : page)
      if (reseal_or_count(run, record, counters, progress)) resealed.push_back(std::move(record));
    co_await commit_resealed(run, std::move(resealed), progress);
    co_await reseal_counters(run, counters, progress);
    if (options.progress && !options.progress(progress)) co_return;
  }
}

/// See `Verifier::reseal_all`.
Verb<ResealProgress> reseal_all(const VerbRun auto& run, const ResealOptions& options) {
  if (options.batch < 1 || options.batch > 1000)
    throw Error(errc::invalid_argument,
                "ResealOptions::batch is " + std::to_string(options.batch) + "; it may be 1 to 1000");
  const Time begun = co_await run.time();
  LastingCounters of_no_factor;
  of_no_factor.try_emplace(options_record_id);
  ResealProgress progress;
  progress.last_id = options.after;
  std::exception_ptr failure;
  try {
    co_await reseal_counters(run, of_no_factor, progress);
    co_await reseal_pages(run, options, progress);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await emit_run(run, EventType::factors_resealed, progress.resealed, begun);
  if (failure) std::rethrow_exception(failure);
  co_return progress;
}

inline void count_key(std::optional<std::string_view> key_id, KeyCounts& counts) {
  if (!key_id)
    ++counts.unreadable;
  else if (key_id->empty())
    ++counts.in_the_clear;
  else
    ++counts.factors[std::string(*key_id)];
}

/// Counts a factor under the key of its seal and, if that is another, under that of its secret.
inline void count_keys_of(const storage::FactorRecord& record, KeyCounts& counts) {
  if (record.type == FactorType{}) return count_key(std::nullopt, counts); // see `unreadable_factor`
  std::string_view bytes = record.sealed;
  std::optional<std::string_view> stamp_key;
  if (is_sealed(bytes)) {
    const std::string_view stamp = stamp_in(bytes);
    stamp_key = KeyRing::key_id_of(stamp);
    bytes.remove_prefix(1 + stamp.size());
    if (!stamp_key || bytes.empty()) return count_key(stamp_key, counts);
  } else if (bytes.empty()) {
    return; // not sealed yet, and of a kind without a secret
  }
  const auto secret_key = KeyRing::key_id_of(bytes);
  count_key(secret_key, counts);
  if (stamp_key && secret_key && *stamp_key != *secret_key) count_key(stamp_key, counts);
}

/// See `Verifier::count_keys`.
Verb<KeyCounts> count_keys(const VerbRun auto& run) {
  constexpr std::size_t at_once = 1000;
  KeyCounts counts;
  std::string last_id;
  for (;;) {
    const auto page = co_await run.scan_factors(last_id, at_once);
    if (page.empty()) co_return counts;
    last_id = last_id_of(page, last_id);
    for (const storage::FactorRecord& record : page) {
      count_keys_of(record, counts);
    }
  }
}

} // namespace mfa::verbs
