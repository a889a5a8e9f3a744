#pragma once

#include <string>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/qr/matrix.hpp>

namespace mfa::qr {

struct SvgOptions {
  /// Pixels a module in the `width` and `height` that are written, 1 to 64; style sheets may resize the
  /// image.
  unsigned scale = 4;
};

/// An SVG image, for a file or inline in HTML: one path, black on white, quiet zone included, one unit a
/// module. It holds what was encoded, so it is as secret as that. Throws `Error` (`invalid_argument`) for a
/// scale out of range.
[[nodiscard]] inline crypto::SecretString svg(const Matrix& matrix, SvgOptions options = {}) {
  const std::string pixels = std::to_string(detail::image_side(matrix, options.scale));
  const std::string units = std::to_string(matrix.size() + 2 * quiet_zone);
  crypto::SecretString image;
  image.reserve(512 + std::size_t{matrix.size()} * matrix.size() * 2);
  image.append(R"(<svg xmlns="http://www.w3.org/2000/svg" width=")").append(pixels);
  image.append(R"(" height=")").append(pixels);
  image.append(R"(" viewBox="0 0 )").append(units).append(" ").append(units);
  image.append(R"(" shape-rendering="crispEdges"><path fill="#fff" d="M0 0h)").append(units);
  image.append("v").append(units).append("H0z\"/><path stroke=\"#000\" d=\"");
  // Each run is a line one unit thick along the middle of its row: half the text of a rectangle.
  for (unsigned y = 0; y < matrix.size(); ++y) {
    unsigned pen = 0;
    matrix.dark_runs(y, [&](unsigned x, unsigned length) {
      if (pen == 0) {
        image.append("M").append(std::to_string(quiet_zone + x));
        image.append(" ").append(std::to_string(quiet_zone + y)).append(".5h");
      } else {
        image.append("m").append(std::to_string(x - pen)).append(" 0h");
      }
      image.append(std::to_string(length));
      pen = x + length;
    });
  }
  image.append("\"/></svg>\n");
  return image;
}

} // namespace mfa::qr
