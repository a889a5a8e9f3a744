#pragma once

#include <chrono>
#include <cstddef>
#include <string>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/types.hpp>

namespace mfa {

/// A browser or device of a user on which a second factor was shown, and need not be shown again for a while.
struct TrustedDevice {
  std::string id; ///< "trusted_device_" + ULID: for `revoke_device`; opens nothing
  std::string label;
  Time remembered_at{};
  Time expires_at{};

  bool operator==(const TrustedDevice&) const = default;
};

/// A device that was just remembered, and the token that shows it later.
struct RememberedDevice {
  TrustedDevice device;
  /// To keep on the device: in a cookie that is `Secure`, `HttpOnly` and `SameSite`. Told this once.
  crypto::SecretString token;
};

/// The most devices of one user: a further one ends the trust in the oldest.
inline constexpr std::size_t most_trusted_devices = 20;

/// How long a device is remembered unless the host says otherwise, and how long at most.
inline constexpr std::chrono::seconds usual_device_lifetime = std::chrono::hours(24 * 30);
inline constexpr std::chrono::seconds longest_device_lifetime = std::chrono::hours(24 * 366);

} // namespace mfa
