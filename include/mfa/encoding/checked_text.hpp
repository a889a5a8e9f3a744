#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

namespace mfa::detail {

/// UTF-8 of at most `longest` bytes without control characters.
[[nodiscard]] inline bool is_plain_text(std::string_view text, std::size_t longest) {
  return text.size() <= longest && is_utf8(text) && !has_control_characters(text);
}

/// Throws `errc::invalid_argument` for what is not; `what` names it.
inline void check_text(const char* what, std::string_view text, std::size_t longest) {
  if (!is_plain_text(text, longest))
    throw Error(errc::invalid_argument, std::string(what) + " must be UTF-8 of at most " +
                                            std::to_string(longest) + " bytes without control characters");
}

} // namespace mfa::detail
