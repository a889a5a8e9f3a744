#pragma once

#include <algorithm>
#include <cstddef>
#include <exception>
#include <functional>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include <mfa/storage/record.hpp>
#include <mfa/verbs/request.hpp>

namespace mfa::test {

/// What a broken storage does with a commit.
enum class Lie {
  none,
  no_versions, ///< writes whatever moved meanwhile
  no_factor_versions,
  no_challenge_versions,
  no_counter_versions,
  no_removal_versions,
  no_challenge, ///< leaves parts out
  no_factor,
  no_counter,
  no_removal,
  half,                 ///< writes what did not move though the rest did, and answers `false`
  true_without_writing, ///< says that it wrote
  false_after_writing,  ///< says that it did not
};

/// What such a storage does, in words.
constexpr const char* text_of(Lie lie) noexcept {
  switch (lie) {
  case Lie::none: break;
  case Lie::no_versions: return "no version is compared";
  case Lie::no_factor_versions: return "a factor's version is not compared";
  case Lie::no_challenge_versions: return "a challenge's version is not compared";
  case Lie::no_counter_versions: return "a counter's version is not compared";
  case Lie::no_removal_versions: return "the version of what is removed is not compared";
  case Lie::no_challenge: return "challenges are not written";
  case Lie::no_factor: return "factors are not written";
  case Lie::no_counter: return "counters are not written";
  case Lie::no_removal: return "nothing is removed";
  case Lie::half: return "what did not move is written though the rest did";
  case Lie::true_without_writing: return "it answers true and writes nothing";
  case Lie::false_after_writing: return "it answers false and wrote";
  }
  return "it tells the truth";
}

/// What a storage holds, as plain values that a search can copy.
struct PlainWorld {
  template <class Record> using Table = std::map<std::string, Record, std::less<>>;

  Table<storage::FactorRecord> factors;
  Table<storage::ChallengeRecord> challenges;
  Table<storage::CounterRecord> counters;

  /// Whether something was written, and what the verb is answered.
  struct Committed {
    bool written = false;
    bool answer = false;
  };

  Committed commit(storage::Batch batch, Lie lie = Lie::none) {
    if (lie == Lie::no_challenge) batch.challenges.clear();
    if (lie == Lie::no_factor) batch.factors.clear();
    if (lie == Lie::no_counter) batch.counters.clear();
    if (lie == Lie::no_removal) batch.removals.clear();
    if (lie == Lie::true_without_writing) return {.written = true, .answer = true};
    const auto moved = [](const auto& table, const auto& record) {
      const auto row = table.find(record.id);
      return (row == table.end() ? 0 : row->second.version) != record.version;
    };
    const auto factor_moved = [&](const auto& record) { return moved(factors, record); };
    const auto challenge_moved = [&](const auto& record) { return moved(challenges, record); };
    const auto counter_moved = [&](const auto& record) { return moved(counters, record); };
    const auto removal_moved = [&](const storage::Removal& removal) {
      if (removal.kind == storage::RecordKind::factor) return factor_moved(removal);
      return removal.kind == storage::RecordKind::challenge ? challenge_moved(removal)
                                                            : counter_moved(removal);
    };
    const auto keeps = [lie](Lie unless) { return lie != Lie::no_versions && lie != unless; };
    const bool unmoved =
        (!keeps(Lie::no_factor_versions) || std::ranges::none_of(batch.factors, factor_moved)) &&
        (!keeps(Lie::no_challenge_versions) || std::ranges::none_of(batch.challenges, challenge_moved)) &&
        (!keeps(Lie::no_counter_versions) || std::ranges::none_of(batch.counters, counter_moved)) &&
        (!keeps(Lie::no_removal_versions) || std::ranges::none_of(batch.removals, removal_moved));
    if (!unmoved) {
      if (lie != Lie::half) return {};
      std::erase_if(batch.factors, factor_moved);
      std::erase_if(batch.challenges, challenge_moved);
      std::erase_if(batch.counters, counter_moved);
      std::erase_if(batch.removals, removal_moved);
    }
    write(std::move(batch));
    return {.written = true, .answer = unmoved && lie != Lie::false_after_writing};
  }

  std::size_t purge(Time now) {
    const auto over = [now](const auto& entry) { return entry.second.purge_at <= now; };
    return std::erase_if(challenges, over) + std::erase_if(counters, over);
  }

 private:
  void write(storage::Batch batch) {
    const auto write_all = [](auto& table, auto& records) {
      for (auto& record : records) {
        ++record.version;
        auto& row = table[record.id];
        row = std::move(record);
      }
    };
    write_all(factors, batch.factors);
    write_all(challenges, batch.challenges);
    write_all(counters, batch.counters);
    for (const storage::Removal& removal : batch.removals) switch (removal.kind) {
      case storage::RecordKind::factor: factors.erase(removal.id); break;
      case storage::RecordKind::challenge: challenges.erase(removal.id); break;
      case storage::RecordKind::counter: counters.erase(removal.id); break;
      }
  }
};

template <class Record>
std::optional<Record> look_up(const PlainWorld::Table<Record>& table, std::string_view id) {
  const auto row = table.find(id);
  return row == table.end() ? std::nullopt : std::optional(row->second);
}

/// What comes of a request: an answer, or what is thrown instead.
using Reply = std::variant<std::optional<storage::FactorRecord>, std::optional<storage::ChallengeRecord>,
                           std::optional<storage::CounterRecord>, std::optional<storage::ChallengeWithFactor>,
                           std::vector<storage::FactorRecord>, std::size_t, bool, std::exception_ptr>;

/// What a request that only reads finds in the world.
inline Reply look(const PlainWorld& world, verbs::Request& request) {
  using namespace verbs;
  if (const auto* find = as<FindFactor>(request)) return look_up(world.factors, find->id);
  if (const auto* find = as<FindChallenge>(request)) return look_up(world.challenges, find->id);
  if (const auto* find = as<FindCounter>(request)) return look_up(world.counters, find->id);
  if (const auto* find = as<FindChallengeWithFactor>(request)) {
    auto challenge = look_up(world.challenges, find->id);
    std::optional<storage::ChallengeWithFactor> both;
    if (challenge) {
      auto factor = look_up(world.factors, challenge->factor_id);
      both = storage::ChallengeWithFactor{*std::move(challenge), std::move(factor)};
    }
    return both;
  }
  std::vector<storage::FactorRecord> found;
  if (const auto* list = as<ListFactors>(request)) {
    for (const auto& [id, factor] : world.factors)
      if (factor.user_id == list->user_id) found.push_back(factor);
    return found;
  }
  if (const auto* scan = as<ScanFactors>(request)) {
    for (const auto& [id, factor] : world.factors)
      if (id > scan->after_id && found.size() < scan->limit) found.push_back(factor);
    return found;
  }
  throw std::logic_error("a plain world was asked for what it does not answer");
}

/// Puts the reply where the request has its place for it.
inline void give(verbs::Request& request, Reply reply) {
  using namespace verbs;
  if (const auto* const failure = std::get_if<std::exception_ptr>(&reply)) {
    request.failure = *failure;
    return;
  }
  const auto answer = [&reply](auto& question) {
    question.answer = std::get<std::remove_cvref_t<decltype(question.answer)>>(std::move(reply));
  };
  switch (request.asks) {
  case Asks::factor: return answer(static_cast<FindFactor&>(request));
  case Asks::challenge: return answer(static_cast<FindChallenge&>(request));
  case Asks::counter: return answer(static_cast<FindCounter&>(request));
  case Asks::challenge_with_factor: {
    auto& find = static_cast<FindChallengeWithFactor&>(request);
    *find.found = std::get<std::optional<storage::ChallengeWithFactor>>(std::move(reply));
    find.answer = true;
    return;
  }
  case Asks::factors_of_user: return answer(static_cast<ListFactors&>(request));
  case Asks::page_of_factors: return answer(static_cast<ListPageOfFactors&>(request));
  case Asks::scan_of_factors: return answer(static_cast<ScanFactors&>(request));
  case Asks::commit: return answer(static_cast<Commit&>(request));
  case Asks::purge: return answer(static_cast<Purge&>(request));
  case Asks::send: return answer(static_cast<Send&>(request));
  case Asks::clock: break;
  }
  throw std::logic_error("the clock is read at once");
}

} // namespace mfa::test
