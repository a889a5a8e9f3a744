#pragma once

#include <cstdint>
#include <cstdlib>

namespace mfa::test {

/// The number in an environment variable, such as the seed of a run to be repeated (MFA_TEST_SEED).
inline std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* const value = std::getenv(name);
  return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

} // namespace mfa::test
