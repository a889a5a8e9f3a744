#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>

#include <mfa/compiler.hpp>
#include <mfa/event.hpp>

namespace mfa {

/// How far `Verifier::reseal_all` is.
struct ResealProgress {
  std::size_t scanned = 0;  ///< factors looked at
  std::size_t resealed = 0; ///< moved to the current key
  std::size_t failed = 0;   ///< records that do not open or cannot be read: left as they are
  std::string last_failure; ///< what the last of them says, with its id
  std::string last_id;      ///< the last factor looked at
};

/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct ResealOptions {
  /// Go on after this id, the `ResealProgress::last_id` of a run that did not end. Empty: from the start.
  std::string after = {};
  /// Factors read and committed at once: 1 to 1000.
  std::size_t batch = 100;
  /// Called after each batch, in the same thread. It may wait, to leave the storage to others, or return
  /// false to stop.
  std::function<bool(const ResealProgress&)> progress = {};
  /// For the observer.
  EventContext event_context = {};
};

/// What `Verifier::count_keys` counted.
struct KeyCounts {
  std::map<std::string, std::size_t> factors; ///< that need the key of this id, for seal or secret
  std::size_t in_the_clear = 0;               ///< kept under `KeyRing::unsealed()`
  std::size_t unreadable = 0;                 ///< damaged: the record, or its secret, which names no key
};

} // namespace mfa
