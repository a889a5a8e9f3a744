#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <utility>

#include <mfa/factor/webauthn_enrollment.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn_extensions.hpp>
#include <mfa/workos/extension/arguments.hpp>

/// What a client may ask of browsers and authenticators. Bytes are base64url.
namespace mfa::workos::detail {

inline constexpr auto user_verifications = std::to_array<Choice<webauthn::UserVerification>>(
    {{"required", webauthn::UserVerification::required},
     {"preferred", webauthn::UserVerification::preferred},
     {"discouraged", webauthn::UserVerification::discouraged}});

inline constexpr auto attachments =
    std::to_array<Choice<webauthn::Attachment>>({{"any", webauthn::Attachment::any},
                                                 {"platform", webauthn::Attachment::platform},
                                                 {"cross-platform", webauthn::Attachment::cross_platform}});

inline constexpr auto resident_keys =
    std::to_array<Choice<webauthn::ResidentKey>>({{"discouraged", webauthn::ResidentKey::discouraged},
                                                  {"preferred", webauthn::ResidentKey::preferred},
                                                  {"required", webauthn::ResidentKey::required}});

inline constexpr auto hints =
    std::to_array<Choice<webauthn::Hint>>({{"security-key", webauthn::Hint::security_key},
                                           {"client-device", webauthn::Hint::client_device},
                                           {"hybrid", webauthn::Hint::hybrid}});

inline constexpr auto credential_protections = std::to_array<Choice<webauthn::CredentialProtection>>(
    {{"userVerificationOptional", webauthn::CredentialProtection::user_verification_optional},
     {"userVerificationOptionalWithCredentialIDList",
      webauthn::CredentialProtection::user_verification_optional_with_credential_id_list},
     {"userVerificationRequired", webauthn::CredentialProtection::user_verification_required}});

inline constexpr auto large_blob_supports =
    std::to_array<Choice<webauthn::LargeBlobSupport>>({{"preferred", webauthn::LargeBlobSupport::preferred},
                                                       {"required", webauthn::LargeBlobSupport::required}});

[[nodiscard]] inline webauthn::PrfInputs read_prf_inputs(Arguments& arguments) {
  webauthn::PrfInputs inputs;
  inputs.first = arguments.bytes("first");
  inputs.second = arguments.bytes("second");
  return inputs;
}

inline void read_webauthn(Arguments& arguments, WebAuthn& request) {
  request.display_name = arguments.text("display_name");
  request.user_verification =
      arguments.choice("user_verification", user_verifications).value_or(request.user_verification);
  request.attachment = arguments.choice("attachment", attachments).value_or(request.attachment);
  request.resident_key = arguments.choice("resident_key", resident_keys).value_or(request.resident_key);
  request.conditional_create = arguments.flag("conditional_create");
  request.device_bound = arguments.flag("device_bound");
  request.hints = arguments.choices("hints", hints);
  arguments.object("extensions", [&request](Arguments& within) {
    webauthn::CreationExtensions& extensions = request.extensions;
    extensions.credential_properties = within.flag("credential_properties");
    extensions.credential_protection = within.choice("credential_protection", credential_protections);
    extensions.enforce_credential_protection = within.flag("enforce_credential_protection");
    extensions.min_pin_length = within.flag("min_pin_length");
    extensions.large_blob = within.choice("large_blob", large_blob_supports);
    extensions.prf = within.flag("prf");
    within.object("prf_inputs",
                  [&extensions](Arguments& inputs) { extensions.prf_inputs = read_prf_inputs(inputs); });
  });
}

[[nodiscard]] inline webauthn::SignInExtensions read_sign_in_extensions(Arguments& arguments) {
  constexpr std::size_t most_credentials = 64;
  webauthn::SignInExtensions extensions;
  arguments.object("webauthn_extensions", [&extensions](Arguments& within) {
    extensions.read_large_blob = within.flag("read_large_blob");
    extensions.write_large_blob = within.bytes("write_large_blob");
    within.object("prf", [&extensions](Arguments& inputs) { extensions.prf = read_prf_inputs(inputs); });
    within.list("prf_by_credential", most_credentials, [&extensions](Arguments& one) {
      webauthn::PrfForCredential prf;
      prf.credential_id = one.required_text("credential_id");
      prf.inputs = read_prf_inputs(one);
      extensions.prf_by_credential.push_back(std::move(prf));
    });
  });
  return extensions;
}

} // namespace mfa::workos::detail
