#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/encoding/base64url.hpp>
#include <mfa/webauthn/json.hpp>

namespace mfa::webauthn {

/// What the browser says of a ceremony, and what it has the authenticator sign (WebAuthn section 5.8.1).
struct ClientData {
  std::string type;      ///< "webauthn.create" or "webauthn.get"
  std::string challenge; ///< bytes
  std::string origin;    ///< of the page, as "https://example.org"
  bool cross_origin = false;
  std::optional<std::string> top_origin; ///< of the page around a frame of another origin
};

/// Nothing unless it is a JSON object with these members, of these types; `crossOrigin` and `topOrigin` may
/// be null. Other members may be there.
[[nodiscard]] inline std::optional<ClientData> parse_client_data(std::string_view json) {
  const auto members = JsonMembers::parse(json);
  if (!members) return std::nullopt;
  const auto* const type = members->text("type");
  const auto* const challenge = members->text("challenge");
  const auto* const origin = members->text("origin");
  const auto* const top_origin = members->text("topOrigin");
  if (type == nullptr || challenge == nullptr || origin == nullptr) return std::nullopt;
  if (members->has("crossOrigin") && !members->boolean("crossOrigin")) return std::nullopt;
  if (members->has("topOrigin") && top_origin == nullptr) return std::nullopt;
  auto bytes = mfa::detail::base64url_decode(*challenge);
  if (!bytes) return std::nullopt;

  ClientData data{*type, *std::move(bytes), *origin, members->boolean("crossOrigin").value_or(false), {}};
  if (top_origin != nullptr) data.top_origin = *top_origin;
  return data;
}

} // namespace mfa::webauthn
