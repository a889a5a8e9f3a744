#pragma once

#include <cstddef>
#include <exception>

#include <mfa/event.hpp>
#include <mfa/factor/kind.hpp>
#include <mfa/types.hpp>
#include <mfa/verbs/run.hpp>
#include <mfa/verbs/verb.hpp>

namespace mfa::verbs {

/// Tells of a run over many records that has ended, in whatever way. It began at `begun`.
Verb<void> emit_run(const VerbRun auto& run, EventType type, std::size_t count, Time begun) {
  Time at = begun;
  try {
    at = co_await run.time();
  } catch (...) { // the clock broke meanwhile
  }
  run.emit({.type = type, .at = at, .count = count});
}

/// See `Verifier::purge_expired`.
Verb<std::size_t> purge_expired(const VerbRun auto& run) {
  constexpr std::size_t at_once = 1000; // so that no lock is held for long
  const Time now = co_await run.time();
  std::size_t removed = 0;
  std::exception_ptr failure;
  try {
    for (std::size_t last = at_once; last >= at_once; removed += last)
      last = co_await run.purge(now, at_once);
  } catch (...) {
    failure = std::current_exception();
  }
  co_await emit_run(run, EventType::expired_purged, removed, now);
  if (failure) std::rethrow_exception(failure);
  co_return removed;
}

/// See `Verifier::replace_key_ring`. `replace` does it.
template <class Replace> Verb<void> replace_key_ring(const VerbRun auto& run, Replace replace) {
  const factor::Context context = co_await run.now();
  replace();
  run.emit({.type = EventType::key_ring_replaced, .at = context.now});
}

} // namespace mfa::verbs
