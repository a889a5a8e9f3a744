// The other translation unit of one_definition.cpp.
#include <chrono>
#include <string>
#include <system_error>

#include "every_header.hpp"

namespace other_file {

const std::error_category& category() { return mfa::error_category(); }

std::string totp(std::chrono::system_clock::time_point time) {
  return mfa::otp::totp(mfa::crypto::bytes_of("12345678901234567890"), time, {.digits = 8});
}

void throw_invalid_argument() {
  throw mfa::Error(mfa::errc::invalid_argument, "thrown in another translation unit");
}

} // namespace other_file
