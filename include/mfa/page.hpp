#pragma once

#include <cstddef>
#include <string>

#include <mfa/compiler.hpp>

namespace mfa {

/// Which part of a list: what comes after one id, and how many at most.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Page {
  static constexpr std::size_t most = 1000;

  /// The last id of the page before, whether it still exists or not; empty: the first page.
  std::string after = {};
  std::size_t limit = 100; ///< 1 to `most`
};

} // namespace mfa
