#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509_vfy.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/webauthn/attestation.hpp>
#include <mfa/webauthn/attestation_certificate.hpp>
#include <mfa/webauthn/openssl_errors.hpp>

namespace mfa::webauthn {

/// Trusts attestations whose certificates lead to one of these (in PEM, as many as you like): those of the
/// authenticator vendors that you accept, as the FIDO Metadata Service lists them. Anything without a
/// certificate is refused. A listed certificate may be an authenticator's own. No revocation is looked up.
/// Throws `errc::invalid_argument` if the text holds no certificate or is cut off.
[[nodiscard]] inline AttestationTrust trust_anchors(std::string_view pem) {
  struct Free {
    void operator()(X509_STORE* store) const noexcept { X509_STORE_free(store); }
    void operator()(X509_STORE_CTX* context) const noexcept { X509_STORE_CTX_free(context); }
    void operator()(BIO* bio) const noexcept { BIO_free(bio); }
    void operator()(STACK_OF(X509) * stack) const noexcept { sk_X509_free(stack); }
  };
  const detail::OpensslErrors unchanged;
  const std::unique_ptr<BIO, Free> bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  const std::shared_ptr<X509_STORE> store(X509_STORE_new(), Free{});
  int count = 0;
  for (;; ++count) {
    const detail::X509Pointer anchor(bio ? PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr) : nullptr);
    if (!anchor || !store || X509_STORE_add_cert(store.get(), anchor.get()) != 1) break;
  }
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  if (count == 0 || !at_end)
    throw Error(errc::invalid_argument,
                "trust_anchors takes certificates in PEM (-----BEGIN CERTIFICATE-----); certificate " +
                    std::to_string(count + 1) + " cannot be read");

  return [store](const Attestation& attestation) {
    if (attestation.certificates.empty()) return false;
    const detail::OpensslErrors restored;
    std::vector<detail::X509Pointer> chain;
    const std::unique_ptr<STACK_OF(X509), Free> others(sk_X509_new_null());
    for (const std::string& der : attestation.certificates) {
      chain.push_back(detail::parse_x509(crypto::bytes_of(der)));
      if (!chain.back() || !others || sk_X509_push(others.get(), chain.back().get()) == 0) return false;
    }
    const std::unique_ptr<X509_STORE_CTX, Free> context(X509_STORE_CTX_new());
    if (!context || X509_STORE_CTX_init(context.get(), store.get(), chain.front().get(), others.get()) != 1)
      return false;
    X509_STORE_CTX_set_flags(context.get(), X509_V_FLAG_PARTIAL_CHAIN);
    X509_STORE_CTX_set_time(context.get(), 0, std::chrono::system_clock::to_time_t(attestation.now));
    return X509_verify_cert(context.get()) == 1;
  };
}

} // namespace mfa::webauthn
