#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/email/address.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

// Covers: email/address.hpp

// What is taken has one at sign and a domain with a dot, nothing that ends a header or a list, fits RFC 5321
// and stands for itself. Masked, it shows a character and the domain; a tag brings no fresh limit.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto require = [](bool holds) {
    if (!holds) std::abort();
  };
  try {
    const std::string address = mfa::email::parse_address(mfa::crypto::text_of({data, size}));
    const auto at = address.find('@');
    require(at != std::string::npos && at > 0 && at == address.rfind('@'));
    const std::string local = address.substr(0, at);
    const std::string domain = address.substr(at);
    require(address.size() <= 254 && local.size() <= 64 && domain.find('.') != std::string::npos);
    for (const char c : address) {
      const auto byte = static_cast<unsigned char>(c);
      require(byte > 0x20 && byte != 0x7F && std::string_view("\"(),:;<>[\\]").find(c) == std::string::npos);
    }
    for (const char c : domain) require(c < 'A' || c > 'Z');
    require(mfa::detail::is_utf8(address));
    require(mfa::email::parse_address(address) == address);

    const std::string masked = mfa::email::mask_address(address);
    const auto mark = masked.find("***");
    require(mark != std::string::npos && masked.substr(0, mark) == address.substr(0, mark) &&
            mfa::detail::is_utf8(masked) && mfa::detail::code_points(masked.substr(0, mark)) == 1 &&
            masked.substr(mark + 3) == domain);

    const std::string key = mfa::email::limit_key(address);
    require(mfa::email::limit_key(key) == key);
    if (!local.starts_with('+')) require(mfa::email::limit_key(local + "+tag" + domain) == key);
  } catch (const mfa::Error& error) {
    require(error.code() == mfa::errc::invalid_email_address);
  }
  return 0;
}
