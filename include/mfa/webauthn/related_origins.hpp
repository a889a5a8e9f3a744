#pragma once

#include <string>

#include <mfa/webauthn/options_json.hpp>
#include <mfa/webauthn/settings.hpp>

namespace mfa::webauthn {

/// What to serve as `application/json` at https://<id>/.well-known/webauthn, without a redirect, so that
/// browsers let the pages of `related_origins` ask for the id's credentials (WebAuthn section 5.11). Throws
/// `errc::invalid_argument` as `relying_party` does.
[[nodiscard]] inline std::string related_origins_json(const RelyingPartySettings& settings) {
  check_settings(settings);
  return detail::json_for_pages(detail::Json{{"origins", settings.related_origins}});
}

} // namespace mfa::webauthn
