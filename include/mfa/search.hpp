#pragma once

#include <cstddef>
#include <iterator>
#include <utility>

#include <mfa/compiler.hpp>

// What std::find_if and its like do, by a loop: each use of those has some ten functions of the library
// compiled, in every file that includes the header where it stands.
namespace mfa::detail {

template <class Range, class Matches>
[[nodiscard]] constexpr bool any_of(const Range& range, const Matches& matches) {
  for (const auto& one : range)
    if (matches(one)) return true;
  return false;
}

template <class Range, class Value>
[[nodiscard]] constexpr bool contains(const Range& range, const Value& value) {
  for (const auto& one : range)
    if (one == value) return true;
  return false;
}

/// The first that matches; null if none does.
template <class Range, class Matches>
[[nodiscard]] constexpr auto find_if(Range& range, const Matches& matches) -> decltype(&*std::begin(range)) {
  for (auto& one : range)
    if (matches(one)) return &one;
  return nullptr;
}

template <class Range, class Matches>
[[nodiscard]] constexpr std::size_t count_if(const Range& range, const Matches& matches) {
  std::size_t count = 0;
  for (const auto& one : range)
    if (matches(one)) ++count;
  return count;
}

/// Keeps the order of those that stay. Returns how many went.
template <class Vector, class Matches> std::size_t erase_if(Vector& vector, const Matches& matches) {
  std::size_t kept = 0;
  for (auto& one : vector) {
    if (matches(one)) continue;
    if (&one != &vector[kept]) vector[kept] = std::move(one);
    ++kept;
  }
  const std::size_t gone = vector.size() - kept;
  while (vector.size() > kept) vector.pop_back();
  return gone;
}

/// For a list of some ten or hundred. Those of which none goes before the other stay in their order.
template <class Vector, class GoesBefore> void sort_few(Vector& vector, const GoesBefore& goes_before) {
  for (std::size_t i = 1; i < vector.size(); ++i) {
    auto one = std::move(vector[i]);
    std::size_t place = i;
    for (; place > 0 && goes_before(one, vector[place - 1]); --place)
      vector[place] = std::move(vector[place - 1]);
    vector[place] = std::move(one);
  }
}

} // namespace mfa::detail
