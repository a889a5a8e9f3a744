#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

/// CBOR for tests: right unless the arguments are not.
namespace mfa::test::cbor {

/// The first bytes of an item; `bytes` of them for the number, or as many as it needs.
inline std::string head(unsigned major, std::uint64_t number, int bytes = -1) {
  if (bytes < 0)
    bytes = number < 24 ? 0 : number <= 0xff ? 1 : number <= 0xffff ? 2 : number <= 0xffff'ffff ? 4 : 8;
  const unsigned length = bytes == 0   ? static_cast<unsigned>(number)
                          : bytes == 1 ? 24
                          : bytes == 2 ? 25
                          : bytes == 4 ? 26
                                       : 27;
  std::string text(1, static_cast<char>(major << 5 | length));
  for (int i = bytes - 1; i >= 0; --i) text += static_cast<char>(number >> (8 * i) & 255);
  return text;
}

inline std::string integer(std::int64_t value) {
  return value >= 0 ? head(0, static_cast<std::uint64_t>(value))
                    : head(1, static_cast<std::uint64_t>(-1 - value));
}
inline std::string bytes(std::string_view value) { return head(2, value.size()).append(value); }
inline std::string text(std::string_view value) { return head(3, value.size()).append(value); }

inline std::string array(std::initializer_list<std::string> items) {
  std::string all = head(4, items.size());
  for (const std::string& item : items) all += item;
  return all;
}

/// Keys and values are encoded already, and in order.
inline std::string map(std::initializer_list<std::pair<std::string, std::string>> pairs) {
  std::string all = head(5, pairs.size());
  for (const auto& [key, value] : pairs) all.append(key).append(value);
  return all;
}

} // namespace mfa::test::cbor
