#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn_extensions.hpp>

/// How a WebAuthn factor is kept in its record.
namespace mfa::webauthn {

inline constexpr std::size_t most_hints = 8;

/// `FactorRecord::parameters`: what may be listed. The credential's part is empty until it is registered.
struct FactorParameters {
  std::string user;
  std::string display_name;
  std::string user_handle; ///< bytes
  UserVerification user_verification = UserVerification::preferred;
  Attachment attachment = Attachment::any;
  ResidentKey resident_key = ResidentKey::discouraged;
  std::string credential_id = {}; ///< bytes
  std::string aaguid = {};        ///< bytes
  std::vector<std::string> transports = {};
  bool backup_eligible = false;
  bool backed_up = false;
  bool u2f = false; ///< `Credential::u2f`
};

/// `FactorRecord::sealed` of an unverified factor: sealed so that nobody with the storage alone can choose
/// it.
struct PendingRegistration {
  std::string challenge; ///< bytes
  Time ends_at{};        ///< no answer is taken from then on, and the next challenge draws other bytes
  std::vector<CredentialDescriptor> exclude = {};
  bool conditional = false;  ///< `WebAuthn::conditional_create`
  bool device_bound = false; ///< and its others of these names
  std::vector<Hint> hints = {};
  CreationExtensions extensions = {};
};

/// `FactorRecord::sealed` of a verified factor: sealed so that nobody with the storage alone can put another
/// key there.
struct CredentialKey {
  std::string public_key; ///< COSE
  std::uint32_t sign_count = 0;
  bool backup_eligible = false;
  bool in_hardware = false; ///< a trusted attestation says so
  /// `uvInitialized` of WebAuthn section 4: the registration, or a sign-in that the host allowed to, showed a
  /// PIN or biometric. Before that, nobody knows whose it is.
  bool user_verification_initialized = false;
};

namespace detail {

inline void write_texts(mfa::detail::FieldWriter& fields, const std::vector<std::string>& texts) {
  fields.number(texts.size());
  for (const std::string& text : texts) fields.text(text);
}

inline std::vector<std::string> read_texts(mfa::detail::FieldReader& fields) {
  std::vector<std::string> texts;
  for (auto count = fields.number_up_to(100); count > 0; --count) texts.emplace_back(fields.plain_text());
  return texts;
}

template <class Enum>
void write_optional(mfa::detail::FieldWriter& fields, const std::optional<Enum>& value) {
  fields.flag(value.has_value());
  if (value) fields.enumerator(*value);
}

template <class Enum>
void read_optional(mfa::detail::FieldReader& fields, std::optional<Enum>& value, Enum last) {
  if (fields.flag()) value = fields.enumerator(last);
}

} // namespace detail

/// In format 1, which earlier releases read too, as far as that can say it. Format 2 is of U2F alone.
[[nodiscard]] inline std::string encode(const FactorParameters& parameters) {
  mfa::detail::FieldWriter fields(parameters.u2f ? 2 : 1);
  fields.text(parameters.user)
      .text(parameters.display_name)
      .text(parameters.user_handle)
      .enumerator(parameters.user_verification)
      .enumerator(parameters.attachment)
      .enumerator(parameters.resident_key)
      .text(parameters.credential_id)
      .text(parameters.aaguid)
      .flag(parameters.backup_eligible)
      .flag(parameters.backed_up);
  detail::write_texts(fields, parameters.transports);
  return fields.take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline FactorParameters decode_parameters(const storage::FactorRecord& record) {
  const std::uint64_t format = record.parameters.starts_with('\2') ? 2 : 1;
  mfa::detail::FieldReader fields(record.parameters, format, "factor", record.id);
  FactorParameters parameters;
  parameters.user = fields.plain_text();
  parameters.display_name = fields.plain_text();
  parameters.user_handle = fields.text();
  parameters.user_verification = fields.enumerator(UserVerification::discouraged);
  parameters.attachment = fields.enumerator(Attachment::cross_platform);
  parameters.resident_key = fields.enumerator(ResidentKey::required);
  parameters.credential_id = fields.text();
  parameters.aaguid = fields.text();
  parameters.backup_eligible = fields.flag();
  parameters.backed_up = fields.flag();
  parameters.transports = detail::read_texts(fields);
  parameters.u2f = format == 2;
  fields.end();
  return parameters;
}

[[nodiscard]] inline std::string encode(const PendingRegistration& pending) {
  mfa::detail::FieldWriter fields(2);
  fields.text(pending.challenge).time(pending.ends_at).number(pending.exclude.size());
  for (const CredentialDescriptor& credential : pending.exclude) {
    fields.text(credential.id);
    detail::write_texts(fields, credential.transports);
    fields.flag(credential.u2f);
  }
  fields.flag(pending.conditional).flag(pending.device_bound).number(pending.hints.size());
  for (const Hint hint : pending.hints) fields.enumerator(hint);
  const CreationExtensions& extensions = pending.extensions;
  detail::write_optional(fields, extensions.credential_protection);
  detail::write_optional(fields, extensions.large_blob);
  return fields.flag(extensions.credential_properties)
      .flag(extensions.enforce_credential_protection)
      .flag(extensions.min_pin_length)
      .flag(extensions.prf)
      .text(extensions.prf_inputs.first)
      .text(extensions.prf_inputs.second)
      .take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline PendingRegistration decode_pending(const storage::FactorRecord& record,
                                                        std::span<const unsigned char> opened) {
  const std::string_view bytes = crypto::text_of(opened);
  const std::uint64_t format = bytes.starts_with('\1') ? 1 : 2; // 1 knew no U2F and nothing that is optional
  mfa::detail::FieldReader fields(bytes, format, "factor", record.id);
  PendingRegistration pending;
  pending.challenge = fields.text();
  pending.ends_at = fields.time();
  for (auto count = fields.number_up_to(1'000'000); count > 0; --count) {
    CredentialDescriptor credential{.id = std::string(fields.text())};
    credential.transports = detail::read_texts(fields);
    if (format > 1) credential.u2f = fields.flag();
    pending.exclude.push_back(std::move(credential));
  }
  pending.conditional = fields.flag();
  if (format > 1) {
    pending.device_bound = fields.flag();
    for (auto count = fields.number_up_to(most_hints); count > 0; --count)
      pending.hints.push_back(fields.enumerator(Hint::hybrid));
    CreationExtensions& extensions = pending.extensions;
    detail::read_optional(fields, extensions.credential_protection,
                          CredentialProtection::user_verification_required);
    detail::read_optional(fields, extensions.large_blob, LargeBlobSupport::required);
    extensions.credential_properties = fields.flag();
    extensions.enforce_credential_protection = fields.flag();
    extensions.min_pin_length = fields.flag();
    extensions.prf = fields.flag();
    extensions.prf_inputs.first = fields.text();
    extensions.prf_inputs.second = fields.text();
  }
  fields.end();
  return pending;
}

[[nodiscard]] inline std::string encode(const CredentialKey& key) {
  return mfa::detail::FieldWriter(1)
      .text(key.public_key)
      .number(key.sign_count)
      .flag(key.backup_eligible)
      .flag(key.in_hardware)
      .flag(key.user_verification_initialized)
      .take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline CredentialKey decode_key(const storage::FactorRecord& record,
                                              std::span<const unsigned char> opened) {
  mfa::detail::FieldReader fields(crypto::text_of(opened), 1, "factor", record.id);
  CredentialKey key;
  key.public_key = fields.text();
  key.sign_count = static_cast<std::uint32_t>(fields.number_up_to(UINT32_MAX));
  key.backup_eligible = fields.flag();
  key.in_hardware = fields.flag();
  key.user_verification_initialized = fields.flag();
  fields.end();
  return key;
}

} // namespace mfa::webauthn
