#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <mfa/crypto/bytes.hpp>

#include "catch.hpp"
#include "software_authenticator.hpp"

namespace mfa::test {

struct CertificateExtension {
  const char* kind;  ///< dotted numbers
  std::string value; ///< DER
  bool critical = false;
};

/// What an authenticator's certificate says, right by WebAuthn section 8.2.1 unless a test changes it. Empty
/// texts are left out.
struct CertificateContents {
  long version = 2; ///< 3, as X.509 counts
  std::string country = "SE";
  std::string organization = "Authenticator Vendor";
  std::string unit = "Authenticator Attestation";
  std::string name = "Authenticator Serial 1";
  std::string basic_constraints = "critical,CA:FALSE";
  std::optional<std::string> aaguid = {}; ///< id-fido-gen-ce-aaguid: the 16 bytes
  bool aaguid_critical = false;
  std::vector<CertificateExtension> more = {};
  long first_day = -1; ///< from now
  long last_day = 365;
};

/// A vendor with a root certificate, who issues such certificates.
class AttestationIssuer {
 public:
  explicit AttestationIssuer(const std::string& name = "Vendor Root")
      : root_(make({.name = name, .basic_constraints = "critical,CA:TRUE"}, key_, nullptr)) {}

  [[nodiscard]] std::string root_pem() const {
    return written([&](BIO* bio) { return PEM_write_bio_X509(bio, root_.get()); });
  }

  /// DER.
  [[nodiscard]] std::string root() const { return der_of(root_.get()); }

  /// DER.
  [[nodiscard]] std::string certify(const SigningKey& key, const CertificateContents& contents = {}) const {
    return der_of(make(contents, key, root_.get()).get());
  }

  /// In PEM, good for a day: what the issuer revoked, which is all that it issued or nothing.
  [[nodiscard]] std::string revocation_list_pem(bool all) const {
    const std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)> list(X509_CRL_new(), X509_CRL_free);
    X509_CRL_set_issuer_name(list.get(), X509_get_subject_name(root_.get()));
    const std::unique_ptr<ASN1_TIME, decltype(&ASN1_TIME_free)> time(ASN1_TIME_new(), ASN1_TIME_free);
    X509_gmtime_adj(time.get(), -60L);
    X509_CRL_set1_lastUpdate(list.get(), time.get());
    if (all) {
      X509_REVOKED* const revoked = X509_REVOKED_new();
      const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> serial(ASN1_INTEGER_new(),
                                                                               ASN1_INTEGER_free);
      ASN1_INTEGER_set(serial.get(), issued_serial);
      X509_REVOKED_set_serialNumber(revoked, serial.get());
      X509_REVOKED_set_revocationDate(revoked, time.get());
      X509_CRL_add0_revoked(list.get(), revoked);
    }
    X509_gmtime_adj(time.get(), 24L * 60 * 60);
    X509_CRL_set1_nextUpdate(list.get(), time.get());
    REQUIRE(X509_CRL_sign(list.get(), key_.get(), EVP_sha256()) > 0);
    return written([&](BIO* bio) { return PEM_write_bio_X509_CRL(bio, list.get()); });
  }

 private:
  static constexpr long issued_serial = 2;

  template <class Write> static std::string written(const Write& write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
    REQUIRE(write(bio.get()) == 1);
    const char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }

  static std::string der_of(X509* certificate) {
    unsigned char* der = nullptr;
    const int size = i2d_X509(certificate, &der);
    REQUIRE(size > 0);
    std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(size));
    OPENSSL_free(der);
    return bytes;
  }

  struct Free {
    void operator()(X509* certificate) const { X509_free(certificate); }
  };
  using Certificate = std::unique_ptr<X509, Free>;

  [[nodiscard]] Certificate make(const CertificateContents& contents, const SigningKey& subject,
                                 X509* issuer) const {
    Certificate certificate(X509_new());
    X509_set_version(certificate.get(), contents.version);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate.get()), issuer != nullptr ? issued_serial : 1);
    constexpr long day = 24L * 60 * 60;
    X509_gmtime_adj(X509_getm_notBefore(certificate.get()), contents.first_day * day);
    X509_gmtime_adj(X509_getm_notAfter(certificate.get()), contents.last_day * day);
    X509_set_pubkey(certificate.get(), subject.get());
    X509_NAME* const name = X509_get_subject_name(certificate.get());
    const auto add = [name](const char* field, const std::string& text) {
      if (!text.empty())
        X509_NAME_add_entry_by_txt(name, field, MBSTRING_UTF8, crypto::bytes_of(text).data(),
                                   static_cast<int>(text.size()), -1, 0);
    };
    add("C", contents.country);
    add("O", contents.organization);
    add("OU", contents.unit);
    add("CN", contents.name);
    X509_set_issuer_name(certificate.get(), issuer != nullptr ? X509_get_subject_name(issuer) : name);
    if (!contents.basic_constraints.empty()) {
      X509_EXTENSION* const extension =
          X509V3_EXT_conf_nid(nullptr, nullptr, NID_basic_constraints, contents.basic_constraints.c_str());
      REQUIRE(extension != nullptr);
      X509_add_ext(certificate.get(), extension, -1);
      X509_EXTENSION_free(extension);
    }
    if (contents.aaguid)
      extend(certificate.get(),
             {"1.3.6.1.4.1.45724.1.1.4", "\x04\x10" + *contents.aaguid, contents.aaguid_critical});
    for (const CertificateExtension& extension : contents.more) extend(certificate.get(), extension);
    REQUIRE(X509_sign(certificate.get(), key_.get(), EVP_sha256()) > 0);
    return certificate;
  }

  static void extend(X509* certificate, const CertificateExtension& with) {
    const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> kind(OBJ_txt2obj(with.kind, 1),
                                                                         ASN1_OBJECT_free);
    const std::unique_ptr<ASN1_OCTET_STRING, decltype(&ASN1_OCTET_STRING_free)> octets(
        ASN1_OCTET_STRING_new(), ASN1_OCTET_STRING_free);
    ASN1_OCTET_STRING_set(octets.get(), crypto::bytes_of(with.value).data(),
                          static_cast<int>(with.value.size()));
    X509_EXTENSION* const extension =
        X509_EXTENSION_create_by_OBJ(nullptr, kind.get(), with.critical ? 1 : 0, octets.get());
    X509_add_ext(certificate, extension, -1);
    X509_EXTENSION_free(extension);
  }

  SigningKey key_{webauthn::Algorithm::es256};
  Certificate root_;
};

} // namespace mfa::test
