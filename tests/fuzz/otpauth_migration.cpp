#include <cstddef>
#include <cstdint>
#include <string>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/migration.hpp>

// Covers: otp/migration.hpp encoding/protobuf.hpp

/// Once as the URI, and once as the message in it, which a fuzzer would hardly reach through the base64.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string text(mfa::crypto::text_of({data, size}));
  for (const std::string& uri : {text, "otpauth-migration://offline?data=" + mfa::detail::base64url(text)}) {
    try {
      (void)mfa::otp::parse_migration_uri(uri);
    } catch (const mfa::Error&) { // refused
    }
  }
  return 0;
}
