// Uses the core's headers and libraries: OpenSSL computes a code, libqrencode and libpng draw one.
#include <chrono>

#include <mfa/crypto/bytes.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/qr/png.hpp>

int main() {
  const std::chrono::system_clock::time_point time{std::chrono::seconds(59)}; // of RFC 6238 Appendix B
  const auto code = mfa::otp::totp(mfa::crypto::bytes_of("12345678901234567890"), time, {.digits = 8});
  const auto png = mfa::qr::png(mfa::qr::encode("otpauth://totp/alan"));
  return code == "94287082" && png.view().substr(1, 3) == "PNG" ? 0 : 1;
}
