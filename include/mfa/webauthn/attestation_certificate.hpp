#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <optional>
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
#include <mfa/webauthn/der.hpp>

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

  /// Whether the bytes were a certificate with a public key that OpenSSL knows, and no extension twice (RFC
  /// 5280 section 4.2). The rest asks for true.
  explicit operator bool() const noexcept {
    return certificate_ != nullptr && key() != nullptr && has_each_extension_once();
  }

  /// What an extension says, by the number of its kind.
  struct Extension {
    bool critical = false;
    std::span<const unsigned char> value; ///< DER; a part of the certificate
  };
  [[nodiscard]] std::optional<Extension> extension(const char* number) const {
    struct Free {
      void operator()(ASN1_OBJECT* object) const noexcept { ASN1_OBJECT_free(object); }
    };
    const std::unique_ptr<ASN1_OBJECT, Free> oid(OBJ_txt2obj(number, 1));
    const int at = oid ? X509_get_ext_by_OBJ(certificate_.get(), oid.get(), -1) : -1;
    if (at < 0) return std::nullopt;
    X509_EXTENSION* const found = X509_get_ext(certificate_.get(), at);
    const ASN1_OCTET_STRING* const value = X509_EXTENSION_get_data(found);
    return Extension{X509_EXTENSION_get_critical(found) != 0,
                     {ASN1_STRING_get0_data(value), static_cast<std::size_t>(ASN1_STRING_length(value))}};
  }

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

  /// The requirements of WebAuthn section 8.3.1, for an authenticator of this model.
  [[nodiscard]] bool fits_tpm(std::span<const unsigned char> aaguid) const {
    constexpr long version_3 = 2;
    return X509_get_version(certificate_.get()) == version_3 &&
           X509_NAME_entry_count(X509_get_subject_name(certificate_.get())) == 0 && names_tpm() &&
           is_for_tpm_attestation() && is_no_authority() && names_no_other_model(aaguid);
  }

  /// The serial number of the device (id-fido-gen-ce-sernum, WebAuthn section 8.2.2), bytes, if it is told.
  /// Empty: not in the form that it must have.
  [[nodiscard]] std::optional<std::string> device_serial() const {
    const auto told = extension("1.3.6.1.4.1.45724.1.1.2");
    if (!told) return std::nullopt;
    DerReader reader(told->value);
    const auto bytes = reader.octets();
    if (told->critical || !bytes || !reader.at_end()) return std::string();
    return std::string(crypto::text_of(*bytes));
  }

 private:
  /// A part of the subject's name in UTF-8; empty unless it is there once.
  [[nodiscard]] std::string subject(int nid) const {
    return part(X509_get_subject_name(certificate_.get()), OBJ_nid2obj(nid));
  }

  /// A part of a name in UTF-8, by the number of its kind; empty unless it is there once.
  static std::string part(const X509_NAME* name, const char* number) {
    struct Free {
      void operator()(ASN1_OBJECT* object) const noexcept { ASN1_OBJECT_free(object); }
    };
    const std::unique_ptr<ASN1_OBJECT, Free> kind(OBJ_txt2obj(number, 1));
    return kind ? part(name, kind.get()) : std::string();
  }
  static std::string part(const X509_NAME* name, const ASN1_OBJECT* kind) {
    const int at = X509_NAME_get_index_by_OBJ(name, kind, -1);
    if (at < 0 || X509_NAME_get_index_by_OBJ(name, kind, at) >= 0) return {};
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

  [[nodiscard]] bool has_each_extension_once() const noexcept {
    constexpr int most = 64;
    const int count = X509_get_ext_count(certificate_.get());
    for (int i = 0; i < count; ++i) {
      const ASN1_OBJECT* const kind = X509_EXTENSION_get_object(X509_get_ext(certificate_.get(), i));
      if (X509_get_ext_by_OBJ(certificate_.get(), kind, i) >= 0) return false;
    }
    return count <= most;
  }

  /// If the certificate says in id-fido-gen-ce-aaguid which model it is for, then it is this one's.
  [[nodiscard]] bool names_no_other_model(std::span<const unsigned char> aaguid) const {
    const auto named = extension("1.3.6.1.4.1.45724.1.1.4");
    if (!named) return true;
    const std::string expected = std::string("\x04\x10").append(crypto::text_of(aaguid)); // an octet string
    return !named->critical && crypto::text_of(named->value) == expected;
  }

  /// The extension "subject alternative name" tells the TPM's manufacturer, model and version, each once, and
  /// must be understood (TCG EK Credential Profile, section 3.2.9).
  [[nodiscard]] bool names_tpm() const {
    struct Free {
      void operator()(GENERAL_NAMES* names) const noexcept { GENERAL_NAMES_free(names); }
    };
    int critical = 0;
    const std::unique_ptr<GENERAL_NAMES, Free> names(static_cast<GENERAL_NAMES*>(
        X509_get_ext_d2i(certificate_.get(), NID_subject_alt_name, &critical, nullptr)));
    if (names == nullptr || critical != 1) return false;
    const X509_NAME* tpm = nullptr;
    for (int i = 0; i < sk_GENERAL_NAME_num(names.get()); ++i) {
      const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
      if (name->type != GEN_DIRNAME) continue;
      if (tpm != nullptr) return false;
      tpm = name->d.directoryName;
    }
    if (tpm == nullptr) return false;
    return is_tpm_vendor(part(tpm, "2.23.133.2.1")) && !part(tpm, "2.23.133.2.2").empty() &&
           !part(tpm, "2.23.133.2.3").empty();
  }

  /// "id:" and the number that the TCG gave, in hexadecimal.
  static bool is_tpm_vendor(std::string_view name) {
    constexpr std::size_t digits = 8;
    return name.starts_with("id:") && name.size() == 3 + digits &&
           name.find_first_not_of("0123456789ABCDEFabcdef", 3) == std::string_view::npos;
  }

  /// The extension "extended key usage" names the certificate as that of a TPM's key for attestations
  /// (tcg-kp-AIKCertificate).
  [[nodiscard]] bool is_for_tpm_attestation() const {
    struct Free {
      void operator()(EXTENDED_KEY_USAGE* usages) const noexcept { EXTENDED_KEY_USAGE_free(usages); }
      void operator()(ASN1_OBJECT* object) const noexcept { ASN1_OBJECT_free(object); }
    };
    const std::unique_ptr<EXTENDED_KEY_USAGE, Free> usages(static_cast<EXTENDED_KEY_USAGE*>(
        X509_get_ext_d2i(certificate_.get(), NID_ext_key_usage, nullptr, nullptr)));
    const std::unique_ptr<ASN1_OBJECT, Free> wanted(OBJ_txt2obj("2.23.133.8.3", 1));
    if (usages == nullptr || wanted == nullptr) return false;
    for (int i = 0; i < sk_ASN1_OBJECT_num(usages.get()); ++i)
      if (OBJ_cmp(sk_ASN1_OBJECT_value(usages.get(), i), wanted.get()) == 0) return true;
    return false;
  }

  detail::X509Pointer certificate_;
};

} // namespace mfa::webauthn
