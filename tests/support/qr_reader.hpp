#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include "catch.hpp"
#include "program.hpp"
#include "temporary_directory.hpp"

namespace mfa::test {

/// What zbarimg reads in an image file, without the newline that it adds.
inline std::string read_image(const std::string& file) {
  std::string text = output_of("zbarimg --nodbus --quiet --raw '" + file + "'");
  if (!text.empty()) text.pop_back();
  return text;
}

/// What a camera sees of a terminal that shows `text`: a terminal with these default colours (true: light),
/// two square pixels a character, one above the other, with some of the terminal around it.
class Screen {
 public:
  Screen(std::string_view text, bool light_background)
      : background_(light_background), paper_(background_), ink_(!background_) {
    std::vector<bool> above;
    std::vector<bool> below;
    while (!text.empty()) {
      if (take(text, "\x1b[0m")) {
        paper_ = background_;
        ink_ = !background_;
      } else if (take(text, "\x1b[38;5;16;48;5;231m")) {
        ink_ = false;
        paper_ = true;
      } else if (take(text, "\n")) {
        rows_.push_back(above);
        rows_.push_back(below);
        above.clear();
        below.clear();
      } else if (take(text, " ")) {
        above.push_back(paper_), below.push_back(paper_);
      } else if (take(text, "\u2588")) {
        above.push_back(ink_), below.push_back(ink_);
      } else if (take(text, "\u2580")) {
        above.push_back(ink_), below.push_back(paper_);
      } else if (take(text, "\u2584")) {
        above.push_back(paper_), below.push_back(ink_);
      } else {
        FAIL("the rendering has something that a terminal would not draw");
      }
    }
  }

  [[nodiscard]] std::size_t columns() const { return rows_.empty() ? 0 : rows_.front().size(); }
  [[nodiscard]] std::size_t lines() const { return rows_.size() / 2; }

  [[nodiscard]] std::string read() const {
    constexpr std::size_t scale = 4;
    constexpr std::size_t margin = 10;
    const std::size_t width = (columns() + 2 * margin) * scale;
    const std::size_t height = (rows_.size() + 2 * margin) * scale;
    std::string image = "P5 " + std::to_string(width) + ' ' + std::to_string(height) + " 255\n";
    for (std::size_t y = 0; y < height; ++y)
      for (std::size_t x = 0; x < width; ++x)
        image += light(x / scale - margin, y / scale - margin) ? '\xFF' : '\0';
    const TemporaryDirectory directory;
    const std::string file = directory.path() + "/screen.pgm";
    std::ofstream(file, std::ios::binary) << image;
    return read_image(file);
  }

 private:
  static bool take(std::string_view& text, std::string_view piece) {
    if (!text.starts_with(piece)) return false;
    text.remove_prefix(piece.size());
    return true;
  }

  [[nodiscard]] bool light(std::size_t x, std::size_t y) const {
    return y < rows_.size() && x < rows_[y].size() ? rows_[y][x] : background_;
  }

  bool background_;
  bool paper_;
  bool ink_;
  std::vector<std::vector<bool>> rows_; ///< true: light
};

} // namespace mfa::test
