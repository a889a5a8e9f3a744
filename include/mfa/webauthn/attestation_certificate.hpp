#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <limits>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <openssl/asn1.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/objects.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <mfa/crypto/bytes.hpp>

namespace mfa::webauthn {

namespace detail {

struct FreeX509 {
  void operator()(X509* certificate) const noexcept { X509_free(certificate); }
};
using X509Pointer = std::unique_ptr<X509, FreeX509>;

/// Null unless the bytes are one certificate in DER and no more.
inline X509Pointer parse_x509(std::span<const unsigned char> der) {
  constexpr std::size_t longest = 16'384;
  if (der.size() > longest) return nullptr;
  const unsigned char* at = der.data();
  X509Pointer certificate(d2i_X509(nullptr, &at, static_cast<long>(der.size())));
  if (at != der.data() + der.size()) certificate.reset();
  return certificate;
}

} // namespace detail

/// The certificate that an authenticator attests with. Says nothing of who issued it.
class Certificate {
 public:
  explicit Certificate(std::span<const unsigned char> der) : certificate_(detail::parse_x509(der)) {}

  /// Whether the bytes were a certificate with a public key that OpenSSL knows. The rest asks for true.
  explicit operator bool() const noexcept { return certificate_ != nullptr && key() != nullptr; }

  [[nodiscard]] EVP_PKEY* key() const noexcept { return X509_get0_pubkey(certificate_.get()); }

  [[nodiscard]] bool has_p256_key() const {
    std::array<char, 32> group{};
    std::size_t size = 0;
    return EVP_PKEY_is_a(key(), "EC") == 1 &&
           EVP_PKEY_get_utf8_string_param(key(), OSSL_PKEY_PARAM_GROUP_NAME, group.data(), group.size(),
                                          &size) == 1 &&
           OBJ_sn2nid(group.data()) == NID_X9_62_prime256v1;
  }

  /// The requirements of WebAuthn section 8.2.1, for an authenticator of this model.
  [[nodiscard]] bool fits_packed(std::span<const unsigned char> aaguid) const {
    constexpr long version_3 = 2;
    const std::string country = subject(NID_countryName);
    return X509_get_version(certificate_.get()) == version_3 && country.size() == 2 &&
           std::ranges::all_of(country, [](char c) { return c >= 'A' && c <= 'Z'; }) &&
           !subject(NID_organizationName).empty() &&
           subject(NID_organizationalUnitName) == "Authenticator Attestation" &&
           !subject(NID_commonName).empty() && is_no_authority() && names_no_other_model(aaguid);
  }

 private:
  /// A part of the subject's name in UTF-8; empty unless it is there once.
  [[nodiscard]] std::string subject(int nid) const {
    const X509_NAME* const name = X509_get_subject_name(certificate_.get());
    const int at = X509_NAME_get_index_by_NID(name, nid, -1);
    if (at < 0 || X509_NAME_get_index_by_NID(name, nid, at) >= 0) return {};
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
    if (size < 0) return {};
    const struct Text {
      unsigned char* text;
      ~Text() { OPENSSL_free(text); }
    } owned{text};
    return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(size)};
  }

  /// The extension "basic constraints" is there and says that the certificate issues no others.
  [[nodiscard]] bool is_no_authority() const {
    struct Free {
      void operator()(BASIC_CONSTRAINTS* constraints) const noexcept { BASIC_CONSTRAINTS_free(constraints); }
    };
    const std::unique_ptr<BASIC_CONSTRAINTS, Free> constraints(static_cast<BASIC_CONSTRAINTS*>(
        X509_get_ext_d2i(certificate_.get(), NID_basic_constraints, nullptr, nullptr)));
    return constraints != nullptr && constraints->ca == 0;
  }

  /// If the certificate says in id-fido-gen-ce-aaguid which model it is for, then it is this one's.
  [[nodiscard]] bool names_no_other_model(std::span<const unsigned char> aaguid) const {
    struct Free {
      void operator()(ASN1_OBJECT* object) const noexcept { ASN1_OBJECT_free(object); }
    };
    const std::unique_ptr<ASN1_OBJECT, Free> oid(OBJ_txt2obj("1.3.6.1.4.1.45724.1.1.4", 1));
    const int at = oid ? X509_get_ext_by_OBJ(certificate_.get(), oid.get(), -1) : -1;
    if (at < 0) return oid != nullptr;
    X509_EXTENSION* const extension = X509_get_ext(certificate_.get(), at);
    const ASN1_OCTET_STRING* const value = X509_EXTENSION_get_data(extension);
    const std::string expected = std::string("\x04\x10").append(crypto::text_of(aaguid)); // an octet string
    return X509_EXTENSION_get_critical(extension) == 0 &&
           crypto::text_of({ASN1_STRING_get0_data(value),
                            static_cast<std::size_t>(ASN1_STRING_length(value))}) == expected;
  }

  detail::X509Pointer certificate_;
};

} // namespace mfa::webauthn
