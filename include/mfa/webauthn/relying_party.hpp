#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/status.hpp>
#include <mfa/webauthn/attestation.hpp>
#include <mfa/webauthn/authenticator_data.hpp>
#include <mfa/webauthn/authenticator_names.hpp>
#include <mfa/webauthn/client_data.hpp>
#include <mfa/webauthn/cose_key.hpp>
#include <mfa/webauthn/openssl_errors.hpp>
#include <mfa/webauthn/options_json.hpp>
#include <mfa/webauthn/response.hpp>
#include <mfa/webauthn/settings.hpp>

namespace mfa::webauthn {

namespace detail {

inline constexpr std::size_t longest_credential_id = 1023; // bytes; section 7.1 step 25

inline bool contains(const std::vector<std::string>& list, std::string_view text) {
  return std::ranges::find(list, text) != list.end();
}

/// The procedures of WebAuthn Level 3, sections 7.1 and 7.2, whose step numbers the comments give.
class Procedures final : public RelyingParty {
 public:
  explicit Procedures(RelyingPartySettings settings)
      : settings_(std::move(settings)), id_hash_(crypto::sha256(settings_.id)),
        app_id_hash_(crypto::sha256(settings_.u2f_app_id)) {
    if (!settings_.authenticator_name) settings_.authenticator_name = AuthenticatorNames();
  }

  [[nodiscard]] std::chrono::milliseconds timeout() const override { return settings_.timeout; }

  [[nodiscard]] std::string security_settings() const override {
    std::string told = "id " + settings_.id + ", origins";
    const auto tell_all = [&](std::vector<std::string> list) {
      std::ranges::sort(list);
      for (const std::string& one : list) told.append(" ").append(one);
    };
    tell_all(settings_.origins);
    if (!settings_.related_origins.empty()) told += ", related origins";
    tell_all(settings_.related_origins);
    if (settings_.allow_cross_origin) told += ", cross-origin under";
    if (settings_.allow_cross_origin) tell_all(settings_.top_origins);
    if (settings_.attestation_trust) told += ", attestation is checked";
    if (!settings_.models.empty()) told += ", models";
    tell_all(settings_.models);
    if (settings_.android_software_keys) told += ", Android keys of software";
    if (settings_.synced_passkeys == SyncedPasskeys::refuse) told += ", strict with synchronised passkeys";
    if (settings_.device_bound == DeviceBound::new_ones) told += ", new ones are bound to their devices";
    if (settings_.device_bound == DeviceBound::always) told += ", all are bound to their devices";
    if (!settings_.u2f_app_id.empty()) told += ", U2F AppID " + settings_.u2f_app_id;
    return told;
  }

  [[nodiscard]] std::string authenticator_name(std::string_view aaguid) const override {
    return settings_.authenticator_name(aaguid);
  }

  [[nodiscard]] std::string creation_options(const CreationRequest& request) const override {
    return creation_options_json(settings_, request);
  }

  [[nodiscard]] std::string request_options(const AssertionRequest& request) const override {
    return request_options_json(settings_, request);
  }

  [[nodiscard]] Registration verify_registration(std::string_view json,
                                                 const Expectation& expected) const override {
    const OpensslErrors unchanged;
    auto response = parse_registration_response(json);
    const auto client = response ? parse_client_data(response->client_data) : std::nullopt; // 5, 6
    const auto object = client ? parse_attestation_object(crypto::bytes_of(response->attestation_object))
                               : std::nullopt; // 13
    const auto data = object ? parse_authenticator_data(object->authenticator_data) : std::nullopt;
    if (!data || !data->credential) return {Status::malformed_code};
    const AttestedCredential& credential = *data->credential;

    if (const Status status = check_client(*client, "webauthn.create", expected); status != Status::valid)
      return {status}; // 7 to 11
    if (const Status status =
            check_authenticator(*data, expected, expected.user_may_be_absent, is_ours(*data));
        status != Status::valid)
      return {status}; // 14 to 17
    if (data->backup_eligible() &&
        (expected.device_bound || settings_.device_bound != DeviceBound::not_required))
      return {Status::not_device_bound};
    if (credential.id.empty() || credential.id.size() > longest_credential_id)
      return {Status::unsupported_credential}; // 25
    if (crypto::text_of(credential.id) != response->credential_id) return {Status::wrong_credential};

    const auto key = CoseKey::parse(credential.public_key);
    if (!key || !accepts(*key)) return {Status::unsupported_credential}; // 20

    const auto hash = crypto::sha256(response->client_data); // 12
    const auto type = verify_attestation(*object, {object->authenticator_data, hash, *data, *key},
                                         attestation_rules()); // 21, 22
    if (!type || !trusts(attestation_of(*object, credential, *type, expected.now)))
      return {Status::attestation_refused}; // 23, 24

    note_outputs(*data, response->outputs);
    return {Status::valid,
            {.id = response->credential_id,
             .public_key = std::string(crypto::text_of(credential.public_key)),
             .sign_count = data->sign_count,
             .backup_eligible = data->backup_eligible(),
             .backed_up = data->backed_up(),
             .transports = response->transports,
             .aaguid = std::string(crypto::text_of(credential.aaguid)),
             .attestation_trusted = settings_.attestation_trust && *type == AttestationType::certified &&
                                    is_of_hardware(object->format)},
            data->user_verified(),
            data->user_present(),
            std::move(response->outputs)}; // 27
  }

  [[nodiscard]] std::optional<std::string> cose_key(std::string_view public_key) const override {
    const OpensslErrors unchanged;
    std::string cose(public_key);
    if (public_key.size() == 65 && public_key[0] == 4) cose = cose_key_of_u2f(public_key);
    if (!CoseKey::parse(crypto::bytes_of(cose))) return std::nullopt;
    return cose;
  }

  [[nodiscard]] std::optional<NamedCredential> named_credential(std::string_view json) const override {
    auto response = parse_assertion_response(json);
    if (!response) return std::nullopt;
    return NamedCredential{std::move(response->credential_id), response->user_handle.has_value()};
  }

  [[nodiscard]] Assertion verify_assertion(std::string_view json, const Expectation& expected,
                                           const Credential& credential) const override {
    const OpensslErrors unchanged;
    auto response = parse_assertion_response(json);
    const auto client = response ? parse_client_data(response->client_data) : std::nullopt; // 8 to 10
    const auto data =
        client ? parse_authenticator_data(crypto::bytes_of(response->authenticator_data)) : std::nullopt;
    if (!data) return {Status::malformed_code};

    if (response->credential_id != credential.id) return {Status::wrong_credential}; // 5, 7
    if (response->user_handle && *response->user_handle != expected.user_handle)
      return {Status::wrong_credential}; // 6
    if (const Status status = check_client(*client, "webauthn.get", expected); status != Status::valid)
      return {status}; // 11 to 15
    if (const Status status =
            check_authenticator(*data, expected, false, is_of(credential, *data, response->app_id));
        status != Status::valid)
      return {status}; // 16 to 19
    // What was registered as such may have been copied, whatever it says by now.
    const bool may_be_copied = data->backup_eligible() || credential.backup_eligible;
    if (may_be_copied && settings_.device_bound == DeviceBound::always) return {Status::not_device_bound};
    const bool lenient = credential.backup_eligible && settings_.synced_passkeys == SyncedPasskeys::tell;
    const bool eligibility_changed = data->backup_eligible() != credential.backup_eligible;
    if (eligibility_changed && !lenient) return {Status::wrong_credential}; // 20

    const auto key = CoseKey::parse(crypto::bytes_of(credential.public_key));
    const auto hash = crypto::sha256(response->client_data); // 21
    if (!key || !key->verifies(joined({crypto::bytes_of(response->authenticator_data), hash}),
                               crypto::bytes_of(response->signature)))
      return {Status::wrong_signature}; // 22

    const bool counts = data->sign_count != 0 || credential.sign_count != 0;
    const bool behind = counts && data->sign_count <= credential.sign_count;
    if (behind && !lenient) return {Status::cloned_authenticator}; // 23
    return {.status = Status::valid,
            .sign_count = std::max(data->sign_count, credential.sign_count),
            .backed_up = data->backed_up(),
            .user_verified = data->user_verified(),
            .counter_behind = behind,
            .backup_eligibility_changed = eligibility_changed,
            .outputs = std::move(response->outputs)}; // 24
  }

 private:
  [[nodiscard]] Status check_client(const ClientData& client, std::string_view type,
                                    const Expectation& expected) const {
    if (client.type != type || !expected.is_challenge(client.challenge)) return Status::wrong_challenge;
    if (!contains(settings_.origins, client.origin) && !contains(settings_.related_origins, client.origin))
      return Status::wrong_origin;
    if (client.cross_origin && !settings_.allow_cross_origin) return Status::wrong_origin;
    if (client.top_origin && !(client.cross_origin && contains(settings_.top_origins, *client.top_origin)))
      return Status::wrong_origin;
    return Status::valid;
  }

  [[nodiscard]] Status check_authenticator(const AuthenticatorData& data, const Expectation& expected,
                                           bool may_be_absent, bool is_ours) const {
    if (!is_ours) return Status::wrong_relying_party;
    if (!data.user_present() && !may_be_absent) return Status::user_not_present;
    if (expected.user_verification == UserVerification::required && !data.user_verified())
      return Status::user_not_verified;
    if (data.backed_up() && !data.backup_eligible()) return Status::unsupported_credential;
    return Status::valid;
  }

  [[nodiscard]] bool is_ours(const AuthenticatorData& data) const {
    return std::ranges::equal(data.rp_id_hash, id_hash_);
  }

  /// The same of a sign-in: a credential made by U2F answers for the AppID (section 10.1.1). Bridges of apps
  /// leave out that the browser says so.
  [[nodiscard]] bool is_of(const Credential& credential, const AuthenticatorData& data,
                           const std::optional<bool>& for_app_id) const {
    if (!credential.u2f || settings_.u2f_app_id.empty()) return is_ours(data);
    return (for_app_id != true && is_ours(data)) ||
           (for_app_id != false && std::ranges::equal(data.rp_id_hash, app_id_hash_));
  }

  [[nodiscard]] bool accepts(const CoseKey& key) const {
    return std::ranges::any_of(settings_.algorithms, [&](Algorithm algorithm) {
      return older_name(static_cast<std::int32_t>(algorithm)) == older_name(key.algorithm());
    });
  }

  [[nodiscard]] AttestationRules attestation_rules() const {
    const bool wanted =
        settings_.attestation != AttestationConveyance::none || settings_.attestation_trust != nullptr;
    const UnverifiedFormats as_asked = wanted ? UnverifiedFormats::refuse : UnverifiedFormats::ignore;
    return {.unverified_formats = settings_.unverified_formats == UnverifiedFormats::as_asked
                                      ? as_asked
                                      : settings_.unverified_formats,
            .android_software_keys = settings_.android_software_keys,
            .enterprise = settings_.attestation == AttestationConveyance::enterprise};
  }

  /// Whether a trusted attestation of this format says that hardware keeps the key.
  [[nodiscard]] bool is_of_hardware(std::string_view format) const {
    return format != "android-key" || !settings_.android_software_keys;
  }

  /// The model counts only where a certificate vouches for it, which it does not in "fido-u2f".
  [[nodiscard]] bool trusts(const Attestation& attestation) const {
    if (!settings_.models.empty() &&
        (attestation.type != AttestationType::certified || attestation.format == "fido-u2f" ||
         !names_model(settings_.models, attestation.aaguid)))
      return false;
    return !settings_.attestation_trust || settings_.attestation_trust(attestation);
  }

  RelyingPartySettings settings_;
  std::array<unsigned char, 32> id_hash_;
  std::array<unsigned char, 32> app_id_hash_;
};

} // namespace detail

/// What to give `Options::webauthn`. Throws `errc::invalid_argument`, naming the setting.
[[nodiscard]] inline std::shared_ptr<const RelyingParty> relying_party(RelyingPartySettings settings) {
  check_settings(settings);
  return std::make_shared<const detail::Procedures>(std::move(settings));
}

} // namespace mfa::webauthn
