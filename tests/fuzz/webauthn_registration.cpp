#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/webauthn/relying_party.hpp>

// Covers: webauthn/relying_party.hpp webauthn/response.hpp webauthn/json.hpp

// A registration whose challenge is always right, so that the rest is looked at.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const auto party =
      mfa::webauthn::relying_party({.id = "example.org", .name = "Fuzz", .origins = {"https://example.org"}});
  static const mfa::webauthn::Expectation expected{.is_challenge = [](std::string_view) { return true; },
                                                   .user_handle = "handle"};
  (void)party->verify_registration(mfa::crypto::text_of({data, size}), expected);
  return 0;
}
