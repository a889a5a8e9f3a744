#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa::webauthn {

/// The public key of a credential of FIDO U2F, which is a point of P-256 (65 bytes: 0x04, x, y), as a COSE
/// key of ES256: to import it. Nothing if it has not that form; whether it is on the curve, each sign-in
/// checks. The credential's id is the key handle, and its `u2f` is set.
[[nodiscard]] inline std::optional<std::string> u2f_public_key(std::string_view point) {
  using namespace std::string_view_literals;
  if (point.size() != 65 || point.front() != '\x04') return std::nullopt;
  constexpr auto begin = "\xa5\x01\x02\x03\x26\x20\x01\x21\x58\x20"sv; // kty 2, alg -7, crv 1, x of 32 bytes
  constexpr auto between = "\x22\x58\x20"sv;                           // y of 32 bytes
  std::string key(begin);
  return key.append(point.substr(1, 32)).append(between).append(point.substr(33));
}

} // namespace mfa::webauthn
