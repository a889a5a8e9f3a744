#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/encoding/typed_characters.hpp>
#include <mfa/sms/numbering_plan.hpp>

namespace mfa::sms {

/// `read_typed_phone_number` refuses a longer text, in bytes of UTF-8, before it looks at it.
inline constexpr std::size_t longest_phone_text = mfa::detail::longest_typed_text;

/// The marks that may stand between digits, beside spaces, dashes, dots and parentheses.
enum class PhoneMarks {
  international, ///< no others
  national       ///< slashes with four digits or more after them, square brackets for parentheses, and
                 ///< E.123's tilde, at which callers wait for a tone
};

/// What of a typed phone number says something.
struct TypedPhoneNumber {
  struct LoneZero { ///< a zero that is alone in its parentheses
    std::size_t position;
    std::size_t digits_before;
  };

  bool plus = false;
  std::string digits; ///< in ASCII; at least one
  std::optional<LoneZero> lone_zero;
};

/// Reads the characters. Digits may be those of any script, marks of full width; what is invisible is
/// dropped. Throws by `refuse(reason)`, whose reasons never hold a digit.
template <class Refuse>
[[nodiscard]] TypedPhoneNumber read_typed_phone_number(std::string_view text, PhoneMarks marks,
                                                       Refuse&& refuse) {
  const auto refuse_at = [&refuse](std::size_t position, const std::string& reason) {
    refuse("has " + reason + " at character " + std::to_string(position));
  };
  const auto is_letter = [](char32_t c) { return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z'); };
  const auto begins_extension = [](char32_t c) {
    return std::u32string_view(U"xXeE#;,").find(c) != std::u32string_view::npos;
  };
  const bool national = marks == PhoneMarks::national;

  if (text.size() > longest_phone_text)
    refuse("is longer than " + std::to_string(longest_phone_text) + " bytes");
  if (!mfa::detail::is_utf8(text)) refuse("is not valid UTF-8; convert it");

  TypedPhoneNumber typed;
  std::string& digits = typed.digits;
  bool open = false; ///< a parenthesis
  std::size_t digits_before_it = 0;
  std::optional<std::size_t> slash;
  std::size_t digits_before_slash = 0;
  for (std::size_t position = 1; !text.empty(); ++position) {
    const char32_t character = mfa::detail::take_character(text);
    char32_t c = mfa::detail::without_full_width(character);
    if (national && c == '[') c = '(';
    if (national && c == ']') c = ')';
    if (const auto digit = mfa::detail::decimal_digit(character)) {
      digits += static_cast<char>('0' + *digit);
    } else if (c == '+') {
      if (typed.plus) refuse_at(position, "a second plus sign");
      if (!digits.empty()) refuse_at(position, "a plus sign after digits (it comes first)");
      typed.plus = true;
    } else if (c == '(' || c == ')') {
      if (open == (c == '(')) refuse_at(position, "a parenthesis without its partner");
      open = c == '(';
      if (open) {
        digits_before_it = digits.size();
      } else if (digits.size() == digits_before_it + 1 && digits.back() == '0') {
        if (typed.lone_zero) refuse_at(position, "a second zero in parentheses (leave both out)");
        typed.lone_zero = {position - 2, digits_before_it};
      }
    } else if (national && c == '/') {
      slash = position;
      digits_before_slash = digits.size();
    } else if (c == '.' || (national && c == '~') || mfa::detail::is_filler(character)) {
      // separators of E.123, or what says nothing
    } else if (c < 0x20 || (c >= 0x7F && c < 0xA0)) {
      refuse_at(position, "a control character");
    } else if (!digits.empty() && begins_extension(c)) {
      refuse_at(position, "an extension, which text messages cannot reach (leave it out),");
    } else if (is_letter(c)) {
      refuse_at(position, "a letter");
    } else {
      refuse_at(position, "a character that is neither a digit nor a space, dash, dot or parenthesis");
    }
  }
  if (digits.empty()) refuse("is empty");
  if (open) refuse("has a parenthesis without its partner");
  // "030 12345/67" has two ends, one for each of two numbers.
  constexpr std::size_t fewest_after_slash = 4;
  if (slash && digits.size() - digits_before_slash < fewest_after_slash)
    refuse_at(*slash, "a slash with few digits after it (write one number)");
  return typed;
}

/// Refuses a zero in parentheses, "+44 (0)20", whose place or meaning is not clear.
template <class Refuse>
void check_lone_zero(const TypedPhoneNumber& typed, std::string_view country_code, Refuse&& refuse) {
  if (!typed.lone_zero) return;
  const std::string at = " at character " + std::to_string(typed.lone_zero->position);
  if (typed.lone_zero->digits_before != country_code.size())
    refuse("has a zero in parentheses that does not follow the country code" + at);
  if (numbers_begin_with_zero(country_code))
    refuse("has a zero in parentheses, which in this country may be part of the number (write it without "
           "parentheses if it is dialled from abroad)," +
           at);
}

} // namespace mfa::sms
