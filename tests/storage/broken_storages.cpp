// The storage conformance suite finds what is wrong with a storage: for each of its checks there is a small
// fault, as authors of storages make them, that this check tells of.
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <sstream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include <mfa/storage/sqlite.hpp>
#include <mfa/testing/storage_conformance.hpp>

#include "support/catch.hpp"
#include "support/faulty_storage.hpp"
#include "support/storage_faults.hpp"
#include "support/temporary_directory.hpp"

using mfa::FactorType;
using mfa::Time;
using mfa::storage::Batch;
using mfa::storage::ChallengeRecord;
using mfa::storage::CounterRecord;
using mfa::storage::FactorRecord;
using mfa::storage::RecordKind;
using namespace mfa::test;
using mfa::testing::check_storage;
using mfa::testing::ConformanceOptions;
using mfa::testing::conformance::commit;
using mfa::testing::conformance::removal_of;
using Outcome = mfa::testing::CheckResult::Outcome;
using namespace std::chrono_literals;

namespace {

struct Case {
  std::string_view check; ///< that must find it
  std::string_view fault;
  std::function<Faults()> make; ///< called for each instance
  enum class Kept { shared, in_a_file, by_each_instance } kept = Kept::shared;
};

constexpr std::string_view killed_process =
    "a process that is killed leaves whole batches, and all that it committed";

int letters_first(char c) { return c >= '0' && c <= '9' ? 256 + c : c; }

bool is_before(std::string_view a, std::string_view b) {
  return std::ranges::lexicographical_compare(a, b, {}, letters_first, letters_first);
}

std::vector<FactorRecord> letters_first_page(std::vector<FactorRecord> factors, std::string_view after,
                                             std::size_t limit) {
  std::erase_if(factors, [&](const auto& factor) { return !is_before(after, factor.id); });
  std::ranges::sort(factors, [](const auto& a, const auto& b) { return is_before(a.id, b.id); });
  if (factors.size() > limit) factors.resize(limit);
  return factors;
}

std::vector<Case> cases() {
  using enum Case::Kept;
  const auto removes_nothing_of = [](RecordKind kind) {
    return Faults{.commit = [kind](AnyStorage& sound, Batch batch) {
      std::erase_if(batch.removals, [&](const auto& removal) { return removal.kind == kind; });
      return sound.commit(batch);
    }};
  };
  const auto insert_or_update = [] { return takes_version([](auto, auto stored) { return stored == 0; }); };
  const auto not_atomic = [] { return Faults{.commit = check_then_write}; };

  const auto cut_off_at = [](std::size_t size) {
    return [size](std::string text) { return text.substr(0, size); };
  };

  return {
      {"the storage can be opened and read", "a table that is missing",
       [] {
         return Faults{.find_factor = [](AnyStorage&, std::string_view) -> std::optional<FactorRecord> {
           throw std::runtime_error("no such table: factors");
         }};
       }},
      {"a record that was never written is not found", "an empty row for an unknown id",
       [] {
         return Faults{.find_factor = [](AnyStorage& sound, std::string_view id) {
           return std::optional(sound.find_factor(id).value_or(FactorRecord{}));
         }};
       }},
      {"each field is kept, and none in another's place", "two columns mixed up",
       [] {
         return changes_written_factors(
             [](auto&, auto& factor) { std::swap(factor.sealed, factor.parameters); });
       }},
      {"each field is updated", "a column left out of the UPDATE",
       [] {
         return changes_written_factors([](auto& sound, auto& factor) {
           if (const auto stored = sound.find_factor(factor.id)) factor.friendly_name = stored->friendly_name;
         });
       }},
      {"text keeps its bytes", "spaces at the end trimmed, as of a CHAR column",
       [] {
         return changes_written_factors([](auto&, auto& factor) {
           while (factor.friendly_name.ends_with(' ')) factor.friendly_name.pop_back();
         });
       }},
      {"bytes are kept, whichever they are and up to 60,000", "a secret that ends at its first NUL",
       [] {
         return changes_written_factors([](auto&, auto& factor) { factor.sealed = factor.sealed.c_str(); });
       }},
      {"times are kept to the millisecond, from 1970 to 5139", "times in whole seconds",
       [] {
         return changes_written_factors([](auto&, auto& factor) {
           factor.created_at = std::chrono::floor<std::chrono::seconds>(factor.created_at);
         });
       }},
      {"no time is not the same as 1970", "0 for no time",
       [] {
         return Faults{.find_factor = [](AnyStorage& sound, std::string_view id) {
           auto found = sound.find_factor(id);
           if (found && found->last_used_at == Time{}) found->last_used_at.reset();
           return found;
         }};
       }},
      {"counts are kept through all 32 bits", "a column of 16 bits",
       [] { return changes_written_factors([](auto&, auto& factor) { factor.failures &= 0xffff; }); }},
      {"types and states are kept", "a type that is taken for another",
       [] { return changes_written_factors([](auto&, auto& factor) { factor.type = FactorType::totp; }); }},

      {"factors whose ids are alike are different factors", "ids compared without case",
       [] {
         return Faults{.find_factor = [](AnyStorage& sound, std::string_view id) {
           std::string upper_case(id);
           for (std::size_t i = std::string_view("auth_factor_").size(); i < id.size(); ++i)
             if (id[i] >= 'a' && id[i] <= 'z') upper_case[i] = static_cast<char>(id[i] - 'a' + 'A');
           return sound.find_factor(upper_case);
         }};
       }},
      {"challenges whose ids are alike are different challenges", "ids compared without spaces at the end",
       [] {
         return Faults{.find_challenge = [](AnyStorage& sound, std::string_view id) {
           return sound.find_challenge(without_spaces_at_the_end(std::string(id)));
         }};
       }},
      {"counters whose ids are alike are different counters", "ids compared without case",
       [] { return folds_counter_ids(in_lower_case); }},
      {"counters whose ids are alike are different counters", "ids compared without spaces at the end",
       [] { return folds_counter_ids(without_spaces_at_the_end); }},
      {"counters whose ids are alike are different counters", "ids compared without accents",
       [] { return folds_counter_ids(without_combining_marks); }},
      {"counters whose ids are alike are different counters", "ids with what MySQL calls utf8",
       [] { return folds_counter_ids(without_other_planes); }},
      {"the longest ids are kept whole", "ids cut off at 255 bytes",
       [=] { return folds_counter_ids(cut_off_at(255)); }},
      {"the longest ids are kept whole", "ids of at most 255 bytes",
       [] {
         return Faults{.commit = [](AnyStorage& sound, const Batch& batch) {
           for (const auto& counter : batch.counters)
             if (counter.id.size() > 255) throw std::runtime_error("Data too long for column 'id'");
           return sound.commit(batch);
         }};
       }},
      {"the longest ids are kept whole", "ids cut off one byte early",
       [=] { return folds_counter_ids(cut_off_at(mfa::storage::longest_counter_id - 1)); }},
      {"users whose ids are alike have their own factors", "user ids compared without case",
       [] { return folds_user_ids(in_lower_case); }},
      {"users whose ids are alike have their own factors", "user ids compared without spaces at the end",
       [] { return folds_user_ids(without_spaces_at_the_end); }},
      {"users whose ids are alike have their own factors", "user ids compared without accents",
       [] { return folds_user_ids(without_combining_marks); }},
      {"users whose ids are alike have their own factors", "user ids with what MySQL calls utf8",
       [] { return folds_user_ids(without_other_planes); }},
      {"users whose ids are alike have their own factors", "an index on the first 250 bytes of user ids",
       [=] { return folds_user_ids(cut_off_at(250)); }},
      {"an id ends where its view does", "an id taken for a C string",
       [] {
         return Faults{.find_challenge = [](AnyStorage& sound, std::string_view id) {
           return sound.find_challenge(std::string_view(id.data()));
         }};
       }},
      {"names are kept up to their longest", "a column of 128 bytes for names",
       [] {
         return changes_written_factors([](auto&, auto& factor) {
           if (factor.friendly_name.size() > 128) factor.friendly_name.resize(128);
         });
       }},

      {"a new record has version 1, and each write counts it up by one", "a version of one byte",
       [] {
         return Faults{.find_counter = [](AnyStorage& sound, std::string_view id) {
           auto found = sound.find_counter(id);
           if (found) found->version &= 0xff;
           return found;
         }};
       }},
      {"a new record has version 1, and each write counts it up by one", "a version of one byte, of factors",
       [] {
         return Faults{.find_factor = [](AnyStorage& sound, std::string_view id) {
           auto found = sound.find_factor(id);
           if (found) found->version &= 0xff;
           return found;
         }};
       }},
      {"a record that is written to last longer outlives the time that it had",
       "an expiry that is set at the insertion only", expires_by_first_time},
      {"an insertion over a record is refused", "INSERT ... ON CONFLICT DO UPDATE",
       [] { return takes_version([](auto named, auto) { return named == 0; }); }},
      {"an update of a record that is not there is refused", "an update that inserts", insert_or_update},
      {"an update of an earlier version is refused", "the last writer wins",
       [] { return takes_version([](auto named, auto stored) { return named != 0 && named < stored; }); }},
      {"an update of a later version is refused", "versions compared by >=",
       [] { return takes_version([](auto named, auto stored) { return stored != 0 && named > stored; }); }},
      {"a removal of another version is refused", "DELETE without the version",
       [] {
         return Faults{.commit = [](AnyStorage& sound, Batch batch) {
           for (auto& removal : batch.removals)
             if (const auto stored = stored_version(sound, removal)) removal.version = stored;
           return sound.commit(batch);
         }};
       }},
      {"a removal of a record that is not there is refused", "DELETE whose count of rows is not looked at",
       [] {
         return Faults{.commit = [](AnyStorage& sound, Batch batch) {
           std::erase_if(batch.removals,
                         [&](const auto& removal) { return stored_version(sound, removal) == 0; });
           return sound.commit(batch);
         }};
       }},
      {"a removal removes its record and no other", "a kind of removal that is forgotten",
       [=] { return removes_nothing_of(RecordKind::counter); }},
      {"a factor that has challenges can be removed", "a foreign key",
       [] {
         return Faults{.commit = [referred = std::make_shared<std::set<std::string>>()](AnyStorage& sound,
                                                                                        const Batch& batch) {
           for (const auto& challenge : batch.challenges) referred->insert(challenge.factor_id);
           for (const auto& removal : batch.removals)
             if (referred->contains(removal.id)) throw std::runtime_error("FOREIGN KEY constraint failed");
           return sound.commit(batch);
         }};
       }},
      {"a challenge of a factor that is gone is taken or refused, and nothing is thrown",
       "a foreign key whose violation is an exception",
       [] {
         return Faults{.commit = [](AnyStorage& sound, const Batch& batch) {
           for (const auto& challenge : batch.challenges)
             if (challenge.version == 0 && !sound.find_factor(challenge.factor_id) &&
                 std::ranges::none_of(batch.factors,
                                      [&](const auto& factor) { return factor.id == challenge.factor_id; }))
               throw std::runtime_error("FOREIGN KEY constraint failed");
           return sound.commit(batch);
         }};
       }},
      {"a counter that was removed can be written anew", "removed ids kept as tombstones",
       [] {
         return Faults{.commit = [removed = std::make_shared<std::set<std::string>>()](AnyStorage& sound,
                                                                                       const Batch& batch) {
           for (const auto& counter : batch.counters)
             if (removed->contains(counter.id)) return false;
           for (const auto& removal : batch.removals) removed->insert(removal.id);
           return sound.commit(batch);
         }};
       }},
      {"a batch writes all its records", "only the first factor of a batch",
       [] {
         return Faults{.commit = [](AnyStorage& sound, Batch batch) {
           if (batch.factors.size() > 1) batch.factors.resize(1);
           return sound.commit(batch);
         }};
       }},
      {"a batch of hundreds of removals removes all, or none", "a transaction for each hundred",
       [] {
         return Faults{.commit = [](AnyStorage& sound, const Batch& batch) {
           constexpr std::size_t at_once = 100;
           if (batch.removals.size() <= at_once) return sound.commit(batch);
           for (std::size_t begin = 0; begin < batch.removals.size(); begin += at_once) {
             Batch part;
             const auto end = std::min(begin + at_once, batch.removals.size());
             for (std::size_t i = begin; i < end; ++i) part.removals.push_back(batch.removals[i]);
             if (!sound.commit(part)) return false;
           }
           return true;
         }};
       }},
      {"a batch with a factor in conflict writes nothing", "no roll-back",
       [] { return writes_the_rest(&Batch::factors); }},
      {"a batch with a challenge in conflict writes nothing", "no roll-back",
       [] { return writes_the_rest(&Batch::challenges); }},
      {"a batch with a counter in conflict writes nothing", "no roll-back",
       [] { return writes_the_rest(&Batch::counters); }},
      {"a batch with a removal in conflict writes nothing", "no roll-back",
       [] { return writes_the_rest(&Batch::removals); }},

      {"a user's factors are listed in the order of their ids", "the newest first",
       [] {
         return Faults{.list_factors = [](AnyStorage& sound, std::string_view user_id) {
           auto factors = sound.list_factors(user_id, "", all);
           std::ranges::reverse(factors);
           return factors;
         }};
       }},
      {"a user's factors are listed in the order of their ids",
       "an order in which letters come before digits",
       [] {
         return Faults{.list_factors = [](AnyStorage& sound, std::string_view user_id) {
           return letters_first_page(sound.list_factors(user_id, "", all), "", all);
         }};
       }},
      {"no other user's factors are listed", "a user id taken for a prefix",
       [] {
         return Faults{.list_factors = [](AnyStorage& sound, std::string_view user_id) {
           return page(sound, all, [&](const auto& factor) { return factor.user_id.starts_with(user_id); });
         }};
       }},
      {"a factor without a user is listed under none", "an empty user id is a user as any other",
       [] {
         return Faults{.list_factors = [](AnyStorage& sound, std::string_view user_id) {
           return page(sound, all, [&](const auto& factor) { return factor.user_id == user_id; });
         }};
       }},
      {"a list shows factors as last written", "lists keep what was inserted",
       [] {
         return lists_from_memory(
             [](auto& memory, const auto& factor) { memory.emplace(factor.id, factor); });
       }},
      {"a list ends with a factor's removal", "lists keep what was removed",
       [] {
         return lists_from_memory([](auto& memory, const auto& factor) { memory[factor.id] = factor; });
       }},
      {"a factor that changes its user changes lists", "an index that is written at the insertion only",
       [] {
         return lists_from_memory([](auto& memory, auto factor) {
           const auto known = memory.find(factor.id);
           if (known != memory.end()) factor.user_id = known->second.user_id;
           memory[factor.id] = factor;
         });
       }},
      {"pages of any size give each factor once", ">= in place of >",
       [] {
         return Faults{.page_factors = [](AnyStorage& sound, std::string_view user_id, std::string_view after,
                                          std::size_t limit) {
           return page(sound, limit,
                       [&](const auto& factor) { return factor.user_id == user_id && factor.id >= after; });
         }};
       }},
      {"pages of any size give each factor once", "an order in which letters come before digits",
       [] {
         return Faults{.page_factors = [](AnyStorage& sound, std::string_view user_id, std::string_view after,
                                          std::size_t limit) {
           return letters_first_page(sound.list_factors(user_id, "", all), after, limit);
         }};
       }},
      {"a scan gives every user's factors once", "an order in which letters come before digits",
       [] {
         return Faults{.scan_factors = [](AnyStorage& sound, std::string_view after, std::size_t limit) {
           return letters_first_page(sound.scan_factors("", all), after, limit);
         }};
       }},
      {"pages give no other user's factors", "pages of all factors",
       [] {
         return Faults{.page_factors = [](AnyStorage& sound, std::string_view, std::string_view after,
                                          std::size_t limit) { return sound.scan_factors(after, limit); }};
       }},
      {"a page goes on after an id that is gone", "pages that look for the last id",
       [] {
         return Faults{.page_factors = [](AnyStorage& sound, std::string_view user_id, std::string_view after,
                                          std::size_t limit) {
           return after.empty() || sound.find_factor(after) ? sound.list_factors(user_id, after, limit)
                                                            : std::vector<FactorRecord>();
         }};
       }},
      {"a scan gives every user's factors once", "a scan of factors with a user",
       [] {
         return Faults{.scan_factors = [](AnyStorage& sound, std::string_view after, std::size_t limit) {
           return page(sound, limit,
                       [&](const auto& factor) { return factor.id > after && !factor.user_id.empty(); });
         }};
       }},
      {"a scan begins with the first factor of all", "a scan that skips the first",
       [] {
         return Faults{.scan_factors = [](AnyStorage& sound, std::string_view after, std::size_t limit) {
           auto factors = sound.scan_factors(after, limit + 1);
           if (!factors.empty()) factors.erase(factors.begin());
           return factors;
         }};
       }},
      {"a scan goes on after an id that is gone", "a scan that looks for the last id",
       [] {
         return Faults{.scan_factors = [](AnyStorage& sound, std::string_view after, std::size_t limit) {
           return after.empty() || sound.find_factor(after) ? sound.scan_factors(after, limit)
                                                            : std::vector<FactorRecord>();
         }};
       }},

      {"a challenge is found with its factor, both as last written", "the factor as it was at the first find",
       [] {
         return Faults{.find_challenge_with_factor =
                           [cache = std::make_shared<Cache>(1h)](AnyStorage& sound, std::string_view id) {
                             auto found = sound.find_challenge_with_factor(id);
                             if (found) found->factor = cache->find(sound, found->challenge.factor_id);
                             return found;
                           }};
       }},
      {"a challenge whose factor is gone comes without one", "an empty factor in its place",
       [] {
         return Faults{.find_challenge_with_factor = [](AnyStorage& sound, std::string_view id) {
           auto found = sound.find_challenge_with_factor(id);
           if (found && !found->factor) found->factor.emplace();
           return found;
         }};
       }},
      {"a challenge that is gone is not found, though its factor is there", "an empty challenge in its place",
       [] {
         return Faults{.find_challenge_with_factor = [](AnyStorage& sound, std::string_view id) {
           return std::optional(
               sound.find_challenge_with_factor(id).value_or(mfa::storage::ChallengeWithFactor{}));
         }};
       }},
      {"a purge removes what is due, from its very moment on", "< in place of <=",
       [] {
         return Faults{.purge = [](AnyStorage& sound, Time now, std::size_t limit) {
           return sound.purge(now - 1ms, limit);
         }};
       }},
      {"a purge leaves what is not due yet", "a time rounded up",
       [] {
         return Faults{.purge = [](AnyStorage& sound, Time now, std::size_t limit) {
           return sound.purge(now + 1s, limit);
         }};
       }},
      {"a purge removes no more than its limit, and goes on where it ended", "a limit for each kind",
       [] {
         return Faults{.purge = [](AnyStorage& sound, Time now, std::size_t limit) {
           return sound.purge(now, 2 * limit);
         }};
       }},
      {"a purge goes by the time that was written last", "a time written at the insertion only",
       [] {
         return Faults{.commit = [](AnyStorage& sound, Batch batch) {
           for (auto& challenge : batch.challenges)
             if (const auto stored = sound.find_challenge(challenge.id))
               challenge.purge_at = stored->purge_at;
           return sound.commit(batch);
         }};
       }},
      {"a purge leaves factors", "a purge of factors without challenges",
       [] {
         return Faults{.purge = [](AnyStorage& sound, Time now, std::size_t limit) {
           const auto removed = sound.purge(now, limit);
           for (const auto& factor : sound.scan_factors("", all)) (void)commit(sound, removal_of(factor));
           return removed;
         }};
       }},
      {"who read a record before its purge sees that it has gone", "an update that inserts",
       insert_or_update},
      {"a purge leaves what is written meanwhile to last longer", "a SELECT of ids, and a DELETE by them",
       [] {
         struct Written {
           std::mutex mutex;
           std::set<std::string> counters;
         };
         const auto written = std::make_shared<Written>();
         return Faults{.commit =
                           [written](AnyStorage& sound, const Batch& batch) {
                             const std::lock_guard lock(written->mutex);
                             for (const auto& counter : batch.counters) written->counters.insert(counter.id);
                             return sound.commit(batch);
                           },
                       .purge =
                           [written](AnyStorage& sound, Time now, std::size_t) {
                             std::vector<std::string> ids;
                             {
                               const std::lock_guard lock(written->mutex);
                               ids.assign(written->counters.begin(), written->counters.end());
                             }
                             return find_then_purge(sound, ids, now);
                           }};
       }},

      {"what was committed is there when the storage is opened again", "contents that end with the instance",
       [] { return Faults{}; }, by_each_instance},
      {"each instance sees what another has committed", "a cache of finds", caches_finds},
      {"each instance sees what another has committed", "a cache of factors found with their challenges",
       [] {
         const auto cache = std::make_shared<Cache>(1h);
         return Faults{.find_challenge_with_factor =
                           [cache](AnyStorage& sound, std::string_view id) {
                             auto found = sound.find_challenge_with_factor(id);
                             if (found) found->factor = cache->find(sound, found->challenge.factor_id);
                             return found;
                           },
                       .commit =
                           [cache](AnyStorage& sound, const Batch& batch) {
                             cache->forget();
                             return sound.commit(batch);
                           }};
       }},
      {"each instance sees what another has committed", "a cache of factors on a page",
       [] {
         const auto cache = std::make_shared<Cache>(1h);
         return Faults{.page_factors =
                           [cache](AnyStorage& sound, std::string_view user_id, std::string_view after,
                                   std::size_t limit) {
                             auto factors = sound.list_factors(user_id, after, limit);
                             for (auto& factor : factors) factor = *cache->find(sound, factor.id);
                             return factors;
                           },
                       .commit =
                           [cache](AnyStorage& sound, const Batch& batch) {
                             cache->forget();
                             return sound.commit(batch);
                           }};
       }},
      {"an instance refuses the version that another has overtaken", "versions compared with a cache",
       [] {
         return Faults{.commit = [known = std::make_shared<std::map<std::string, std::uint64_t>>()](
                                     AnyStorage& sound, Batch batch) {
           for_each_record(batch, [&](auto& record) {
             const auto seen = known->try_emplace(record.id, record.version).first->second;
             if (seen == record.version) record.version = stored_version(sound, record);
           });
           if (!sound.commit(batch)) return false;
           for_each_record(batch, [&](auto& record) { (*known)[record.id] = record.version + 1; });
           return true;
         }};
       }},
      {"threads with an instance each lose no update", "a lock that only one instance knows",
       [] {
         return Faults{
             .commit = [mutex = std::make_shared<std::mutex>()](AnyStorage& sound, const Batch& batch) {
               const std::lock_guard lock(*mutex);
               return check_then_write(sound, batch);
             }};
       }},

      {"threads lose no update", "versions compared first, and then written", not_atomic},
      {"threads lose no update", "versions of factors compared first, and then written",
       [] { return checks_then_writes(&Batch::factors); }},
      {"threads lose no update", "versions of challenges compared first, and then written",
       [] { return checks_then_writes(&Batch::challenges); }},
      {"threads lose no update", "versions of counters compared first, and then written",
       [] { return checks_then_writes(&Batch::counters); }},
      {"threads lose no update", "versions compared first, and then a transaction for each table",
       [] { return Faults{.commit = write_by_table}; }},
      {"of threads that insert one record one succeeds", "versions compared first, and then written",
       not_atomic},
      {"of threads that insert one record one succeeds", "challenges looked for first, and then written",
       [] { return checks_then_writes(&Batch::challenges); }},
      {"of threads that insert one record one succeeds", "counters looked for first, and then written",
       [] { return checks_then_writes(&Batch::counters); }},
      {"of threads that remove one record one succeeds", "versions compared first, and then written",
       not_atomic},
      {"a list has every factor that threads write for one user", "the ids of a user's factors in one value",
       lists_by_one_value},
      {"no find sees what a refused batch would have written", "READ UNCOMMITTED", reads_uncommitted},
      {"batches that name records in opposite orders end, and lose no update",
       "rows locked in the order of the batch", locks_in_batch_order},
      {"a commit is seen by every find that begins after it", "finds that lag, as of a replica",
       [] {
         const auto cache = std::make_shared<Cache>(5ms);
         return Faults{.find_factor = [cache](AnyStorage& sound,
                                              std::string_view id) { return cache->find(sound, id); },
                       .commit =
                           [](AnyStorage& sound, const Batch& batch) {
                             std::this_thread::sleep_for(100us);
                             return sound.commit(batch);
                           }};
       }},
      {"no find sees half of a record", "a record read in two steps",
       [] {
         return Faults{.find_factor =
                           [](AnyStorage& sound, std::string_view id) {
                             auto found = sound.find_factor(id);
                             std::this_thread::sleep_for(200us);
                             if (const auto later = sound.find_factor(id); found && later)
                               found->sealed = later->sealed;
                             return found;
                           },
                       .commit =
                           [](AnyStorage& sound, const Batch& batch) {
                             std::this_thread::sleep_for(100us);
                             return sound.commit(batch);
                           }};
       }},
      {"processes lose no update", "versions compared first, and then written", not_atomic, in_a_file},
      {"of processes that insert one record one succeeds", "versions compared first, and then written",
       not_atomic, in_a_file},
      {killed_process, "commits that are answered before they are written",
       [] {
         return Faults{.commit = [behind = std::make_shared<std::unique_ptr<WriteBehind>>()](
                                     AnyStorage& sound, const Batch& batch) {
           if (!*behind) *behind = std::make_unique<WriteBehind>(sound);
           (*behind)->add(batch);
           return true;
         }};
       },
       in_a_file},
      {killed_process, "a transaction for each record",
       [] {
         return Faults{.commit = [](AnyStorage& sound, const Batch& batch) {
           bool written = true;
           for (const auto& record : batch.factors) written = commit(sound, record) && written;
           std::this_thread::sleep_for(200us);
           for (const auto& record : batch.challenges) written = commit(sound, record) && written;
           std::this_thread::sleep_for(200us);
           for (const auto& record : batch.counters) written = commit(sound, record) && written;
           return written;
         }};
       },
       in_a_file},
  };
}

/// Runs checks on storages with a fault, all on the same contents.
mfa::testing::ConformanceReport check(const Case& fault, const ConformanceOptions& options) {
  const mfa::test::TemporaryDirectory directory;
  const auto shared = std::make_shared<AnyStorage>();
  return check_storage(
      [&] {
        auto sound = shared;
        if (fault.kept == Case::Kept::by_each_instance) sound = std::make_shared<AnyStorage>();
        if (fault.kept == Case::Kept::in_a_file)
          sound = std::make_shared<AnyStorage>(mfa::storage::Sqlite(
              directory.path() + "/mfa.db", {.synchronous = mfa::storage::Synchronous::off}));
        return FaultyStorage(sound, fault.make());
      },
      options);
}

} // namespace

TEST_CASE("Each check finds a fault") {
  for (const Case& fault : cases()) {
    INFO(fault.check << ": " << fault.fault);
    const auto report = check(fault, {.only = std::string(fault.check)});
    REQUIRE(report.checks.size() == 1);
    CHECK(report.failures() == 1);
    std::cout << fault.fault << "\n  BROKEN " << fault.check << "\n  " << report.checks.front().told << "\n";
  }
}

TEST_CASE("No check is without a fault that it finds, and all pass on the same storage without one") {
  std::set<std::string, std::less<>> checks;
  const auto report = check({"", "none", [] { return Faults{}; }, Case::Kept::in_a_file}, {.rounds = 5});
  CHECK(report.failures() == 0);
  CHECK(report.count(Outcome::not_checked) == 0);
  for (const auto& result : report.checks) checks.insert(result.name);
  CHECK(checks.size() == report.checks.size());
  std::set<std::string, std::less<>> covered;
  for (const auto& fault : cases()) covered.emplace(fault.check);
  CHECK(checks == covered);
}
