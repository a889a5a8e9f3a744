#pragma once

#include <chrono>
#include <concepts>

#include <mfa/compiler.hpp>

namespace mfa {

/// What tells the time. A model promises UTC, from as many threads as the `Verifier` is used from.
template <class C>
concept Clock = requires(const C& c) {
  { c.now() } -> std::same_as<std::chrono::system_clock::time_point>;
};

} // namespace mfa
