#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn/attestation.hpp>

namespace mfa::webauthn {

/// Whether a browser passes on what its authenticator says of its own make (WebAuthn section 5.4.7). All but
/// `none` may make the browser ask the user.
enum class AttestationConveyance : std::uint8_t { none, indirect, direct, enterprise };

/// What becomes of a sign-in by a passkey that may be copied to other devices (backup-eligible), whose
/// counter did not go up, or which now says that it may not be copied. Password managers do both, and a
/// counter that several devices share tells nothing of clones. Of device-bound credentials both are always
/// refused.
enum class SyncedPasskeys : std::uint8_t {
  tell,   ///< accepts it, with an event
  refuse, ///< as if it were bound to its device
};

/// Who asks for credentials. A credential works for one `id` only: changing it ends them all.
struct RelyingPartySettings {
  /// A domain, without scheme or port ("example.org"): the site's own, or a parent of it that is yours.
  std::string id = {};
  std::string name = {}; ///< what the browser shows
  /// The pages that may ask, as the browser names them: "https://example.org",
  /// "https://login.example.org:8443"; and apps and extensions: "android:apk-key-hash:" and the base64url of
  /// the hash of your signing certificate, "chrome-extension://" and the id. Compared whole, so nothing that
  /// only begins or ends alike passes.
  std::vector<std::string> origins = {};

  /// Takes answers from a page within a frame of another origin. Then that page can be framed by anybody whom
  /// your Permissions Policy lets, and who may try to mislead the user.
  bool allow_cross_origin = false;
  /// With that: the pages around the frame, where the browser tells them. A page not named here is refused.
  std::vector<std::string> top_origins = {};

  /// In the order of preference.
  std::vector<Algorithm> algorithms = {Algorithm::es256, Algorithm::eddsa, Algorithm::rs256};

  /// What to ask for. An attestation that comes is verified, whether it was asked for or not.
  AttestationConveyance attestation = AttestationConveyance::none;
  /// Decides at each registration, after the signature was verified; empty: all are taken and none counts as
  /// proof of hardware. See `trust_anchors` in <mfa/webauthn/trust_anchors.hpp>.
  AttestationTrust attestation_trust = {};
  UnverifiedFormats unverified_formats = UnverifiedFormats::as_asked;

  SyncedPasskeys synced_passkeys = SyncedPasskeys::tell;

  /// How long a user may take: 30 s to 1 h.
  std::chrono::milliseconds timeout = std::chrono::minutes(5);
};

namespace detail {

/// Lower case letters, digits, dashes and dots, as browsers write a domain (others in punycode).
inline bool is_domain(std::string_view text) {
  constexpr std::size_t longest = 253;
  return !text.empty() && text.size() <= longest && text.front() != '.' && text.back() != '.' &&
         text.find("..") == std::string_view::npos && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.';
         });
}

/// Whether a browser could name a page so: a scheme, a domain and perhaps a port, and no more.
inline bool is_origin(std::string_view origin) {
  const bool secure = origin.starts_with("https://");
  if (!secure && !origin.starts_with("http://")) return false;
  origin.remove_prefix(secure ? 8 : 7);
  const auto colon = origin.find(':');
  const auto host = origin.substr(0, colon);
  if (colon != std::string_view::npos) {
    const auto port = origin.substr(colon + 1);
    if (port.empty() || port.size() > 5 || port.front() == '0' || port == (secure ? "443" : "80") ||
        port.find_first_not_of("0123456789") != std::string_view::npos)
      return false;
  }
  const bool local = host == "localhost" || host.ends_with(".localhost");
  return is_domain(host) && (secure || local); // browsers offer WebAuthn to nothing else
}

/// Whether Android could name an app so: by the SHA-1 or SHA-256 of the certificate that it is signed with.
inline bool is_app_origin(std::string_view origin) {
  constexpr std::array<std::pair<std::string_view, std::size_t>, 3> forms{
      {{"android:apk-key-hash:", 20}, {"android:apk-key-hash:", 32}, {"android:apk-key-hash-sha256:", 32}}};
  return std::ranges::any_of(forms, [&](const auto& form) {
    if (!origin.starts_with(form.first)) return false;
    const auto hash = mfa::detail::base64url_decode(origin.substr(form.first.size()));
    return hash && hash->size() == form.second;
  });
}

/// Whether a browser could name an extension so.
inline bool is_extension_origin(std::string_view origin) {
  constexpr std::array<std::string_view, 3> schemes{"chrome-extension://", "moz-extension://",
                                                    "safari-web-extension://"};
  return std::ranges::any_of(schemes, [&](std::string_view scheme) {
    return origin.starts_with(scheme) && origin.size() > scheme.size() &&
           std::ranges::all_of(origin.substr(scheme.size()), [](char c) {
             return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
           });
  });
}

/// The domain of an origin.
inline std::string_view host_of(std::string_view origin) {
  origin.remove_prefix(origin.find("//") + 2);
  return origin.substr(0, origin.find(':'));
}

} // namespace detail

/// Throws `errc::invalid_argument`, naming the setting.
inline void check_settings(const RelyingPartySettings& settings) {
  constexpr std::size_t longest_name = 200;
  const auto require = [](bool met, std::string_view what, const std::string& why) {
    if (!met) throw Error(errc::invalid_argument, "RelyingPartySettings::" + std::string(what) + ' ' + why);
  };
  require(detail::is_domain(settings.id), "id",
          "must be a domain in lower case without scheme, port or path, as \"example.org\"");
  require(!settings.name.empty() && settings.name.size() <= longest_name &&
              mfa::detail::is_utf8(settings.name) && !mfa::detail::has_control_characters(settings.name),
          "name", "must be UTF-8 of 1 to 200 bytes without control characters");
  require(!settings.origins.empty(), "origins",
          "must name the pages that may ask, as \"https://example.org\"");
  for (const std::string& origin : settings.origins) {
    // What ties these to the id: Digital Asset Links, or the extension's permission for the domain.
    if (detail::is_app_origin(origin) || detail::is_extension_origin(origin)) continue;
    require(detail::is_origin(origin), "origins",
            "holds \"" + origin +
                "\"; an origin is https://, the domain in lower case and the port if it is not 443, and no "
                "more (http:// for localhost only); or an extension's scheme and id; or "
                "android:apk-key-hash: and the hash of the app's certificate in base64url without padding");
    const auto host = detail::host_of(origin);
    require(host == settings.id || host.ends_with('.' + settings.id), "origins",
            "holds \"" + origin + "\", whose domain is neither the id nor below it: browsers refuse it");
  }
  for (const std::string& origin : settings.top_origins)
    require(detail::is_origin(origin), "top_origins", "holds \"" + origin + "\", which is no origin");
  require(settings.top_origins.empty() || settings.allow_cross_origin, "top_origins",
          "needs allow_cross_origin");
  require(!settings.algorithms.empty(), "algorithms", "must not be empty");
  require(settings.timeout >= std::chrono::seconds(30) && settings.timeout <= std::chrono::hours(1),
          "timeout", "may be 30 s to 1 h");
}

} // namespace mfa::webauthn
