#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>

namespace mfa {

/// Texts for the named tokens of templates: the value of "company" is what `{{company}}` stands for. A name
/// has 1 to 40 letters, digits and underscores, and is not "code", nor in an e-mail "link".
using MessageValues = std::map<std::string, std::string, std::less<>>;

namespace delivery {

/// The longest value of a named token, in code points. A template makes room for as much.
inline constexpr std::size_t longest_message_value = 100;

/// What is different in what is said of templates of different messages.
struct TemplateTerms {
  errc error;
  std::string_view name;          ///< "the SMS template"
  std::string_view values;        ///< the options that values are given in: "sms_values"
  std::string_view usual_token;   ///< the remedy where a token is misspelt: "{{code}}"
  std::string_view reserved_name; ///< of a token that is no value, beside "code"; may be empty
};

/// Refuses what a value could do to a message beside being read in it: line ends and other control
/// characters, marks that turn the direction of what follows (digits of a code included), too great a length.
/// Throws `terms.error`, naming the value, of which it repeats nothing.
inline void check_message_values(const MessageValues& values, const TemplateTerms& terms) {
  constexpr std::size_t longest_name = 40;
  constexpr std::string_view in_names = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  const auto turns_direction_or_line = [](char32_t c) {
    return c == 0x2028 || c == 0x2029 || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
  };
  for (const auto& [name, value] : values) {
    if (name.empty() || name.size() > longest_name || name == "code" || name == terms.reserved_name ||
        name.find_first_not_of(in_names) != std::string::npos)
      throw Error(terms.error,
                  std::string(terms.values) + " has a name that no token can have; a name is 1 to " +
                      std::to_string(longest_name) + " letters, digits and underscores, and not \"code\"" +
                      (terms.reserved_name.empty() ? std::string()
                                                   : " or \"" + std::string(terms.reserved_name) + '"'));
    const auto refuse = [&name = name, &terms](const std::string& reason) {
      throw Error(terms.error, std::string("the value of {{")
                                   .append(name)
                                   .append("}} in ")
                                   .append(terms.values)
                                   .append(" ")
                                   .append(reason));
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

/// The value of this name in `values`, else in `defaults`, else null.
[[nodiscard]] inline const std::string* value_of(std::string_view name, const MessageValues& values,
                                                 const MessageValues& defaults) {
  for (const MessageValues* const given : {&values, &defaults})
    if (const auto found = given->find(name); found != given->end()) return &found->second;
  return nullptr;
}

/// Of templates in which `}}` ends a token or is a slip.
struct NoBracesAreText {
  constexpr bool operator()(std::size_t) const noexcept { return false; }
};

/// Reads a template: calls `on_text` with each text between tokens, and `on_token` with the name in each
/// `{{name}}` (or `{{ name }}`), which answers whether it knows that. Single braces are text, and so is a
/// `}}` of no token where `braces_are_text` says so of its offset. Throws `terms.error`, naming what is wrong
/// and where.
template <class OnText, class OnToken, class BracesAreText = NoBracesAreText>
void read_template(std::string_view text, const TemplateTerms& terms, OnText&& on_text, OnToken&& on_token,
                   const BracesAreText& braces_are_text = {}) {
  const auto refuse = [&terms](const std::string& reason) {
    throw Error(terms.error, std::string(terms.name) + ' ' + reason);
  };
  const auto place_of = [text](std::size_t offset) {
    return " at character " + std::to_string(mfa::detail::code_points(text.substr(0, offset)) + 1);
  };
  const std::string remedy = "; write " + std::string(terms.usual_token);
  const auto find_closing = [&](std::string_view braces, std::size_t start, std::size_t end) {
    const std::string_view within = text.substr(0, end);
    auto at = within.find(braces, start);
    while (at != std::string_view::npos && braces_are_text(at)) at = within.find(braces, at + 1);
    return at;
  };
  for (const auto at : {text.find("{{{"), find_closing("}}}", 0, text.size())})
    if (at != std::string_view::npos) refuse("has three braces in a row" + place_of(at) + remedy);
  const auto read_text = [&](std::size_t start, std::size_t end) {
    if (const auto at = find_closing("}}", start, end); at != std::string_view::npos)
      refuse("has }} without {{ before it" + place_of(at) + remedy);
    on_text(text.substr(start, end - start));
  };
  const auto trimmed = [](std::string_view name) {
    while (name.starts_with(' ')) name.remove_prefix(1);
    while (name.ends_with(' ')) name.remove_suffix(1);
    return name;
  };
  std::size_t start = 0;
  for (auto open = text.find("{{"); open != std::string_view::npos; open = text.find("{{", start)) {
    read_text(start, open);
    const std::size_t end = text.find_first_of("{}", open + 2);
    if (end == std::string_view::npos || text.substr(end, 2) != "}}")
      refuse("has {{ without }} after it" + place_of(open) + remedy);
    const std::string_view token = trimmed(text.substr(open + 2, end - open - 2));
    if (!on_token(token)) {
      constexpr std::size_t longest_shown = 40;
      refuse((mfa::detail::code_points(token) <= longest_shown
                  ? "has the unknown token {{" + std::string(token) + "}}"
                  : std::string("has an unknown token")) +
             place_of(open) + "; give its value in " + std::string(terms.values) + ", or write " +
             std::string(terms.usual_token));
    }
    start = end + 2;
  }
  read_text(start, text.size());
}

} // namespace delivery
} // namespace mfa
