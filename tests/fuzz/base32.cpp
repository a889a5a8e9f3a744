#include <cstddef>
#include <cstdint>
#include <cstdlib>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/base32.hpp>

// Covers: otp/base32.hpp

// What decodes has the same bytes when it is encoded as we write it.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto secret = mfa::otp::base32_decode(mfa::crypto::text_of({data, size}));
    if (secret.size() * 8 > size * 5) std::abort();
    const auto text = mfa::otp::base32_encode(secret);
    if (mfa::otp::base32_decode(text) != secret) std::abort();
  } catch (const mfa::Error& error) {
    if (error.code() != mfa::errc::invalid_secret) std::abort();
  }
  return 0;
}
