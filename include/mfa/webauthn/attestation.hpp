#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn/android_key.hpp>
#include <mfa/webauthn/attestation_certificate.hpp>
#include <mfa/webauthn/authenticator_data.hpp>
#include <mfa/webauthn/cbor.hpp>
#include <mfa/webauthn/cose_key.hpp>
#include <mfa/webauthn/tpm.hpp>

namespace mfa::webauthn {

/// What vouches for a new credential (WebAuthn section 6.5.4).
enum class AttestationType : std::uint8_t {
  none,      ///< nothing: the format "none", or one that is not verified here
  self,      ///< the credential's own key: "packed" without certificates
  certified, ///< the key of a certificate that came along, whose trust is yet to be decided
};

/// A statement of the authenticator about itself, whose signature was verified.
struct Attestation {
  std::string format; ///< "packed", "tpm"
  AttestationType type = AttestationType::none;
  /// 16 bytes: the model of authenticator. Nobody vouches for it in the format "fido-u2f", nor if the type is
  /// not `certified`.
  std::string aaguid;
  std::vector<std::string> certificates; ///< DER, the authenticator's own first
  Time now{};                            ///< when this happens
  std::string credential_id = {};        ///< bytes: `WebAuthnDetails::credential_id` has them in base64url
  /// Of the device, bytes, if the relying party asks for `AttestationConveyance::enterprise` and the
  /// authenticator tells it ("packed" alone).
  std::string device_serial = {};
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

/// The members that the statements of the formats have that are verified here (WebAuthn sections 8.2 to 8.8).
struct AttestationStatement {
  std::optional<std::int64_t> algorithm;
  std::span<const unsigned char> signature = {};
  std::vector<std::span<const unsigned char>> certificates = {}; ///< DER
  // Of "tpm":
  std::string_view version = {};
  std::span<const unsigned char> certification = {}; ///< "certInfo"
  std::span<const unsigned char> public_area = {};   ///< "pubArea"

  /// Whether there is nothing that only "tpm" has.
  [[nodiscard]] bool has_nothing_of_tpm() const noexcept {
    return version.empty() && certification.empty() && public_area.empty();
  }
};

namespace detail {

/// An "x5c" of 1 to 8 certificates; false for anything else.
inline bool read_certificates(CborReader& reader, std::vector<std::span<const unsigned char>>& to) {
  constexpr std::uint64_t most = 8;
  const auto size = reader.array();
  if (!size || *size == 0 || *size > most) return false;
  for (std::uint64_t i = 0; i < *size; ++i) {
    const auto certificate = reader.bytes();
    if (!certificate) return false;
    to.push_back(*certificate);
  }
  return true;
}

} // namespace detail

/// Nothing unless the bytes are one map of such members, none of them empty.
[[nodiscard]] inline std::optional<AttestationStatement>
parse_attestation_statement(std::span<const unsigned char> bytes) {
  constexpr std::uint64_t most_members = 6;
  CborReader reader(bytes);
  const auto count = reader.map();
  if (!count || *count > most_members) return std::nullopt;
  AttestationStatement statement;
  const auto take = [](auto& member, const auto& value) {
    if (!member.empty() || !value || value->empty()) return false;
    member = *value;
    return true;
  };
  for (std::uint64_t i = 0; i < *count; ++i) {
    const auto name = reader.text();
    const bool taken = name == "alg"   ? !statement.algorithm && (statement.algorithm = reader.integer())
                       : name == "x5c" ? statement.certificates.empty() &&
                                             detail::read_certificates(reader, statement.certificates)
                       : name == "sig"      ? take(statement.signature, reader.bytes())
                       : name == "ver"      ? take(statement.version, reader.text())
                       : name == "certInfo" ? take(statement.certification, reader.bytes())
                       : name == "pubArea"  ? take(statement.public_area, reader.bytes())
                                            : false;
    if (!taken) return std::nullopt;
  }
  if (!reader.at_end()) return std::nullopt;
  return statement;
}

/// What an attestation statement speaks of.
struct AttestedData {
  std::span<const unsigned char> authenticator_data;
  std::span<const unsigned char> client_data_hash; ///< SHA-256
  const AuthenticatorData& parsed;                 ///< with a credential
  const CoseKey& key;
};

/// What a relying party does with formats that are not verified here ("compound", and "android-safetynet",
/// whose service Google ended in 2024: what it signed says nothing of a device of today), and with statements
/// of a device's own authenticator ("tpm", "android-key", "apple") that are not right.
enum class UnverifiedFormats : std::uint8_t {
  as_asked, ///< `ignore` if no attestation was asked for and none is to be trusted, and otherwise `refuse`
  refuse,
  ignore, ///< takes the credential as if it had no attestation, which whoever made it could have left out
};

/// What a relying party takes of what WebAuthn leaves to it.
struct AttestationRules {
  UnverifiedFormats unverified_formats = UnverifiedFormats::refuse;
  bool android_software_keys = false; ///< `RelyingPartySettings::android_software_keys`
  bool enterprise = false;            ///< certificates may tell the device's serial number
};

namespace detail {

/// The bytes one after the other.
inline std::vector<unsigned char> joined(std::initializer_list<std::span<const unsigned char>> parts) {
  std::vector<unsigned char> all;
  for (const auto part : parts) all.insert(all.end(), part.begin(), part.end());
  return all;
}

/// The digest; empty if OpenSSL has no such hash.
inline std::vector<unsigned char> digest_of(const char* hash, std::span<const unsigned char> bytes) {
  std::vector<unsigned char> digest(EVP_MAX_MD_SIZE);
  std::size_t size = 0;
  if (EVP_Q_digest(nullptr, hash, nullptr, bytes.data(), bytes.size(), digest.data(), &size) != 1) size = 0;
  digest.resize(size);
  return digest;
}

/// What is signed in most formats.
inline std::vector<unsigned char> to_be_signed(const AttestedData& data) {
  return joined({data.authenticator_data, data.client_data_hash});
}

/// WebAuthn section 8.2.
inline std::optional<AttestationType> verify_packed(const AttestationStatement& statement,
                                                    const AttestedData& data, const AttestationRules& rules) {
  if (!statement.algorithm || statement.signature.empty() || !statement.has_nothing_of_tpm())
    return std::nullopt;
  const auto message = to_be_signed(data);
  if (statement.certificates.empty()) {
    if (*statement.algorithm != data.key.algorithm() || !data.key.verifies(message, statement.signature))
      return std::nullopt;
    return AttestationType::self;
  }
  const Certificate certificate(statement.certificates.front());
  if (!certificate || !certificate.fits_packed(data.parsed.credential->aaguid) ||
      !verify_signature(certificate.key(), *statement.algorithm, message, statement.signature))
    return std::nullopt;
  const auto serial = certificate.device_serial(); // section 8.2.2
  if (serial && (!rules.enterprise || serial->empty())) return std::nullopt;
  return AttestationType::certified;
}

/// WebAuthn section 8.6.
inline std::optional<AttestationType> verify_fido_u2f(const AttestationStatement& statement,
                                                      const AttestedData& data) {
  if (statement.algorithm || statement.signature.empty() || statement.certificates.size() != 1 ||
      !statement.has_nothing_of_tpm())
    return std::nullopt;
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

/// Whether the TPM's object is the credential's key.
inline bool is_credential(const TpmPublicArea& area, const CoseKey& key) {
  if (area.curve == 0) return key.is_rsa(area.modulus, area.exponent);
  constexpr std::uint16_t tpm_p256 = 3; // TPM_ECC_NIST_P256; those of P-384 and P-521 follow
  constexpr std::uint16_t tpm_p521 = 5;
  return area.curve >= tpm_p256 && area.curve <= tpm_p521 &&
         key.is_point(area.curve - tpm_p256 + 1, area.x, area.y);
}

/// Whether the name is that of the object: the number of a hash, and that hash of it (TPM 2.0 Library, Part
/// 1, section 16).
inline bool is_name_of(std::span<const unsigned char> name, std::span<const unsigned char> public_area,
                       std::uint16_t hash) {
  const std::array<unsigned char, 2> number{static_cast<unsigned char>(hash >> 8),
                                            static_cast<unsigned char>(hash)};
  return tpm_hash(hash) != nullptr &&
         std::ranges::equal(name, joined({number, digest_of(tpm_hash(hash), public_area)}));
}

/// The algorithms of a TPM's key for attestations: those of credentials, and RS1 (RSASSA-PKCS1-v1_5 with
/// SHA-1), which Windows uses with most TPMs.
inline std::optional<AlgorithmTraits> tpm_signature_traits(std::int64_t algorithm) {
  constexpr std::int64_t rs1 = -65'535;
  return algorithm == rs1 ? AlgorithmTraits{"RSA", nullptr, 3, 0, 0, "SHA1"} : traits_of(algorithm);
}

/// WebAuthn section 8.3.
inline std::optional<AttestationType> verify_tpm(const AttestationStatement& statement,
                                                 const AttestedData& data) {
  if (statement.version != "2.0" || !statement.algorithm || statement.signature.empty() ||
      statement.certificates.empty())
    return std::nullopt;
  const auto area = parse_tpm_public_area(statement.public_area);
  if (!area || !is_credential(*area, data.key)) return std::nullopt;

  const Certificate certificate(statement.certificates.front());
  if (!certificate || !certificate.fits_tpm(data.parsed.credential->aaguid)) return std::nullopt;
  const auto traits = tpm_signature_traits(*statement.algorithm);
  if (!traits || !verify_with(certificate.key(), *traits, statement.certification, statement.signature))
    return std::nullopt;

  const auto certified = parse_tpm_certification(statement.certification);
  if (!certified || traits->hash == nullptr ||
      !std::ranges::equal(certified->extra_data, digest_of(traits->hash, to_be_signed(data))) ||
      !is_name_of(certified->name, statement.public_area, area->name_algorithm))
    return std::nullopt;
  return AttestationType::certified;
}

/// WebAuthn section 8.4.
inline std::optional<AttestationType> verify_android_key(const AttestationStatement& statement,
                                                         const AttestedData& data,
                                                         const AttestationRules& rules) {
  if (!statement.algorithm || statement.signature.empty() || statement.certificates.empty() ||
      !statement.has_nothing_of_tpm())
    return std::nullopt;
  const Certificate certificate(statement.certificates.front());
  if (!certificate ||
      !verify_signature(certificate.key(), *statement.algorithm, to_be_signed(data), statement.signature) ||
      !data.key.is(certificate.key()))
    return std::nullopt;
  constexpr const char* key_description = "1.3.6.1.4.1.11129.2.1.17";
  // A key that was attested may sign certificates too, in which its owner describes keys as he likes.
  for (std::size_t above = 1; above < statement.certificates.size(); ++above) {
    const Certificate issuer(statement.certificates[above]);
    if (issuer && issuer.extension(key_description)) return std::nullopt;
  }
  const auto extension = certificate.extension(key_description);
  const auto description = extension ? parse_android_key_description(extension->value) : std::nullopt;
  if (!description || !std::ranges::equal(description->challenge, data.client_data_hash) ||
      !is_signing_key_of_one_app(*description, !rules.android_software_keys))
    return std::nullopt;
  return AttestationType::certified;
}

/// WebAuthn section 8.8. Devices of 2020 tell the credential's algorithm, too.
inline std::optional<AttestationType> verify_apple(const AttestationStatement& statement,
                                                   const AttestedData& data) {
  if (!statement.signature.empty() || statement.certificates.empty() || !statement.has_nothing_of_tpm() ||
      statement.algorithm.value_or(data.key.algorithm()) != data.key.algorithm())
    return std::nullopt;
  const Certificate certificate(statement.certificates.front());
  if (!certificate) return std::nullopt;
  const auto nonce = certificate.extension("1.2.840.113635.100.8.2");
  constexpr std::array<unsigned char, 6> before{0x30, 0x24, 0xA1, 0x22, 0x04, 0x20}; // a list of [1] 32 bytes
  if (!nonce ||
      !std::ranges::equal(nonce->value, joined({before, digest_of("SHA256", to_be_signed(data))})) ||
      !data.key.is(certificate.key()))
    return std::nullopt;
  return AttestationType::certified;
}

} // namespace detail

/// Nothing unless the statement is right by its format, which verifies a signature but decides no trust in
/// certificates.
[[nodiscard]] inline std::optional<AttestationType>
verify_attestation(const AttestationObject& object, const AttestedData& data, const AttestationRules& rules) {
  if (object.format == "none") { // section 8.7: an empty map
    if (CborReader(object.statement).map() != 0U) return std::nullopt;
    return AttestationType::none;
  }
  const auto statement = parse_attestation_statement(object.statement);
  if (object.format == "packed")
    return statement ? detail::verify_packed(*statement, data, rules) : std::nullopt;
  if (object.format == "fido-u2f")
    return statement ? detail::verify_fido_u2f(*statement, data) : std::nullopt;

  std::optional<AttestationType> type;
  if (statement && object.format == "tpm") type = detail::verify_tpm(*statement, data);
  if (statement && object.format == "android-key") type = detail::verify_android_key(*statement, data, rules);
  if (statement && object.format == "apple") type = detail::verify_apple(*statement, data);
  if (!type && rules.unverified_formats == UnverifiedFormats::ignore) return AttestationType::none;
  return type;
}

/// What a trust decision is told, as bytes of its own. The statement was verified, with this result.
[[nodiscard]] inline Attestation attestation_of(const AttestationObject& object,
                                                const AttestedCredential& credential, AttestationType type,
                                                Time now) {
  Attestation attestation{.format = std::string(object.format),
                          .type = type,
                          .aaguid = std::string(crypto::text_of(credential.aaguid)),
                          .certificates = {},
                          .now = now,
                          .credential_id = std::string(crypto::text_of(credential.id))};
  if (type != AttestationType::certified) return attestation;
  if (const auto statement = parse_attestation_statement(object.statement)) {
    for (const auto certificate : statement->certificates)
      attestation.certificates.emplace_back(crypto::text_of(certificate));
    if (object.format == "packed")
      attestation.device_serial =
          Certificate(statement->certificates.front()).device_serial().value_or(std::string());
  }
  return attestation;
}

} // namespace mfa::webauthn
