#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/sms/phone_number.hpp>

// Covers: sms/phone_number.hpp

// What is taken is a plus sign and 7 to 15 digits, stands for itself, and shows four of them when masked.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto text = mfa::crypto::text_of({data, size});
  (void)mfa::sms::mask_phone_number(text);
  try {
    const std::string number = mfa::sms::parse_phone_number(text);
    if (!number.starts_with('+') || number.size() < 8 || number.size() > 16 || number[1] == '0' ||
        number.find_first_not_of("0123456789", 1) != std::string::npos)
      std::abort();
    if (mfa::sms::parse_phone_number(number) != number) std::abort();
    const std::string masked = mfa::sms::mask_phone_number(number);
    if (masked.size() != number.size() ||
        std::count(masked.begin(), masked.end(), '*') + 5 != static_cast<std::ptrdiff_t>(number.size()))
      std::abort();
  } catch (const mfa::Error& error) {
    if (error.code() != mfa::errc::invalid_phone_number) std::abort();
  }
  return 0;
}
