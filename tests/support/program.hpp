#pragma once

#include <array>
#include <cstddef>
#include <cstdio>
#include <string>

#include "catch.hpp"

namespace mfa::test {

/// What a shell command prints.
inline std::string output_of(const std::string& command) {
  std::string output;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const std::size_t count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), count);
  ::pclose(pipe);
  return output;
}

} // namespace mfa::test
