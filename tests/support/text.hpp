#pragma once

#include <cstddef>
#include <string>

namespace mfa::test {

inline std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  while (count-- > 0) all += text;
  return all;
}

} // namespace mfa::test
