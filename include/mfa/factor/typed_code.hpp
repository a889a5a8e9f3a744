#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include <openssl/crypto.h>

namespace mfa::factor {

/// A code as a person typed it: ASCII digits, with the spaces and dashes that people put between them. Wiped
/// at the end.
class TypedCode {
 public:
  /// Not `well_formed` unless `text` has exactly `digits` (1 to 18) digits and nothing else of note.
  TypedCode(std::string_view text, unsigned digits) noexcept {
    constexpr std::size_t longest_text = 64;
    if (text.size() > longest_text) return;
    for (const char c : text) {
      if (c == ' ' || c == '-') continue;
      if (c < '0' || c > '9' || size_ == digits) return;
      digits_[size_++] = c;
    }
    well_formed_ = size_ == digits;
  }
  TypedCode(const TypedCode&) = delete;
  TypedCode& operator=(const TypedCode&) = delete;
  ~TypedCode() { OPENSSL_cleanse(digits_.data(), digits_.size()); }

  [[nodiscard]] bool well_formed() const noexcept { return well_formed_; }

  [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }

  /// The number that the code says, or up to 9 digits of it.
  [[nodiscard]] std::uint32_t value(std::size_t first = 0, std::size_t count = 9) const noexcept {
    std::uint32_t value = 0;
    for (const char digit : text().substr(first, count))
      value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    return value;
  }

 private:
  std::array<char, 18> digits_{};
  std::size_t size_ = 0;
  bool well_formed_ = false;
};

} // namespace mfa::factor
