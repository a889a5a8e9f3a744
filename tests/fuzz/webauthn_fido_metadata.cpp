#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <mfa/webauthn/fido_metadata.hpp>

// Covers: webauthn/jws.hpp webauthn/fido_metadata.hpp webauthn/certificate_store.hpp

// What comes before the signature is verified, with the key that came along; and the entries after it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::webauthn;
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto jws = parse_jws(text)) {
    const Certificate certificate(mfa::crypto::bytes_of(jws->certificates.front()));
    if (certificate) (void)is_signed_by(*jws, certificate.key());
    (void)detail::CertificateStore().chain_of(jws->certificates, {});
  }
  const auto json = nlohmann::json::parse(text, nullptr, false);
  const auto entry = detail::metadata_entry_of(json);
  if (!entry) return 0;
  FidoMetadata metadata{.next_update = std::chrono::sys_days(std::chrono::days(1))};
  metadata.entries.push_back(*entry);
  const Attestation attestation{.format = "packed",
                                .type = AttestationType::certified,
                                .aaguid = entry->aaguid,
                                .certificates = entry->roots};
  (void)why_not_trusted(attestation, metadata, {.least = AuthenticatorStatus::fido_certified_l1});
  return 0;
}
