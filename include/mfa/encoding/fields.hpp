#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/types.hpp>

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
  /// `format` names the order and meaning of what follows; a changed order takes a new format. `expected` is
  /// about how many bytes there will be.
  explicit FieldWriter(std::uint64_t format, std::size_t expected = 0) {
    bytes_.reserve(expected);
    number(format);
  }

  /// As a varint: seven bits per byte, the least significant first.
  FieldWriter& number(std::uint64_t value) {
    std::array<char, 10> bytes;
    std::size_t size = 0;
    // The second condition always holds: without it, g++ 12 warns of more than ten bytes where this is
    // inlined.
    for (; value >= 0x80 && size < bytes.size() - 1; value >>= 7)
      bytes[size++] = static_cast<char>(value | 0x80);
    bytes[size++] = static_cast<char>(value);
    bytes_.append(bytes.data(), size);
    return *this;
  }

  /// Its length, then its bytes.
  FieldWriter& text(std::string_view value) {
    number(value.size());
    bytes_ += value;
    return *this;
  }

  FieldWriter& flag(bool value) { return number(value ? 1 : 0); }

  /// Of an enumeration that counts from 1 without gaps.
  template <class Enum> FieldWriter& enumerator(Enum value) {
    return number(static_cast<std::uint64_t>(value));
  }

  FieldWriter& time(Time value) {
    return number(static_cast<std::uint64_t>(value.time_since_epoch().count()));
  }

  FieldWriter& optional_time(const std::optional<Time>& value) {
    flag(value.has_value());
    return value ? time(*value) : *this;
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

  std::uint64_t number_within(std::uint64_t least, std::uint64_t most) {
    const std::uint64_t value = number();
    if (value < least || value > most) refuse("are out of range; restore the record");
    return value;
  }

  /// A number of at most `most`.
  std::uint64_t number_up_to(std::uint64_t most) { return number_within(0, most); }

  bool flag() { return number_up_to(1) == 1; }

  /// Of an enumeration that counts from 1 to `last` without gaps.
  template <class Enum> Enum enumerator(Enum last) {
    return static_cast<Enum>(number_within(1, static_cast<std::uint64_t>(last)));
  }

  /// From 1970 to before `end_of_times`.
  Time time() {
    constexpr auto end = static_cast<std::uint64_t>(end_of_times.time_since_epoch().count());
    return Time(Time::duration(static_cast<std::int64_t>(number_up_to(end - 1))));
  }

  /// Whatever was written, for those who check it later.
  Time any_time() { return Time(Time::duration(static_cast<std::int64_t>(number()))); }
  std::optional<Time> any_optional_time() { return flag() ? std::optional(any_time()) : std::nullopt; }

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
