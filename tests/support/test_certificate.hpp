#pragma once

#include <memory>
#include <stdexcept>
#include <string>

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

namespace mfa::test {

/// A key and a certificate of a TLS server, which is its own authority.
class TestCertificate {
 public:
  /// `names` as OpenSSL writes them: "IP:127.0.0.1,DNS:localhost".
  explicit TestCertificate(const std::string& names = "IP:127.0.0.1,DNS:localhost")
      : key_(EVP_EC_gen("P-256"), &EVP_PKEY_free), certificate_(X509_new(), &X509_free) {
    X509* const made = certificate_.get();
    if (!key_ || made == nullptr) throw std::runtime_error("no certificate");
    X509_set_version(made, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(made), 1);
    X509_gmtime_adj(X509_getm_notBefore(made), -3600);
    X509_gmtime_adj(X509_getm_notAfter(made), 24L * 3600);
    X509_NAME* const name = X509_get_subject_name(made);
    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1,
                               -1, 0);
    X509_set_issuer_name(made, name);
    X509_set_pubkey(made, key_.get());
    add(NID_basic_constraints, "critical,CA:TRUE");
    add(NID_subject_alt_name, names);
    if (X509_sign(made, key_.get(), EVP_sha256()) == 0) throw std::runtime_error("no signature");
  }

  [[nodiscard]] EVP_PKEY* key() const noexcept { return key_.get(); }
  [[nodiscard]] X509* certificate() const noexcept { return certificate_.get(); }

  [[nodiscard]] std::string pem() const {
    return written([this](BIO* bio) { return PEM_write_bio_X509(bio, certificate_.get()); });
  }
  [[nodiscard]] std::string key_pem() const {
    return written([this](BIO* bio) {
      return PEM_write_bio_PrivateKey(bio, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  void add(int nid, const std::string& value) {
    X509V3_CTX context;
    X509V3_set_ctx(&context, certificate_.get(), certificate_.get(), nullptr, nullptr, 0);
    const std::unique_ptr<X509_EXTENSION, decltype(&X509_EXTENSION_free)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str()), &X509_EXTENSION_free);
    if (!extension || X509_add_ext(certificate_.get(), extension.get(), -1) == 0)
      throw std::runtime_error("no extension " + value);
  }

  template <class Write> static std::string written(Write write) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), &BIO_free);
    if (!bio || write(bio.get()) == 0) throw std::runtime_error("no PEM");
    char* text = nullptr;
    const long size = BIO_get_mem_data(bio.get(), &text);
    return {text, static_cast<std::size_t>(size)};
  }

  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&X509_free)> certificate_;
};

} // namespace mfa::test
