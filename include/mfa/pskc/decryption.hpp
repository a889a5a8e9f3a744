#pragma once

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/error.hpp>
#include <mfa/pskc/document.hpp>

namespace mfa::pskc {

/// The end of a name in a vocabulary of W3C or RSA: "aes128-cbc".
[[nodiscard]] inline std::string_view short_name(std::string_view uri) noexcept {
  return uri.substr(uri.find_last_of("#:") + 1);
}

/// The bytes of an element in base64. Throws `errc::invalid_token_file`.
[[nodiscard]] inline crypto::SecretBytes base64_of(const Element& element) {
  const crypto::SecretString text = element.text();
  auto bytes = mfa::detail::read_base64<crypto::SecretBytes>(text);
  if (!bytes || bytes->empty())
    refuse("the token's element " + std::string(element.name()) + " is empty or not base64");
  return *std::move(bytes);
}

/// A whole number of an element, in decimal digits.
[[nodiscard]] inline std::uint64_t number_of(std::string_view digits, std::string_view what,
                                             std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size() || value > most)
    refuse("the token's " + std::string(what) + " is not a number from 0 to " + std::to_string(most));
  return value;
}

/// Opens the encrypted values of one file (RFC 6030 section 6): AES-CBC (XML Encryption section 5.2) with a
/// key that was shared before or is derived of a password (PBKDF2, RFC 8018), and a MAC over each.
class Decryption {
 public:
  /// More rounds of PBKDF2 are refused, since whoever wrote the file chose them.
  static constexpr std::uint64_t most_iterations = 10'000'000;

  /// Throws `errc::invalid_token_file` for what this library does not open, and without a key.
  Decryption(const Element& container, std::span<const unsigned char> key, std::string_view password,
             bool accept_unauthenticated)
      : must_be_encrypted_(!key.empty() || !password.empty()),
        accept_unauthenticated_(accept_unauthenticated) {
    const auto encryption = container.child("EncryptionKey");
    if (!encryption) return;
    if (const auto derived = encryption->child("DerivedKey")) {
      if (password.empty()) refuse("the file is encrypted under a password; set PskcOptions::password");
      key_ = derive(container, *derived, password);
    } else if (encryption->child("X509Data") || encryption->child("EncryptedKey") ||
               encryption->child("KeyValue")) {
      refuse("the file is encrypted for a key pair; decrypt it first, as with xmlsec1");
    } else {
      if (key.empty())
        refuse("the file is encrypted under a key that was shared before; set PskcOptions::key");
      key_ = crypto::secret_copy(key);
    }
    if (const auto method = container.child("MACMethod")) read_mac_method(*method);
  }

  /// The bytes of a secret in base64 or encrypted. One in the clear is refused where a key or a password was
  /// given: whoever has neither could put his own in the place of an encrypted one.
  [[nodiscard]] crypto::SecretBytes open_secret(const Element& element) const {
    const auto encrypted = encrypted_value(element);
    if (encrypted) return open(element, *encrypted);
    if (must_be_encrypted_ && !accept_unauthenticated_)
      refuse("the token's secret is in the clear, though a key or a password was given, so that anybody may "
             "have put it there; if you can trust the way of the file, leave them out or set "
             "PskcOptions::accept_unauthenticated");
    return base64_of(plain_value(element));
  }

  /// The number that it holds: PSKC writes an encrypted one as 4 or 8 bytes, the first the highest, and some
  /// files as digits.
  [[nodiscard]] std::uint64_t open_number(const Element& element, std::uint64_t most) const {
    const auto encrypted = encrypted_value(element);
    if (!encrypted) {
      const crypto::SecretString digits = plain_value(element).text();
      return number_of(digits, element.name(), most);
    }
    const crypto::SecretBytes bytes = open(element, *encrypted);
    const bool are_digits = !bytes.empty() && std::ranges::all_of(bytes, [](unsigned char byte) {
      return byte >= '0' && byte <= '9';
    });
    const bool may_be_binary = bytes.size() == 4 || bytes.size() == 8;
    if (are_digits && may_be_binary)
      refuse("the token's " + std::string(element.name()) + " can be read in two ways");
    if (are_digits) return number_of(crypto::text_of(bytes), element.name(), most);
    std::uint64_t value = 0;
    for (const unsigned char byte : bytes) value = value << 8 | byte;
    if (!may_be_binary || value > most)
      refuse("the token's " + std::string(element.name()) + " is not a number from 0 to " +
             std::to_string(most));
    return value;
  }

  /// What is encrypted of an element, if it is not in the clear.
  [[nodiscard]] static std::optional<Element> encrypted_value(const Element& element) {
    auto encrypted = element.child("EncryptedValue");
    if (encrypted && element.child("PlainValue"))
      refuse("the token's element " + std::string(element.name()) +
             " has both a PlainValue and an EncryptedValue");
    return encrypted;
  }

  [[nodiscard]] static Element plain_value(const Element& element) {
    const auto plain = element.child("PlainValue");
    if (!plain) refuse("the token's element " + std::string(element.name()) + " has no value");
    return *plain;
  }

 private:
  struct FreeCipher {
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };

  /// Where the length of a derived key is not told: that which opens the key of the MAC.
  static std::size_t size_of_mac_keys_key(const Element& container) {
    const auto method = container.child("MACMethod");
    const auto key = method ? method->child("MACKey") : std::nullopt;
    return key ? key_size_of(*key) : 0;
  }

  /// Of the algorithm of an encrypted value; 0 if it is none of AES-CBC.
  static std::size_t key_size_of(const Element& encrypted) {
    const auto method = encrypted.child("EncryptionMethod");
    const std::string algorithm = method ? method->attribute("Algorithm") : std::string();
    const std::string_view name = short_name(algorithm);
    return name == "aes128-cbc" ? 16 : name == "aes192-cbc" ? 24 : name == "aes256-cbc" ? 32 : 0;
  }

  static crypto::SecretBytes derive(const Element& container, const Element& derived,
                                    std::string_view password) {
    const auto method = derived.child("KeyDerivationMethod");
    if (!method || short_name(method->attribute("Algorithm")) != "pbkdf2")
      refuse("the file derives its key by another function than PBKDF2");
    const auto parameters = method->child("PBKDF2-params");
    const auto salts = parameters ? parameters->child("Salt") : std::nullopt;
    const auto salt = salts ? salts->child("Specified") : std::nullopt;
    const auto count = parameters ? parameters->child("IterationCount") : std::nullopt;
    const auto length = parameters ? parameters->child("KeyLength") : std::nullopt;
    if (!salt || !count) refuse("the file does not say by which salt and rounds its key is derived");
    const auto whole = [](const Element& element, std::uint64_t most) {
      const crypto::SecretString digits = element.text();
      return number_of(digits, element.name(), most);
    };
    const std::uint64_t iterations = whole(*count, most_iterations);
    const std::uint64_t size = length ? whole(*length, 32) : size_of_mac_keys_key(container);
    if (iterations == 0 || (size != 16 && size != 24 && size != 32)) refuse("the file derives no key of AES");
    const crypto::SecretBytes salted = base64_of(*salt);
    crypto::SecretBytes key(size);
    if (PKCS5_PBKDF2_HMAC(password.data(), static_cast<int>(password.size()), salted.data(),
                          static_cast<int>(salted.size()), static_cast<int>(iterations),
                          hash_of_function(*parameters), static_cast<int>(key.size()), key.data()) != 1)
      throw Error(errc::crypto_failure,
                  "OpenSSL has no PBKDF2; check which providers its configuration loads");
    return key;
  }

  static const EVP_MD* hash_of_function(const Element& parameters) {
    const auto function = parameters.child("PRF");
    const std::string name = function ? function->attribute("Algorithm") : std::string();
    const crypto::Hash hash = name.empty() ? crypto::Hash::sha1 : hash_named(name);
    return hash == crypto::Hash::sha1     ? EVP_sha1()
           : hash == crypto::Hash::sha256 ? EVP_sha256()
                                          : EVP_sha512();
  }

  /// By the names of XML Signature and PKCS #5.
  static crypto::Hash hash_named(std::string_view algorithm) {
    std::string name;
    for (const char c : short_name(algorithm))
      if (c != '-') name += static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
    if (name == "hmacsha1") return crypto::Hash::sha1;
    if (name == "hmacsha256") return crypto::Hash::sha256;
    if (name == "hmacsha512") return crypto::Hash::sha512;
    refuse("the file uses a MAC that is none of HMAC-SHA-1, HMAC-SHA-256 and HMAC-SHA-512");
  }

  void read_mac_method(const Element& method) {
    mac_hash_ = hash_named(method.attribute("Algorithm"));
    const auto key = method.child("MACKey");
    if (!key) refuse("the file has a MAC without a key of its own");
    mac_key_ = decrypt(*key, cipher_value(*key));
  }

  static crypto::SecretBytes cipher_value(const Element& encrypted) {
    const auto data = encrypted.child("CipherData");
    const auto value = data ? data->child("CipherValue") : std::nullopt;
    if (!value) refuse("the token's encrypted value has no CipherValue");
    return base64_of(*value);
  }

  [[nodiscard]] crypto::SecretBytes open(const Element& element, const Element& encrypted) const {
    const crypto::SecretBytes box = cipher_value(encrypted);
    check_mac(element, box);
    return decrypt(encrypted, box);
  }

  void check_mac(const Element& element, const crypto::SecretBytes& box) const {
    const auto mac = element.child("ValueMAC");
    if (accept_unauthenticated_ && !mac) return;
    if (!mac || mac_key_.empty())
      refuse("the token's encrypted value has no MAC, so that anybody may have changed it; if you can trust "
             "the way of the file, set PskcOptions::accept_unauthenticated");
    crypto::Hmac hmac(mac_hash_, mac_key_);
    const crypto::Digest digest = hmac(box);
    const crypto::SecretBytes given = base64_of(*mac);
    if (!crypto::equal(crypto::text_of(given), crypto::text_of(digest.span())))
      refuse(
          "the MAC of the token's value is wrong: the key or password is another, or the file was changed");
  }

  [[nodiscard]] crypto::SecretBytes decrypt(const Element& encrypted, const crypto::SecretBytes& box) const {
    const std::size_t key_size = key_size_of(encrypted);
    if (key_size == 0) refuse("the token's value is encrypted by another algorithm than AES-CBC");
    if (key_.empty()) refuse("the token's value is encrypted, but the file names no key");
    if (key_.size() != key_size)
      refuse("the token's value is encrypted under a key of " + std::to_string(key_size) +
             " bytes, and that given has " + std::to_string(key_.size()));
    constexpr std::size_t block = 16;
    if (box.size() < 2 * block || box.size() % block != 0) refuse("the token's encrypted value is cut off");
    crypto::SecretBytes plain(box.size() - block);
    const std::unique_ptr<EVP_CIPHER_CTX, FreeCipher> context(EVP_CIPHER_CTX_new());
    const EVP_CIPHER* const cipher = key_size == 16   ? EVP_aes_128_cbc()
                                     : key_size == 24 ? EVP_aes_192_cbc()
                                                      : EVP_aes_256_cbc();
    int size = 0;
    if (!context || EVP_DecryptInit_ex(context.get(), cipher, nullptr, key_.data(), box.data()) != 1 ||
        EVP_CIPHER_CTX_set_padding(context.get(), 0) != 1 ||
        EVP_DecryptUpdate(context.get(), plain.data(), &size, box.data() + block,
                          static_cast<int>(plain.size())) != 1 ||
        static_cast<std::size_t>(size) != plain.size())
      throw Error(errc::crypto_failure,
                  "OpenSSL has no AES-CBC; check which providers its configuration loads");
    // XML Encryption fills the last block up with any bytes, of which the last says how many.
    const std::size_t padding = plain.back();
    if (padding < 1 || padding > block)
      refuse("the encrypted value does not open: the key or password is another, or the file was changed");
    plain.resize(plain.size() - padding);
    return plain;
  }

  bool must_be_encrypted_;
  bool accept_unauthenticated_;
  crypto::SecretBytes key_;
  crypto::Hash mac_hash_ = crypto::Hash::sha1;
  crypto::SecretBytes mac_key_;
};

} // namespace mfa::pskc
