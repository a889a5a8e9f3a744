// HOTP and TOTP give the codes of RFC 4226 Appendix D and RFC 6238 Appendix B.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>

#include "support/catch.hpp"

using mfa::crypto::bytes_of;
using mfa::crypto::Hash;

TEST_CASE("HOTP gives the codes of RFC 4226 Appendix D") {
  const char* const codes[] = {"755224", "287082", "359152", "969429", "338314",
                               "254676", "287922", "162583", "399871", "520489"};
  for (std::uint64_t counter = 0; counter < 10; ++counter)
    CHECK(mfa::otp::hotp(bytes_of("12345678901234567890"), counter) == codes[counter]);
}

TEST_CASE("TOTP gives the codes of RFC 6238 Appendix B for all three hashes") {
  // The RFC's reference code uses seeds of the hash's own length.
  constexpr std::string_view seed = "1234567890123456789012345678901234567890123456789012345678901234";
  struct Row {
    std::int64_t seconds;
    const char* sha1;
    const char* sha256;
    const char* sha512;
  };
  const Row rows[] = {
      {59, "94287082", "46119246", "90693936"},         {1111111109, "07081804", "68084774", "25091201"},
      {1111111111, "14050471", "67062674", "99943326"}, {1234567890, "89005924", "91819424", "93441116"},
      {2000000000, "69279037", "90698825", "38618901"}, {20000000000, "65353130", "77737706", "47863826"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.seconds);
    const auto step =
        static_cast<std::uint64_t>(row.seconds / 30); // the last row is beyond system_clock's end
    CHECK(mfa::otp::hotp(bytes_of(seed.substr(0, 20)), step, {Hash::sha1, 8}) == row.sha1);
    CHECK(mfa::otp::hotp(bytes_of(seed.substr(0, 32)), step, {Hash::sha256, 8}) == row.sha256);
    CHECK(mfa::otp::hotp(bytes_of(seed), step, {Hash::sha512, 8}) == row.sha512);
  }
}

TEST_CASE("A step is a whole period since 1970") {
  using std::chrono::seconds;
  const auto at = [](int count) { return std::chrono::system_clock::time_point{seconds(count)}; };
  CHECK(mfa::otp::totp_step(at(0)) == 0);
  CHECK(mfa::otp::totp_step(at(29)) == 0);
  CHECK(mfa::otp::totp_step(at(30)) == 1);
  CHECK(mfa::otp::totp_step(at(1111111109)) == 0x23523EC);
  CHECK(mfa::otp::totp_step(at(120), seconds(60)) == 2);
  CHECK(mfa::otp::totp(bytes_of("12345678901234567890"), at(59), {Hash::sha1, 8}) == "94287082");
}

TEST_CASE("A window finds the last unused counter that matches and tells of a used one") {
  const auto key = bytes_of("12345678901234567890"); // counters 0, 1, 2: 755224, 287082, 359152
  using mfa::otp::find_in_window;
  CHECK(find_in_window(key, 287082, 0, 2, 0).fresh == 1U);
  CHECK_FALSE(find_in_window(key, 287082, 0, 2, 0).used);
  CHECK(find_in_window(key, 755224, 0, 2, 0).fresh == 0U);
  CHECK(find_in_window(key, 359152, 0, 2, 0).fresh == 2U);
  CHECK_FALSE(find_in_window(key, 969429, 0, 2, 0).fresh.has_value());
  const auto used = find_in_window(key, 287082, 0, 2, 2);
  CHECK_FALSE(used.fresh.has_value());
  CHECK(used.used);
}
