#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/detail/text.hpp>
#include <mfa/error.hpp>

namespace mfa::sms {

inline constexpr std::string_view default_message_template = "Your verification code is {{code}}";

/// The longest message, in code points, that SMS gateways take (they send it as several segments).
inline constexpr std::size_t longest_message = 1600;

/// The longest code that a template makes room for, in characters.
inline constexpr std::size_t longest_code_in_message = 10;

/// The text of a message with `{{code}}` (or `{{ code }}`) where the code goes, at least once. Twice is how a
/// browser is told to fill it in (WICG, "Origin-bound one-time codes"): "Your code is
/// {{code}}\n\n@example.com
/// #{{code}}". Single braces are text. A line feed is the only control character.
class MessageTemplate {
 public:
  /// Throws `errc::invalid_sms_template`, naming what is wrong with the text.
  explicit MessageTemplate(std::string_view text = default_message_template) {
    const auto refuse = [](const std::string& reason) {
      throw Error(errc::invalid_sms_template, "the SMS template " + reason);
    };
    const auto refuse_too_long = [&refuse] {
      refuse("makes a message longer than " + std::to_string(longest_message) + " characters; shorten it");
    };
    constexpr std::size_t most_bytes_of_a_character = 4;
    if (text.size() > most_bytes_of_a_character * longest_message) refuse_too_long();
    if (!detail::is_utf8(text)) refuse("is not valid UTF-8; convert it");
    if (detail::has_control_characters(text, "\n"))
      refuse("has a control character other than the line feed; remove it");
    const auto place_of = [text](std::size_t offset) {
      return " at character " + std::to_string(detail::code_points(text.substr(0, offset)) + 1);
    };
    for (const std::string_view three : {"{{{", "}}}"})
      if (const auto at = text.find(three); at != std::string_view::npos)
        refuse("has three braces in a row" + place_of(at) + "; write {{code}}");

    std::size_t length = 0;
    const auto append_text = [&](std::size_t start, std::size_t end) {
      const std::string_view piece = text.substr(start, end - start);
      if (const auto at = piece.find("}}"); at != std::string_view::npos)
        refuse("has }} without {{ before it" + place_of(start + at) + "; write {{code}}");
      length += detail::code_points(piece);
      pieces_.push_back(std::string(piece));
    };
    std::size_t start = 0;
    for (auto open = text.find("{{"); open != std::string_view::npos; open = text.find("{{", start)) {
      append_text(start, open);
      const std::size_t end = text.find_first_of("{}", open + 2);
      if (end == std::string_view::npos || text.substr(end, 2) != "}}")
        refuse("has {{ without }} after it" + place_of(open) + "; write {{code}}");
      if (const auto token = trimmed(text.substr(open + 2, end - open - 2)); token != "code") {
        constexpr std::size_t longest_shown = 40;
        refuse((detail::code_points(token) <= longest_shown
                    ? "has the unknown token {{" + std::string(token) + "}}"
                    : std::string("has an unknown token")) +
               place_of(open) + "; the only one is {{code}}");
      }
      length += longest_code_in_message;
      start = end + 2;
    }
    append_text(start, text.size());
    if (pieces_.size() < 2) refuse("has no {{code}}; write it where the code goes");
    if (length > longest_message) refuse_too_long();
  }

  /// The message with `code` in each place. It holds the code: never log it.
  [[nodiscard]] std::string render(std::string_view code) const {
    std::size_t size = code.size() * (pieces_.size() - 1);
    for (const std::string& piece : pieces_) size += piece.size();
    std::string message;
    message.reserve(size);
    message += pieces_.front();
    for (std::size_t i = 1; i < pieces_.size(); ++i) (message += code) += pieces_[i];
    return message;
  }

 private:
  static constexpr std::string_view trimmed(std::string_view text) noexcept {
    while (text.starts_with(' ')) text.remove_prefix(1);
    while (text.ends_with(' ')) text.remove_suffix(1);
    return text;
  }

  std::vector<std::string> pieces_; ///< the text between the places of the code
};

} // namespace mfa::sms
