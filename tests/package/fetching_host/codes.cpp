// Uses a header of the core and its library, and one of a component.
#include <chrono>

#include <sqlite3.h>

#include <mfa/crypto/bytes.hpp>
#include <mfa/otp/totp.hpp>

int main() {
  const std::chrono::system_clock::time_point time{std::chrono::seconds(59)}; // of RFC 6238 Appendix B
  const auto code = mfa::otp::totp(mfa::crypto::bytes_of("12345678901234567890"), time, {.digits = 8});
  return code == "94287082" && sqlite3_libversion_number() >= 3037000 ? 0 : 1;
}
