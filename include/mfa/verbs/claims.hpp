#pragma once

#include <algorithm>
#include <chrono>
#include <string>
#include <vector>

#include <mfa/factor/kinds.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail {

/// The record by which a verified factor alone has what `id` names: a counter that is written once.
[[nodiscard]] inline storage::CounterRecord claim(const std::string& id,
                                                  const storage::FactorRecord& factor) {
  constexpr Time never{std::chrono::milliseconds(100'000'000'000'000)};
  return {.id = id, .version = 0, .data = factor.id, .purge_at = never};
}

/// Whether one of these claims is made.
template <class Verb> bool is_claimed(const Verb& verb, const std::vector<std::string>& ids) {
  return std::ranges::any_of(
      ids, [&](const std::string& id) { return verb.storage->find_counter(id).has_value(); });
}

/// What to remove together with a factor.
template <class Verb>
std::vector<storage::Removal> removals_of_claims(const Verb& verb, const storage::FactorRecord& factor) {
  std::vector<storage::Removal> removals;
  if (factor.state != FactorState::verified) return removals;
  const auto ids = factor::with_kind(factor.type, [&](auto kind) { return kind.claims(factor); });
  for (const std::string& id : ids)
    if (const auto made = verb.storage->find_counter(id); made && made->data == factor.id)
      removals.push_back({storage::RecordKind::counter, made->id, made->version});
  return removals;
}

} // namespace mfa::detail
