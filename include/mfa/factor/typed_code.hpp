#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/encoding/typed_characters.hpp>

namespace mfa::factor {

/// A code of digits as a person typed or pasted it. The digits of every script are taken, mixed ones too,
/// since keyboards change in the middle; white space, dashes and invisible marks are dropped wherever they
/// stand. Nothing else may be there. How long this takes says nothing of the right code, which it does not
/// know. Wiped at the end.
class TypedCode {
 public:
  explicit TypedCode(std::string_view text) noexcept {
    if (text.size() > detail::longest_typed_text || !detail::is_utf8(text)) return;
    std::size_t count = 0;
    while (!text.empty()) {
      const char32_t character = detail::take_character(text);
      const auto digit = detail::decimal_digit(character);
      if (!digit && detail::is_filler(character)) continue;
      if (!digit || count == digits_.size()) return;
      digits_[count++] = static_cast<char>('0' + *digit);
    }
    size_ = count;
  }

  /// How many digits it has, 1 to 18; 0 if it is no code.
  [[nodiscard]] std::size_t size() const noexcept { return size_; }

  [[nodiscard]] std::string_view text() const noexcept { return {digits_.data(), size_}; }

  /// The number that the code says, or up to 9 digits of it.
  [[nodiscard]] std::uint32_t value(std::size_t first = 0, std::size_t count = 9) const noexcept {
    std::uint32_t value = 0;
    for (const char digit : text().substr(first, count))
      value = value * 10 + static_cast<std::uint32_t>(digit - '0');
    return value;
  }

 private:
  crypto::SecretArray<char, 18> digits_;
  std::size_t size_ = 0;
};

} // namespace mfa::factor
