// Uses each of the core's libraries once: OpenSSL for a code of RFC 6238 Appendix B, libqrencode and libpng
// for its QR code.
#include <chrono>
#include <string>

#include <mfa/crypto/bytes.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/qr/png.hpp>

int main() {
  const auto secret = mfa::crypto::bytes_of("12345678901234567890");
  const std::chrono::system_clock::time_point time{std::chrono::seconds(59)};
  const std::string code = mfa::otp::totp(secret, time, {.digits = 8});

  const std::string uri = mfa::otp::uri({.issuer = "Foo Corp", .user = "alan.turing", .secret = secret});
  const std::string image = mfa::qr::png_data_uri(mfa::qr::encode(uri));
  return code == "94287082" && image.starts_with("data:image/png;base64,") ? 0 : 1;
}
