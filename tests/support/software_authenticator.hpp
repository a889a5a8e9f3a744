#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/relying_party.hpp>

#include "catch.hpp"
#include "cbor_writer.hpp"
#include "webauthn.hpp"

namespace mfa::test {

/// A key pair of an algorithm, by OpenSSL.
class SigningKey {
 public:
  explicit SigningKey(webauthn::Algorithm algorithm) : algorithm_(algorithm) {
    using webauthn::Algorithm;
    const char* const curve = algorithm == Algorithm::es384   ? "P-384"
                              : algorithm == Algorithm::es512 ? "P-521"
                                                              : "P-256";
    if (algorithm == Algorithm::eddsa)
      key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_PKEY_free);
    else if (algorithm == Algorithm::rs256)
      key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}), EVP_PKEY_free);
    else
      key_.reset(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve), EVP_PKEY_free);
    REQUIRE(key_);
  }

  /// A private key of ES256 in DER, as `i2d_PrivateKey` writes it.
  explicit SigningKey(std::string_view private_key) : algorithm_(webauthn::Algorithm::es256) {
    const unsigned char* bytes = crypto::bytes_of(private_key).data();
    key_.reset(d2i_AutoPrivateKey(nullptr, &bytes, static_cast<long>(private_key.size())), EVP_PKEY_free);
    REQUIRE(key_);
  }

  [[nodiscard]] EVP_PKEY* get() const { return key_.get(); }
  [[nodiscard]] std::int64_t algorithm() const { return static_cast<std::int32_t>(algorithm_); }

  [[nodiscard]] std::string sign(std::string_view message) const {
    using webauthn::Algorithm;
    return sign(message, algorithm_ == Algorithm::eddsa   ? nullptr
                         : algorithm_ == Algorithm::es384 ? "SHA384"
                         : algorithm_ == Algorithm::es512 ? "SHA512"
                                                          : "SHA256");
  }

  /// With another hash than the algorithm's.
  [[nodiscard]] std::string sign(std::string_view message, const char* hash) const {
    struct Free {
      void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
    };
    const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
    std::string signature(1024, '\0');
    std::size_t size = signature.size();
    REQUIRE(EVP_DigestSignInit_ex(context.get(), nullptr, hash, nullptr, nullptr, key_.get(), nullptr) == 1);
    REQUIRE(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &size,
                           crypto::bytes_of(message).data(), message.size()) == 1);
    signature.resize(size);
    return signature;
  }

  /// The public key as COSE.
  [[nodiscard]] std::string cose() const {
    using webauthn::Algorithm;
    namespace c = cbor;
    const auto alg = std::pair(c::integer(3), c::integer(algorithm()));
    if (algorithm_ == Algorithm::rs256)
      return c::map({{c::integer(1), c::integer(3)},
                     alg,
                     {c::integer(-1), c::bytes(number(OSSL_PKEY_PARAM_RSA_N))},
                     {c::integer(-2), c::bytes(number(OSSL_PKEY_PARAM_RSA_E))}});
    const std::string point = octets();
    if (algorithm_ == Algorithm::eddsa)
      return c::map({{c::integer(1), c::integer(1)},
                     alg,
                     {c::integer(-1), c::integer(6)},
                     {c::integer(-2), c::bytes(point)}});
    const std::size_t size = (point.size() - 1) / 2;
    const int curve = algorithm_ == Algorithm::es256 ? 1 : algorithm_ == Algorithm::es384 ? 2 : 3;
    return c::map({{c::integer(1), c::integer(2)},
                   alg,
                   {c::integer(-1), c::integer(curve)},
                   {c::integer(-2), c::bytes(point.substr(1, size))},
                   {c::integer(-3), c::bytes(point.substr(1 + size))}});
  }

  /// An elliptic key's point as 0x04, x, y; an Ed25519 key's 32 bytes.
  [[nodiscard]] std::string octets() const {
    std::string value(256, '\0');
    std::size_t size = 0;
    REQUIRE(EVP_PKEY_get_octet_string_param(key_.get(), OSSL_PKEY_PARAM_PUB_KEY,
                                            reinterpret_cast<unsigned char*>(value.data()), value.size(),
                                            &size) == 1);
    value.resize(size);
    return value;
  }

  /// By OpenSSL's name of it, big-endian.
  [[nodiscard]] std::string number(const char* name) const {
    BIGNUM* value = nullptr;
    REQUIRE(EVP_PKEY_get_bn_param(key_.get(), name, &value) == 1);
    std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
    BN_bn2bin(value, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(value);
    return bytes;
  }

 private:
  webauthn::Algorithm algorithm_;
  std::shared_ptr<EVP_PKEY> key_;
};

/// A browser with an authenticator of one credential, which do right unless a test turns a knob.
struct SoftwareAuthenticator {
  explicit SoftwareAuthenticator(webauthn::Algorithm algorithm = webauthn::Algorithm::es256)
      : key(algorithm) {}

  static constexpr unsigned user_present = 0x01;
  static constexpr unsigned user_verified = 0x04;
  static constexpr unsigned backup_eligible = 0x08;
  static constexpr unsigned backed_up = 0x10;

  SigningKey key;
  std::string credential_id = "a credential of 32 bytes, as usual";
  std::string aaguid = std::string(16, '\0');

  // --- what the browser says
  std::string create_type = "webauthn.create";
  std::string get_type = "webauthn.get";
  std::string origin = "https://example.org";
  nlohmann::json more_client_data = nlohmann::json::object(); ///< "crossOrigin", "topOrigin"
  std::optional<std::string> challenge;                       ///< in place of the one asked for; bytes
  std::optional<std::string> user_handle;                     ///< given with sign-ins
  nlohmann::json transports = {"usb"};

  // --- what the authenticator says
  std::string rp_id = "example.org";
  unsigned flags = user_present;
  std::uint32_t sign_count = 0;
  std::string extensions; ///< CBOR; sets their flag
  std::optional<std::string> cose;
  /// The attestation statement's format, and the statement from what is to be signed.
  std::string format = "none";
  std::function<std::string(const std::string& authenticator_data, const std::string& client_data_hash)>
      statement = [](const auto&, const auto&) { return cbor::map({}); };
  std::function<void(std::string& signature)> spoil_signature = [](std::string&) {};

  [[nodiscard]] RegistrationParts create(const std::string& options) const {
    const std::string client_data = this->client_data(create_type, options);
    const std::string data = authenticator_data(true);
    const std::string object = cbor::map({{cbor::text("fmt"), cbor::text(format)},
                                          {cbor::text("attStmt"), statement(data, hash(client_data))},
                                          {cbor::text("authData"), cbor::bytes(data)}});
    return {credential_id, client_data, object, transports};
  }

  [[nodiscard]] AssertionParts get(const std::string& options) const {
    const std::string client_data = this->client_data(get_type, options);
    const std::string data = authenticator_data(false);
    std::string signature = key.sign(data + hash(client_data));
    spoil_signature(signature);
    return {credential_id, client_data, data, signature, user_handle};
  }

  /// The packed statement of the credential's own key (WebAuthn section 8.2).
  void attest_by_itself() {
    format = "packed";
    statement = [this](const std::string& data, const std::string& client_data_hash) {
      return cbor::map({{cbor::text("alg"), cbor::integer(key.algorithm())},
                        {cbor::text("sig"), cbor::bytes(key.sign(data + client_data_hash))}});
    };
  }

  static std::string hash(std::string_view bytes) {
    return std::string(crypto::text_of(crypto::sha256(bytes)));
  }

  [[nodiscard]] std::string authenticator_data(bool with_credential) const {
    std::string data = hash(rp_id);
    data += static_cast<char>(flags | (with_credential ? 0x40U : 0U) | (extensions.empty() ? 0U : 0x80U));
    for (int shift = 24; shift >= 0; shift -= 8) data += static_cast<char>(sign_count >> shift & 255);
    if (with_credential) {
      data += aaguid;
      data += static_cast<char>(credential_id.size() >> 8);
      data += static_cast<char>(credential_id.size() & 255);
      data += credential_id + cose.value_or(key.cose());
    }
    return data + extensions;
  }

 private:
  [[nodiscard]] std::string client_data(const std::string& type, const std::string& options) const {
    const auto asked = nlohmann::json::parse(options).at("challenge").get<std::string>();
    nlohmann::ordered_json json{
        {"type", type}, {"challenge", challenge ? detail::base64url(*challenge) : asked}, {"origin", origin}};
    json.update(nlohmann::ordered_json(more_client_data));
    return json.dump();
  }
};

} // namespace mfa::test
