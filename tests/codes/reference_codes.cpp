// 100,000 random keys, times, digits and hashes give liboath's codes, and some of them the oathtool
// program's.
#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include <liboath/oath.h>

#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>

#include "support/catch.hpp"
#include "support/program.hpp"

using mfa::crypto::Hash;

namespace {

struct Case {
  std::vector<unsigned char> key;
  std::int64_t seconds;
  unsigned digits;
  Hash hash;
  unsigned period;

  [[nodiscard]] std::string ours() const {
    return mfa::otp::totp(key, std::chrono::system_clock::time_point{std::chrono::seconds(seconds)},
                          {hash, digits}, std::chrono::seconds(period));
  }
};

Case draw(std::mt19937_64& random) {
  const auto up_to = [&](std::uint64_t most) { return random() % (most + 1); };
  Case drawn{.key = std::vector<unsigned char>(1 + up_to(199)), // some are longer than a hash's block
             .seconds = static_cast<std::int64_t>(up_to(9'000'000'000)),
             .digits = static_cast<unsigned>(6 + up_to(2)),
             .hash = std::array{Hash::sha1, Hash::sha256, Hash::sha512}[up_to(2)],
             .period = static_cast<unsigned>(1 + up_to(299))};
  for (auto& byte : drawn.key) byte = static_cast<unsigned char>(up_to(255));
  return drawn;
}

} // namespace

TEST_CASE("100,000 random cases agree with liboath") {
  REQUIRE(oath_init() == OATH_OK);
  std::mt19937_64 random(6238);
  for (int i = 0; i < 100'000; ++i) {
    const Case drawn = draw(random);
    const int flags = drawn.hash == Hash::sha1     ? 0
                      : drawn.hash == Hash::sha256 ? OATH_TOTP_HMAC_SHA256
                                                   : OATH_TOTP_HMAC_SHA512;
    std::array<char, 16> theirs{};
    REQUIRE(oath_totp_generate2(reinterpret_cast<const char*>(drawn.key.data()), drawn.key.size(),
                                drawn.seconds, drawn.period, 0, drawn.digits, flags,
                                theirs.data()) == OATH_OK);
    if (drawn.ours() != theirs.data()) {
      CAPTURE(i, drawn.seconds, drawn.digits, drawn.period, drawn.key.size());
      REQUIRE(drawn.ours() == theirs.data());
    }
  }
  oath_done();
}

TEST_CASE("200 random cases agree with the oathtool program") {
  std::mt19937_64 random(4226);
  for (int i = 0; i < 200; ++i) {
    const Case drawn = draw(random);
    constexpr const char* names[] = {"SHA1", "SHA256", "SHA512"};
    std::string hex;
    for (const unsigned char byte : drawn.key)
      for (const int shift : {4, 0}) hex += "0123456789abcdef"[byte >> shift & 15];
    const std::string theirs = mfa::test::output_of(
        std::string("oathtool --totp=") + names[static_cast<int>(drawn.hash) - 1] +
        " --digits=" + std::to_string(drawn.digits) + " --time-step-size=" + std::to_string(drawn.period) +
        "s --now=@" + std::to_string(drawn.seconds) + ' ' + hex);
    CHECK(drawn.ours() + '\n' == theirs);
  }
}
