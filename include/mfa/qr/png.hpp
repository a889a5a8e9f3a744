#pragma once

#include <csetjmp>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>
#include <png.h>

#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64.hpp>
#include <mfa/error.hpp>
#include <mfa/qr/matrix.hpp>

namespace mfa::qr {

struct PngOptions {
  /// Pixels a module, 1 to 64, whole so that edges stay crisp. The image is
  /// `(matrix.size() + 2 * quiet_zone) * scale` pixels a side; to fill a box of n pixels, give
  /// `n / (matrix.size() + 2 * quiet_zone)`.
  unsigned scale = 4;
};

namespace detail {

/// Owns libpng's writer, its output and its complaint. libpng reports errors by longjmp, so whatever needs
/// destruction lives here and not in a function that libpng may jump out of.
class PngWriter {
 public:
  PngWriter() {
    png_ = png_create_write_struct_2(PNG_LIBPNG_VER_STRING, this, on_error, on_warning, nullptr, allocate,
                                     free_wiped);
    if (png_ == nullptr) return;
    info_ = png_create_info_struct(png_);
    png_set_write_fn(png_, this, on_write, on_flush);
  }
  ~PngWriter() { png_destroy_write_struct(&png_, &info_); }
  PngWriter(const PngWriter&) = delete;
  PngWriter& operator=(const PngWriter&) = delete;

  crypto::SecretString write(const Matrix& matrix, unsigned scale) {
    const unsigned side = image_side(matrix, scale);
    crypto::SecretBytes row((side + 7) / 8);
    image_.reserve(1024 + std::size_t{side});
    if (png_ == nullptr || info_ == nullptr || !draw(matrix, scale, side, row.data(), row.size()))
      throw Error(errc::qr_code_too_large, std::string("libpng could not write the QR code: ") + complaint_);
    return std::move(image_);
  }

 private:
  /// False after an error of libpng, which jumps back to the setjmp here. Only trivial objects live in this
  /// function, so the jump skips no destructor.
  bool draw(const Matrix& matrix, unsigned scale, unsigned side, unsigned char* row, std::size_t row_size) {
    if (setjmp(png_jmpbuf(png_)) != 0) return false;
    // One bit a pixel, and a compressor whose tables fit the few kilobytes of such an image: setting up the
    // usual ones would take longer than compressing.
    png_set_compression_level(png_, 1);
    png_set_compression_mem_level(png_, 4);
    png_set_IHDR(png_, info_, side, side, 1, PNG_COLOR_TYPE_GRAY, PNG_INTERLACE_NONE,
                 PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
    png_write_info(png_, info_);
    std::memset(row, 0xFF, row_size);
    repeat(row, quiet_zone * scale);
    for (unsigned y = 0; y < matrix.size(); ++y) {
      std::memset(row, 0xFF, row_size);
      matrix.dark_runs(y, [=](unsigned x, unsigned length) {
        blacken(row, (quiet_zone + x) * scale, (quiet_zone + x + length) * scale);
      });
      repeat(row, scale);
    }
    std::memset(row, 0xFF, row_size);
    repeat(row, quiet_zone * scale);
    png_write_end(png_, nullptr);
    return true;
  }

  void repeat(const unsigned char* row, unsigned times) {
    for (; times > 0; --times) png_write_row(png_, row);
  }

  /// Clears the bits [begin, end) of a row, the first pixel being the highest bit of the first byte; the row
  /// reaches beyond `end`.
  static void blacken(unsigned char* row, unsigned begin, unsigned end) noexcept {
    unsigned char* const first = row + begin / 8;
    unsigned char* const last = row + end / 8;
    const unsigned from_begin = 0xFFu >> begin % 8;
    const unsigned from_end = 0xFFu >> end % 8;
    if (first == last) {
      *first = static_cast<unsigned char>(*first & (~from_begin | from_end));
      return;
    }
    *first = static_cast<unsigned char>(*first & ~from_begin);
    std::memset(first + 1, 0, static_cast<std::size_t>(last - first - 1));
    *last = static_cast<unsigned char>(*last & from_end);
  }

  /// libpng's and zlib's memory holds the image, and is wiped when they give it back. Its size stands before
  /// it.
  static constexpr std::size_t before = alignof(std::max_align_t);
  static png_voidp allocate(png_structp, png_alloc_size_t size) {
    if (size > SIZE_MAX - before) return nullptr;
    auto* const memory = static_cast<unsigned char*>(std::malloc(before + size));
    if (memory == nullptr) return nullptr;
    std::memcpy(memory, &size, sizeof size);
    return memory + before;
  }
  static void free_wiped(png_structp, png_voidp given) {
    if (given == nullptr) return;
    auto* const memory = static_cast<unsigned char*>(given) - before;
    png_alloc_size_t size = 0;
    std::memcpy(&size, memory, sizeof size);
    OPENSSL_cleanse(memory, before + size);
    std::free(memory);
  }

  static void on_error(png_structp png, png_const_charp message) {
    auto& self = *static_cast<PngWriter*>(png_get_error_ptr(png));
    std::strncpy(self.complaint_, message, sizeof self.complaint_ - 1);
    png_longjmp(png, 1);
  }

  static void on_warning(png_structp, png_const_charp) {}

  static void on_write(png_structp png, png_bytep bytes, std::size_t count) {
    if (!static_cast<PngWriter*>(png_get_io_ptr(png))->append(bytes, count)) png_error(png, "out of memory");
  }

  static void on_flush(png_structp) {}

  bool append(const unsigned char* bytes, std::size_t count) noexcept {
    try {
      image_ += std::string_view(reinterpret_cast<const char*>(bytes), count);
      return true;
    } catch (...) {
      return false;
    }
  }

  png_structp png_ = nullptr;
  png_infop info_ = nullptr;
  crypto::SecretString image_;
  char complaint_[80] = "out of memory";
};

} // namespace detail

/// A PNG image, one bit per pixel, black on white, quiet zone included. It holds what was encoded, so it is
/// as secret as that. Throws `errc::invalid_argument` for a scale out of range, and `errc::qr_code_too_large`
/// with libpng's words when that fails, which it does for lack of memory in practice.
[[nodiscard]] inline crypto::SecretString png(const Matrix& matrix, PngOptions options = {}) {
  return detail::PngWriter{}.write(matrix, options.scale);
}

/// The same image as a `data:` URI (RFC 2397), ready for the `src` of an HTML `img`.
[[nodiscard]] inline crypto::SecretString png_data_uri(const Matrix& matrix, PngOptions options = {}) {
  const crypto::SecretString image = png(matrix, options);
  return "data:image/png;base64," + mfa::detail::base64<crypto::SecretString>(image);
}

} // namespace mfa::qr
