#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "environment.hpp"
#include "hostile_attack.hpp"
#include "hostile_edits.hpp"

/// What somebody gains who can write to a storage and has an honest account of his own, but no key.
namespace mfa::test::hostile {

/// That the attacker's attempts on records which nobody edited come to what they should.
template <class StoragePolicy> void check_sound(const Attack<StoragePolicy>& attack) {
  std::size_t own = 0;
  for (const Probe& probe : attack.scene.probes) {
    INFO(probe.name << ": " << probe.honest.text);
    if (!probe.honest.granted) continue;
    CHECK_FALSE(probe.right);
    CHECK(probe.honest.user_id == attack.scene.attacker.user_id);
    ++own;
  }
  CHECK(own >= 20);
}

/// How many of each sort are tried if there are so many of each: few sorts have most of them.
[[nodiscard]] inline std::map<std::string, std::size_t>
quotas(const std::map<std::string, std::size_t>& sorts, std::size_t most) {
  std::vector<std::pair<std::size_t, std::string>> by_size;
  for (const auto& [sort, size] : sorts) by_size.emplace_back(size, sort);
  std::ranges::sort(by_size);
  std::map<std::string, std::size_t> quota;
  std::size_t sorts_left = by_size.size();
  for (const auto& [size, sort] : by_size) {
    quota[sort] = std::min(size, most / sorts_left--);
    most -= quota[sort];
  }
  return quota;
}

/// Tries so many of all edits, chosen at random, and a tenth more of fields that are put together at random.
/// MFA_TEST_SEED takes the seed that a run printed. Returns how many it were.
template <class StoragePolicy, class... Arguments>
std::size_t nothing_is_gained(const char* where, std::size_t most, Arguments&&... arguments) {
  const auto begin = std::chrono::steady_clock::now();
  const std::uint64_t seed = from_environment("MFA_TEST_SEED", std::random_device{}());
  std::mt19937_64 random(seed);
  Attack<StoragePolicy> attack(false, std::forward<Arguments>(arguments)...);
  check_sound(attack);
  const Edits edits(attack);
  std::map<std::string, std::size_t> left;
  edits.visit_all([&](const std::string& sort, const auto&) { ++left[sort]; });
  std::map<std::string, std::size_t> wanted = quotas(left, most);
  std::size_t gained = 0;
  const auto attempt = [&](const Edit& edit) {
    constexpr std::size_t scanned = 20; // one in so many also by a verb that reads and writes all records
    for (const Gain& gain :
         attack.attempt(edit, {.used = true, .scanned = random() % scanned == 0, .beyond_removal = true})) {
      constexpr std::size_t shown = 20;
      if (++gained > shown) continue;
      std::printf("%s\n  %s: granted to %s: %s\n", gain.edit.c_str(), gain.probe.c_str(),
                  gain.outcome.user_id.c_str(), gain.gain.c_str());
    }
  };
  std::map<std::string, std::size_t> sorts;
  edits.visit_all([&](const std::string& sort, const auto& make) {
    if (random() % left[sort]-- >= wanted[sort]) return;
    --wanted[sort];
    const auto edit = make();
    if (!edit) return;
    ++sorts[sort.substr(0, sort.find('\t'))];
    attempt(*edit);
  });
  for (std::size_t drawn = 0; drawn < most / 10; ++drawn)
    if (const auto edit = edits.draw(random)) {
      ++sorts["fields put together at random"];
      attempt(*edit);
    }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  std::printf("%zu edits of %zu records on %s, which %zu attempts followed, in %.1f s, seed %llu\n",
              attack.edits, attack.sound().size(), where, attack.attempts, took.count(),
              static_cast<unsigned long long>(seed));
  for (const auto& [sort, count] : sorts) std::printf("  %7zu %s\n", count, sort.c_str());
  if (attack.refused > 0) std::printf("  %7zu that the storage did not take\n", attack.refused);
  CHECK(gained == 0);
  return attack.edits;
}

/// What is gained, but for sign-ins of the attacker's own: by the sort of record.
using Gains = std::map<std::string, std::set<std::string>>;

/// By what `visit_all` of the edits visits.
template <class StoragePolicy, class VisitAll>
Gains gains_by(Attack<StoragePolicy>& attack, bool beyond_removal, VisitAll visit_all) {
  Gains gains;
  const Edits edits(attack);
  visit_all(edits, [&](const std::string& sort, const auto& make) {
    const auto edit = make();
    if (!edit) return;
    auto& row = gains[sort];
    for (const Gain& gain : attack.attempt(*edit, {.beyond_removal = beyond_removal}))
      if (gain.gain != Scene<StoragePolicy>::own_again) row.insert(gain.gain);
  });
  return gains;
}

/// `beyond_removal`: without what is gained by removing counters, too.
template <class StoragePolicy>
Gains gains_by_rollback(Attack<StoragePolicy>& attack, bool beyond_removal = false) {
  return gains_by(attack, beyond_removal,
                  [](const auto& edits, const auto& visit) { edits.visit_rollbacks(visit); });
}

template <class StoragePolicy> Gains gains_by_deletion(Attack<StoragePolicy>& attack) {
  return gains_by(attack, false, [](const auto& edits, const auto& visit) { edits.visit_deletions(visit); });
}

} // namespace mfa::test::hostile
