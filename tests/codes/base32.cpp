// Secrets are written in base32 (RFC 4648) as authenticator apps write it, and read as people write it.
#include <string>
#include <string_view>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/base32.hpp>

#include "support/catch.hpp"

using mfa::crypto::bytes_of;
using mfa::crypto::text_of;
using mfa::otp::base32_decode;
using mfa::otp::base32_encode;

TEST_CASE("Base32 gives the vectors of RFC 4648 section 10, without padding") {
  struct Row {
    const char* plain;
    const char* padded;
  };
  const Row rows[] = {{"f", "MY======"},    {"fo", "MZXQ===="},    {"foo", "MZXW6==="},
                      {"foob", "MZXW6YQ="}, {"fooba", "MZXW6YTB"}, {"foobar", "MZXW6YTBOI======"}};
  for (const Row& row : rows) {
    const std::string_view padded = row.padded;
    CHECK(base32_encode(bytes_of(row.plain)) == padded.substr(0, padded.find('=')));
    CHECK(text_of(base32_decode(padded)) == row.plain);
    CHECK(text_of(base32_decode(padded.substr(0, padded.find('=')))) == row.plain);
  }
  CHECK(base32_encode({}).empty());
}

TEST_CASE("Base32 gives any bytes back") {
  for (std::size_t size = 1; size <= 128; ++size) {
    mfa::crypto::SecretBytes bytes(size);
    mfa::crypto::random_bytes(bytes);
    const auto text = base32_encode(bytes);
    CHECK(base32_decode(text) == bytes);
  }
}

TEST_CASE("A secret is read however people and applications write it") {
  const char* const texts[] = {
      "JBSWY3DPEHPK3PXP",    "jbswy3dpehpk3pxp",     "JbSwY3dPeHpK3pXp",        "JBSW Y3DP EHPK 3PXP",
      "jbsw-y3dp-ehpk-3pxp", "  JBSWY3DPEHPK3PXP  ", "J BSWY3DPEHPK3PX P-----",
  };
  for (const std::string_view text : texts) {
    CAPTURE(text);
    CHECK(text_of(base32_decode(text)) == "Hello!\xDE\xAD\xBE\xEF");
  }
  CHECK(text_of(base32_decode("MZ XW 6= ==")) == "foo");
  CHECK(text_of(base32_decode("MZ")) == text_of(base32_decode("MY"))); // left-over bits are dropped
}

TEST_CASE("What is not base32 is refused with its place and never with itself") {
  struct Row {
    std::string text;
    const char* reason;
  };
  using namespace std::string_literals;
  const Row rows[] = {
      {"", "is empty"},
      {"   ", "is empty"},
      {"====", "is empty"},
      {"JBSW1", "character 5 "},
      {"JBSW0", "character 5 "},
      {"JBSW8", "character 5 "},
      {"JBSW9", "character 5 "},
      {"JB!SW", "character 3 "},
      {"JB\nSW", "character 3 "},
      {"JB\0SW"s, "character 3 "},
      {"\xC3\x84JBSW", "character 1 "},
      {"JB\xEF\xBC\xA1W", "character 3 "}, // a full-width A
      {"J\xE2\x80\x8B"
       "BSW",
       "character 2 "}, // an invisible space
      {"M", "has 1 characters"},
      {"MZX", "has 3 characters"},
      {"MZXW6Y", "has 6 characters"},
      {"MY=MY", "follows an equals sign"},
      {"MY==", "wrong number of equals signs"},
      {"MY=======", "wrong number of equals signs"},
      {"MZXW6YTB========", "wrong number of equals signs"},
      {std::string(1025, 'A'), "longer than 1024"},
      // The same 20 bytes, as other systems export them, and 10.
      {"3132333435363738393031323334353637383930", "looks like hexadecimal"},
      {"BD15FB2B2C84A3CE56670FE0062B7369A0B8F4D4", "looks like hexadecimal"},
      {"bd15 fb2b 2c84 a3ce 5667 0fe0 062b 7369 a0b8 f4d4", "looks like hexadecimal"},
      {"bd:15:fb:2b:2c:84:a3:ce:56:67:0f:e0:06:2b:73:69:a0:b8:f4:d4", "looks like hexadecimal"},
      {"0x3132333435363738393031323334353637383930", "looks like hexadecimal"},
      {"31323334353637383930", "looks like hexadecimal"},
      {"313233343536373839", "character 2 "},                        // too few to tell
      {"313233343536373839303132333435363738393", "character 2 "},   // an odd number
      {"313233343536373839303132333435363738393g0", "character 2 "}, // a letter too far
      {std::string(1'000'000, '='), "longer than 1024"},
  };
  for (const Row& row : rows) {
    CAPTURE(row.text.substr(0, 40));
    try {
      (void)base32_decode(row.text);
      FAIL_CHECK("was not refused");
    } catch (const mfa::Error& error) {
      CHECK(error.code() == mfa::errc::invalid_secret);
      CHECK_THAT(error.what(), mfa::test::contains(row.reason));
    }
  }
}
