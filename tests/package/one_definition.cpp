// Two translation units of one program include every header: it links (each function is inline), and both see
// the same objects.
#include <chrono>
#include <string>
#include <system_error>

#include "every_header.hpp"

#include "support/catch.hpp"

namespace other_file {

const std::error_category& category();
std::string totp(std::chrono::system_clock::time_point time);
void throw_invalid_argument();

} // namespace other_file

TEST_CASE(
    "There is one error category in the program, so that an error compares equal wherever it was made") {
  CHECK(&other_file::category() == &mfa::error_category());
  try {
    other_file::throw_invalid_argument();
    FAIL("nothing was thrown");
  } catch (const mfa::Error& error) {
    CHECK(error.code() == mfa::errc::invalid_argument);
  }
}

TEST_CASE("Both translation units compute the same code") {
  const std::chrono::system_clock::time_point time{std::chrono::seconds(59)};
  CHECK(other_file::totp(time) == "94287082"); // RFC 6238 Appendix B
  CHECK(mfa::otp::totp(mfa::crypto::bytes_of("12345678901234567890"), time, {.digits = 8}) == "94287082");
}
