// An independent reader (zbarimg) reads back what the QR code holds, long Unicode issuers and the largest URI
// included.
#include <array>
#include <cstdio>
#include <fstream>
#include <string>

#include <mfa/crypto/hash.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/qr/png.hpp>
#include <mfa/qr/svg.hpp>

#include "support/catch.hpp"
#include "support/temporary_directory.hpp"

namespace {

std::string output_of(const std::string& command) {
  std::string output;
  std::FILE* const pipe = ::popen(command.c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::array<char, 4096> buffer{};
  while (const auto count = std::fread(buffer.data(), 1, buffer.size(), pipe))
    output.append(buffer.data(), count);
  ::pclose(pipe);
  return output;
}

std::string repeated(const std::string& text, std::size_t count) {
  std::string all;
  while (count-- > 0) all += text;
  return all;
}

} // namespace

TEST_CASE("PNG and SVG are read back by zbarimg") {
  const std::string unicode = repeated("\xF0\x9F\x94\x92", 50); // 200 bytes
  const std::array<unsigned char, mfa::otp::longest_secret> secret{7};
  const std::string uri = GENERATE_COPY(
      mfa::otp::uri(
          {.issuer = "Foo Corp", .user = "alan.turing@example.com", .secret = std::span(secret).first(20)}),
      mfa::otp::uri({.issuer = unicode,
                     .user = unicode,
                     .secret = secret,
                     .hash = mfa::crypto::Hash::sha512,
                     .digits = 8,
                     .period = std::chrono::seconds(31'622'400)}));
  CAPTURE(uri.size());
  const auto matrix = mfa::qr::encode(uri);
  const mfa::test::TemporaryDirectory directory;
  const std::string png = directory.path() + "/code.png";
  const std::string svg = directory.path() + "/code.svg";
  std::ofstream(png, std::ios::binary) << mfa::qr::png(matrix);
  CHECK(output_of("zbarimg --quiet --raw '" + png + "'") == uri + "\n");
  std::ofstream(svg, std::ios::binary) << mfa::qr::svg(matrix);
  CHECK(output_of("rsvg-convert '" + svg + "' -o '" + png + ".2.png' && zbarimg --quiet --raw '" + png +
                  ".2.png'") == uri + "\n");
}
