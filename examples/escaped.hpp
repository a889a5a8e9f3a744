#pragma once

#include <string>
#include <string_view>

namespace examples {

/// As text, and as an attribute's value in quotation marks, in HTML.
inline std::string escaped(std::string_view plain) {
  std::string text;
  text.reserve(plain.size());
  for (const char c : plain) switch (c) {
    case '&': text += "&amp;"; break;
    case '<': text += "&lt;"; break;
    case '>': text += "&gt;"; break;
    case '"': text += "&quot;"; break;
    case '\'': text += "&#39;"; break;
    default: text += c;
    }
  return text;
}

} // namespace examples
