// A kind of factor with a function that is misspelt, or of another type, is no kind: both compilers name it.
#include <algorithm>
#include <cstddef>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/catch.hpp"
#include "support/compiler.hpp"

using mfa::test::Compiler;
using mfa::test::first_error;

namespace {

std::string replaced(std::string text, const std::string& old, const std::string& by) {
  const std::size_t at = text.find(old);
  REQUIRE(at != std::string::npos);
  return text.replace(at, old.size(), by);
}

/// A right kind, with a number that the library has not.
std::string kind() {
  std::ifstream file(MFA_SOURCE_DIRECTORY "/tests/new_kind/letter.hpp");
  std::string text(std::istreambuf_iterator<char>(file), {});
  text = replaced(text, "#pragma once", "");
  text = replaced(text, "FactorType::letter", "static_cast<FactorType>(99)");
  text = replaced(text, ": SentCodeKind",
                  ": LatestOnly, ShowsOneFactor, UnlocksNothing, ClaimsNothing, ExportsNothing");
  return "namespace mfa::factor { struct LatestOnly { static bool is_current(const storage::FactorRecord&, "
         "const storage::ChallengeRecord&); }; }\n" +
         text + "static_assert(mfa::factor::detail::check_kind<mfa::factor::LetterKind>());\n";
}

} // namespace

TEST_CASE("A kind that lacks a function does not compile, and the compiler names the function") {
  struct Row {
    std::string right;
    std::string wrong;
    std::string named;
  };
  const std::vector<Row> rows{
      {"static Details describe(", "static Details describes(", "Kind::describe(record)"},
      {"static void tell(", "static void tells(", "Kind::tell(details, "},
      {"> counter_ids(", "> counter_id(", "Kind::counter_ids(record, context)"},
      {"static ChallengeEffects challenge(", "static ChallengeEffects chalenge(", "Kind::challenge("},
      {"bool is_current(", "bool current(", "Kind::is_current(record, challenge)"},
      {"bool is_current(", "void is_current(", "Kind::is_current(record, challenge)"},
      {"static Answer check(", "static Answer chek(", "Kind::check("},
      {"ShowsOneFactor, ", "", "Kind::best_assurance"},
      {"bool guessable", "bool guessible", "Kind::guessable"},
      {"UnlocksNothing, ", "", "Kind::unlock(changing, context)"},
      {"ClaimsNothing, ", "", "Kind::claims(record)"},
      {", ExportsNothing", "", "Kind::unsafe_uri(record, context)"},
      {"static LetterDetails enroll(", "static LetterDetails enrol(", "EnrollsAlone"},
  };
  for (const std::string compiler_name : {"g++", "clang++"}) {
    if (!Compiler::available(compiler_name)) {
      WARN(compiler_name << " is not here and was not asked");
      continue;
    }
    const Compiler compiler(compiler_name, "#include <mfa/factor/kinds.hpp>\n");
    CAPTURE(compiler_name);
    REQUIRE(compiler.complaints(kind()) == std::vector<std::string>{});
    for (const Row& row : rows) {
      CAPTURE(row.wrong, row.named);
      const auto lines = compiler.complaints(replaced(kind(), row.right, row.wrong));
      CHECK_THAT(first_error(lines), mfa::test::contains("mfa: this is no factor::FactorKind"));
      CHECK(std::ranges::any_of(
          lines, [&](const std::string& line) { return line.find(row.named) != std::string::npos; }));
    }
  }
}
