#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include <mfa/compiler.hpp>

namespace mfa::webauthn {

/// Reads DER (X.690) value after value: definite and shortest lengths, tag numbers below 2^14. Borrows the
/// bytes; what it returns are parts of them. Every function gives nothing for anything else; the reader is
/// then of no more use.
class DerReader {
 public:
  explicit DerReader(std::span<const unsigned char> bytes) : rest_(bytes) {}

  [[nodiscard]] bool at_end() const noexcept { return rest_.empty(); }

  /// Class and form as the high bits of the first byte give them (0xA0: specific to the context,
  /// constructed).
  struct Value {
    unsigned char form = 0;
    unsigned number = 0; ///< of the tag
    std::span<const unsigned char> contents;
  };

  std::optional<Value> any() {
    Value value;
    const auto first = byte();
    if (!first) return std::nullopt;
    value.form = *first & 0xE0;
    value.number = *first & 0x1F;
    if (value.number == 0x1F && !read_long_number(value.number)) return std::nullopt;
    const auto size = length();
    if (!size || *size > rest_.size()) return std::nullopt;
    value.contents = rest_.first(*size);
    rest_ = rest_.subspan(*size);
    return value;
  }

  /// The contents of the next value, which is one of this form and number.
  std::optional<std::span<const unsigned char>> contents(unsigned char form, unsigned number) {
    const auto value = any();
    if (!value || value->form != form || value->number != number) return std::nullopt;
    return value->contents;
  }

  std::optional<std::span<const unsigned char>> sequence() { return contents(0x20, 16); }
  std::optional<std::span<const unsigned char>> set() { return contents(0x20, 17); }
  std::optional<std::span<const unsigned char>> octets() { return contents(0x00, 4); }

  /// INTEGER (2) or ENUMERATED (10) from 0 to 2^31 - 1.
  std::optional<std::uint32_t> number(unsigned tag = 2) {
    const auto bytes = contents(0x00, tag);
    if (!bytes || bytes->empty() || bytes->size() > 4 || (bytes->front() & 0x80) != 0) return std::nullopt;
    if (bytes->size() > 1 && bytes->front() == 0 && ((*bytes)[1] & 0x80) == 0) return std::nullopt;
    std::uint32_t value = 0;
    for (const unsigned char byte : *bytes) value = value << 8 | byte;
    return value;
  }

 private:
  std::optional<unsigned char> byte() {
    if (rest_.empty()) return std::nullopt;
    const unsigned char first = rest_.front();
    rest_ = rest_.subspan(1);
    return first;
  }

  /// Two bytes at the most, of seven bits each.
  bool read_long_number(unsigned& number) {
    const auto high = byte();
    if (!high || (*high & 0x7F) == 0) return false;
    number = *high & 0x7F;
    if ((*high & 0x80) == 0) return number >= 0x1F;
    const auto low = byte();
    if (!low || (*low & 0x80) != 0) return false;
    number = number << 7 | *low;
    return true;
  }

  std::optional<std::size_t> length() {
    const auto first = byte();
    if (!first) return std::nullopt;
    if (*first < 0x80) return *first;
    const unsigned count = *first & 0x7F;
    if (count == 0 || count > 3) return std::nullopt;
    std::size_t size = 0;
    for (unsigned i = 0; i < count; ++i) {
      const auto next = byte();
      if (!next || (i == 0 && *next == 0)) return std::nullopt;
      size = size << 8 | *next;
    }
    if (size < 0x80) return std::nullopt;
    return size;
  }

  std::span<const unsigned char> rest_;
};

} // namespace mfa::webauthn
