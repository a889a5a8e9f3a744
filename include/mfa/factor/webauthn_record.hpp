#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/fields.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/storage/record.hpp>

/// How a WebAuthn factor is kept in its record.
namespace mfa::webauthn {

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
};

/// `FactorRecord::sealed` of an unverified factor: sealed so that nobody with the storage alone can choose
/// it.
struct PendingRegistration {
  std::string challenge; ///< bytes
  Time ends_at{};        ///< no answer is taken from then on, and the next challenge draws other bytes
  std::vector<CredentialDescriptor> exclude = {};
  bool conditional = false; ///< `WebAuthn::conditional_create`
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

} // namespace detail

[[nodiscard]] inline std::string encode(const FactorParameters& parameters) {
  mfa::detail::FieldWriter fields(1);
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
  mfa::detail::FieldReader fields(record.parameters, 1, "factor", record.id);
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
  fields.end();
  return parameters;
}

[[nodiscard]] inline std::string encode(const PendingRegistration& pending) {
  mfa::detail::FieldWriter fields(1);
  fields.text(pending.challenge).time(pending.ends_at).number(pending.exclude.size());
  for (const CredentialDescriptor& credential : pending.exclude) {
    fields.text(credential.id);
    detail::write_texts(fields, credential.transports);
  }
  return fields.flag(pending.conditional).take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline PendingRegistration decode_pending(const storage::FactorRecord& record,
                                                        std::span<const unsigned char> opened) {
  mfa::detail::FieldReader fields(crypto::text_of(opened), 1, "factor", record.id);
  PendingRegistration pending;
  pending.challenge = fields.text();
  pending.ends_at = fields.time();
  for (auto count = fields.number_up_to(1'000'000); count > 0; --count) {
    CredentialDescriptor credential{.id = std::string(fields.text())};
    credential.transports = detail::read_texts(fields);
    pending.exclude.push_back(std::move(credential));
  }
  pending.conditional = fields.flag();
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
