#pragma once

#include <cstdint>
#include <cstdlib>

namespace mfa::test {

/// The number in an environment variable, such as the seed of a run to be repeated (MFA_TEST_SEED).
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

/// MFA_LONG=1 asks for the long forms of suites, for which CI has no minutes.
inline bool long_form() { return from_environment("MFA_LONG", 0) != 0; }

/// How much a suite does: what the variable `name` says, which is its own, or what its short or long form
/// has.
inline std::uint64_t how_much(const char* name, std::uint64_t in_short_form, std::uint64_t in_long_form) {
  return from_environment(name, long_form() ? in_long_form : in_short_form);
}

} // namespace mfa::test
