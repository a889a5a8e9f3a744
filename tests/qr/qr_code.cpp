// An independent reader (zbarimg) reads back what every rendering holds: PNG, SVG and both terminal
// renderings, at every error correction level and size, long Unicode issuers and the largest URI included.
#include <algorithm>
#include <array>
#include <cstddef>
#include <fstream>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/hash.hpp>
#include <mfa/otp/uri.hpp>
#include <mfa/qr/matrix.hpp>
#include <mfa/qr/png.hpp>
#include <mfa/qr/svg.hpp>
#include <mfa/qr/terminal.hpp>

#include "support/catch.hpp"
#include "support/host.hpp"
#include "support/program.hpp"
#include "support/qr_reader.hpp"
#include "support/temporary_directory.hpp"
#include "support/text.hpp"

using mfa::qr::ErrorCorrection;
using mfa::qr::Matrix;
using mfa::test::output_of;
using mfa::test::read_image;
using mfa::test::repeated;
using mfa::test::Screen;
using mfa::test::thrown_by;

namespace {

/// A secret of `size` bytes.
mfa::crypto::SecretBytes secret_of(std::size_t size) {
  mfa::crypto::SecretBytes secret(size);
  secret.front() = 7;
  return secret;
}

const std::string ordinary_uri(
    mfa::otp::uri({.issuer = "Foo Corp", .user = "alan.turing@example.com", .secret = secret_of(20)}));

/// 200 bytes of emoji as issuer, 255 of digits of another script as user, and the longest of everything else.
const std::string largest_uri(mfa::otp::uri({.issuer = repeated("\xF0\x9F\x94\x92", 50),
                                             .user = repeated("\xE0\xA5\xAA", 85),
                                             .secret = secret_of(mfa::otp::longest_secret),
                                             .hash = mfa::crypto::Hash::sha512,
                                             .digits = 8,
                                             .period = std::chrono::seconds(31'622'400)}));

std::string read_png(const Matrix& matrix, unsigned scale) {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/code.png";
  std::ofstream(file, std::ios::binary) << mfa::qr::png(matrix, {.scale = scale});
  return read_image(file);
}

std::string read_svg(const Matrix& matrix) {
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/code.svg";
  std::ofstream(file, std::ios::binary) << mfa::qr::svg(matrix);
  return read_image(
      output_of("rsvg-convert '" + file + "' -o '" + file + ".png' && printf %s '" + file + ".png'"));
}

} // namespace

TEST_CASE("PNG and SVG are read back, the largest URI included") {
  for (const std::string& uri : {ordinary_uri, largest_uri}) {
    CAPTURE(uri.size());
    const auto matrix = mfa::qr::encode(uri);
    CHECK(read_png(matrix, 4) == uri);
    CHECK(read_svg(matrix) == uri);
  }
}

TEST_CASE("PNG is read back at every level of error correction and in every size") {
  for (const auto level :
       {ErrorCorrection::low, ErrorCorrection::medium, ErrorCorrection::quartile, ErrorCorrection::high})
    CHECK(read_png(mfa::qr::encode(ordinary_uri, level), 4) == ordinary_uri);
  for (const unsigned scale : {2U, 3U, 5U, 8U, 13U}) {
    CAPTURE(scale);
    CHECK(read_png(mfa::qr::encode(ordinary_uri), scale) == ordinary_uri);
  }
}

TEST_CASE("Every length of text is read back") {
  for (std::size_t size = 1; size <= mfa::qr::max_text_size(ErrorCorrection::low); size += 127) {
    const std::string text = repeated("a%B", size / 3 + 1).substr(0, size);
    CAPTURE(size);
    CHECK(read_png(mfa::qr::encode(text, ErrorCorrection::low), 3) == text);
  }
}

TEST_CASE("The terminal rendering with colours is read back from dark and from light terminals") {
  for (const std::string& uri : {ordinary_uri, largest_uri})
    for (const bool light_background : {false, true}) {
      CAPTURE(uri.size(), light_background);
      const auto matrix = mfa::qr::encode(uri, ErrorCorrection::low);
      const auto text = mfa::qr::terminal(matrix);
      const Screen screen(text, light_background);
      CHECK(screen.columns() == matrix.size() + 8);
      CHECK(screen.lines() == (matrix.size() + 9) / 2);
      CHECK(screen.read() == uri);
    }
}

TEST_CASE("The terminal rendering without colours is read back from dark terminals") {
  const auto matrix = mfa::qr::encode(ordinary_uri, ErrorCorrection::low);
  const std::string text(mfa::qr::terminal(matrix, {.ansi_colours = false}));
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(Screen(text, false).read() == ordinary_uri);
}

TEST_CASE("Every rendering has its quiet zone of four light modules") {
  const auto matrix = mfa::qr::encode(ordinary_uri);
  const auto side = static_cast<int>(matrix.size() + 8);
  CHECK_THAT(std::string(mfa::qr::svg(matrix, {.scale = 5})),
             mfa::test::contains("width=\"" + std::to_string(side * 5) + "\" height=\"" +
                                 std::to_string(side * 5) + "\" viewBox=\"0 0 " + std::to_string(side) + ' ' +
                                 std::to_string(side) + '"'));
  // The corner of the top left finder pattern is the first dark module, the fifth each way.
  CHECK(matrix.dark(0, 0));
  CHECK_FALSE(matrix.dark(0U - 1, 0));
  CHECK_FALSE(matrix.dark(matrix.size(), 0));
  // A PNG's width and height are the bytes 16 to 23.
  const std::string png(mfa::qr::png(matrix, {.scale = 5}));
  const auto number_at = [&](std::size_t at) {
    int number = 0;
    for (std::size_t i = at; i < at + 4; ++i) number = number * 256 + static_cast<unsigned char>(png[i]);
    return number;
  };
  CHECK(number_at(16) == side * 5);
  CHECK(number_at(20) == side * 5);
}

TEST_CASE("The data URI of an enrolment is the PNG of its URI") {
  mfa::test::Host host;
  const auto totp = host.enroll_totp().totp;
  constexpr std::string_view prefix = "data:image/png;base64,";
  REQUIRE(totp.qr_code.view().starts_with(prefix));
  const mfa::test::TemporaryDirectory directory;
  const std::string file = directory.path() + "/code.png";
  std::ofstream(file + ".base64") << totp.qr_code.view().substr(prefix.size());
  CHECK(output_of("base64 --decode '" + file + ".base64' >'" + file + "' && echo decoded") == "decoded\n");
  CHECK(read_image(file) == totp.uri);
  const auto larger = host.verifier.enroll_factor(
      mfa::Totp{.issuer = "Foo Corp",
                .user = "alan",
                .qr_code = {.scale = 10, .error_correction = ErrorCorrection::high}});
  CHECK(larger.totp.qr_code.size() > totp.qr_code.size());
}

TEST_CASE("More error correction survives more damage") {
  const auto modules = [](ErrorCorrection level) { return mfa::qr::encode(ordinary_uri, level).size(); };
  CHECK(modules(ErrorCorrection::low) < modules(ErrorCorrection::medium));
  CHECK(modules(ErrorCorrection::medium) < modules(ErrorCorrection::quartile));
  CHECK(modules(ErrorCorrection::quartile) < modules(ErrorCorrection::high));
}

TEST_CASE("What does not fit is refused with the size that does") {
  for (const auto level :
       {ErrorCorrection::low, ErrorCorrection::medium, ErrorCorrection::quartile, ErrorCorrection::high}) {
    const std::size_t most = mfa::qr::max_text_size(level);
    CHECK(mfa::qr::encode(std::string(most, 'a'), level).size() == 177);
    CHECK(thrown_by([&] { return mfa::qr::encode(std::string(most + 1, 'a'), level); }) ==
          mfa::errc::qr_code_too_large);
  }
  CHECK(thrown_by([] { return mfa::qr::encode(""); }) == mfa::errc::invalid_argument);
  const auto matrix = mfa::qr::encode("a");
  CHECK(matrix.size() == 21);
  for (const unsigned scale : {0U, 65U, ~0U}) {
    CHECK(thrown_by([&] { return mfa::qr::png(matrix, {.scale = scale}); }) == mfa::errc::invalid_argument);
    CHECK(thrown_by([&] { return mfa::qr::svg(matrix, {.scale = scale}); }) == mfa::errc::invalid_argument);
  }
}
