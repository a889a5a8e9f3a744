#include <array>
#include <cstddef>
#include <cstdint>

#include <mfa/webauthn/attestation_certificate.hpp>

// Covers: webauthn/attestation_certificate.hpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const mfa::webauthn::Certificate certificate({data, size});
  if (!certificate) return 0;
  const std::array<unsigned char, 16> aaguid{};
  (void)certificate.fits_packed(aaguid);
  (void)certificate.fits_tpm(aaguid);
  (void)certificate.device_serial();
  (void)certificate.has_p256_key();
  return 0;
}
