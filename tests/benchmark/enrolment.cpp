// Enrolling a TOTP factor, its QR code as PNG data URI included, beside bare libqrencode and libpng (level 1,
// the same one bit a pixel) on the same text at the same size.
#include <cstddef>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include <png.h>
#include <qrencode.h>

#include <mfa/mfa.hpp>

namespace {

const mfa::Totp request{.issuer = "Foo Corp", .user = "alan.turing@example.com"};
constexpr unsigned scale = 4;
constexpr unsigned quiet_zone = 4;

void ours(benchmark::State& state) {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage};
  for (auto _ : state) {
    const auto enrolled = verifier.enroll_factor(request);
    benchmark::DoNotOptimize(enrolled.totp.qr_code.data());
  }
}

/// What some enrolments put into their QR codes. The peers go through them in turn: a processor learns the
/// branches of one text that comes again and again, which no server meets.
std::vector<std::string> texts_of_qr_codes() {
  mfa::storage::Memory storage;
  mfa::Verifier verifier{storage};
  std::vector<std::string> texts(64);
  for (std::string& text : texts) text = verifier.enroll_factor(request).totp.uri;
  return texts;
}

QRcode* symbol_of(const std::string& text) {
  return QRcode_encodeData(static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()),
                           0, QR_ECLEVEL_M);
}

void libqrencode(benchmark::State& state) {
  const auto texts = texts_of_qr_codes();
  std::size_t i = 0;
  for (auto _ : state) {
    QRcode* const symbol = symbol_of(texts[i++ % texts.size()]);
    benchmark::DoNotOptimize(symbol->data);
    QRcode_free(symbol);
  }
}

using Rows = std::vector<std::vector<unsigned char>>;

/// The pixels of an image, one bit each.
Rows rows_of(const std::string& text) {
  QRcode* const symbol = symbol_of(text);
  const auto modules = static_cast<unsigned>(symbol->width);
  const unsigned side = (modules + 2 * quiet_zone) * scale;
  Rows rows(side, std::vector<unsigned char>((side + 7) / 8, 0xFF));
  for (unsigned y = 0; y < modules * scale; ++y)
    for (unsigned x = 0; x < modules * scale; ++x)
      if ((symbol->data[y / scale * modules + x / scale] & 1) != 0) {
        const unsigned column = quiet_zone * scale + x;
        auto& byte = rows[quiet_zone * scale + y][column / 8];
        byte = static_cast<unsigned char>(byte & ~(0x80U >> column % 8));
      }
  QRcode_free(symbol);
  return rows;
}

/// The pixels are ready: what is measured is libpng alone.
void libpng(benchmark::State& state) {
  std::vector<Rows> images;
  for (const std::string& text : texts_of_qr_codes()) images.push_back(rows_of(text));
  std::size_t i = 0;
  for (auto _ : state) {
    const Rows& rows = images[i++ % images.size()];
    const auto side = static_cast<unsigned>(rows.size());
    std::string image;
    png_structp png = png_create_write_struct(PNG_LIBPNG_VER_STRING, nullptr, nullptr, nullptr);
    png_infop info = png_create_info_struct(png);
    png_set_write_fn(
        png, &image,
        [](png_structp writer, png_bytep bytes, std::size_t size) {
          static_cast<std::string*>(png_get_io_ptr(writer))
              ->append(reinterpret_cast<const char*>(bytes), size);
        },
        nullptr);
    png_set_compression_level(png, 1);
    png_set_IHDR(png, info, side, side, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png, info);
    for (const auto& row : rows) png_write_row(png, row.data());
    png_write_end(png, nullptr);
    png_destroy_write_struct(&png, &info);
    benchmark::DoNotOptimize(image.data());
  }
}

BENCHMARK(ours)->Name("enrolment/mfa");
BENCHMARK(libqrencode)->Name("enrolment/libqrencode");
BENCHMARK(libpng)->Name("enrolment/libpng, level 1");

} // namespace

BENCHMARK_MAIN();
