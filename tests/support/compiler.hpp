#pragma once

#include <algorithm>
#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "catch.hpp"
#include "program.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// Checks host programs with a compiler, which reads the library once.
class Compiler {
 public:
  static bool available(const std::string& name) { return !output_of("command -v " + name).empty(); }

  /// `name` is g++ or clang++; `includes` comes before each program.
  Compiler(std::string name, const std::string& includes)
      : name_(std::move(name)), header_(directory_.path() + "/host.hpp") {
    std::ofstream(header_) << includes;
    const std::string made = header_ + (name_ == "g++" ? ".gch" : ".pch");
    const std::string said = run("-x c++-header '" + header_ + "' -o '" + made + '\'');
    REQUIRE(said.empty());
    preamble_ = name_ == "g++" ? "-include '" + header_ + '\'' : "-include-pch '" + made + '\'';
  }

  /// The lines that it prints.
  [[nodiscard]] std::vector<std::string> complaints(const std::string& program) const {
    const std::string source = directory_.path() + "/host.cpp";
    std::ofstream(source) << program;
    const std::string text = run(preamble_ + " -fsyntax-only '" + source + '\'');
    std::vector<std::string> lines;
    for (std::string_view rest = text; !rest.empty();) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      lines.emplace_back(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
    }
    return lines;
  }

 private:
  [[nodiscard]] std::string run(const std::string& arguments) const {
    return output_of("LC_ALL=C " + name_ + " -std=c++20 -I '" MFA_SOURCE_DIRECTORY "/include' " + arguments +
                     " 2>&1");
  }

  std::string name_;
  TemporaryDirectory directory_;
  std::string header_;
  std::string preamble_;
};

} // namespace mfa::test
