#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <mfa/types.hpp>

namespace mfa::factor {

/// What is kept of an authenticator's secret when its factor goes, so that whoever enrols it anew goes on
/// from there: no code of it is accepted a second time, nor one that a hint has told.
struct UsedSecret {
  /// Stands for the secret and its user: an HMAC under the key ring.
  std::string fingerprint;
  std::uint64_t next = 0;                 ///< see `AuthenticatorParameters`
  std::vector<std::uint64_t> hinted = {}; ///< see `AuthenticatorParameters`
  Time until{};                           ///< it is kept

  bool operator==(const UsedSecret&) const = default;
};

/// Of one user. A further one takes the place of the one that would be forgotten first.
inline constexpr std::size_t most_used_secrets = 20;

/// Of one authenticator, within a few hours.
inline constexpr std::size_t most_hints = 5;

} // namespace mfa::factor
