#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn/attestation_certificate.hpp>
#include <mfa/webauthn/authenticator_data.hpp>
#include <mfa/webauthn/cbor.hpp>
#include <mfa/webauthn/cose_key.hpp>

namespace mfa::webauthn {

/// What vouches for a new credential (WebAuthn section 6.5.4).
enum class AttestationType : std::uint8_t {
  none,      ///< nothing: the format "none", or one that is not verified here
  self,      ///< the credential's own key: "packed" without certificates
  certified, ///< the key of a certificate that came along, whose trust is yet to be decided
};

/// A statement of the authenticator about itself, whose signature was verified.
struct Attestation {
  std::string format;
  AttestationType type = AttestationType::none;
  std::string aaguid;                    ///< 16 bytes
  std::vector<std::string> certificates; ///< DER, the authenticator's own first
  Time now{};                            ///< when this happens
};

/// Whether a relying party trusts an attestation. False refuses the registration.
using AttestationTrust = std::function<bool(const Attestation&)>;

/// An attestation object (WebAuthn section 6.5) taken apart. Its members are parts of what was parsed.
struct AttestationObject {
  std::string_view format;
  std::span<const unsigned char> statement; ///< one CBOR map or list
  std::span<const unsigned char> authenticator_data;
};

/// Nothing unless the bytes are one map of exactly these three, in any order. The statement is a map, or of
/// the format "compound" a list.
[[nodiscard]] inline std::optional<AttestationObject>
parse_attestation_object(std::span<const unsigned char> bytes) {
  CborReader reader(bytes);
  if (reader.map() != 3U) return std::nullopt;
  std::optional<std::string_view> format;
  std::optional<std::span<const unsigned char>> statement;
  std::optional<std::span<const unsigned char>> authenticator_data;
  for (int i = 0; i < 3; ++i) {
    const auto name = reader.text();
    if (name == "fmt" && !format) {
      if (!(format = reader.text())) return std::nullopt;
    } else if (name == "attStmt" && !statement) {
      if (!(statement = reader.any())) return std::nullopt;
    } else if (name == "authData" && !authenticator_data) {
      if (!(authenticator_data = reader.bytes())) return std::nullopt;
    } else {
      return std::nullopt;
    }
  }
  const bool list = format == "compound" && CborReader(*statement).array();
  if (!reader.at_end() || !(list || CborReader(*statement).map())) return std::nullopt;
  return AttestationObject{*format, *statement, *authenticator_data};
}

/// The statement of the formats "packed" and "fido-u2f" (WebAuthn sections 8.2 and 8.6).
struct SignedStatement {
  std::optional<std::int64_t> algorithm;
  std::span<const unsigned char> signature;
  std::vector<std::span<const unsigned char>> certificates; ///< DER
};

/// Nothing unless the bytes are one map of "alg", "sig" and "x5c", of which "sig" is there. An "x5c" has 1 to
/// 8 certificates.
[[nodiscard]] inline std::optional<SignedStatement>
parse_signed_statement(std::span<const unsigned char> bytes) {
  constexpr std::uint64_t most_certificates = 8;
  CborReader reader(bytes);
  const auto count = reader.map();
  if (!count || *count > 3) return std::nullopt;
  SignedStatement statement;
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    if (name == "alg" && !statement.algorithm) {
      if (!(statement.algorithm = reader.integer())) return std::nullopt;
    } else if (name == "sig" && statement.signature.empty()) {
      const auto signature = reader.bytes();
      if (!signature || signature->empty()) return std::nullopt;
      statement.signature = *signature;
    } else if (name == "x5c" && statement.certificates.empty()) {
      const auto size = reader.array();
      if (!size || *size == 0 || *size > most_certificates) return std::nullopt;
      for (std::uint64_t k = 0; k < *size; ++k) {
        const auto certificate = reader.bytes();
        if (!certificate) return std::nullopt;
        statement.certificates.push_back(*certificate);
      }
    } else {
      return std::nullopt;
    }
  }
  if (!reader.at_end() || statement.signature.empty()) return std::nullopt;
  return statement;
}

/// What an attestation statement speaks of.
struct AttestedData {
  std::span<const unsigned char> authenticator_data;
  std::span<const unsigned char> client_data_hash; ///< SHA-256
  const AuthenticatorData& parsed;                 ///< with a credential
  const CoseKey& key;
};

namespace detail {

/// The bytes one after the other.
inline std::vector<unsigned char> joined(std::initializer_list<std::span<const unsigned char>> parts) {
  std::vector<unsigned char> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// WebAuthn section 8.2.
inline std::optional<AttestationType> verify_packed(const SignedStatement& statement,
                                                    const AttestedData& data) {
  if (!statement.algorithm) return std::nullopt;
  const auto message = joined({data.authenticator_data, data.client_data_hash});
  if (statement.certificates.empty()) {
    if (*statement.algorithm != data.key.algorithm() || !data.key.verifies(message, statement.signature))
      return std::nullopt;
    return AttestationType::self;
  }
  const Certificate certificate(statement.certificates.front());
  if (!certificate || !certificate.fits_packed(data.parsed.credential->aaguid) ||
      !verify_signature(certificate.key(), *statement.algorithm, message, statement.signature))
    return std::nullopt;
  return AttestationType::certified;
}

/// WebAuthn section 8.6.
inline std::optional<AttestationType> verify_fido_u2f(const SignedStatement& statement,
                                                      const AttestedData& data) {
  if (statement.algorithm || statement.certificates.size() != 1) return std::nullopt;
  const Certificate certificate(statement.certificates.front());
  const auto point = data.key.u2f_point();
  if (!certificate || !certificate.has_p256_key() || !point) return std::nullopt;
  constexpr unsigned char reserved = 0;
  const auto message = joined(
      {{&reserved, 1}, data.parsed.rp_id_hash, data.client_data_hash, data.parsed.credential->id, *point});
  if (!verify_signature(certificate.key(), static_cast<std::int32_t>(Algorithm::es256), message,
                        statement.signature))
    return std::nullopt;
  return AttestationType::certified;
}

} // namespace detail

/// What a relying party does with formats that are not verified here ("tpm", "android-key", "apple",
/// "compound").
enum class UnverifiedFormats : std::uint8_t {
  as_asked, ///< `ignore` if no attestation was asked for and none is to be trusted, and otherwise `refuse`
  refuse,
  ignore, ///< takes the credential as if it had no attestation
};

/// Nothing unless the statement is right by its format, which verifies a signature but decides no trust in
/// certificates.
[[nodiscard]] inline std::optional<AttestationType>
verify_attestation(const AttestationObject& object, const AttestedData& data, UnverifiedFormats others) {
  if (object.format == "none") { // section 8.7: an empty map
    if (CborReader(object.statement).map() != 0U) return std::nullopt;
    return AttestationType::none;
  }
  const bool packed = object.format == "packed";
  if (packed || object.format == "fido-u2f") {
    const auto statement = parse_signed_statement(object.statement);
    if (!statement) return std::nullopt;
    return packed ? detail::verify_packed(*statement, data) : detail::verify_fido_u2f(*statement, data);
  }
  if (others != UnverifiedFormats::ignore) return std::nullopt;
  return AttestationType::none;
}

/// The certificates of a verified statement, as bytes of their own.
[[nodiscard]] inline std::vector<std::string> certificates_of(const AttestationObject& object) {
  std::vector<std::string> certificates;
  if (const auto statement = parse_signed_statement(object.statement))
    for (const auto certificate : statement->certificates)
      certificates.emplace_back(crypto::text_of(certificate));
  return certificates;
}

} // namespace mfa::webauthn
