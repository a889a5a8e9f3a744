#pragma once

#include <cstddef>
#include <exception>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/key_ring.hpp>
#include <mfa/error.hpp>
#include <mfa/event.hpp>
#include <mfa/factor/sealed_secret.hpp>
#include <mfa/key_rotation.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/verbs/checked_records.hpp>

namespace mfa::detail {

/// Moves the record's secret to the current key; false if it is there already or the kind has none.
inline bool reseal(storage::FactorRecord& record, const KeyRing& keys) {
  if (record.sealed.empty() || keys.is_current(record.sealed)) return false;
  factor::seal_secret(record, factor::open_secret(record, keys), keys);
  return true;
}

/// Commits resealed factors and returns how many it was that moved them. Where another verb got through
/// meanwhile, each is looked at anew.
template <class Verb> std::size_t commit_resealed(const Verb& verb, storage::Batch batch) {
  if (batch.factors.empty() || verb.storage->commit(std::as_const(batch))) return batch.factors.size();
  std::size_t moved = 0;
  for (const storage::FactorRecord& factor : batch.factors)
    verb.until_committed("the factor", [&] {
      auto found = verb.storage->find_factor(factor.id);
      if (!found || !reseal(*found, verb.keys())) return true;
      storage::Batch single;
      single.factors.push_back(*std::move(found));
      if (!verb.storage->commit(std::move(single))) return false;
      ++moved;
      return true;
    });
  return moved;
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

template <class Verb>
void reseal_pages(const Verb& verb, const ResealOptions& options, ResealProgress& progress) {
  for (;;) {
    auto page = verb.storage->scan_factors(progress.last_id, options.batch);
    if (page.empty()) return;
    progress.scanned += page.size();
    progress.last_id = last_id_of(page, progress.last_id);
    storage::Batch batch;
    for (storage::FactorRecord& record : page) {
      try {
        storage::check(record);
        if (reseal(record, verb.keys())) batch.factors.push_back(std::move(record));
      } catch (const Error& error) {
        if (error.code() != errc::seal_broken && error.code() != errc::unknown_key &&
            error.code() != errc::corrupt_record)
          throw;
        ++progress.failed;
        progress.last_failure = error.what();
      }
    }
    progress.resealed += commit_resealed(verb, std::move(batch));
    if (options.progress && !options.progress(progress)) return;
  }
}

template <class Verb> ResealProgress reseal_all(const Verb& verb, const ResealOptions& options) {
  if (options.batch < 1 || options.batch > 1000)
    throw Error(errc::invalid_argument,
                "ResealOptions::batch is " + std::to_string(options.batch) + "; it may be 1 to 1000");
  const Time begun = verb.now().now;
  ResealProgress progress;
  progress.last_id = options.after;
  std::exception_ptr failure;
  try {
    reseal_pages(verb, options, progress);
  } catch (...) {
    failure = std::current_exception();
  }
  verb.emit_run(EventType::factors_resealed, progress.resealed, begun);
  if (failure) std::rethrow_exception(failure);
  return progress;
}

template <class Verb> KeyCounts count_keys(const Verb& verb) {
  constexpr std::size_t at_once = 1000;
  KeyCounts counts;
  std::string last_id;
  for (;;) {
    const auto page = verb.storage->scan_factors(last_id, at_once);
    if (page.empty()) return counts;
    last_id = last_id_of(page, last_id);
    for (const storage::FactorRecord& record : page) {
      if (record.sealed.empty()) continue; // a kind without a secret
      const auto key_id = KeyRing::key_id_of(record.sealed);
      if (!key_id)
        ++counts.unreadable;
      else if (key_id->empty())
        ++counts.in_the_clear;
      else
        ++counts.factors[std::string(*key_id)];
    }
  }
}

} // namespace mfa::detail
