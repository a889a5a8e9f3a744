#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/encoding/base64url.hpp>
#include <mfa/error.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn/settings.hpp>
#include <mfa/webauthn_extensions.hpp>

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

constexpr std::string_view to_string(Hint hint) noexcept {
  switch (hint) {
  case Hint::client_device: return "client-device";
  case Hint::hybrid: return "hybrid";
  case Hint::security_key: break;
  }
  return "security-key";
}

constexpr std::string_view to_string(CredentialProtection protection) noexcept {
  switch (protection) {
  case CredentialProtection::user_verification_required: return "userVerificationRequired";
  case CredentialProtection::user_verification_optional_with_credential_id_list:
    return "userVerificationOptionalWithCredentialIDList";
  case CredentialProtection::user_verification_optional: break;
  }
  return "userVerificationOptional";
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

inline Json hints_json(const std::vector<Hint>& hints) {
  Json json = Json::array();
  for (const Hint hint : hints) json.push_back(to_string(hint));
  return json;
}

/// For browsers that do not know hints: where all of them mean one (WebAuthn section 5.8.7).
inline Attachment attachment_of(const CreationRequest& request) {
  if (request.attachment != Attachment::any || request.hints.empty()) return request.attachment;
  const auto platform = std::ranges::count(request.hints, Hint::client_device);
  if (platform == 0) return Attachment::cross_platform;
  return platform == std::ssize(request.hints) ? Attachment::platform : Attachment::any;
}

/// "eval" of the extension "prf".
inline Json prf_json(std::string_view what, const PrfInputs& inputs) {
  constexpr std::size_t longest = 1024;
  if (inputs.first.size() > longest || inputs.second.size() > longest ||
      (inputs.first.empty() && !inputs.second.empty()))
    throw Error(errc::invalid_argument,
                std::string(what) +
                    " may hold a first input, and beside it a second, of up to 1,024 bytes each");
  Json json{{"first", mfa::detail::base64url(inputs.first)}};
  if (!inputs.second.empty()) json["second"] = mfa::detail::base64url(inputs.second);
  return json;
}

inline bool has_inputs(const PrfInputs& inputs) { return !inputs.first.empty() || !inputs.second.empty(); }

/// AuthenticationExtensionsClientInputsJSON of an enrolment.
inline Json extensions_json(const RelyingPartySettings& settings, const CreationRequest& request) {
  const CreationExtensions& extensions = request.extensions;
  Json json = Json::object();
  if (extensions.credential_properties) json["credProps"] = true;
  if (extensions.credential_protection) {
    json["credentialProtectionPolicy"] = to_string(*extensions.credential_protection);
    json["enforceCredentialProtectionPolicy"] = extensions.enforce_credential_protection;
  }
  if (extensions.min_pin_length) json["minPinLength"] = true;
  if (extensions.large_blob)
    json["largeBlob"] = {
        {"support", *extensions.large_blob == LargeBlobSupport::required ? "required" : "preferred"}};
  if (has_inputs(extensions.prf_inputs) && !extensions.prf)
    throw Error(errc::invalid_argument, "CreationExtensions::prf_inputs needs prf");
  if (extensions.prf) {
    json["prf"] = Json::object();
    if (has_inputs(extensions.prf_inputs))
      json["prf"]["eval"] = prf_json("CreationExtensions::prf_inputs", extensions.prf_inputs);
  }
  if (std::ranges::any_of(request.exclude, &CredentialDescriptor::u2f) && !settings.u2f_app_id.empty())
    json["appidExclude"] = settings.u2f_app_id;
  return json;
}

/// The same of a sign-in.
inline Json extensions_json(const RelyingPartySettings& settings,
                            const std::vector<CredentialDescriptor>& allow,
                            const SignInExtensions& extensions) {
  constexpr std::size_t longest_blob = 32'768;
  Json json = Json::object();
  if (std::ranges::any_of(allow, &CredentialDescriptor::u2f) && !settings.u2f_app_id.empty())
    json["appid"] = settings.u2f_app_id;
  const std::string& blob = extensions.write_large_blob;
  if (extensions.read_large_blob) json["largeBlob"] = {{"read", true}};
  if (!blob.empty()) {
    if (extensions.read_large_blob || allow.size() != 1 || blob.size() > longest_blob)
      throw Error(
          errc::invalid_argument,
          "SignInExtensions::write_large_blob may be up to 32,768 bytes, not beside read_large_blob, and "
          "for a challenge to one factor");
    json["largeBlob"] = {{"write", mfa::detail::base64url(blob)}};
  }
  Json by_credential = Json::object();
  for (const PrfForCredential& one : extensions.prf_by_credential)
    if (std::ranges::any_of(allow, [&](const CredentialDescriptor& credential) {
          return mfa::detail::base64url(credential.id) == one.credential_id;
        }))
      by_credential[one.credential_id] = prf_json("SignInExtensions::prf_by_credential", one.inputs);
  if (has_inputs(extensions.prf)) json["prf"]["eval"] = prf_json("SignInExtensions::prf", extensions.prf);
  if (!by_credential.empty()) json["prf"]["evalByCredential"] = std::move(by_credential);
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
  if (const Attachment attachment = detail::attachment_of(request); attachment != Attachment::any)
    selection["authenticatorAttachment"] = attachment == Attachment::platform ? "platform" : "cross-platform";
  Json options{{"rp", {{"id", settings.id}, {"name", settings.name}}},
               {"user",
                {{"id", mfa::detail::base64url(request.user_handle)},
                 {"name", request.user},
                 {"displayName", request.display_name}}},
               {"challenge", mfa::detail::base64url(request.challenge)},
               {"pubKeyCredParams", std::move(parameters)},
               {"timeout", settings.timeout.count()},
               {"excludeCredentials", std::move(exclude)},
               {"authenticatorSelection", std::move(selection)},
               {"attestation", to_string(settings.attestation)}};
  if (!request.hints.empty()) options["hints"] = detail::hints_json(request.hints);
  if (Json extensions = detail::extensions_json(settings, request); !extensions.empty())
    options["extensions"] = std::move(extensions);
  return detail::json_for_pages(options);
}

/// PublicKeyCredentialRequestOptionsJSON (WebAuthn section 5.1.10).
[[nodiscard]] inline std::string request_options_json(const RelyingPartySettings& settings,
                                                      const AssertionRequest& request) {
  using detail::Json;
  Json allow = Json::array();
  for (const CredentialDescriptor& credential : request.allow)
    allow.push_back(detail::descriptor_json(credential));
  Json options{{"challenge", mfa::detail::base64url(request.challenge)},
               {"timeout", settings.timeout.count()},
               {"rpId", settings.id},
               {"allowCredentials", std::move(allow)},
               {"userVerification", to_string(request.user_verification)}};
  if (request.conditional) options.erase("timeout");
  if (!request.hints.empty()) options["hints"] = detail::hints_json(request.hints);
  if (Json extensions = detail::extensions_json(settings, request.allow, request.extensions);
      !extensions.empty())
    options["extensions"] = std::move(extensions);
  return detail::json_for_pages(options);
}

} // namespace mfa::webauthn
