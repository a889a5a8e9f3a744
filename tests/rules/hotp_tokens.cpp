// Tokens with a counter: an independent one (oathtool) shows the codes that verify, and the app is told where
// to begin.
#include <cstdint>
#include <string>

#include <mfa/mfa.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/program.hpp"

using mfa::Hotp;
using mfa::Status;
using mfa::test::Host;

namespace {

/// What oathtool shows for this counter.
std::string independent_code(const std::string& secret, std::uint64_t counter, unsigned digits = 6) {
  const auto output = mfa::test::output_of("oathtool --hotp --base32 --digits=" + std::to_string(digits) +
                                           " --counter=" + std::to_string(counter) + ' ' + secret);
  return output.substr(0, output.find('\n'));
}

} // namespace

TEST_CASE("An independent token shows the codes that verify") {
  Host host;
  const unsigned digits = GENERATE(6U, 7U, 8U);
  const std::uint64_t counter =
      GENERATE(std::uint64_t{0}, std::uint64_t{7}, std::uint64_t{1'000'000'000'000'000});
  CAPTURE(digits, counter);
  const auto enrolled = host.verifier.enroll_factor(
      Hotp{.issuer = "Foo Corp", .user = "alan", .digits = digits, .counter = counter});
  const auto shown = [&](std::uint64_t ahead) {
    return independent_code(enrolled.hotp.secret, counter + ahead, digits);
  };
  const auto verify = [&](std::uint64_t ahead) {
    return enrolled.factor.challenge().verify(shown(ahead)).status();
  };
  CHECK(enrolled.factor.confirm(shown(0)).confirmed());
  CHECK(verify(1) == Status::valid);
  CHECK(verify(1) == Status::code_already_used);
  CHECK(verify(9) == Status::valid);
  const auto two = shown(60) + " - " + shown(61);
  CHECK(enrolled.factor.challenge().verify(two).valid());
  CHECK(verify(62) == Status::valid);
}

TEST_CASE("The URI says that it is HOTP, and the counter") {
  Host host;
  const auto enrolled = host.verifier.enroll_factor(Hotp{.issuer = "Foo Corp",
                                                         .user = "alan",
                                                         .secret = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ",
                                                         .digits = 8,
                                                         .counter = 5});
  CHECK(enrolled.hotp.uri == "otpauth://hotp/Foo%20Corp:alan?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
                             "&issuer=Foo%20Corp&digits=8&counter=5");
  CHECK(enrolled.hotp.qr_code.view().starts_with("data:image/png;base64,"));
  CHECK(enrolled.factor.hotp()->issuer == "Foo Corp");
}

TEST_CASE("The windows are the host's to choose") {
  Host host({.hotp_look_ahead = 0, .hotp_resynchronization_window = 0});
  const auto enrolled = host.verifier.enroll_factor(Hotp{.issuer = "Foo Corp", .user = "alan"});
  const auto code = [&](std::uint64_t counter) { return independent_code(enrolled.hotp.secret, counter); };
  CHECK(enrolled.factor.confirm(code(1)).status() == Status::wrong_code);
  CHECK(enrolled.factor.confirm(code(1) + code(2)).status() == Status::wrong_code);
  CHECK(enrolled.factor.confirm(code(0)).status() == Status::valid);
}

TEST_CASE("A counter beyond what any token has is refused") {
  Host host;
  CHECK(mfa::test::thrown_by([&] {
          return host.verifier
              .enroll_factor(Hotp{.issuer = "Foo Corp", .user = "alan", .counter = UINT64_MAX})
              .factor.id();
        }) == mfa::errc::invalid_argument);
}
