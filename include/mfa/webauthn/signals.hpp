#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <mfa/encoding/base64url.hpp>
#include <mfa/error.hpp>
#include <mfa/webauthn/options_json.hpp>

/// What a page tells the user's password manager of changes at the server (WebAuthn section 5.1.10): JSON for
/// the functions of `PublicKeyCredential` that have these names, in browsers that have them. `rp_id` is
/// `RelyingPartySettings::id`; ids and handles are base64url, as `WebAuthnDetails` has them. Each throws
/// `errc::invalid_argument` for what is not.
namespace mfa::webauthn::signals {

namespace detail {

using webauthn::detail::Json;

inline std::string checked(std::string_view what, std::string_view text) {
  if (text.empty() || !mfa::detail::base64url_decode(text))
    throw Error(errc::invalid_argument,
                std::string(what) + " of a signal must be in base64url without padding");
  return std::string(text);
}

} // namespace detail

/// `signalUnknownCredential`: for an answer that was refused with `Status::unknown_credential`. Tell nobody
/// so of a credential that he did not just show.
[[nodiscard]] inline std::string unknown_credential(std::string_view rp_id, std::string_view credential_id) {
  return webauthn::detail::json_for_pages(
      detail::Json{{"rpId", rp_id}, {"credentialId", detail::checked("the credential id", credential_id)}});
}

/// `signalAllAcceptedCredentials`: after a sign-in, and when a factor was deleted. `factors` are **all** of
/// the user's, as `Verifier::list_factors` gives them: whatever else a password manager has of this handle,
/// it hides or removes. Those that are not confirmed, and those of another handle, are left out.
template <class Factors>
[[nodiscard]] std::string all_accepted_credentials(std::string_view rp_id, std::string_view user_handle,
                                                   const Factors& factors) {
  detail::Json ids = detail::Json::array();
  for (const auto& factor : factors)
    if (const auto* const credential = factor.webauthn();
        credential != nullptr && factor.verified() && credential->user_handle == user_handle)
      ids.push_back(credential->credential_id);
  return webauthn::detail::json_for_pages(
      detail::Json{{"rpId", rp_id},
                   {"userId", detail::checked("the user handle", user_handle)},
                   {"allAcceptedCredentialIds", std::move(ids)}});
}

/// `signalCurrentUserDetails`: when the user has another name, or another e-mail address.
[[nodiscard]] inline std::string current_user_details(std::string_view rp_id, std::string_view user_handle,
                                                      std::string_view user, std::string_view display_name) {
  return webauthn::detail::json_for_pages(
      detail::Json{{"rpId", rp_id},
                   {"userId", detail::checked("the user handle", user_handle)},
                   {"name", user},
                   {"displayName", display_name.empty() ? user : display_name}});
}

} // namespace mfa::webauthn::signals
