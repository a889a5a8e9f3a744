#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/delivery/template_text.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/sms/segments.hpp>

namespace mfa::sms {

inline constexpr std::string_view default_message_template = "Your verification code is {{code}}";

/// The longest message, in code points, that SMS gateways take (they send it as several segments).
inline constexpr std::size_t longest_message = 1600;

/// The longest code that a template makes room for, in characters.
inline constexpr std::size_t longest_code_in_message = 10;

/// The longest value of a named token, in code points. A template makes room for as much.
using delivery::longest_message_value;

using mfa::MessageValues;

/// What is said of templates of text messages.
inline constexpr delivery::TemplateTerms template_terms{
    errc::invalid_sms_template, "the SMS template", "sms_values", "{{code}}", {}};

/// What a host asks of its messages, beside their text. Each comes from the option that errors name.
struct MessageBounds {
  std::size_t code_digits = 6;
  std::size_t most_segments = 3;
  std::size_t most_bytes = 0; ///< 0: any
  std::size_t characters_before_code = 0;
  bool code_may_be_split = false;
};

/// The text of a message with `{{code}}` (or `{{ code }}`) where the code goes, at least once. Twice is how a
/// browser is told to fill it in (WICG, "Origin-bound one-time codes"; see `Autofill`): "Your
/// code is {{code}}\n\n@example.com #{{code}}". Other tokens stand for values, which are put in as they are:
/// what looks like a token in a value is text. Never build a template of what users write: that is what
/// values are for. Single braces are text. A line feed is the only control character.
class MessageTemplate {
 public:
  /// A token that is not among `values` is looked for among `defaults`. Throws `errc::invalid_sms_template`,
  /// naming what is wrong with the text or with a value.
  explicit MessageTemplate(std::string_view text = default_message_template, const MessageValues& values = {},
                           const MessageValues& defaults = {}) {
    delivery::check_message_values(values, template_terms);
    delivery::check_message_values(defaults, template_terms);
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

    std::size_t length = 0;
    pieces_.emplace_back();
    const auto append_value = [&](std::string_view name, const std::string& value) {
      const bool begins_line = pieces_.back().empty() ? pieces_.size() == 1 : pieces_.back().ends_with('\n');
      if (begins_line && value.starts_with('@'))
        refuse("begins a line with the value of {{" + std::string(name) +
               "}}, which begins with @, as browsers are told who may fill in the code; begin it with other "
               "text");
      pieces_.back() += value;
      length += longest_message_value;
    };
    const auto append_text = [&](std::string_view piece) {
      length += detail::code_points(piece);
      pieces_.back() += piece;
    };
    delivery::read_template(text, template_terms, append_text, [&](std::string_view token) {
      if (token == "code") {
        pieces_.emplace_back();
        length += longest_code_in_message;
        return true;
      }
      const std::string* const value = delivery::value_of(token, values, defaults);
      if (value != nullptr) append_value(token, *value);
      return value != nullptr;
    });
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

  /// How the network carries the message, which is the same for each code of so many digits.
  [[nodiscard]] Segments segments(std::size_t code_digits) const {
    const crypto::SecretString message = render(std::string(code_digits, '0'));
    return count_segments(message);
  }

  /// Throws `errc::invalid_sms_template`, naming the option that does not allow the message.
  void check(const MessageBounds& bounds) const {
    const auto refuse = [](const std::string& reason) {
      throw Error(errc::invalid_sms_template, "the SMS template " + reason);
    };
    const auto before_code = detail::code_points(pieces_.front());
    if (before_code < bounds.characters_before_code)
      refuse("has " + std::to_string(before_code) + " characters before the code, where " +
             "Options::sms_characters_before_code asks for " + std::to_string(bounds.characters_before_code) +
             "; begin with other text");

    const crypto::SecretString message = render(std::string(bounds.code_digits, '0'));
    const Segments counted = count_segments(message);
    if (bounds.most_bytes > 0 && message.size() > bounds.most_bytes)
      refuse("makes a message of " + std::to_string(message.size()) +
             " bytes, where Android's SMS Retriever "
             "takes " +
             std::to_string(bounds.most_bytes) + " (Options::sms_autofill); shorten it");
    const std::string of_segments = "makes a message of " + std::to_string(counted.segments) + " segments";
    if (counted.segments > bounds.most_segments)
      refuse(of_segments + ", where Options::sms_most_segments allows " +
             std::to_string(bounds.most_segments) + "; shorten it" + why_ucs2(counted));

    if (bounds.code_may_be_split || counted.segments == 1) return;
    std::vector<std::size_t> segment_of(message.size());
    visit_segments(std::string_view(message), counted,
                   [&](std::size_t offset, std::size_t segment) { segment_of[offset] = segment; });
    std::size_t place = 0;
    for (std::size_t i = 0; i + 1 < pieces_.size(); ++i) {
      place += pieces_[i].size();
      if (segment_of[place] != segment_of[place + bounds.code_digits - 1])
        refuse(of_segments +
               ", of which one ends within the code; move the code, or permit it by "
               "Options::sms_code_may_be_split" +
               why_ucs2(counted));
      place += bounds.code_digits;
    }
  }

 private:
  /// Names the character by its number alone: it may be of a value, which errors do not repeat.
  static std::string why_ucs2(const Segments& counted) {
    if (counted.encoding == Encoding::gsm7) return {};
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string number;
    for (char32_t rest = counted.beyond_gsm7; rest > 0 || number.size() < 4; rest >>= 4)
      number.insert(number.begin(), digits[rest & 15]);
    return ". Its character " + std::to_string(counted.beyond_gsm7_at) + ", U+" + number +
           ", is not in the GSM 7-bit alphabet, so that a segment holds 67 characters and not 153";
  }

  std::vector<std::string> pieces_; ///< the text between the places of the code, values in place
};

} // namespace mfa::sms
