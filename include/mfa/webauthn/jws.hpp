#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <openssl/bn.h>
#include <openssl/crypto.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/encoding/text_encoding.hpp>
#include <mfa/relying_party.hpp>
#include <mfa/webauthn/cose_key.hpp>
#include <mfa/webauthn/openssl_errors.hpp>

namespace mfa::webauthn {

/// A JWS in the compact form (RFC 7515), signed by the key of a certificate that comes along. What is in it
/// is not to be read before its signature and its certificates were verified.
struct Jws {
  std::string algorithm;                 ///< "RS256"
  std::vector<std::string> certificates; ///< DER, the signer's first ("x5c")
  std::string_view signed_text;          ///< a part of what was parsed
  std::string payload;                   ///< bytes
  std::string signature;                 ///< bytes
};

/// Nothing unless the text has that form: a header of up to 256 KiB with "alg" and an "x5c" of 1 to 8
/// certificates, and no "crit".
[[nodiscard]] inline std::optional<Jws> parse_jws(std::string_view text) {
  constexpr std::size_t longest_header = 262'144; // bytes
  constexpr std::size_t most_certificates = 8;
  const auto first = text.find('.');
  const auto second = first == std::string_view::npos ? first : text.find('.', first + 1);
  if (second == std::string_view::npos || first > longest_header) return std::nullopt;
  const auto header_text = mfa::detail::base64url_decode(text.substr(0, first));
  auto payload = mfa::detail::base64url_decode(text.substr(first + 1, second - first - 1));
  auto signature = mfa::detail::base64url_decode(text.substr(second + 1));
  if (!header_text || !payload || !signature) return std::nullopt;

  const auto header = nlohmann::json::parse(*header_text, nullptr, false);
  if (!header.is_object() || header.contains("crit")) return std::nullopt;
  const auto algorithm = header.find("alg");
  const auto chain = header.find("x5c");
  if (algorithm == header.end() || !algorithm->is_string() || chain == header.end() || !chain->is_array() ||
      chain->empty() || chain->size() > most_certificates)
    return std::nullopt;
  Jws jws{
      algorithm->get<std::string>(), {}, text.substr(0, second), *std::move(payload), *std::move(signature)};
  for (const auto& one : *chain) {
    auto der = one.is_string() ? mfa::detail::read_base64<std::string>(one.get_ref<const std::string&>())
                               : std::nullopt;
    if (!der) return std::nullopt;
    jws.certificates.push_back(*std::move(der));
  }
  return jws;
}

namespace detail {

/// A signature of ECDSA as OpenSSL takes it, of r and s one after the other (RFC 7518 section 3.4). Empty if
/// these are not of that size each.
inline std::string ecdsa_signature_of(std::string_view r_and_s, std::size_t size) {
  struct Free {
    void operator()(ECDSA_SIG* signature) const noexcept { ECDSA_SIG_free(signature); }
    void operator()(BIGNUM* number) const noexcept { BN_free(number); }
  };
  if (r_and_s.size() != 2 * size) return {};
  const auto number = [&](std::size_t at) {
    return std::unique_ptr<BIGNUM, Free>(
        BN_bin2bn(crypto::bytes_of(r_and_s.substr(at, size)).data(), static_cast<int>(size), nullptr));
  };
  const std::unique_ptr<ECDSA_SIG, Free> signature(ECDSA_SIG_new());
  auto r = number(0);
  auto s = number(size);
  if (!signature || !r || !s || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  (void)r.release(); // the signature's now
  (void)s.release();
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  if (length <= 0) return {};
  std::string bytes(reinterpret_cast<const char*>(der), static_cast<std::size_t>(length));
  OPENSSL_free(der);
  return bytes;
}

} // namespace detail

/// Whether the key signed it, by RS256, ES256, ES384 or ES512.
[[nodiscard]] inline bool is_signed_by(const Jws& jws, EVP_PKEY* key) {
  const detail::OpensslErrors unchanged;
  const auto number = [](Algorithm algorithm) { return std::int64_t{static_cast<std::int32_t>(algorithm)}; };
  const auto message = crypto::bytes_of(jws.signed_text);
  if (jws.algorithm == "RS256")
    return verify_signature(key, number(Algorithm::rs256), message, crypto::bytes_of(jws.signature));
  for (const auto& [name, algorithm] :
       {std::pair("ES256", Algorithm::es256), {"ES384", Algorithm::es384}, {"ES512", Algorithm::es512}}) {
    if (jws.algorithm != name) continue;
    const auto traits = detail::traits_of(number(algorithm));
    const std::string signature = detail::ecdsa_signature_of(jws.signature, traits->coordinate_size);
    return !signature.empty() &&
           verify_signature(key, number(algorithm), message, crypto::bytes_of(signature));
  }
  return false;
}

} // namespace mfa::webauthn
