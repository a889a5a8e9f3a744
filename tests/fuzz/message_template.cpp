#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/sms/message_template.hpp>

// Covers: sms/message_template.hpp delivery/template_text.hpp encoding/text.hpp

// A template that is taken makes a message that holds the code, is UTF-8 and is not too long. What follows a
// NUL is the value of {{v}}, which adds no line and no token.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  constexpr std::string_view code = "0123456789";
  try {
    const std::string_view input = mfa::crypto::text_of({data, size});
    const std::string_view written = input.substr(0, input.find('\0'));
    const std::string value(written.size() < size ? input.substr(written.size() + 1) : std::string_view());
    const mfa::sms::MessageTemplate message(written, {{"v", value}});
    const std::string text(message.render(code));
    if (std::count(text.begin(), text.end(), '\n') != std::count(written.begin(), written.end(), '\n'))
      std::abort();
    if (value == "{{code}}" && written.find("{{v}}") != std::string_view::npos &&
        text.find(value) == std::string::npos)
      std::abort();
    if (text.find(code) == std::string::npos || !mfa::detail::is_utf8(text) ||
        mfa::detail::code_points(text) > mfa::sms::longest_message)
      std::abort();
  } catch (const mfa::Error& error) {
    if (error.code() != mfa::errc::invalid_sms_template) std::abort();
  }
  return 0;
}
