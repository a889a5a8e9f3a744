#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/storage/record.hpp>
#include <mfa/webauthn/attestation_certificate.hpp>
#include <mfa/webauthn/openssl_errors.hpp>

namespace mfa::webauthn::detail {

/// Certificates that are trusted, and whether others lead to them. What it verifies may come from several
/// threads at once.
class CertificateStore {
 public:
  CertificateStore() : store_(X509_STORE_new(), Free{}) {}

  /// What of a text in PEM was read.
  struct Read {
    int count = 0;
    bool to_the_end = false; ///< and not up to something that cannot be read
  };

  Read add_pem(std::string_view pem) {
    const OpensslErrors unchanged;
    const auto bio = reader_of(pem);
    for (int count = 0;; ++count) {
      const X509Pointer anchor(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
      if (!anchor || !store_ || X509_STORE_add_cert(store_.get(), anchor.get()) != 1)
        return {count, is_at_end()};
    }
  }

  /// Lists of revoked certificates. With any, each certificate's issuer must have a list of today.
  Read add_revocation_lists(std::string_view pem) {
    struct FreeList {
      void operator()(X509_CRL* list) const noexcept { X509_CRL_free(list); }
    };
    const OpensslErrors unchanged;
    const auto bio = reader_of(pem);
    for (int count = 0;; ++count) {
      const std::unique_ptr<X509_CRL, FreeList> list(
          bio ? PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr) : nullptr);
      if (!list || !store_ || X509_STORE_add_crl(store_.get(), list.get()) != 1) return {count, is_at_end()};
      revocation_ = true;
    }
  }

  /// False unless the bytes are one certificate in DER.
  bool add(std::span<const unsigned char> der) {
    const OpensslErrors unchanged;
    const X509Pointer anchor = parse_x509(der);
    return anchor && store_ && X509_STORE_add_cert(store_.get(), anchor.get()) == 1;
  }

  /// The chain from the first of these (in DER) to one that is trusted, at this time; nothing if there is
  /// none. A trusted one may be the first itself, or one between.
  [[nodiscard]] std::optional<std::vector<X509Pointer>> chain_of(const std::vector<std::string>& certificates,
                                                                 Time now) const {
    if (certificates.empty()) return std::nullopt;
    const OpensslErrors restored;
    std::vector<X509Pointer> owned;
    const std::unique_ptr<STACK_OF(X509), Free> others(sk_X509_new_null());
    for (const std::string& der : certificates) {
      owned.push_back(parse_x509(crypto::bytes_of(der)));
      if (!owned.back() || !others || sk_X509_push(others.get(), owned.back().get()) == 0)
        return std::nullopt;
    }
    const std::unique_ptr<X509_STORE_CTX, Free> context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), store_.get(), owned.front().get(), others.get()) != 1)
      return std::nullopt;
    constexpr unsigned long each_revocation = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;
    X509_STORE_CTX_set_flags(context.get(),
                             X509_V_FLAG_PARTIAL_CHAIN | (revocation_ ? each_revocation : 0UL));
    X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(now));
    if (X509_verify_cert(context.get()) != 1) return std::nullopt;
    std::vector<X509Pointer> chain;
    const STACK_OF(X509)* const found = X509_STORE_CTX_get0_chain(context.get());
    for (int i = 0; i < sk_X509_num(found); ++i) {
      X509* const one = sk_X509_value(found, i);
      if (X509_up_ref(one) == 1) chain.emplace_back(one);
    }
    return chain;
  }

 private:
  struct Free {
    void operator()(X509_STORE* store) const noexcept { X509_STORE_free(store); }
    void operator()(X509_STORE_CTX* context) const noexcept { X509_STORE_CTX_free(context); }
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
  };

  static std::unique_ptr<BIO, Free> reader_of(std::string_view text) {
    return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  }

  static bool is_at_end() { return ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE; }

  std::shared_ptr<X509_STORE> store_;
  bool revocation_ = false;
};

} // namespace mfa::webauthn::detail
