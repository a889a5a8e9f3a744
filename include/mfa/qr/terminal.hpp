#pragma once

#include <cstddef>
#include <string_view>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/qr/matrix.hpp>

namespace mfa::qr {

struct TerminalOptions {
  /// True: black on white whatever the terminal's own colours are (its 256-colour palette, whose black and
  /// white no theme moves). False: no escape sequences; right only where text is light on a dark background.
  bool ansi_colours = true;
};

/// Text that shows the QR code on a UTF-8 terminal: two modules a character, one above the other, quiet zone
/// included; `matrix.size() + 8` columns and half as many lines, each ended by a newline. It holds what was
/// encoded, so it is as secret as that.
[[nodiscard]] inline crypto::SecretString terminal(const Matrix& matrix, TerminalOptions options = {}) {
  constexpr std::string_view black_on_white = "\x1b[38;5;16;48;5;231m";
  constexpr std::string_view reset = "\x1b[0m";
  constexpr std::string_view empty = " ";
  constexpr std::string_view upper = "\u2580"; // the ink is in the upper half
  constexpr std::string_view lower = "\u2584";
  constexpr std::string_view full = "\u2588";

  const unsigned side = matrix.size() + 2 * quiet_zone;
  const bool dark_is_ink = options.ansi_colours;
  // Coordinates in the quiet zone wrap around to values outside the symbol, where all is light. An odd side
  // leaves half a line over at the bottom: it is light as well.
  const auto ink = [&](unsigned x, unsigned y) {
    return matrix.dark(x - quiet_zone, y - quiet_zone) == dark_is_ink;
  };
  crypto::SecretString text;
  text.reserve((std::size_t{side} * 3 + 32) * (side / 2 + 1));
  for (unsigned y = 0; y < side; y += 2) {
    if (options.ansi_colours) text += black_on_white;
    for (unsigned x = 0; x < side; ++x) {
      const bool above = ink(x, y);
      const bool below = ink(x, y + 1);
      text += above ? (below ? full : upper) : (below ? lower : empty);
    }
    if (options.ansi_colours) text += reset;
    text += '\n';
  }
  return text;
}

} // namespace mfa::qr
