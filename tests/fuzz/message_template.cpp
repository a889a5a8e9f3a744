#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/detail/text.hpp>
#include <mfa/error.hpp>
#include <mfa/sms/message_template.hpp>

// Covers: sms/message_template.hpp detail/text.hpp

// A template that is taken makes a message that holds the code, is UTF-8 and is not too long.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view code = "0123456789";
  try {
    const mfa::sms::MessageTemplate message(mfa::crypto::text_of({data, size}));
    const std::string text = message.render(code);
    if (text.find(code) == std::string::npos || !mfa::detail::is_utf8(text) ||
        mfa::detail::code_points(text) > mfa::sms::longest_message)
      std::abort();
  } catch (const mfa::Error& error) {
    if (error.code() != mfa::errc::invalid_sms_template) std::abort();
  }
  return 0;
}
