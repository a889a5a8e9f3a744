#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/webauthn/relying_party.hpp>

// Covers: webauthn/relying_party.hpp webauthn/response.hpp webauthn/json.hpp

// A sign-in with the credential of the seed input, whose challenge is always right.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace mfa::webauthn;
  static const auto party =
      relying_party({.id = "example.org", .name = "Fuzz", .origins = {"https://example.org"}});
  static const Expectation expected{.is_challenge = [](std::string_view) { return true; },
                                    .user_handle = "handle"};
  static const Credential credential{
      .id = mfa::detail::base64url_decode("-R85HbTJsv3g6nAYnLo_tj9Xm6YSKzOtlP8-wzAIS-Q").value(),
      .public_key = mfa::detail::base64url_decode(
                        "pQECAyYgASFYIK_voW-XypstI-uGzLZAmNINuQhWBi6yScM6m2cvJt9hIlggkwpWuHovymYzSwNFir-"
                        "HlxfBLMaO1zKQry4mZHlrkiA")
                        .value()};
  (void)party->verify_assertion(mfa::crypto::text_of({data, size}), expected, credential);
  return 0;
}
