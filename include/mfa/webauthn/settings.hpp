#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn/attestation.hpp>

namespace mfa::webauthn {

/// Whether a browser passes on what its authenticator says of its own make (WebAuthn section 5.4.7). All but
/// `none` may make the browser ask the user.
enum class AttestationConveyance : std::uint8_t {
  none,
  indirect,
  direct,
  /// As `direct`, and the device may be named (`Attestation::device_serial`). Only where the browser's policy
  /// or the authenticator's maker has listed this relying party's id; elsewhere as `direct`.
  enterprise
};

/// What becomes of a sign-in by a passkey that may be copied to other devices (backup-eligible), whose
/// counter did not go up, or which now says that it may not be copied. Password managers do both, and a
/// counter that several devices share tells nothing of clones. Of device-bound credentials both are always
/// refused.
enum class SyncedPasskeys : std::uint8_t {
  tell,   ///< accepts it, with an event
  refuse, ///< as if it were bound to its device
};

/// Whether credentials are refused that may be copied to other devices (backup-eligible): the passkeys of
/// password managers. Whether one may, its authenticator says; without an attestation that you trust, any
/// software can say what it likes.
enum class DeviceBound : std::uint8_t {
  not_required,
  new_ones, ///< refuses to register others; those of before, or of an import, still sign in
  always,   ///< refuses their sign-ins as well, whatever they say by now
};

/// What a model of authenticator is called, by its AAGUID in hexadecimal without dashes; empty: not known.
using AuthenticatorName = std::function<std::string(std::string_view aaguid)>;

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
  /// Pages of other domains of yours that may ask as well ("https://example.com"), in a browser that finds
  /// them in `related_origins_json` at https://<id>/.well-known/webauthn. Browsers look at five names of
  /// domains at most; "example" of example.com and of example.co.uk is one.
  std::vector<std::string> related_origins = {};

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
  /// The models of authenticator that may be registered, by their AAGUIDs
  /// ("cb69481e-8ff7-4039-93ec-0a2729a154a8"); empty: all. Needs `attestation_trust`, without which any
  /// software can name any model; trust the roots of these models alone, since another vendor's may name
  /// them.
  std::vector<std::string> models = {};
  /// Takes Android's attestations (format "android-key") also of keys that Android itself keeps, rather than
  /// a trusted execution environment or a secure element. None of Android's counts as hardware then.
  bool android_software_keys = false;

  SyncedPasskeys synced_passkeys = SyncedPasskeys::tell;
  DeviceBound device_bound = DeviceBound::not_required;

  /// The AppID for which security keys were registered by FIDO U2F, before WebAuthn, if such were imported
  /// ("https://example.org/app-id.json"). They answer for it in place of the id, and no other does.
  std::string u2f_app_id = {};

  /// For `WebAuthnDetails::authenticator`. Empty: `AuthenticatorNames` in
  /// <mfa/webauthn/authenticator_names.hpp> as released.
  AuthenticatorName authenticator_name = {};

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

/// The 16 bytes of a model's number as people write it: hexadecimal with dashes.
inline std::optional<std::string> model_of(std::string_view aaguid) {
  constexpr std::size_t length = 36;
  const bool dashes = aaguid.size() == length && aaguid[8] == '-' && aaguid[13] == '-' && aaguid[18] == '-' &&
                      aaguid[23] == '-';
  auto bytes = dashes ? mfa::detail::read_hex<std::string>(aaguid) : std::nullopt;
  if (!bytes || bytes->size() != 16) return std::nullopt;
  return bytes;
}

/// Whether one of these is the model of 16 bytes.
inline bool names_model(const std::vector<std::string>& aaguids, std::string_view model) {
  return std::ranges::any_of(aaguids, [&](const std::string& aaguid) { return model_of(aaguid) == model; });
}

/// The domain of an origin.
inline std::string_view host_of(std::string_view origin) {
  origin.remove_prefix(origin.find("//") + 2);
  return origin.substr(0, origin.find(':'));
}

inline bool is_at_or_below(std::string_view host, std::string_view domain) {
  return host == domain || (host.size() > domain.size() && host.ends_with(domain) &&
                            host[host.size() - domain.size() - 1] == '.');
}

/// The name that a domain was registered by ("example" of www.example.com and of www.example.co.uk), as far
/// as that can be told without a list of public suffixes.
inline std::string_view registered_name(std::string_view host) {
  constexpr std::array<std::string_view, 12> parts_of_suffixes{"ac",  "co", "com", "edu", "go",  "gob",
                                                               "gov", "ne", "net", "or",  "org", "gouv"};
  const auto take_last = [&host] {
    const auto dot = host.rfind('.');
    const auto label = host.substr(dot == std::string_view::npos ? 0 : dot + 1);
    host = host.substr(0, dot == std::string_view::npos ? 0 : dot);
    return label;
  };
  const bool of_country = take_last().size() == 2;
  const auto name = take_last();
  const bool in_suffix = of_country && std::ranges::find(parts_of_suffixes, name) != parts_of_suffixes.end();
  return in_suffix && !host.empty() ? take_last() : name;
}

/// Whether FIDO U2F could have had it for an AppID.
inline bool is_app_id(std::string_view text) {
  constexpr std::size_t longest = 1024;
  constexpr std::string_view scheme = "https://";
  if (text.size() > longest || !text.starts_with(scheme)) return false;
  const auto path = text.find('/', scheme.size());
  return is_origin(text.substr(0, path)) &&
         std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7f'; });
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
  const std::string last_label = settings.id.substr(settings.id.rfind('.') + 1);
  require(last_label.find_first_not_of("0123456789") != std::string::npos, "id",
          "is an address, and browsers take domains only; for tests take \"localhost\"");
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
    require(detail::is_at_or_below(host, settings.id), "origins",
            "holds \"" + origin +
                "\", whose domain is neither the id nor below it: browsers refuse it, unless it stands in "
                "related_origins");
  }
  std::set<std::string_view> names;
  for (const std::string& origin : settings.related_origins) {
    require(
        detail::is_origin(origin) && origin.starts_with("https://"), "related_origins",
        "holds \"" + origin +
            "\"; an origin is https://, the domain in lower case and the port if it is not 443, and no more");
    const auto host = detail::host_of(origin);
    require(!detail::is_at_or_below(host, settings.id), "related_origins",
            "holds \"" + origin + "\", whose domain is the id or below it: it belongs to origins");
    names.insert(detail::registered_name(host));
  }
  require(names.size() <= 5, "related_origins",
          "has domains of " + std::to_string(names.size()) + " names; browsers look at five");
  require(settings.u2f_app_id.empty() || detail::is_app_id(settings.u2f_app_id), "u2f_app_id",
          "must be an https:// URL of up to 1,024 characters, as the security keys were registered for");
  for (const std::string& origin : settings.top_origins)
    require(detail::is_origin(origin), "top_origins", "holds \"" + origin + "\", which is no origin");
  require(settings.top_origins.empty() || settings.allow_cross_origin, "top_origins",
          "needs allow_cross_origin");
  require(!settings.algorithms.empty(), "algorithms", "must not be empty");
  for (const std::string& model : settings.models)
    require(detail::model_of(model).has_value(), "models",
            "holds \"" + model +
                "\"; an AAGUID is 32 digits in hexadecimal with dashes, as "
                "\"cb69481e-8ff7-4039-93ec-0a2729a154a8\"");
  require(settings.models.empty() || settings.attestation_trust != nullptr, "models",
          "needs attestation_trust: without it, any software can name any model");
  require(settings.timeout >= std::chrono::seconds(30) && settings.timeout <= std::chrono::hours(1),
          "timeout", "may be 30 s to 1 h");
}

} // namespace mfa::webauthn
