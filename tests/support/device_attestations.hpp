#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/evp.h>

#include "attestation_issuer.hpp"
#include "cbor_writer.hpp"
#include "der_writer.hpp"
#include "software_authenticator.hpp"

namespace mfa::test {

/// OpenSSL's digest of that name.
inline std::string digest(const char* hash, std::string_view bytes) {
  std::string value(EVP_MAX_MD_SIZE, '\0');
  std::size_t size = 0;
  REQUIRE(EVP_Q_digest(nullptr, hash, nullptr, bytes.data(), bytes.size(),
                       reinterpret_cast<unsigned char*>(value.data()), &size) == 1);
  value.resize(size);
  return value;
}

/// A number of 2 or 4 bytes, and bytes with their length, as TPMs write them.
inline std::string tpm_two(std::uint32_t number) {
  return {static_cast<char>(number >> 8), static_cast<char>(number & 255)};
}
inline std::string tpm_four(std::uint32_t number) { return tpm_two(number >> 16) + tpm_two(number & 0xffff); }
inline std::string tpm_sized(const std::string& bytes) {
  return tpm_two(static_cast<std::uint32_t>(bytes.size())) + bytes;
}

/// One for all: it takes a while to make.
inline const SigningKey& rsa_key() {
  static const SigningKey key(webauthn::Algorithm::rs256);
  return key;
}

/// What a TPM attests with (WebAuthn section 8.3), right unless a test turns a knob.
struct TestTpm {
  SigningKey attestation_key = rsa_key();
  std::int64_t algorithm = -257;
  const char* hash = "SHA256"; ///< of the algorithm

  // --- the certificate
  std::string manufacturer = "id:49465800";
  std::string model = "SLB9670";
  std::string version = "id:0013";
  bool in_one_part = false;
  bool names_critical = true;
  std::vector<const char*> usages = {"2.23.133.8.3"};
  CertificateContents contents{.country = "", .organization = "", .unit = "", .name = ""};

  // --- TPMT_PUBLIC
  std::uint32_t name_algorithm = 0x000B; ///< SHA-256
  const char* name_hash = "SHA256";
  std::optional<std::uint32_t> type;
  std::uint32_t cipher = 0x0010;
  std::uint32_t scheme = 0x0010;
  std::uint32_t key_derivation = 0x0010;
  std::uint32_t exponent = 0;
  std::optional<SigningKey> other_key; ///< in place of the credential's
  std::string after_public_area;

  // --- TPMS_ATTEST
  std::uint32_t magic = 0xFF544347;
  std::uint32_t kind = 0x8017;
  std::optional<std::string> extra_data;
  std::optional<std::string> name;
  std::string after_certification;

  // --- the statement
  std::string statement_version = "2.0";
  std::optional<SigningKey> other_signer;
  std::vector<std::string> left_out; ///< members

  [[nodiscard]] std::string certificate(const AttestationIssuer& issuer) const {
    const auto part = [](const char* kind_of_part, const std::string& text) {
      return text.empty() ? std::string() : der::sequence({der::oid(kind_of_part), der::text(text)});
    };
    const std::string parts[] = {part("2.23.133.2.1", manufacturer), part("2.23.133.2.2", model),
                                 part("2.23.133.2.3", version)};
    std::string name_of_tpm;
    for (const std::string& one : parts)
      if (!one.empty()) name_of_tpm += in_one_part ? one : der::value("\x31", one);
    if (in_one_part) name_of_tpm = der::value("\x31", name_of_tpm);
    std::string all_usages;
    for (const char* const usage : usages) all_usages += der::oid(usage);
    CertificateContents with = contents;
    with.more.push_back(
        {"2.5.29.17", der::sequence({der::field(4, der::value("\x30", name_of_tpm))}), names_critical});
    if (!usages.empty()) with.more.push_back({"2.5.29.37", der::value("\x30", all_usages)});
    return issuer.certify(attestation_key, with);
  }

  [[nodiscard]] std::string public_area(const SigningKey& credential) const {
    const SigningKey& key = other_key ? *other_key : credential;
    const bool rsa = credential.algorithm() == -257;
    std::string area = tpm_two(type.value_or(rsa ? 0x0001 : 0x0023)) + tpm_two(name_algorithm) +
                       tpm_four(0x00060472) + tpm_sized(std::string(32, 'p')) + tpm_two(cipher) +
                       tpm_two(scheme);
    if (scheme == 0x0014 || scheme == 0x0018) area += tpm_two(0x000B);
    if (rsa) {
      area += tpm_two(2048) + tpm_four(exponent) + tpm_sized(key.number(OSSL_PKEY_PARAM_RSA_N));
    } else {
      const std::string point = key.octets();
      const std::size_t size = (point.size() - 1) / 2;
      const std::uint32_t curve = size == 32 ? 3 : size == 48 ? 4 : 5;
      area += tpm_two(curve) + tpm_two(key_derivation) + tpm_sized(point.substr(1, size)) +
              tpm_sized(point.substr(1 + size));
    }
    return area + after_public_area;
  }

  [[nodiscard]] std::string certification(const std::string& area, const std::string& signed_data) const {
    return tpm_four(magic) + tpm_two(kind) + tpm_sized("whoever") +
           tpm_sized(extra_data.value_or(digest(hash, signed_data))) + std::string(17 + 8, 'c') +
           tpm_sized(name.value_or(tpm_two(name_algorithm) + digest(name_hash, area))) +
           tpm_sized("qualified") + after_certification;
  }

  /// An authenticator of a key of this algorithm that attests so. Both must outlive it.
  [[nodiscard]] SoftwareAuthenticator
  authenticator(const AttestationIssuer& issuer, webauthn::Algorithm of = webauthn::Algorithm::es256) const {
    SoftwareAuthenticator made(of);
    made.aaguid = "0123456789abcdef";
    made.format = "tpm";
    made.statement = [this, &issuer, key = made.key](const std::string& data,
                                                     const std::string& client_hash) {
      const std::string area = public_area(key);
      const std::string certified = certification(area, data + client_hash);
      const std::vector<std::pair<std::string, std::string>> members = {
          {"alg", cbor::integer(algorithm)},
          {"sig", cbor::bytes((other_signer ? *other_signer : attestation_key).sign(certified, hash))},
          {"ver", cbor::text(statement_version)},
          {"x5c", cbor::array({cbor::bytes(certificate(issuer))})},
          {"pubArea", cbor::bytes(area)},
          {"certInfo", cbor::bytes(certified)}};
      std::string map = cbor::head(5, members.size() - left_out.size());
      for (const auto& [member, value] : members)
        if (std::find(left_out.begin(), left_out.end(), member) == left_out.end())
          map += cbor::text(member) + value;
      return map;
    };
    return made;
  }
};

/// What Android attests with (WebAuthn section 8.4), right unless a test turns a knob.
struct TestAndroid {
  std::optional<std::string> challenge; ///< in place of the hash of the client's data
  /// AuthorizationLists: purposes, origin, and anything else.
  std::string software = der::field(701, der::integer(1));
  std::string hardware = der::field(1, der::set({der::integer(2)})) + der::field(702, der::integer(0));
  std::string after_description;
  bool with_extension = true;
  std::optional<SigningKey> certified_key; ///< in place of the credential's
  std::optional<SigningKey> signer;        ///< in place of the credential's
  std::optional<std::int64_t> algorithm;
  std::optional<std::string> issuer_certificate; ///< DER, to stand behind the credential's

  [[nodiscard]] SoftwareAuthenticator authenticator(const AttestationIssuer& issuer) const {
    SoftwareAuthenticator made;
    made.format = "android-key";
    made.statement = [this, &issuer, key = made.key](const std::string& data,
                                                     const std::string& client_hash) {
      const std::string description =
          der::sequence({der::integer(3), der::enumerated(1), der::integer(4), der::enumerated(1),
                         der::octets(challenge.value_or(client_hash)), der::octets(""),
                         der::value("\x30", software), der::value("\x30", hardware)}) +
          after_description;
      CertificateContents contents{.country = "", .organization = "", .unit = "", .basic_constraints = ""};
      if (with_extension) contents.more.push_back({"1.3.6.1.4.1.11129.2.1.17", description});
      const std::string certificate = issuer.certify(certified_key ? *certified_key : key, contents);
      return cbor::map(
          {{cbor::text("alg"), cbor::integer(algorithm.value_or(key.algorithm()))},
           {cbor::text("sig"), cbor::bytes((signer ? *signer : key).sign(data + client_hash))},
           {cbor::text("x5c"), issuer_certificate
                                   ? cbor::array({cbor::bytes(certificate), cbor::bytes(*issuer_certificate)})
                                   : cbor::array({cbor::bytes(certificate)})}});
    };
    return made;
  }
};

/// What Apple attests with (WebAuthn section 8.8), right unless a test turns a knob.
struct TestApple {
  std::optional<std::string> nonce;
  std::string before_nonce = "\x30\x24\xA1\x22\x04\x20";
  std::string after_nonce;
  bool with_extension = true;
  std::optional<SigningKey> certified_key; ///< in place of the credential's
  std::optional<std::int64_t> algorithm;   ///< told, as devices of 2020 do
  std::vector<CertificateExtension> more;
  bool with_signature = false;

  [[nodiscard]] SoftwareAuthenticator authenticator(const AttestationIssuer& issuer) const {
    SoftwareAuthenticator made;
    made.format = "apple";
    made.statement = [this, &issuer, key = made.key](const std::string& data,
                                                     const std::string& client_hash) {
      CertificateContents contents;
      if (with_extension)
        contents.more.push_back(
            {"1.2.840.113635.100.8.2",
             before_nonce + nonce.value_or(digest("SHA256", data + client_hash)) + after_nonce});
      contents.more.insert(contents.more.end(), more.begin(), more.end());
      const std::string certificate = issuer.certify(certified_key ? *certified_key : key, contents);
      std::string map = cbor::head(5, 1U + (algorithm ? 1U : 0U) + (with_signature ? 1U : 0U)) +
                        cbor::text("x5c") + cbor::array({cbor::bytes(certificate)});
      if (algorithm) map += cbor::text("alg") + cbor::integer(*algorithm);
      if (with_signature) map += cbor::text("sig") + cbor::bytes("signature");
      return map;
    };
    return made;
  }
};

} // namespace mfa::test
