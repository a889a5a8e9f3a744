#include <cstddef>
#include <cstdint>

#include <mfa/crypto/bytes.hpp>
#include <mfa/webauthn/client_data.hpp>

// Covers: webauthn/client_data.hpp webauthn/json.hpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  (void)mfa::webauthn::parse_client_data(mfa::crypto::text_of({data, size}));
  return 0;
}
