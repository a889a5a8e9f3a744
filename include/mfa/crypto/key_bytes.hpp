#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa {

namespace detail {

template <class T>
concept Byte = std::same_as<T, char> || std::same_as<T, unsigned char> || std::same_as<T, std::byte>;

/// What a span can be made of.
template <class T>
concept HoldsBytes = requires(T& held) {
  requires Byte<typename decltype(std::span(held))::value_type>;
};

} // namespace detail

/// The bytes of a key, borrowed from whatever holds them: a string, or a vector, array or span of `char`,
/// `unsigned char` or `std::byte`, `crypto::SecretBytes` among them. Of a string literal, its characters.
class KeyBytes {
 public:
  static constexpr std::size_t size = 32; ///< what a key must have

  // Hides no copy: no span is made of a KeyBytes.
  // NOLINTNEXTLINE(bugprone-forwarding-reference-overload)
  template <detail::HoldsBytes Bytes> KeyBytes(Bytes&& bytes) noexcept {
    const std::span held(bytes);
    bytes_ = {reinterpret_cast<const unsigned char*>(held.data()), held.size()};
    using Held = std::remove_reference_t<Bytes>;
    if constexpr (std::is_array_v<Held> && std::same_as<std::remove_extent_t<Held>, const char>)
      if (bytes_.back() == 0) bytes_ = bytes_.first(bytes_.size() - 1); // a literal
  }

  [[nodiscard]] std::span<const unsigned char> span() const noexcept { return bytes_; }

 private:
  std::span<const unsigned char> bytes_;
};

namespace detail {

/// Without the white space that files and commands put around a text.
[[nodiscard]] inline std::string_view trimmed_key_text(std::string_view text) noexcept {
  constexpr std::string_view white_space = " \t\r\n";
  const std::size_t start = text.find_first_not_of(white_space);
  if (start == std::string_view::npos) return {};
  return text.substr(start, text.find_last_not_of(white_space) - start + 1);
}

/// The key that 64 hexadecimal digits, or 43 characters of either alphabet of base64 (RFC 4648), stand for.
/// `bits` is 4 or 6.
[[nodiscard]] inline std::optional<crypto::SecretBytes> decode_key(std::string_view text, unsigned bits) {
  if (bits == 6 && text.size() == 44 && text.ends_with('=')) text.remove_suffix(1);
  if (text.size() != (8 * KeyBytes::size + bits - 1) / bits) return std::nullopt;
  const auto value = [bits](char c) -> unsigned {
    if (c >= '0' && c <= '9') return static_cast<unsigned>(c - '0') + (bits == 6 ? 52 : 0);
    if (bits == 4)
      return c >= 'a' && c <= 'f'   ? static_cast<unsigned>(c - 'a') + 10
             : c >= 'A' && c <= 'F' ? static_cast<unsigned>(c - 'A') + 10
                                    : 64;
    return c >= 'A' && c <= 'Z'   ? static_cast<unsigned>(c - 'A')
           : c >= 'a' && c <= 'z' ? static_cast<unsigned>(c - 'a') + 26
           : c == '+' || c == '-' ? 62
           : c == '/' || c == '_' ? 63
                                  : 64;
  };
  crypto::SecretBytes key;
  key.reserve(KeyBytes::size); // never reallocated
  std::uint32_t read = 0;
  unsigned held = 0;
  for (const char c : text) {
    if (value(c) == 64) return std::nullopt;
    read = read << bits | value(c);
    held += bits;
    if (held >= 8) key.push_back(static_cast<unsigned char>(read >> (held -= 8) & 255));
  }
  if ((read & ((1U << held) - 1)) != 0) return std::nullopt;
  return key;
}

/// What bytes of a wrong number seem to be.
[[nodiscard]] inline std::string advice_on_key(std::span<const unsigned char> bytes) {
  const std::string_view text = trimmed_key_text(crypto::text_of(bytes));
  if (decode_key(text, 4)) return "This looks like hexadecimal digits: give mfa::key_from_hex(text)";
  if (decode_key(text, 6)) return "This looks like base64: give mfa::key_from_base64(text)";
  if (bytes.size() > KeyBytes::size && bytes.size() <= KeyBytes::size + 2 && bytes.back() == '\n')
    return "The last of them ends a line: give the key without it";
  return "Draw one with `openssl rand 32`";
}

} // namespace detail

/// The key that 64 hexadecimal digits stand for, as `openssl rand -hex 32` prints them; white space around
/// them is dropped. Throws `errc::invalid_argument`.
[[nodiscard]] inline crypto::SecretBytes key_from_hex(std::string_view text) {
  text = detail::trimmed_key_text(text);
  auto key = detail::decode_key(text, 4);
  if (!key)
    throw Error(errc::invalid_argument,
                "a key in hexadecimal has 64 digits, as `openssl rand -hex 32` prints "
                "them; what was given has " +
                    std::to_string(text.size()) + " characters, or others than digits");
  return *std::move(key);
}

/// The key that 43 characters of base64 stand for, as `openssl rand -base64 32` prints them, in either
/// alphabet (RFC 4648 sections 4 and 5), with the padding or without; white space around them is dropped.
/// Throws `errc::invalid_argument`.
[[nodiscard]] inline crypto::SecretBytes key_from_base64(std::string_view text) {
  text = detail::trimmed_key_text(text);
  auto key = detail::decode_key(text, 6);
  if (!key)
    throw Error(errc::invalid_argument,
                "a key in base64 has 43 characters and one of padding, as `openssl rand "
                "-base64 32` prints them; what was given has " +
                    std::to_string(text.size()) + ", or others than those of base64");
  return *std::move(key);
}

} // namespace mfa
