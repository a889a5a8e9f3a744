#pragma once

#include <cstddef>
#include <string_view>

#include <mfa/detail/compiler.hpp>

namespace mfa {

/// Which part of a list: what comes after one id, and how many at most.
struct Page {
  static constexpr std::size_t most = 1000;

  std::string_view after =
      {}; ///< the last id of the page before, whether it still exists or not; empty: the first
  std::size_t limit = 100; ///< 1 to `most`
};

} // namespace mfa
