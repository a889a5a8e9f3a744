#pragma once

#include <cstddef>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>

#include <openssl/objects.h>

/// DER for tests: right unless the arguments are not.
namespace mfa::test::der {

/// `tag` is the first byte, or the first bytes of a tag above 30.
inline std::string value(std::string_view tag, std::string_view contents) {
  std::string text(tag);
  const std::size_t size = contents.size();
  if (size > 0xff) text += "\x82" + std::string(1, static_cast<char>(size >> 8));
  if (size >= 0x80 && size <= 0xff) text += "\x81";
  text += static_cast<char>(size & 0xff);
  return text.append(contents);
}

inline std::string joined(std::initializer_list<std::string> values) {
  std::string all;
  for (const std::string& one : values) all += one;
  return all;
}

inline std::string sequence(std::initializer_list<std::string> values) {
  return value("\x30", joined(values));
}
inline std::string set(std::initializer_list<std::string> values) { return value("\x31", joined(values)); }
inline std::string octets(std::string_view bytes) { return value("\x04", bytes); }
inline std::string text(std::string_view utf8) { return value("\x0c", utf8); }
inline std::string integer(unsigned char number) {
  return value("\x02", std::string(1, static_cast<char>(number)));
}
inline std::string enumerated(unsigned char number) {
  return value("\x0a", std::string(1, static_cast<char>(number)));
}
/// [number], constructed.
inline std::string field(unsigned number, std::string_view contents) {
  if (number < 31) return value(std::string(1, static_cast<char>(0xA0 | number)), contents);
  return value(
      {"\xbf" + std::string(1, static_cast<char>(0x80 | number >> 7)) + static_cast<char>(number & 0x7f)},
      contents);
}

/// Of dotted numbers.
inline std::string oid(const char* numbers) {
  const std::unique_ptr<ASN1_OBJECT, decltype(&ASN1_OBJECT_free)> object(OBJ_txt2obj(numbers, 1),
                                                                         ASN1_OBJECT_free);
  return value("\x06",
               {reinterpret_cast<const char*>(OBJ_get0_data(object.get())), OBJ_length(object.get())});
}

} // namespace mfa::test::der
