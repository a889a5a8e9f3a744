// Codes are drawn without bias: all digits in all places are equally likely, leading zeros included.
#include <array>
#include <cstddef>
#include <set>
#include <string>

#include <mfa/crypto/random.hpp>

#include "support/catch.hpp"

using mfa::crypto::random_digits;

TEST_CASE("A code has the digits that were asked for") {
  for (unsigned digits = 1; digits <= 9; ++digits)
    for (int i = 0; i < 1000; ++i) {
      const std::string code(random_digits(digits, {}));
      REQUIRE(code.size() == digits);
      REQUIRE(code.find_first_not_of("0123456789") == std::string::npos);
    }
}

TEST_CASE("Each digit in each place is equally likely") {
  for (const unsigned digits : {6U, 9U}) {
    constexpr int draws = 200'000;
    std::array<std::array<int, 10>, 9> counts{};
    for (int i = 0; i < draws; ++i) {
      const std::string code(random_digits(digits, {}));
      for (std::size_t place = 0; place < digits; ++place)
        ++counts[place][static_cast<std::size_t>(code[place] - '0')];
    }
    for (std::size_t place = 0; place < digits; ++place) {
      double chi_squared = 0;
      for (const int count : counts[place]) {
        const double difference = count - draws / 10.0;
        chi_squared += difference * difference / (draws / 10.0);
      }
      CAPTURE(digits, place, chi_squared);
      CHECK(chi_squared < 60); // 9 degrees of freedom: a fair generator exceeds it once in 10^9
    }
  }
}

TEST_CASE("Nine digits reach their whole range") {
  // 4,294,967,295 is no multiple of 10^9: without drawing again, values below 294,967,295 come up more often,
  // 0.3434 of all in place of 0.2950.
  constexpr int draws = 200'000;
  int low = 0;
  for (int i = 0; i < draws; ++i) low += std::string(random_digits(9, {})) < "294967295" ? 1 : 0;
  // The last digit drawn comes first in the text, so look at the reversed one as well.
  int low_reversed = 0;
  for (int i = 0; i < draws; ++i) {
    const std::string code(random_digits(9, {}));
    low_reversed += std::string(code.rbegin(), code.rend()) < "294967295" ? 1 : 0;
  }
  constexpr double fair = draws * 0.294967295;
  CHECK(low == Approx(fair).margin(1500)); // over seven standard deviations
  CHECK(low_reversed == Approx(fair).margin(1500));
}

TEST_CASE("Codes do not repeat more often than chance has it") {
  std::set<std::string> codes;
  for (int i = 0; i < 10'000; ++i) codes.emplace(random_digits(9, {}));
  CHECK(codes.size() > 9'990);
}
