#pragma once

#include <span>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa::crypto {

/// The bytes of a string, for functions that take bytes.
[[nodiscard]] inline std::span<const unsigned char> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const unsigned char*>(text.data()), text.size()};
}

/// The reverse of `bytes_of`.
[[nodiscard]] inline std::string_view text_of(std::span<const unsigned char> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

} // namespace mfa::crypto
