#include <cstddef>
#include <cstdint>

#include <mfa/webauthn/tpm.hpp>

// Covers: webauthn/tpm.hpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::webauthn;
  (void)parse_tpm_certification({data, size});
  if (const auto area = parse_tpm_public_area({data, size})) (void)tpm_hash(area->name_algorithm);
  return 0;
}
