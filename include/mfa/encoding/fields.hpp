#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

namespace mfa::detail {

/// Throws `errc::corrupt_record`. `what` and `id` name the record, `why` ends the sentence that begins with
/// its contents. An id that is damaged itself is not repeated.
[[noreturn]] inline void throw_corrupt(std::string_view what, std::string_view id, const char* why) {
  constexpr std::size_t longest_shown = 500;
  const bool shown = id.size() <= longest_shown && is_utf8(id) && !has_control_characters(id);
  throw Error(errc::corrupt_record, "the contents of " + std::string(what) + ' ' +
                                        (shown ? std::string(id) : "of an unreadable id") + ' ' + why);
}

/// Writes numbers and texts one after the other, for the bytes that a factor kind or a counter keeps in a
/// record.
class FieldWriter {
 public:
  /// `format` names the order and meaning of what follows; a changed order takes a new format.
  explicit FieldWriter(std::uint64_t format) { number(format); }

  /// As a varint: seven bits per byte, the least significant first.
  FieldWriter& number(std::uint64_t value) {
    for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
    bytes_ += static_cast<char>(value);
    return *this;
  }

  /// Its length, then its bytes.
  FieldWriter& text(std::string_view value) {
    number(value.size());
    bytes_ += value;
    return *this;
  }

  [[nodiscard]] std::string take() { return std::move(bytes_); }

 private:
  std::string bytes_;
};

/// Reads what `FieldWriter` wrote. Every function throws `errc::corrupt_record` when the bytes are not that;
/// `what` and `id` name the record. Borrows all it is given; the texts are parts of the bytes.
class FieldReader {
 public:
  FieldReader(std::string_view bytes, std::uint64_t format, std::string_view what, std::string_view id)
      : rest_(bytes), what_(what), id_(id) {
    if (number() != format) refuse("were written by a later release of this library; update it");
  }

  std::uint64_t number() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; !rest_.empty() && shift < 64; shift += 7) {
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      if (shift == 63 && byte > 1) break;
      value |= static_cast<std::uint64_t>(byte & 0x7fU) << shift;
      if (byte < 0x80) return value;
    }
    refuse("are not what this library writes; restore the record");
  }

  /// A number of at most `most`.
  std::uint64_t number_up_to(std::uint64_t most) {
    const std::uint64_t value = number();
    if (value > most) refuse("are out of range; restore the record");
    return value;
  }

  std::string_view text() {
    const std::uint64_t size = number();
    if (size > rest_.size()) refuse("are cut off; restore the record");
    const auto value = rest_.substr(0, static_cast<std::size_t>(size));
    rest_.remove_prefix(value.size());
    return value;
  }

  /// A text that may be shown: UTF-8 without control characters.
  std::string_view plain_text() {
    const auto value = text();
    if (!is_utf8(value) || has_control_characters(value))
      refuse("hold text that is not UTF-8 or has control characters; restore the record");
    return value;
  }

  void end() const {
    if (!rest_.empty()) refuse("are longer than what this library writes; restore the record");
  }

  [[noreturn]] void refuse(const char* why) const { throw_corrupt(what_, id_, why); }

 private:
  std::string_view rest_;
  std::string_view what_;
  std::string_view id_;
};

} // namespace mfa::detail
