#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

namespace mfa::sms {

inline constexpr std::string_view default_message_template = "Your verification code is {{code}}";

/// The longest message, in code points, that SMS gateways take (they send it as several segments).
inline constexpr std::size_t longest_message = 1600;

/// The longest code that a template makes room for, in characters.
inline constexpr std::size_t longest_code_in_message = 10;

/// The longest value of a named token, in code points. A template makes room for as much.
inline constexpr std::size_t longest_message_value = 100;

/// Texts for the named tokens of templates: the value of "company" is what `{{company}}` stands for. A name
/// has 1 to 40 letters, digits and underscores, and is not "code".
using MessageValues = std::map<std::string, std::string, std::less<>>;

/// Refuses what a value could do to a message beside being read in it: line ends and other control
/// characters, marks that turn the direction of what follows (digits of a code included), too great a length.
/// Throws `errc::invalid_sms_template`, naming the value, of which it repeats nothing.
inline void check_message_values(const MessageValues& values) {
  constexpr std::size_t longest_name = 40;
  constexpr std::string_view in_names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  const auto turns_direction_or_line = [](char32_t c) {
    return c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  };
  for (const auto& [name, value] : values) {
    if (name.empty() || name.size() > longest_name || name == "code" ||
        name.find_first_not_of(in_names) != std::string::npos)
      throw Error(errc::invalid_sms_template,
                  "sms_values has a name that no token can have; a name is 1 to " +
                      std::to_string(longest_name) + " letters, digits and underscores, and not \"code\"");
    const auto refuse = [&name = name](const std::string& reason) {
      throw Error(errc::invalid_sms_template,
                  std::string("the value of {{").append(name).append("}} in sms_values ").append(reason));
    };
    if (value.size() > 4 * longest_message_value || mfa::detail::code_points(value) > longest_message_value)
      refuse("is longer than " + std::to_string(longest_message_value) + " characters; shorten it");
    if (!mfa::detail::is_utf8(value)) refuse("is not valid UTF-8; convert it");
    if (mfa::detail::has_control_characters(value))
      refuse("has a line end or another control character; remove it");
    for (std::string_view rest = value; !rest.empty();)
      if (turns_direction_or_line(mfa::detail::take_character(rest)))
        refuse("has a mark that ends the line or turns the direction of what follows; remove it");
  }
}

/// The text of a message with `{{code}}` (or `{{ code }}`) where the code goes, at least once. Twice is how a
/// browser is told to fill it in (WICG, "Origin-bound one-time codes"): "Your code is
/// {{code}}\n\n@example.com
/// #{{code}}". Other tokens stand for values, which are put in as they are: what looks like a token in a
/// value is text. Never build a template of what users write: that is what values are for. Single braces are
/// text. A line feed is the only control character.
class MessageTemplate {
 public:
  /// A token that is not among `values` is looked for among `defaults`. Throws `errc::invalid_sms_template`,
  /// naming what is wrong with the text or with a value.
  explicit MessageTemplate(std::string_view text = default_message_template, const MessageValues& values = {},
                           const MessageValues& defaults = {}) {
    check_message_values(values);
    check_message_values(defaults);
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

    const auto value_of = [&](std::string_view name) -> const std::string* {
      for (const MessageValues* const given : {&values, &defaults})
        if (const auto found = given->find(name); found != given->end()) return &found->second;
      return nullptr;
    };

    std::size_t length = 0;
    pieces_.emplace_back();
    const auto append_text = [&](std::size_t start, std::size_t end) {
      const std::string_view piece = text.substr(start, end - start);
      if (const auto at = piece.find("}}"); at != std::string_view::npos)
        refuse("has }} without {{ before it" + place_of(start + at) + "; write {{code}}");
      length += detail::code_points(piece);
      pieces_.back() += piece;
    };
    const auto append_value = [&](std::string_view name, const std::string& value) {
      const bool begins_line = pieces_.back().empty() ? pieces_.size() == 1 : pieces_.back().ends_with('\n');
      if (begins_line && value.starts_with('@'))
        refuse("begins a line with the value of {{" + std::string(name) +
               "}}, which begins with @, as browsers are told who may fill in the code; begin it with other "
               "text");
      pieces_.back() += value;
      length += longest_message_value;
    };
    std::size_t start = 0;
    for (auto open = text.find("{{"); open != std::string_view::npos; open = text.find("{{", start)) {
      append_text(start, open);
      const std::size_t end = text.find_first_of("{}", open + 2);
      if (end == std::string_view::npos || text.substr(end, 2) != "}}")
        refuse("has {{ without }} after it" + place_of(open) + "; write {{code}}");
      const auto token = trimmed(text.substr(open + 2, end - open - 2));
      if (token == "code") {
        pieces_.emplace_back();
        length += longest_code_in_message;
      } else if (const std::string* const value = value_of(token)) {
        append_value(token, *value);
      } else {
        constexpr std::size_t longest_shown = 40;
        refuse((detail::code_points(token) <= longest_shown
                    ? "has the unknown token {{" + std::string(token) + "}}"
                    : std::string("has an unknown token")) +
               place_of(open) + "; give its value in sms_values, or write {{code}}");
      }
      start = end + 2;
    }
    append_text(start, text.size());
    if (pieces_.size() < 2) refuse("has no {{code}}; write it where the code goes");
    if (length > longest_message) refuse_too_long();
  }

  /// The message with `code` in each place. It holds the code: never log it.
  [[nodiscard]] crypto::SecretString render(std::string_view code) const {
    std::size_t size = code.size() * (pieces_.size() - 1);
    for (const std::string& piece : pieces_) size += piece.size();
    crypto::SecretString message;
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

  std::vector<std::string> pieces_; ///< the text between the places of the code, values in place
};

} // namespace mfa::sms
