#pragma once

#include <span>
#include <string>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa::detail {

/// Two digits per byte, in lower case.
[[nodiscard]] inline std::string hexadecimal(std::span<const unsigned char> bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const unsigned char byte : bytes) {
    text += digits[byte >> 4];
    text += digits[byte & 15];
  }
  return text;
}

} // namespace mfa::detail
