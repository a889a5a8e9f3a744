#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <functional>
#include <optional>
#include <set>
#include <tuple>
#include <utility>
#include <vector>

#include "call_sequence.hpp"

namespace mfa::test {

/// Simpler calls to try in place of this one.
inline std::vector<Call> simpler(const Call& call) {
  std::vector<Call> calls;
  const auto with = [&](auto member, auto value) {
    if (call.*member == value) return;
    calls.push_back(call);
    calls.back().*member = value;
  };
  with(&Call::user, 0);
  with(&Call::binding, 0);
  with(&Call::strong, false);
  with(&Call::damaged, 0);
  with(&Call::shows, Shows::nothing);
  with(&Call::undelivered, false);
  with(&Call::steps_off, 0);
  with(&Call::code_of, call.target);
  if (call.verb == Verb::verify || call.verb == Verb::confirm)
    with(&Call::typed, Typed::wrong); // it hangs on nothing that was before
  if (call.typed != Typed::wrong) with(&Call::typed, Typed::shown);
  using std::chrono::milliseconds;
  using std::chrono::seconds;
  if (call.by < milliseconds(0)) with(&Call::by, -call.by);
  if (call.by > seconds(1)) with(&Call::by, milliseconds(floor<seconds>(call.by / 2)));
  return calls;
}

/// Without this call, if it makes a factor or a challenge of which there is one already; what is about it is
/// about that one then.
inline std::optional<Sequence> without_second(Sequence sequence, std::size_t index) {
  const Call second = sequence.calls[index];
  if (second.verb > Verb::challenge) return std::nullopt;
  const auto begin = sequence.calls.begin();
  const auto end = begin + static_cast<std::ptrdiff_t>(index);
  const auto first = std::find_if(
      begin, end, [&](const Call& call) { return call.verb == second.verb && call.target == second.target; });
  if (first == end) return std::nullopt;
  const int name = first->name;
  sequence.calls.erase(end);
  for (Call& call : sequence.calls) {
    if (call.target == second.name) call.target = name;
    if (call.code_of == second.name) call.code_of = name;
    if (call.shown == second.name) call.shown = name;
  }
  return sequence;
}

/// With this factor never confirmed, and all its challenges for that: so nothing needs to be before.
inline Sequence unconfirmed(Sequence sequence, int factor) {
  std::set<int> challenges;
  for (const Call& call : sequence.calls)
    if (call.verb == Verb::challenge && call.target == factor) challenges.insert(call.name);
  std::erase_if(sequence.calls, [&](const Call& call) {
    const bool answers = (call.verb == Verb::confirm && call.target == factor) ||
                         (call.verb == Verb::verify && challenges.contains(call.target));
    return answers && call.purpose == Purpose::confirm_enrollment && call.typed == Typed::shown;
  });
  for (Call& call : sequence.calls) {
    const bool about = (call.verb == Verb::challenge && call.target == factor) ||
                       (call.verb == Verb::verify && challenges.contains(call.target));
    if (!about) continue;
    call.purpose = Purpose::confirm_enrollment;
    call.action = 0;
  }
  return sequence;
}

/// Leaves out what is not needed for it to fail (delta debugging: halves first, single ones last), and
/// returns whether there was any.
template <class T>
bool leave_out(std::vector<T>& items, const std::function<bool(const std::vector<T>&)>& fails) {
  const std::size_t before = items.size();
  for (std::size_t chunk = items.size(); chunk > 0; chunk /= 2)
    for (std::size_t first = 0; first < items.size();) {
      std::vector<T> without = items;
      const auto begin = without.begin() + static_cast<std::ptrdiff_t>(first);
      without.erase(begin, begin + static_cast<std::ptrdiff_t>(std::min(chunk, without.size() - first)));
      if (fails(without))
        items = std::move(without);
      else
        first += chunk;
    }
  return items.size() < before;
}

/// The shortest and plainest sequence that can be found by leaving out calls, joining waits and simplifying
/// what is said, and that still `fails`.
inline Sequence shrink(Sequence sequence, const std::function<bool(const Sequence&)>& fails) {
  bool smaller = true;
  const auto take_if_it_fails = [&](Sequence candidate) {
    if (!fails(candidate)) return false;
    sequence = std::move(candidate);
    return smaller = true;
  };
  const auto at = [](auto& calls, std::size_t i) { return calls.begin() + static_cast<std::ptrdiff_t>(i); };

  while (smaller) {
    smaller = leave_out<Call>(sequence.calls, [&](const std::vector<Call>& calls) {
      Sequence without = sequence;
      without.calls = calls;
      return fails(without);
    });
    for (std::size_t i = 0; i + 1 < sequence.calls.size(); ++i) {
      if (sequence.calls[i].verb != Verb::wait || sequence.calls[i + 1].verb != Verb::wait) continue;
      Sequence joined = sequence;
      joined.calls[i].by += joined.calls[i + 1].by;
      joined.calls.erase(at(joined.calls, i + 1));
      take_if_it_fails(std::move(joined));
    }
    for (std::size_t i = 1; i < sequence.calls.size(); ++i)
      if (auto without = without_second(sequence, i)) take_if_it_fails(*std::move(without));
    const std::vector<Call> before = sequence.calls;
    for (const Call& call : before) {
      if (call.verb > Verb::enroll_email) continue;
      const Sequence simplified = unconfirmed(sequence, call.name);
      if (simplified.calls.size() < sequence.calls.size()) take_if_it_fails(simplified);
    }
    for (std::size_t i = 0; i < sequence.calls.size(); ++i)
      for (const Call& call : simpler(sequence.calls[i])) {
        Sequence simplified = sequence;
        simplified.calls[i] = call;
        if (take_if_it_fails(std::move(simplified))) break;
      }
    for (int Call::*const said : {&Call::user, &Call::binding}) { // what must be said alike
      if (std::ranges::all_of(sequence.calls, [said](const Call& call) { return call.*said == 0; })) continue;
      Sequence unsaid = sequence;
      for (Call& call : unsaid.calls) call.*said = 0;
      take_if_it_fails(std::move(unsaid));
    }
    const auto use_default = [&](const auto& option) {
      const auto value = Options{}.*option.second;
      if (sequence.options.*option.second == value) return;
      Sequence simplified = sequence;
      simplified.options.*option.second = value;
      take_if_it_fails(std::move(simplified));
    };
    std::apply([&](const auto&... options) { (use_default(options), ...); }, varied_options);
  }
  return sequence;
}

} // namespace mfa::test
