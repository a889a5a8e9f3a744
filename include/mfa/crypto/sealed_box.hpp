#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/owned.hpp>
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

/// OpenSSL's object for AES-256-GCM, of a thread. It keeps the schedule of the last key, and that key, until
/// it is given another or the thread ends: also of a key ring that was replaced meanwhile.
class GcmContext {
 public:
  /// This thread's. Throws `errc::crypto_failure` if OpenSSL has none.
  [[nodiscard]] static GcmContext& of_thread() {
    thread_local GcmContext context;
    if (!context.context_)
      throw Error(errc::crypto_failure,
                  "OpenSSL has no AES-256-GCM; check which providers its configuration loads");
    return context;
  }

  /// False if OpenSSL cannot.
  [[nodiscard]] bool start_encryption(std::span<const unsigned char> key, const unsigned char* nonce) {
    return start(EVP_EncryptInit_ex2, key, nonce);
  }
  [[nodiscard]] bool start_decryption(std::span<const unsigned char> key, const unsigned char* nonce) {
    return start(EVP_DecryptInit_ex2, key, nonce);
  }

  [[nodiscard]] EVP_CIPHER_CTX* get() const noexcept { return context_.get(); }

 private:
  GcmContext() : cipher_(EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)), context_(EVP_CIPHER_CTX_new()) {
    if (!cipher_ || !context_ ||
        EVP_EncryptInit_ex2(context_.get(), cipher_.get(), nullptr, nullptr, nullptr) != 1)
      context_.reset();
  }

  template <class Start>
  bool start(Start openssl_start, std::span<const unsigned char> key, const unsigned char* nonce) {
    if (has_key_ && equal(text_of(key_), text_of(key)))
      return openssl_start(context_.get(), nullptr, nullptr, nonce, nullptr) == 1;
    has_key_ = openssl_start(context_.get(), nullptr, key.data(), nonce, nullptr) == 1;
    if (has_key_) std::copy_n(key.data(), key_.size(), key_.data());
    return has_key_;
  }

  Owned<EVP_CIPHER, EVP_CIPHER_free> cipher_;
  Owned<EVP_CIPHER_CTX, EVP_CIPHER_CTX_free> context_;
  bool has_key_ = false;
  SecretArray<unsigned char, sealing_key_size> key_;
};

} // namespace detail

/// Appends the sealed bytes to `out`. `key` has 32 bytes. Throws `errc::crypto_failure`.
inline void seal(std::string& out, std::span<const unsigned char> key, std::span<const unsigned char> plain,
                 std::string_view associated_data) {
  if (plain.size() > longest_plain_text || associated_data.size() > longest_plain_text)
    throw Error(errc::crypto_failure, "more than 1 GiB cannot be sealed at once; keep less in a record");
  auto& gcm = detail::GcmContext::of_thread();
  EVP_CIPHER_CTX* const context = gcm.get();
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
      gcm.start_encryption(key, nonce) &&
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
  auto& gcm = detail::GcmContext::of_thread();
  EVP_CIPHER_CTX* const context = gcm.get();
  if (sealed.size() < nonce_size + tag_size || sealed.size() - nonce_size - tag_size > longest_plain_text ||
      associated_data.size() > longest_plain_text)
    return std::nullopt;
  const auto cipher = sealed.subspan(nonce_size, sealed.size() - nonce_size - tag_size);
  auto tag = sealed.last(tag_size);
  SecretBytes plain(cipher.size());
  unsigned char none = 0;
  int length = 0;
  const bool opened = gcm.start_decryption(key, sealed.data()) &&
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
