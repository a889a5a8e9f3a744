#include <cstddef>
#include <cstdint>

#include <mfa/webauthn/cose_key.hpp>

// Covers: webauthn/cose_key.hpp webauthn/cbor.hpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto key = mfa::webauthn::CoseKey::parse({data, size});
  if (key) (void)key->verifies({data, size}, {data, size});
  return 0;
}
