#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa::crypto {

/// AES-256-GCM (NIST SP 800-38D) as one call each way: nonce (12 bytes), ciphertext, tag (16 bytes). The
/// nonce is random, and is drawn for this plain text and this associated data: where a cloned machine draws
/// the same randomness again, only the same seal has the same nonce. Random nonces bound one key to 2^32
/// seals.
inline constexpr std::size_t sealing_key_size = 32;
inline constexpr std::size_t nonce_size = 12;
inline constexpr std::size_t tag_size = 16;

/// The most bytes of a plain text: far beyond what is sealed, and below where OpenSSL's lengths end.
inline constexpr std::size_t longest_plain_text = std::size_t{1} << 30;

namespace detail {

/// This thread's AES-GCM object; null if OpenSSL has none. It keeps the schedule of the last key ring key
/// that it was given, until it is given another or the thread ends: also of a ring that was replaced
/// meanwhile.
inline EVP_CIPHER_CTX* gcm_context() {
  struct Free {
    void operator()(EVP_CIPHER* cipher) const noexcept { EVP_CIPHER_free(cipher); }
    void operator()(EVP_CIPHER_CTX* context) const noexcept { EVP_CIPHER_CTX_free(context); }
  };
  thread_local const std::unique_ptr<EVP_CIPHER, Free> cipher(
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr));
  thread_local const std::unique_ptr<EVP_CIPHER_CTX, Free> context = [] {
    std::unique_ptr<EVP_CIPHER_CTX, Free> made(EVP_CIPHER_CTX_new());
    if (!cipher || !made || EVP_EncryptInit_ex2(made.get(), cipher.get(), nullptr, nullptr, nullptr) != 1)
      made.reset();
    return made;
  }();
  return context.get();
}

} // namespace detail

/// Appends the sealed bytes to `out`. `key` has 32 bytes. Throws `errc::crypto_failure`.
inline void seal(std::string& out, std::span<const unsigned char> key, std::span<const unsigned char> plain,
                 std::string_view associated_data) {
  if (plain.size() > longest_plain_text || associated_data.size() > longest_plain_text)
    throw Error(errc::crypto_failure, "more than 1 GiB cannot be sealed at once; keep less in a record");
  EVP_CIPHER_CTX* const context = detail::gcm_context();
  const std::size_t start = out.size();
  out.resize(start + nonce_size + plain.size() + tag_size);
  auto* const nonce = reinterpret_cast<unsigned char*>(out.data()) + start;
  SecretBytes purpose = secret_copy(bytes_of(associated_data));
  purpose.push_back('\0'); // associated data holds no NUL
  purpose.insert(purpose.end(), plain.begin(), plain.end());
  random_bytes_for(text_of(purpose), {nonce, nonce_size});
  auto* const cipher = nonce + nonce_size;
  int length = 0;
  const bool done =
      context != nullptr && EVP_EncryptInit_ex2(context, nullptr, key.data(), nonce, nullptr) == 1 &&
      EVP_EncryptUpdate(context, nullptr, &length, bytes_of(associated_data).data(),
                        static_cast<int>(associated_data.size())) == 1 &&
      EVP_EncryptUpdate(context, cipher, &length, plain.data(), static_cast<int>(plain.size())) == 1 &&
      EVP_EncryptFinal_ex(context, cipher + plain.size(), &length) == 1 &&
      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_GET_TAG, tag_size, cipher + plain.size()) == 1;
  if (!done) {
    out.resize(start);
    throw Error(errc::crypto_failure,
                "OpenSSL cannot encrypt with AES-256-GCM; check which providers its configuration loads");
  }
}

/// The plain bytes, or nothing if the sealed bytes, the key or the associated data are not those of `seal`.
[[nodiscard]] inline std::optional<SecretBytes> open(std::span<const unsigned char> key,
                                                     std::span<const unsigned char> sealed,
                                                     std::string_view associated_data) {
  EVP_CIPHER_CTX* const context = detail::gcm_context();
  if (context == nullptr)
    throw Error(errc::crypto_failure,
                "OpenSSL has no AES-256-GCM; check which providers its configuration loads");
  if (sealed.size() < nonce_size + tag_size || sealed.size() - nonce_size - tag_size > longest_plain_text ||
      associated_data.size() > longest_plain_text)
    return std::nullopt;
  const auto cipher = sealed.subspan(nonce_size, sealed.size() - nonce_size - tag_size);
  auto tag = sealed.last(tag_size);
  SecretBytes plain(cipher.size());
  unsigned char none = 0;
  int length = 0;
  const bool opened = EVP_DecryptInit_ex2(context, nullptr, key.data(), sealed.data(), nullptr) == 1 &&
                      EVP_DecryptUpdate(context, nullptr, &length, bytes_of(associated_data).data(),
                                        static_cast<int>(associated_data.size())) == 1 &&
                      EVP_DecryptUpdate(context, plain.empty() ? &none : plain.data(), &length, cipher.data(),
                                        static_cast<int>(cipher.size())) == 1 &&
                      EVP_CIPHER_CTX_ctrl(context, EVP_CTRL_GCM_SET_TAG, tag_size,
                                          const_cast<unsigned char*>(tag.data())) == 1 &&
                      EVP_DecryptFinal_ex(context, &none, &length) == 1;
  if (!opened) return std::nullopt;
  return plain;
}

} // namespace mfa::crypto
