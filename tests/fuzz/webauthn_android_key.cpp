#include <cstddef>
#include <cstdint>

#include <mfa/webauthn/android_key.hpp>

// Covers: webauthn/android_key.hpp webauthn/der.hpp

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::webauthn;
  if (const auto description = parse_android_key_description({data, size})) {
    (void)is_signing_key_of_one_app(*description, true);
    (void)is_signing_key_of_one_app(*description, false);
  }
  return 0;
}
