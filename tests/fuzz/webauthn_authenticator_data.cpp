#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mfa/webauthn/authenticator_data.hpp>
#include <mfa/webauthn/cose_key.hpp>

// Covers: webauthn/authenticator_data.hpp webauthn/cbor.hpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto parsed = mfa::webauthn::parse_authenticator_data({data, size});
  if (!parsed || !parsed->credential) return 0;
  // Whole, so that nothing within goes unseen.
  const std::size_t least = 37 + 18 + parsed->credential->id.size() + parsed->credential->public_key.size();
  if (least > size) std::abort();
  (void)mfa::webauthn::CoseKey::parse(parsed->credential->public_key);
  return 0;
}
