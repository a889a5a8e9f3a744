#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/sms/autofill.hpp>
#include <mfa/sms/message_template.hpp>
#include <mfa/sms/segments.hpp>

// Covers: sms/segments.hpp sms/autofill.hpp sms/message_template.hpp

namespace {

/// Every character is in one segment, in order, and none holds more than it has room for.
void count(std::string_view text) {
  const mfa::sms::Segments counted = mfa::sms::count_segments(text);
  const bool gsm7 = counted.encoding == mfa::sms::Encoding::gsm7;
  if (gsm7 != (counted.beyond_gsm7 == 0 && counted.beyond_gsm7_at == 0)) std::abort();
  const std::size_t room = counted.segments == 1 ? mfa::sms::units_of_only_segment(counted.encoding)
                                                 : mfa::sms::units_a_segment(counted.encoding);
  std::size_t units = 0;
  std::size_t used = 0;
  std::size_t current = 1;
  mfa::sms::visit_segments(text, counted, [&](std::size_t offset, std::size_t segment) {
    std::string_view rest = text.substr(offset);
    const char32_t c = mfa::detail::take_character(rest);
    if (segment != current) {
      if (segment != current + 1) std::abort();
      current = segment;
      used = 0;
    }
    const std::size_t of_character = gsm7 ? mfa::sms::gsm7_septets(c) : c > 0xFFFF ? 2 : 1;
    used += of_character;
    units += of_character;
    if (of_character == 0 || used > room) std::abort();
  });
  if (units != counted.units || current != counted.segments) std::abort();
}

} // namespace

// A text, a line end of NUL, and hosts and an app's hash for its last lines, separated by NULs.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest = mfa::crypto::text_of({data, size});
  const auto next = [&rest] {
    const std::string_view part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(part.size() < rest.size() ? part.size() + 1 : part.size());
    return part;
  };
  const std::string_view text = next();
  if (mfa::detail::is_utf8(text)) count(text);
  try {
    mfa::sms::Autofill autofill;
    autofill.host = next();
    autofill.embedded_host = next();
    autofill.android_app_hash = next();
    const std::string lines = mfa::sms::with_autofill(text, autofill);
    if (!lines.starts_with(text)) std::abort();
    const mfa::sms::MessageTemplate message(lines);
    constexpr std::string_view code = "012345";
    const std::string sent(message.render(code));
    count(sent);
    std::string end = "@" + autofill.host + " #" + std::string(code);
    if (!autofill.embedded_host.empty()) end += " @" + autofill.embedded_host;
    if (!autofill.host.empty() && !sent.ends_with("\n\n" + end)) std::abort();
    message.check({.most_segments = 2});
    if (mfa::sms::count_segments(sent).segments > 2) std::abort();
  } catch (const mfa::Error& error) {
    if (error.code() != mfa::errc::invalid_sms_template) std::abort();
  }
  return 0;
}
