#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/encoding/base64.hpp>

#include "catch.hpp"

namespace mfa::test {

/// Writes PSKC files as RFC 6030 has them, encrypted or in the clear.
class PskcWriter {
 public:
  std::string key = {};                         ///< 16, 24 or 32 bytes; empty: in the clear
  std::string mac_key = "a key of the MAC 20b"; ///< empty: no MACs
  std::string mac = "http://www.w3.org/2000/09/xmldsig#hmac-sha1";
  std::string encryption_key = "<EncryptionKey><ds:KeyName>Pre-shared-key</ds:KeyName></EncryptionKey>";

  /// An element with a value in it.
  [[nodiscard]] std::string value(const std::string& name, std::string_view bytes,
                                  std::string_view plain) const {
    if (key.empty())
      return "<" + name + "><PlainValue>" + std::string(plain) + "</PlainValue></" + name + ">";
    const std::string box = encrypt(bytes);
    return "<" + name + "><EncryptedValue>" + encrypted(box) + "</EncryptedValue>" + value_mac(box) + "</" +
           name + ">";
  }

  [[nodiscard]] std::string secret(std::string_view bytes) const {
    return value("Secret", bytes, detail::base64(bytes));
  }

  [[nodiscard]] static std::string package(const std::string& data, const std::string& algorithm = "totp",
                                           const std::string& more = "") {
    return "<KeyPackage><DeviceInfo><Manufacturer>Acme</Manufacturer><SerialNo>7</SerialNo></DeviceInfo>"
           "<Key Id=\"7\" Algorithm=\"urn:ietf:params:xml:ns:keyprov:pskc:" +
           algorithm +
           "\"><AlgorithmParameters><ResponseFormat Length=\"6\" Encoding=\"DECIMAL\"/></AlgorithmParameters>"
           "<Data>" +
           data + "</Data>" + more + "</Key></KeyPackage>";
  }

  [[nodiscard]] std::string file(const std::string& packages) const {
    std::string head;
    if (!key.empty()) {
      head = encryption_key;
      if (!mac_key.empty())
        head += "<MACMethod Algorithm=\"" + mac + "\"><MACKey>" + encrypted(encrypt(mac_key)) +
                "</MACKey></MACMethod>";
    }
    return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<KeyContainer Version=\"1.0\" "
           "xmlns=\"urn:ietf:params:xml:ns:keyprov:pskc\" xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\" "
           "xmlns:xenc=\"http://www.w3.org/2001/04/xmlenc#\" "
           "xmlns:xenc11=\"http://www.w3.org/2009/xmlenc11#\" "
           "xmlns:pkcs5=\"http://www.rsasecurity.com/rsalabs/pkcs/schemas/pkcs-5v2-0#\">" +
           head + packages + "</KeyContainer>";
  }

 private:
  [[nodiscard]] std::string encrypted(const std::string& box) const {
    return "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2001/04/xmlenc#aes" +
           std::to_string(8 * key.size()) + "-cbc\"/><xenc:CipherData><xenc:CipherValue>" +
           detail::base64(box) + "</xenc:CipherValue></xenc:CipherData>";
  }

  [[nodiscard]] std::string value_mac(const std::string& box) const {
    if (mac_key.empty()) return "";
    const auto hash = mac.ends_with("512")   ? crypto::Hash::sha512
                      : mac.ends_with("256") ? crypto::Hash::sha256
                                             : crypto::Hash::sha1;
    crypto::Hmac hmac(hash, crypto::bytes_of(mac_key));
    return "<ValueMAC>" + detail::base64(crypto::text_of(hmac(crypto::bytes_of(box)).span())) + "</ValueMAC>";
  }

  /// An IV and what OpenSSL makes of the text.
  [[nodiscard]] std::string encrypt(std::string_view text) const {
    struct Free {
      void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
    };
    const std::string iv = "0123456789abcdef";
    std::string box = iv + std::string(text.size() + 16, '\0');
    const std::unique_ptr<EVP_CIPHER_CTX, Free> context(EVP_CIPHER_CTX_new());
    const auto* cipher = EVP_get_cipherbyname(("AES-" + std::to_string(8 * key.size()) + "-CBC").c_str());
    auto* out = reinterpret_cast<unsigned char*>(box.data()) + iv.size();
    int first = 0;
    int last = 0;
    REQUIRE(EVP_EncryptInit_ex(context.get(), cipher, nullptr, crypto::bytes_of(key).data(),
                               crypto::bytes_of(iv).data()) == 1);
    REQUIRE(EVP_EncryptUpdate(context.get(), out, &first, crypto::bytes_of(text).data(),
                              static_cast<int>(text.size())) == 1);
    REQUIRE(EVP_EncryptFinal_ex(context.get(), out + first, &last) == 1);
    box.resize(iv.size() + static_cast<std::size_t>(first + last));
    return box;
  }
};

} // namespace mfa::test
