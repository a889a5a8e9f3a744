#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <string>
#include <string_view>

#include <openssl/crypto.h>
#include <qrencode.h>

#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/error.hpp>

namespace mfa::qr {

/// How much of the symbol may be unreadable: about 7, 15, 25 and 30 percent (ISO/IEC 18004). More makes a
/// larger symbol.
enum class ErrorCorrection {
  low = QR_ECLEVEL_L,
  medium = QR_ECLEVEL_M,
  quartile = QR_ECLEVEL_Q,
  high = QR_ECLEVEL_H,
};

/// Width of the light border that a reader needs around the symbol, in modules (ISO/IEC 18004). Every
/// rendering draws it.
inline constexpr unsigned quiet_zone = 4;

/// The most bytes that fit a QR code: version 40, byte mode.
[[nodiscard]] constexpr std::size_t max_text_size(ErrorCorrection level) noexcept {
  switch (level) {
  case ErrorCorrection::low: return 2953;
  case ErrorCorrection::medium: return 2331;
  case ErrorCorrection::quartile: return 1663;
  case ErrorCorrection::high: return 1273;
  }
  return 0;
}

/// A QR code's modules: a square, 21 to 177 a side, quiet zone left out. It holds what was encoded, so it is
/// as secret as that.
class Matrix {
 public:
  /// Modules a side.
  [[nodiscard]] unsigned size() const noexcept { return size_; }

  /// The module in column x from the left and row y from the top. Outside the square everything is light.
  [[nodiscard]] bool dark(unsigned x, unsigned y) const noexcept {
    return x < size_ && y < size_ && (modules_[std::size_t{y} * size_ + x] & 1) != 0;
  }

  /// Calls `run(x, length)` for each longest run of dark modules in row y, from left to right: what a
  /// renderer draws.
  template <class Run> void dark_runs(unsigned y, Run&& run) const {
    for (unsigned x = 0; x < size_; ++x) {
      if (!dark(x, y)) continue;
      const unsigned begin = x;
      while (dark(x, y)) ++x;
      run(begin, x - begin);
    }
  }

  friend bool operator==(const Matrix&, const Matrix&) = default;
  friend Matrix encode(std::string_view text, ErrorCorrection level);

 private:
  explicit Matrix(const QRcode& code)
      : size_{static_cast<unsigned>(code.width)},
        modules_(code.data, code.data + std::size_t{size_} * size_) {}

  unsigned size_;
  crypto::SecretBytes modules_; // libqrencode's: row by row, the lowest bit says dark
};

namespace detail {

struct FreeCode {
  void operator()(QRcode* code) const noexcept {
    OPENSSL_cleanse(code->data,
                    static_cast<std::size_t>(code->width) * static_cast<std::size_t>(code->width));
    QRcode_free(code);
  }
};

inline const char* name(ErrorCorrection level) noexcept {
  switch (level) {
  case ErrorCorrection::low: return "low";
  case ErrorCorrection::medium: return "medium";
  case ErrorCorrection::quartile: return "quartile";
  case ErrorCorrection::high: return "high";
  }
  return "unknown";
}

/// Pixels on each side, quiet zone included, at `scale` pixels per module.
inline unsigned image_side(const Matrix& matrix, unsigned scale) {
  if (scale < 1 || scale > 64)
    throw Error(errc::invalid_argument,
                "QR code: scale " + std::to_string(scale) + " is not within 1 to 64 pixels per module");
  return (matrix.size() + 2 * quiet_zone) * scale;
}

} // namespace detail

/// The smallest QR code of `text`, which may be any bytes. Safe from many threads at once. Throws `Error`:
/// `qr_code_too_large` beyond `max_text_size(level)`, `invalid_argument` for an empty text.
[[nodiscard]] inline Matrix encode(std::string_view text, ErrorCorrection level = ErrorCorrection::medium) {
  const std::size_t limit = max_text_size(level);
  if (limit == 0) throw Error(errc::invalid_argument, "QR code: unknown error correction level");
  if (text.empty()) throw Error(errc::invalid_argument, "QR code: the text is empty");
  if (text.size() > limit)
    throw Error(errc::qr_code_too_large, "QR code: a text of " + std::to_string(text.size()) +
                                             " bytes does not fit; error correction " + detail::name(level) +
                                             " leaves room for " + std::to_string(limit) + ": " +
                                             (level == ErrorCorrection::low ? "" : "lower it, or ") +
                                             "shorten the issuer or the user");
  const std::unique_ptr<QRcode, detail::FreeCode> code{
      QRcode_encodeData(static_cast<int>(text.size()), reinterpret_cast<const unsigned char*>(text.data()), 0,
                        static_cast<QRecLevel>(level))};
  if (!code) throw std::bad_alloc(); // the arguments are in range, so only memory can be missing
  return Matrix{*code};
}

} // namespace mfa::qr
