#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa::detail {

/// Reads the fields of a protocol buffer message in its wire format, in turn. Borrows the bytes. It reads no
/// bytes beyond them and stays at the end once something is wrong.
class ProtobufReader {
 public:
  explicit ProtobufReader(std::string_view bytes) noexcept : rest_(bytes) {}

  struct Field {
    std::uint64_t number;
    std::uint64_t value = 0;     ///< of a varint
    std::string_view bytes = {}; ///< of a length-delimited field
    bool is_bytes = false;
  };

  /// The next field; nothing at the end, or if the bytes are no message (`failed`).
  [[nodiscard]] std::optional<Field> next() noexcept {
    for (;;) {
      if (rest_.empty() || failed_) return std::nullopt;
      const std::uint64_t tag = varint();
      Field field{.number = tag >> 3};
      switch (tag & 7) {
      case 0: field.value = varint(); break;
      case 1: (void)take(8); break;
      case 2:
        field.bytes = take(varint());
        field.is_bytes = true;
        break;
      case 5: (void)take(4); break;
      default: failed_ = true; // groups, which nobody writes any more
      }
      if (field.number == 0) failed_ = true;
      if (failed_) return std::nullopt;
      if ((tag & 7) == 0 || field.is_bytes) return field; // fixed ones are of no message that we read
    }
  }

  [[nodiscard]] bool failed() const noexcept { return failed_; }

 private:
  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    failed_ = true;
    return 0;
  }

  std::string_view take(std::uint64_t size) noexcept {
    if (failed_ || size > rest_.size()) {
      failed_ = true;
      return {};
    }
    const std::string_view taken = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(taken.size());
    return taken;
  }

  std::string_view rest_;
  bool failed_ = false;
};

} // namespace mfa::detail
