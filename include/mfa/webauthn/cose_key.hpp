#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <mfa/relying_party.hpp>
#include <mfa/webauthn/cbor.hpp>

namespace mfa::webauthn {

namespace detail {

struct FreePkey {
  void operator()(EVP_PKEY* key) const noexcept { EVP_PKEY_free(key); }
};
using Pkey = std::unique_ptr<EVP_PKEY, FreePkey>;

/// What an algorithm (WebAuthn section 5.8.5, IANA's COSE algorithms) asks of a key and a signature.
struct AlgorithmTraits {
  const char* openssl_key_type = nullptr;
  const char* curve = nullptr; ///< null unless elliptic
  std::int64_t cose_key_type = 0;
  std::int64_t cose_curve = 0;
  std::size_t coordinate_size = 0; ///< bytes
  const char* hash = nullptr;      ///< null: the algorithm brings its own
};

/// The name that the algorithm had before RFC 9864, if it has two; of any number.
constexpr std::int64_t older_name(std::int64_t algorithm) noexcept {
  constexpr auto number = [](Algorithm named) { return std::int64_t{static_cast<std::int32_t>(named)}; };
  switch (algorithm) {
  case number(Algorithm::esp256): return number(Algorithm::es256);
  case number(Algorithm::ed25519): return number(Algorithm::eddsa);
  case number(Algorithm::esp384): return number(Algorithm::es384);
  case number(Algorithm::esp512): return number(Algorithm::es512);
  default: return algorithm;
  }
}

/// Nothing for a number that is no algorithm that this library verifies.
inline std::optional<AlgorithmTraits> traits_of(std::int64_t algorithm) {
  if (algorithm < INT32_MIN || algorithm > INT32_MAX) return std::nullopt;
  switch (static_cast<Algorithm>(older_name(algorithm))) {
  case Algorithm::es256: return AlgorithmTraits{"EC", "P-256", 2, 1, 32, "SHA256"};
  case Algorithm::es384: return AlgorithmTraits{"EC", "P-384", 2, 2, 48, "SHA384"};
  case Algorithm::es512: return AlgorithmTraits{"EC", "P-521", 2, 3, 66, "SHA512"};
  case Algorithm::eddsa: return AlgorithmTraits{"ED25519", nullptr, 1, 6, 32, nullptr};
  case Algorithm::rs256: return AlgorithmTraits{"RSA", nullptr, 3, 0, 0, "SHA256"};
  default: return std::nullopt;
  }
}

/// Whether the y of 32 bytes is below 2^255 - 19.
inline bool is_canonical_ed25519(std::span<const unsigned char> key) {
  return key[0] < 0xED || (key[31] & 0x7F) != 0x7F ||
         std::ranges::any_of(key.subspan(1, 30), [](unsigned char byte) { return byte != 0xFF; });
}

/// Whether eight times the point is the neutral one: the eight points of the curve that generate no large
/// group, by their five y, whichever sign their x has.
inline bool has_small_order_ed25519(std::span<const unsigned char> key) {
  static constexpr std::array<std::array<unsigned char, 32>, 5> small_order{{
      {},  // order 4
      {1}, // the neutral point
      {0xEC, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
       0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F}, // 2
      {0x26, 0xE8, 0x95, 0x8F, 0xC2, 0xB2, 0x27, 0xB0, 0x45, 0xC3, 0xF4, 0x89, 0xF2, 0xEF, 0x98, 0xF0,
       0xD5, 0xDF, 0xAC, 0x05, 0xD3, 0xC6, 0x33, 0x39, 0xB1, 0x38, 0x02, 0x88, 0x6D, 0x53, 0xFC, 0x05}, // 8
      {0xC7, 0x17, 0x6A, 0x70, 0x3D, 0x4D, 0xD8, 0x4F, 0xBA, 0x3C, 0x0B, 0x76, 0x0D, 0x10, 0x67, 0x0F,
       0x2A, 0x20, 0x53, 0xFA, 0x2C, 0x39, 0xCC, 0xC6, 0x4E, 0xC7, 0xFD, 0x77, 0x92, 0xAC, 0x03, 0x7A}, // 8
  }};
  return std::ranges::any_of(small_order, [&](const std::array<unsigned char, 32>& point) {
    return std::equal(point.begin(), point.end() - 1, key.begin()) && point[31] == (key[31] & 0x7F);
  });
}

inline Pkey pkey_of(const char* type, OSSL_PARAM* parameters) {
  struct Free {
    void operator()(EVP_PKEY_CTX* context) const noexcept { EVP_PKEY_CTX_free(context); }
  };
  const std::unique_ptr<EVP_PKEY_CTX, Free> context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parameters) != 1)
    key = nullptr;
  return Pkey(key);
}

} // namespace detail

namespace detail {

inline bool verify_with(EVP_PKEY* key, const AlgorithmTraits& traits, std::span<const unsigned char> message,
                        std::span<const unsigned char> signature) {
  struct Free {
    void operator()(EVP_MD_CTX* context) const noexcept { EVP_MD_CTX_free(context); }
  };
  if (EVP_PKEY_is_a(key, traits.openssl_key_type) != 1) return false;
  const std::unique_ptr<EVP_MD_CTX, Free> context(EVP_MD_CTX_new());
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), nullptr, traits.hash, nullptr, nullptr, key, nullptr) == 1 &&
         EVP_DigestVerify(context.get(), signature.data(), signature.size(), message.data(),
                          message.size()) == 1;
}

} // namespace detail

/// Whether `signature` is one of the message under the key, by this algorithm. False too for a key of another
/// type than the algorithm's.
[[nodiscard]] inline bool verify_signature(EVP_PKEY* key, std::int64_t algorithm,
                                           std::span<const unsigned char> message,
                                           std::span<const unsigned char> signature) {
  const auto traits = detail::traits_of(algorithm);
  return traits && detail::verify_with(key, *traits, message, signature);
}

/// A point of P-256 as U2F writes it, 0x04, x and y, as the COSE key of ES256. It may not be on the curve.
[[nodiscard]] inline std::string cose_key_of_u2f(std::string_view point) {
  // {1: 2, 3: -7, -1: 1, -2: x, -3: y}
  std::string key("\xA5\x01\x02\x03\x26\x20\x01\x21\x58\x20");
  key.append(point.substr(1, 32)).append("\x22\x58\x20").append(point.substr(33, 32));
  return key;
}

/// A credential's public key (RFC 9052 section 7 in the form of WebAuthn section 6.5.1.1), ready to verify.
class CoseKey {
 public:
  /// Nothing unless the bytes are one key of an algorithm that this library verifies, its point on its curve,
  /// and not of small order, or its RSA modulus of 2,048 to 4,096 bits.
  [[nodiscard]] static std::optional<CoseKey> parse(std::span<const unsigned char> bytes) {
    const auto members = Members::parse(bytes);
    const auto traits = members && members->alg ? detail::traits_of(*members->alg) : std::nullopt;
    if (!traits || members->kty != traits->cose_key_type) return std::nullopt;

    CoseKey key;
    key.algorithm_ = *members->alg;
    const auto& [kty, alg, curve, first, second, third] = *members;
    if (traits->coordinate_size == 0) {
      if (!first || !second || curve || third) return std::nullopt;
      key.pkey_ = from_rsa(*first, *second);
    } else {
      const bool point = traits->curve != nullptr;
      if (curve != traits->cose_curve || first || !second || third.has_value() != point) return std::nullopt;
      if (second->size() != traits->coordinate_size || (point && third->size() != second->size()))
        return std::nullopt;
      key.pkey_ = point ? from_point(*traits, *second, *third) : from_ed25519(*second);
    }
    if (!key.pkey_) return std::nullopt;
    return key;
  }

  /// The COSE number, one of `Algorithm`.
  [[nodiscard]] std::int64_t algorithm() const noexcept { return algorithm_; }

  /// Of an elliptic curve point as U2F writes it: 0x04, x, y. Nothing for other keys than ES256's.
  [[nodiscard]] std::optional<std::array<unsigned char, 65>> u2f_point() const {
    std::array<unsigned char, 65> point{};
    std::size_t size = 0;
    if (algorithm_ != std::int64_t{static_cast<std::int32_t>(Algorithm::es256)} ||
        EVP_PKEY_get_octet_string_param(pkey_.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size(),
                                        &size) != 1 ||
        size != point.size() || point[0] != 4)
      return std::nullopt;
    return point;
  }

  /// Whether it is the same key, whatever form it came in.
  [[nodiscard]] bool is(const EVP_PKEY* key) const { return EVP_PKEY_eq(pkey_.get(), key) == 1; }

  /// Whether it is the RSA key of these numbers; big-endian.
  [[nodiscard]] bool is_rsa(std::span<const unsigned char> modulus, std::uint32_t exponent) const {
    const std::array<unsigned char, 4> bytes{
        static_cast<unsigned char>(exponent >> 24), static_cast<unsigned char>(exponent >> 16),
        static_cast<unsigned char>(exponent >> 8), static_cast<unsigned char>(exponent)};
    return EVP_PKEY_is_a(pkey_.get(), "RSA") == 1 && has_number(OSSL_PKEY_PARAM_RSA_N, modulus) &&
           has_number(OSSL_PKEY_PARAM_RSA_E, bytes);
  }

  /// Whether it is this point of the curve of this COSE number; big-endian.
  [[nodiscard]] bool is_point(std::int64_t curve, std::span<const unsigned char> x,
                              std::span<const unsigned char> y) const {
    const auto traits = detail::traits_of(algorithm_);
    return traits && traits->curve != nullptr && traits->cose_curve == curve &&
           has_number(OSSL_PKEY_PARAM_EC_PUB_X, x) && has_number(OSSL_PKEY_PARAM_EC_PUB_Y, y);
  }

  [[nodiscard]] bool verifies(std::span<const unsigned char> message,
                              std::span<const unsigned char> signature) const {
    return verify_signature(pkey_.get(), algorithm_, message, signature);
  }

 private:
  CoseKey() = default;

  /// Whether the key's number of this name is that of the big-endian bytes.
  [[nodiscard]] bool has_number(const char* name, std::span<const unsigned char> bytes) const {
    struct Free {
      void operator()(BIGNUM* number) const noexcept { BN_free(number); }
    };
    constexpr std::size_t most = 1'024;
    BIGNUM* found = nullptr;
    if (bytes.size() > most || EVP_PKEY_get_bn_param(pkey_.get(), name, &found) != 1) return false;
    const std::unique_ptr<BIGNUM, Free> own(found);
    const std::unique_ptr<BIGNUM, Free> other(
        BN_bin2bn(bytes.data(), static_cast<int>(bytes.size()), nullptr));
    return other && BN_cmp(own.get(), other.get()) == 0;
  }

  /// What a key may have, whatever its type.
  struct Members {
    std::optional<std::int64_t> kty;   ///< 1
    std::optional<std::int64_t> alg;   ///< 3
    std::optional<std::int64_t> curve; ///< -1, of elliptic curves
    std::optional<std::span<const unsigned char>> first, second,
        third; ///< -1, -2, -3: RSA's n, e; or none, x, y

    /// Nothing unless the bytes are one map of these, in any order and each at most once.
    static std::optional<Members> parse(std::span<const unsigned char> bytes) {
      CborReader reader(bytes);
      Members members;
      const auto take = [](auto& member, const auto& value) {
        const bool taken = !member && value;
        if (taken) member = value;
        return taken;
      };
      const auto count = reader.map();
      if (!count) return std::nullopt;
      for (std::uint64_t i = 0; i < *count; ++i) {
        const auto label = reader.integer();
        const bool taken = label == 1    ? take(members.kty, reader.integer())
                           : label == 3  ? take(members.alg, reader.integer())
                           : label == -1 ? members.takes_first(reader)
                           : label == -2 ? take(members.second, reader.bytes())
                           : label == -3 ? take(members.third, reader.bytes())
                                         : false;
        if (!taken) return std::nullopt;
      }
      if (!reader.at_end()) return std::nullopt;
      return members;
    }

   private:
    /// A number or bytes, by the type of the key, which may be said later.
    bool takes_first(CborReader& reader) {
      if (curve || first) return false;
      CborReader ahead = reader;
      curve = ahead.integer();
      if (curve)
        reader = ahead;
      else
        first = reader.bytes();
      return curve || first;
    }
  };

  /// Null if the point is not on the curve.
  static detail::Pkey from_point(const detail::AlgorithmTraits& traits, std::span<const unsigned char> x,
                                 std::span<const unsigned char> y) {
    std::vector<unsigned char> point{4};
    point.insert(point.end(), x.begin(), x.end());
    point.insert(point.end(), y.begin(), y.end());
    std::array<char, 8> curve{};
    std::string_view(traits.curve).copy(curve.data(), curve.size() - 1);
    std::array<OSSL_PARAM, 3> parameters{
        OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, curve.data(), 0),
        OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point.data(), point.size()),
        OSSL_PARAM_construct_end()};
    return detail::pkey_of(traits.openssl_key_type, parameters.data());
  }

  /// Null for a point of small order, under which one signature may fit every message, and for an encoding
  /// that is not the shortest (RFC 8032 section 5.1.3).
  static detail::Pkey from_ed25519(std::span<const unsigned char> x) {
    if (!detail::is_canonical_ed25519(x) || detail::has_small_order_ed25519(x)) return nullptr;
    return detail::Pkey(EVP_PKEY_new_raw_public_key_ex(nullptr, "ED25519", nullptr, x.data(), x.size()));
  }

  static detail::Pkey from_rsa(std::span<const unsigned char> modulus,
                               std::span<const unsigned char> exponent) {
    constexpr std::size_t least = 256;
    constexpr std::size_t most = 512;
    constexpr std::size_t longest_exponent = 4; // so that a signature cannot cost a server long
    const auto plain = [](std::span<const unsigned char> number) { // shortest, and odd
      return !number.empty() && number.front() != 0 && (number.back() & 1) == 1;
    };
    if (modulus.size() < least || modulus.size() > most || exponent.size() > longest_exponent ||
        !plain(modulus) || !plain(exponent) || (exponent.size() == 1 && exponent[0] == 1))
      return nullptr;
    // OpenSSL takes integers in the machine's own byte order.
    std::vector<unsigned char> n(modulus.begin(), modulus.end());
    std::vector<unsigned char> e(exponent.begin(), exponent.end());
    if constexpr (std::endian::native == std::endian::little) {
      std::ranges::reverse(n);
      std::ranges::reverse(e);
    }
    std::array<OSSL_PARAM, 3> parameters{OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_N, n.data(), n.size()),
                                         OSSL_PARAM_construct_BN(OSSL_PKEY_PARAM_RSA_E, e.data(), e.size()),
                                         OSSL_PARAM_construct_end()};
    return detail::pkey_of("RSA", parameters.data());
  }

  std::int64_t algorithm_ = 0;
  detail::Pkey pkey_;
};

} // namespace mfa::webauthn
