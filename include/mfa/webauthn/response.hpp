#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/encoding/base64url.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn/json.hpp>
#include <mfa/webauthn_extensions.hpp>

namespace mfa::webauthn {

/// What `PublicKeyCredential.toJSON()` gives for a new credential (RegistrationResponseJSON, WebAuthn
/// section 5.1), decoded. All are bytes.
struct RegistrationResponse {
  std::string credential_id;
  std::string client_data; ///< JSON
  std::string attestation_object;
  std::vector<std::string> transports; ///< how the authenticator can be reached: "usb", "internal"
  Outputs outputs = {};
};

/// The same for a sign-in (AuthenticationResponseJSON).
struct AssertionResponse {
  std::string credential_id;
  std::string client_data; ///< JSON
  std::string authenticator_data;
  std::string signature;
  std::optional<std::string> user_handle;
  Outputs outputs = {};
  std::optional<bool> app_id = {}; ///< whether it is an answer to the `appid` of a U2F credential
};

namespace detail {

/// The bytes of a member, in base64url as browsers write it or as bridges between an app and its page do:
/// padded, in the alphabet of base64, or in lines, as Android's Base64.DEFAULT has it. Only the bytes count,
/// and the authenticator signs those; so it does not matter that several texts stand for them.
inline std::optional<std::string> kindly_decoded(std::string text) {
  std::erase_if(text, [](char c) { return c == '\r' || c == '\n'; });
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  if (text.size() % 4 == 0 && text.ends_with('=')) text.resize(text.size() - (text.ends_with("==") ? 2 : 1));
  return mfa::detail::base64url_decode(text);
}

/// The bytes of a required member.
inline std::optional<std::string> bytes_of(const JsonMembers& members, std::string_view name) {
  const std::string* const text = members.text(name);
  if (text == nullptr || text->empty()) return std::nullopt;
  return kindly_decoded(*text);
}

/// The credential's id, if the members are those of a public key credential. Bridges leave out the type, of
/// which there is one. `id` and `rawId` say the same, so that many pages send one of them only.
inline std::optional<std::string> credential_id(const JsonMembers& members) {
  const std::string* const type = members.text("type");
  if (members.has("type") && (type == nullptr || *type != "public-key")) return std::nullopt;
  auto id = bytes_of(members, "id");
  auto raw_id = bytes_of(members, "rawId");
  if (!members.has("id")) return raw_id;
  if (members.has("rawId") && id != raw_id) return std::nullopt;
  return id;
}

/// Names of transports as they are kept and given back to browsers, which ignore those that they do not know:
/// short ones, in order, each once (WebAuthn section 5.2.1.1).
inline std::vector<std::string> tidy_transports(std::vector<std::string> names) {
  constexpr std::size_t most = 8;
  std::erase_if(names, [](const std::string& name) {
    constexpr std::size_t longest = 32;
    return name.empty() || name.size() > longest ||
           !std::ranges::all_of(name, [](char c) { return (c >= 'a' && c <= 'z') || c == '-'; });
  });
  std::ranges::sort(names);
  names.erase(std::unique(names.begin(), names.end()), names.end());
  if (names.size() > most) names.resize(most);
  return names;
}

/// What the browser says of extensions. What is not as it should be is as if it were not there: nothing is
/// decided by it.
inline Outputs outputs_of(const JsonMembers& members) {
  const auto said = [&](const char* name) {
    return members.boolean(std::string("clientExtensionResults.") + name);
  };
  const auto bytes = [&](const char* name) -> std::optional<std::string> {
    const std::string* const text = members.text(std::string("clientExtensionResults.") + name);
    if (text == nullptr) return std::nullopt;
    return kindly_decoded(*text);
  };
  Outputs outputs;
  if (const std::string* const attachment = members.text("authenticatorAttachment")) {
    if (*attachment == "platform") outputs.attachment = Attachment::platform;
    if (*attachment == "cross-platform") outputs.attachment = Attachment::cross_platform;
  }
  outputs.resident_key = said("credProps.rk");
  outputs.large_blob_supported = said("largeBlob.supported");
  outputs.large_blob_written = said("largeBlob.written");
  outputs.large_blob = bytes("largeBlob.blob");
  outputs.prf_enabled = said("prf.enabled");
  if (auto first = bytes("prf.results.first")) outputs.prf.first = *std::move(first);
  if (auto second = bytes("prf.results.second")) outputs.prf.second = *std::move(second);
  return outputs;
}

} // namespace detail

/// Nothing unless the text has that form.
[[nodiscard]] inline std::optional<RegistrationResponse> parse_registration_response(std::string_view json) {
  const auto members = JsonMembers::parse(json);
  if (!members) return std::nullopt;
  auto id = detail::credential_id(*members);
  auto client_data = detail::bytes_of(*members, "response.clientDataJSON");
  auto attestation_object = detail::bytes_of(*members, "response.attestationObject");
  if (!id || !client_data || !attestation_object) return std::nullopt;
  const auto* const transports = members->texts("response.transports");
  return RegistrationResponse{
      *std::move(id), *std::move(client_data), *std::move(attestation_object),
      detail::tidy_transports(transports != nullptr ? *transports : std::vector<std::string>()),
      detail::outputs_of(*members)};
}

/// Nothing unless the text has that form.
[[nodiscard]] inline std::optional<AssertionResponse> parse_assertion_response(std::string_view json) {
  const auto members = JsonMembers::parse(json);
  if (!members) return std::nullopt;
  auto id = detail::credential_id(*members);
  auto client_data = detail::bytes_of(*members, "response.clientDataJSON");
  auto authenticator_data = detail::bytes_of(*members, "response.authenticatorData");
  auto signature = detail::bytes_of(*members, "response.signature");
  if (!id || !client_data || !authenticator_data || !signature) return std::nullopt;
  AssertionResponse response{
      *std::move(id), *std::move(client_data), *std::move(authenticator_data), *std::move(signature), {}};
  const auto* const handle = members->text("response.userHandle");
  if (handle != nullptr && !handle->empty()) { // Safari's is empty where there is none
    auto bytes = detail::kindly_decoded(*handle);
    if (!bytes) return std::nullopt;
    response.user_handle = *std::move(bytes);
  }
  response.outputs = detail::outputs_of(*members);
  response.app_id = members->boolean("clientExtensionResults.appid");
  return response;
}

} // namespace mfa::webauthn
