#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/email/message_template.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

// Covers: email/message_template.hpp delivery/template_text.hpp

// NULs part the input into subject, text, HTML, the link's address and the value of {{v}}. A template that is
// taken makes a mail with code and link where they are asked for, a subject of one line, and HTML without a
// tag or quotation mark but its own; a link leads to the host that it was written with, and no further.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto require = [](bool holds) {
    if (!holds) std::abort();
  };
  const auto count = [](std::string_view text, char c) { return std::count(text.begin(), text.end(), c); };
  constexpr std::string_view code = "0123456789";
  constexpr std::string_view token = "AAAAAAAAAAAAAAAAAAAAAA";
  std::array<std::string, 5> parts;
  std::string_view rest = mfa::crypto::text_of({data, size});
  for (std::string& part : parts) {
    part = rest.substr(0, rest.find('\0'));
    rest.remove_prefix(std::min(part.size() + 1, rest.size()));
  }
  const auto& [subject, text, html, address, value] = parts;

  std::string link = "https://example.com/?a=<b>&c='\"";
  try {
    const std::string written(mfa::email::LinkTemplate(address).render("id", token));
    const auto path = address.find_first_of("/?#", 8);
    require(path != std::string::npos && written.substr(0, path) == address.substr(0, path));
    require(written.find(token) != std::string::npos &&
            written.find_first_of("\"'<> \n") == std::string::npos);
    link = written;
  } catch (const mfa::Error& error) {
    require(error.code() == mfa::errc::invalid_email_template);
  }
  try {
    const mfa::email::MessageTemplate message({.subject = subject, .text = text, .html = html},
                                              {{"v", value}});
    const std::string line(message.subject(code));
    const std::string plain(message.text(code, link));
    const std::string page(message.html(code, link));
    require(message.has_code() || message.has_link());
    require(!mfa::detail::has_control_characters(line));
    require(mfa::detail::is_utf8(line) && mfa::detail::is_utf8(plain) && mfa::detail::is_utf8(page));
    require(!message.has_code() || plain.find(code) != std::string::npos);
    require(!message.has_link() || plain.find(link) != std::string::npos);
    require(page.empty() == html.empty());
    if (!html.empty()) require(!message.has_code() || page.find(code) != std::string::npos);
    for (const char c : {'<', '>', '"', '\''}) require(count(page, c) == count(html, c));
    require(count(plain, '\n') == count(text, '\n'));
  } catch (const mfa::Error& error) {
    require(error.code() == mfa::errc::invalid_email_template);
  }
  return 0;
}
