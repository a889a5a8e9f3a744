#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/detail/compiler.hpp>

namespace mfa::detail {

/// Base64 with padding and without line breaks (RFC 4648 section 4), of any bytes.
inline std::string base64(std::string_view bytes) {
  constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t at) -> unsigned {
    return at < bytes.size() ? static_cast<unsigned char>(bytes[at]) : 0;
  };
  std::string text((bytes.size() + 2) / 3 * 4, '=');
  char* out = text.data();
  for (std::size_t at = 0; at < bytes.size(); at += 3, out += 4) {
    const unsigned group = byte(at) << 16 | byte(at + 1) << 8 | byte(at + 2);
    out[0] = alphabet[group >> 18];
    out[1] = alphabet[group >> 12 & 63];
    if (at + 1 < bytes.size()) out[2] = alphabet[group >> 6 & 63];
    if (at + 2 < bytes.size()) out[3] = alphabet[group & 63];
  }
  return text;
}

} // namespace mfa::detail
