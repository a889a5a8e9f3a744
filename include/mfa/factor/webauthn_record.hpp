#pragma once

#include <chrono>
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

inline bool read_bool(mfa::detail::FieldReader& fields) { return fields.number_up_to(1) == 1; }

/// A member of an enumeration that counts from 1 to 3.
template <class Enum> Enum read_enum(mfa::detail::FieldReader& fields) {
  const auto number = fields.number_up_to(3);
  if (number == 0) fields.refuse("are out of range; restore the record");
  return static_cast<Enum>(number);
}

} // namespace detail

[[nodiscard]] inline std::string encode(const FactorParameters& parameters) {
  mfa::detail::FieldWriter fields(1);
  fields.text(parameters.user)
      .text(parameters.display_name)
      .text(parameters.user_handle)
      .number(static_cast<std::uint64_t>(parameters.user_verification))
      .number(static_cast<std::uint64_t>(parameters.attachment))
      .number(static_cast<std::uint64_t>(parameters.resident_key))
      .text(parameters.credential_id)
      .text(parameters.aaguid)
      .number(parameters.backup_eligible ? 1 : 0)
      .number(parameters.backed_up ? 1 : 0);
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
  parameters.user_verification = detail::read_enum<UserVerification>(fields);
  parameters.attachment = detail::read_enum<Attachment>(fields);
  parameters.resident_key = detail::read_enum<ResidentKey>(fields);
  parameters.credential_id = fields.text();
  parameters.aaguid = fields.text();
  parameters.backup_eligible = detail::read_bool(fields);
  parameters.backed_up = detail::read_bool(fields);
  parameters.transports = detail::read_texts(fields);
  fields.end();
  return parameters;
}

[[nodiscard]] inline std::string encode(const PendingRegistration& pending) {
  mfa::detail::FieldWriter fields(1);
  fields.text(pending.challenge)
      .number(static_cast<std::uint64_t>(pending.ends_at.time_since_epoch().count()))
      .number(pending.exclude.size());
  for (const CredentialDescriptor& credential : pending.exclude) {
    fields.text(credential.id);
    detail::write_texts(fields, credential.transports);
  }
  return fields.take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline PendingRegistration decode_pending(const storage::FactorRecord& record,
                                                        std::span<const unsigned char> opened) {
  mfa::detail::FieldReader fields(crypto::text_of(opened), 1, "factor", record.id);
  PendingRegistration pending;
  pending.challenge = fields.text();
  pending.ends_at = Time(std::chrono::milliseconds(fields.number_up_to(200'000'000'000'000)));
  for (auto count = fields.number_up_to(1'000'000); count > 0; --count) {
    CredentialDescriptor credential{.id = std::string(fields.text())};
    credential.transports = detail::read_texts(fields);
    pending.exclude.push_back(std::move(credential));
  }
  fields.end();
  return pending;
}

[[nodiscard]] inline std::string encode(const CredentialKey& key) {
  return mfa::detail::FieldWriter(1)
      .text(key.public_key)
      .number(key.sign_count)
      .number(key.backup_eligible ? 1 : 0)
      .number(key.in_hardware ? 1 : 0)
      .number(key.user_verification_initialized ? 1 : 0)
      .take();
}

/// Throws `errc::corrupt_record`.
[[nodiscard]] inline CredentialKey decode_key(const storage::FactorRecord& record,
                                              std::span<const unsigned char> opened) {
  mfa::detail::FieldReader fields(crypto::text_of(opened), 1, "factor", record.id);
  CredentialKey key;
  key.public_key = fields.text();
  key.sign_count = static_cast<std::uint32_t>(fields.number_up_to(UINT32_MAX));
  key.backup_eligible = detail::read_bool(fields);
  key.in_hardware = detail::read_bool(fields);
  key.user_verification_initialized = detail::read_bool(fields);
  fields.end();
  return key;
}

} // namespace mfa::webauthn
