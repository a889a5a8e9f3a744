#pragma once

#include <string>
#include <string_view>

#include <mfa/error.hpp>
#include <mfa/webauthn/attestation.hpp>
#include <mfa/webauthn/certificate_store.hpp>

namespace mfa::webauthn {

/// Trusts attestations whose certificates lead to one of these (in PEM, as many as you like): those of the
/// authenticator vendors that you accept. Anything without a certificate is refused. A listed certificate may
/// be an authenticator's own. No revocation is looked up; see `FidoMetadataService` in
/// <mfa/webauthn/fido_metadata.hpp>. Throws `errc::invalid_argument` if the text holds no certificate or is
/// cut off.
[[nodiscard]] inline AttestationTrust trust_anchors(std::string_view pem) {
  detail::CertificateStore store;
  const auto read = store.add_pem(pem);
  if (read.count == 0 || !read.to_the_end)
    throw Error(errc::invalid_argument,
                "trust_anchors takes certificates in PEM (-----BEGIN CERTIFICATE-----); certificate " +
                    std::to_string(read.count + 1) + " cannot be read");
  return [store](const Attestation& attestation) {
    return store.chain_of(attestation.certificates, attestation.now).has_value();
  };
}

} // namespace mfa::webauthn
