// A compiler that is not told to compile C++20, or that may not throw, says which flag to change, and nothing
// else: whichever header a host includes first.
#include <algorithm>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compiler.hpp"

using mfa::test::Compiler;

namespace {

const std::filesystem::path include_directory = MFA_SOURCE_DIRECTORY "/include";

std::vector<std::string> headers() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(include_directory))
    if (entry.path().extension() == ".hpp") found.push_back(entry.path().string());
  return found;
}

bool is_error(const std::string& line) { return line.find("error: ") != std::string::npos; }

} // namespace

TEST_CASE("The first error names the flag, and no other follows") {
  struct Row {
    std::string flags;
    std::string error;
  };
  const std::vector<Row> rows{
      {"-std=c++17", "mfa: this library is written in C++20: compile with -std=c++20"},
      {"-std=c++20 -fno-exceptions",
       "mfa: this library tells of failures by exceptions: compile without -fno-exceptions"},
  };
  const std::vector<std::string> all = headers();
  REQUIRE(all.size() > 100);
  for (const std::string compiler : {"g++", "clang++"}) {
    if (!Compiler::available(compiler)) {
      WARN(compiler << " is not here and was not asked");
      continue;
    }
    for (const Row& row : rows) {
      for (const std::string header : {"mfa.hpp", "fwd.hpp", "storage/sqlite.hpp"}) {
        CAPTURE(compiler, row.flags, header);
        const auto lines = mfa::test::lines_of(mfa::test::output_of_compiler(
            compiler,
            row.flags + " -fsyntax-only -x c++ '" + (include_directory / "mfa" / header).string() + '\''));
        std::vector<std::string> errors;
        std::ranges::copy_if(lines, std::back_inserter(errors), is_error);
        REQUIRE(errors.size() == 2);
        CHECK_THAT(errors.front(), mfa::test::contains(row.error));
        CHECK_THAT(errors.back(), mfa::test::contains("read_the_error_above"));
        CHECK(lines.size() <= 40);
      }
      // Whichever comes first: without reading any header but ours, which takes no time.
      for (const std::string& header : all) {
        CAPTURE(compiler, row.flags, header);
        const auto lines = mfa::test::lines_of(mfa::test::output_of_compiler(
            compiler, row.flags + " -M -MG -nostdinc -x c++ '" + header + "' -o /dev/null"));
        CHECK_THAT(mfa::test::first_error(lines), mfa::test::contains(row.error));
      }
    }
  }
}
