#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/error.hpp>
#include <mfa/phonenumber/read_phone_number.hpp>

// Covers: phonenumber/read_phone_number.hpp sms/typed_phone_number.hpp

// The first two bytes are the default region. What is taken is E.164, stands for itself, in the core too, and
// was taken from no number of another country if it had a plus sign.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view input = mfa::crypto::text_of({data, size});
  const std::string_view typed = input.substr(2);
  mfa::PhoneNumberOptions options{.default_region = std::string(input.substr(0, 2))};
  if (options.default_region == "  ") options.default_region.clear();
  for (const bool lenient : {false, true}) {
    options.accept_fixed_lines = options.accept_voip = options.accept_new_ranges = lenient;
    try {
      const std::string number = mfa::read_phone_number(typed, options);
      if (mfa::sms::parse_phone_number(number) != number) std::abort();
      if (mfa::read_phone_number(number, options) != number) std::abort();
      if (typed.starts_with('+') && mfa::read_phone_number(typed, {.accept_fixed_lines = lenient,
                                                                   .accept_voip = lenient,
                                                                   .accept_new_ranges = lenient}) != number)
        std::abort();
    } catch (const mfa::Error& error) {
      if (error.code() != mfa::errc::invalid_phone_number && error.code() != mfa::errc::invalid_argument)
        std::abort();
    }
  }
  return 0;
}
