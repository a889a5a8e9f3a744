#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64url.hpp>
#include <mfa/error.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn/settings.hpp>

namespace mfa::webauthn {

constexpr std::string_view to_string(UserVerification verification) noexcept {
  switch (verification) {
  case UserVerification::required: return "required";
  case UserVerification::preferred: return "preferred";
  case UserVerification::discouraged: break;
  }
  return "discouraged";
}

constexpr std::string_view to_string(ResidentKey resident_key) noexcept {
  switch (resident_key) {
  case ResidentKey::required: return "required";
  case ResidentKey::preferred: return "preferred";
  case ResidentKey::discouraged: break;
  }
  return "discouraged";
}

constexpr std::string_view to_string(AttestationConveyance attestation) noexcept {
  switch (attestation) {
  case AttestationConveyance::indirect: return "indirect";
  case AttestationConveyance::direct: return "direct";
  case AttestationConveyance::enterprise: return "enterprise";
  case AttestationConveyance::none: break;
  }
  return "none";
}

namespace detail {

using Json = nlohmann::ordered_json;

/// The JSON as it may stand in a page, in a script element too: no text of it ends the element, begins
/// another or is a line terminator of JavaScript. It stands for the same values. Throws
/// `errc::invalid_argument` for text that is not UTF-8.
inline std::string json_for_pages(const Json& json) {
  const std::string text = [&json] {
    try {
      return json.dump();
    } catch (const Json::exception&) {
      throw Error(errc::invalid_argument,
                  "a name or a transport for WebAuthn's options is not valid UTF-8; convert it");
    }
  }();
  std::string escaped;
  escaped.reserve(text.size());
  // All of these stand within texts only.
  for (std::size_t i = 0; i < text.size(); ++i) {
    const std::string_view rest = std::string_view(text).substr(i);
    if (text[i] == '<')
      escaped += "\\u003c";
    else if (text[i] == '>')
      escaped += "\\u003e";
    else if (text[i] == '&')
      escaped += "\\u0026";
    else if (rest.starts_with("\xE2\x80\xA8") || rest.starts_with("\xE2\x80\xA9")) {
      escaped += text[i + 2] == '\xA8' ? "\\u2028" : "\\u2029";
      i += 2;
    } else
      escaped += text[i];
  }
  return escaped;
}

inline Json descriptor_json(const CredentialDescriptor& credential) {
  Json json{{"type", "public-key"}, {"id", mfa::detail::base64url(credential.id)}};
  if (!credential.transports.empty()) json["transports"] = credential.transports;
  return json;
}

} // namespace detail

/// PublicKeyCredentialCreationOptionsJSON (WebAuthn section 5.1.9).
[[nodiscard]] inline std::string creation_options_json(const RelyingPartySettings& settings,
                                                       const CreationRequest& request) {
  using detail::Json;
  Json parameters = Json::array();
  for (const Algorithm algorithm : settings.algorithms)
    parameters.push_back({{"type", "public-key"}, {"alg", static_cast<std::int32_t>(algorithm)}});
  Json exclude = Json::array();
  for (const CredentialDescriptor& credential : request.exclude)
    exclude.push_back(detail::descriptor_json(credential));
  Json selection{{"residentKey", to_string(request.resident_key)},
                 {"requireResidentKey", request.resident_key == ResidentKey::required},
                 {"userVerification", to_string(request.user_verification)}};
  if (request.attachment != Attachment::any)
    selection["authenticatorAttachment"] =
        request.attachment == Attachment::platform ? "platform" : "cross-platform";
  return detail::json_for_pages(Json{{"rp", {{"id", settings.id}, {"name", settings.name}}},
                                     {"user",
                                      {{"id", mfa::detail::base64url(request.user_handle)},
                                       {"name", request.user},
                                       {"displayName", request.display_name}}},
                                     {"challenge", mfa::detail::base64url(request.challenge)},
                                     {"pubKeyCredParams", std::move(parameters)},
                                     {"timeout", settings.timeout.count()},
                                     {"excludeCredentials", std::move(exclude)},
                                     {"authenticatorSelection", std::move(selection)},
                                     {"attestation", to_string(settings.attestation)}});
}

/// PublicKeyCredentialRequestOptionsJSON (WebAuthn section 5.1.10).
[[nodiscard]] inline std::string request_options_json(const RelyingPartySettings& settings,
                                                      const AssertionRequest& request) {
  using detail::Json;
  return detail::json_for_pages(
      Json{{"challenge", mfa::detail::base64url(request.challenge)},
           {"timeout", settings.timeout.count()},
           {"rpId", settings.id},
           {"allowCredentials", Json::array({detail::descriptor_json(request.allow)})},
           {"userVerification", to_string(request.user_verification)}});
}

} // namespace mfa::webauthn
