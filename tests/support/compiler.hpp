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

/// What a compiler prints; the arguments tell it the standard too.
inline std::string output_of_compiler(const std::string& name, const std::string& arguments) {
  return output_of("LC_ALL=C " + name + " -I '" MFA_SOURCE_DIRECTORY "/include' " + arguments + " 2>&1");
}

inline std::vector<std::string> lines_of(std::string_view text) {
  std::vector<std::string> lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    lines.emplace_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return lines;
}

/// The first line of a compiler's that is an error.
inline std::string first_error(const std::vector<std::string>& lines) {
  const auto line =
      std::ranges::find_if(lines, [](const auto& text) { return text.find("error: ") != std::string::npos; });
  return line == lines.end() ? "no error" : *line;
}

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
    return lines_of(run(preamble_ + " -fsyntax-only '" + source + '\''));
  }

 private:
  [[nodiscard]] std::string run(const std::string& arguments) const {
    return output_of_compiler(name_, "-std=c++20 " + arguments);
  }

  std::string name_;
  TemporaryDirectory directory_;
  std::string header_;
  std::string preamble_;
};

} // namespace mfa::test
