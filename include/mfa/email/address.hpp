#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/encoding/typed_characters.hpp>
#include <mfa/error.hpp>

namespace mfa::email {

/// The longest address that a mail server must take, in bytes (RFC 5321 section 4.5.3.1.3, less the angle
/// brackets), and the longest part before its at sign and name of a domain.
inline constexpr std::size_t longest_address = 254;
inline constexpr std::size_t longest_local_part = 64;
inline constexpr std::size_t longest_domain = 253;
inline constexpr std::size_t longest_label = 63; ///< of a domain, between dots

/// `parse_address` refuses a longer text, in bytes, before it looks at it: room for an address and a name.
inline constexpr std::size_t longest_address_text = 1024;

namespace detail {

[[noreturn]] inline void refuse_address(const std::string& reason) {
  throw Error(errc::invalid_email_address, "the e-mail address " + reason);
}

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

inline std::string lower(std::string_view text) {
  std::string folded;
  for (const char c : text) folded += lower(c);
  return folded;
}

/// What keyboards and word processors write in the place of an ASCII character of an address.
constexpr char32_t meant(char32_t c) noexcept {
  c = mfa::detail::without_full_width(c);
  if (c == 0x2010 || c == 0x2011) return '-'; // hyphens
  if (c == 0x2018 || c == 0x2019 || c == 0x02BC) return '\'';
  if (c == 0x3002 || c == 0xFF61) return '.'; // of Chinese and Japanese keyboards
  return c;
}

/// What has no width and is dropped: such marks come with what is pasted. The joiners are letters in some
/// scripts, so an address has another meaning without them.
constexpr bool is_dropped(char32_t c) noexcept {
  return mfa::detail::is_invisible(c) && c != 0x200C && c != 0x200D;
}

inline void append_utf8(std::string& text, char32_t c) {
  const auto following = [&](unsigned shift) { text += static_cast<char>(0x80 | (c >> shift & 0x3F)); };
  if (c < 0x80) {
    text += static_cast<char>(c);
  } else if (c < 0x800) {
    text += static_cast<char>(0xC0 | c >> 6);
    following(0);
  } else if (c < 0x10000) {
    text += static_cast<char>(0xE0 | c >> 12);
    following(6);
    following(0);
  } else {
    text += static_cast<char>(0xF0 | c >> 18);
    following(12);
    following(6);
    following(0);
  }
}

/// Well-formed UTF-8 with what is meant by its characters, without marks that have no width.
inline std::string as_meant(std::string_view text) {
  std::string meaning;
  while (!text.empty()) {
    const char32_t c = meant(mfa::detail::take_character(text));
    if (!is_dropped(c)) append_utf8(meaning, c);
  }
  return meaning;
}

/// Without white space at its ends and the end of a sentence, or of an entry in a list.
inline std::string_view without_end(std::string_view text) {
  text = mfa::detail::trimmed(text);
  while (!text.empty() && std::string_view(".,;").find(text.back()) != std::string_view::npos)
    text = mfa::detail::trimmed(text.substr(0, text.size() - 1));
  return text;
}

/// The address in "Alan Turing <alan@example.com>" or "mailto:alan@example.com?subject=...", or the text.
inline std::string_view without_wrapping(std::string_view text) {
  text = without_end(text);
  if (text.ends_with('>')) {
    const auto open = text.rfind('<');
    if (open == std::string_view::npos) refuse_address("has > without < before it");
    std::string_view name = mfa::detail::trimmed(text.substr(0, open));
    text = mfa::detail::trimmed(text.substr(open + 1, text.size() - open - 2));
    for (const char quote : {'"', '\''})
      if (name.size() >= 2 && name.front() == quote && name.back() == quote)
        name = name.substr(1, name.size() - 2);
    if (name.find('@') != std::string_view::npos && lower(name) != lower(text))
      refuse_address("is two, one of them in angle brackets; give one");
  }
  constexpr std::string_view scheme = "mailto:";
  if (lower(text.substr(0, scheme.size())) == scheme) {
    text = mfa::detail::trimmed(text.substr(scheme.size()));
    if (text.find('%') != std::string_view::npos)
      refuse_address("is a mailto link with escaped characters; give the address itself");
    text = text.substr(0, text.find('?', text.find('@')));
  }
  return without_end(text);
}

/// Whether a character that is no ASCII may stand in an address. Which are letters, its server knows.
constexpr bool may_be_a_letter(char32_t c) noexcept {
  const bool noncharacter = (c & 0xFFFE) == 0xFFFE || (c >= 0xFDD0 && c <= 0xFDEF);
  const bool private_use = (c >= 0xE000 && c <= 0xF8FF) || c >= 0xF0000;
  const bool punctuation = (c >= 0x2000 && c <= 0x206F && c != 0x200C && c != 0x200D) || // general
                           (c >= 0x3000 && c <= 0x3004) || c == 0x00AB || c == 0x00BB || c == 0xFE6B;
  return c >= 0xA0 && !noncharacter && !private_use && !punctuation && c != 0xFFFD &&
         !mfa::detail::is_white_space(c);
}

/// Refuses a character that cannot stand in an address where it does.
[[noreturn]] inline void refuse_character(char32_t c, std::string_view where) {
  const std::string place = " in " + std::string(where);
  if (mfa::detail::is_white_space(c))
    refuse_address("has white space" + place + "; give one address without it");
  if (c < 0x20 || (c >= 0x7F && c < 0xA0)) refuse_address("has a control character" + place);
  if (c == ',' || c == ';') refuse_address("has a comma or semicolon" + place + "; give one address alone");
  if (c == '"') refuse_address("has quotation marks" + place + ", which many mail servers do not take");
  refuse_address("has a character" + place + " that no address has there");
}

inline void check_local_part(std::string_view local) {
  constexpr std::string_view where = "the part before the at sign";
  constexpr std::string_view others = "!#$%&'*+-/=?^_`{|}~."; // atext of RFC 5322, and the dot
  if (local.empty()) refuse_address("has nothing before the at sign");
  if (local.size() > longest_local_part)
    refuse_address("has more than " + std::to_string(longest_local_part) + " bytes before the at sign");
  for (std::string_view rest = local; !rest.empty();) {
    const char32_t c = mfa::detail::take_character(rest);
    const bool alphanumeric = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    const bool taken = c < 0x80 ? alphanumeric || others.find(static_cast<char>(c)) != std::string_view::npos
                                : may_be_a_letter(c);
    if (!taken) refuse_character(c, where);
  }
  if (local.starts_with('.') || local.ends_with('.') || local.find("..") != std::string_view::npos)
    refuse_address("has a dot at an end of the part before the at sign, or two in a row");
}

inline void check_label(std::string_view label) {
  constexpr std::string_view where = "its domain";
  if (label.empty()) refuse_address("has a domain with a dot at its begin, or two in a row");
  if (mfa::detail::code_points(label) > longest_label)
    refuse_address("has a part of its domain that is longer than " + std::to_string(longest_label) +
                   " characters");
  for (std::string_view rest = label; !rest.empty();) {
    const char32_t c = mfa::detail::take_character(rest);
    const bool taken =
        c < 0x80 ? (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' : may_be_a_letter(c);
    if (!taken) refuse_character(c, where);
  }
  if (label.starts_with('-') || label.ends_with('-'))
    refuse_address("has a part of its domain that begins or ends with a dash");
}

/// In small letters, without white space beside its dots. Checked.
inline std::string domain_of(std::string_view text) {
  std::string domain;
  for (bool more = true; more;) {
    const auto dot = text.find('.');
    const std::string label = lower(mfa::detail::trimmed(text.substr(0, dot)));
    check_label(label);
    more = dot != std::string_view::npos;
    domain.append(label).append(more ? "." : "");
    text.remove_prefix(more ? dot + 1 : text.size());
  }
  const auto last_dot = domain.rfind('.');
  if (last_dot == std::string::npos)
    refuse_address("has a domain without a dot; give all of it, as example.com");
  if (domain.find_first_not_of("0123456789", last_dot + 1) == std::string::npos)
    refuse_address("has a number at the end of its domain; give the name of a domain and no IP address");
  if (domain.size() > longest_domain)
    refuse_address("has a domain of more than " + std::to_string(longest_domain) + " bytes");
  return domain;
}

} // namespace detail

/// The address that mail goes to, from what a person typed or pasted: its domain in small letters, the part
/// before the at sign as it was given. White space around it, at the at sign and at the domain's dots, marks
/// without width, angle brackets with a name before them, `mailto:` with what follows the address, and a
/// full stop, comma or semicolon at the end are dropped; full-width characters and typographic apostrophes
/// and hyphens are read as ASCII's. The domain may be in any script, or as IDNA writes it (`xn--`): it is not
/// converted. The part before the at sign may be too (RFC 6531); it is not taken in quotation marks, with
/// dots at its ends or two dots in a row, and the domain not without a dot or as an IP address. Whether
/// anybody reads what is sent there, the confirmation shows. Throws `errc::invalid_email_address` with the
/// reason, which never holds the address.
[[nodiscard]] inline std::string parse_address(std::string_view text) {
  if (text.size() > longest_address_text)
    detail::refuse_address("is longer than " + std::to_string(longest_address_text) + " bytes");
  if (!mfa::detail::is_utf8(text)) detail::refuse_address("is not valid UTF-8; convert it");
  const std::string meaning = detail::as_meant(text);
  const std::string_view address = detail::without_wrapping(meaning);
  if (address.empty()) detail::refuse_address("is empty");
  const auto at = address.find('@');
  if (at == std::string_view::npos) detail::refuse_address("has no at sign");
  if (address.find('@', at + 1) != std::string_view::npos)
    detail::refuse_address("has two at signs; give one address alone");
  const std::string_view local = mfa::detail::trimmed(address.substr(0, at));
  detail::check_local_part(local);
  if (mfa::detail::trimmed(address.substr(at + 1)).empty())
    detail::refuse_address("has nothing after the at sign");
  const std::string parsed = std::string(local) + '@' + detail::domain_of(address.substr(at + 1));
  if (parsed.size() > longest_address)
    detail::refuse_address("is longer than " + std::to_string(longest_address) + " bytes");
  return parsed;
}

/// An address that `parse_address` made, of which only the first character and the domain can be read:
/// "a***@example.com". Fit to be shown and logged.
[[nodiscard]] inline std::string mask_address(std::string_view address) {
  const auto at = address.rfind('@');
  if (at == std::string_view::npos || at == 0) return "***";
  std::string_view rest = address;
  (void)mfa::detail::take_character(rest);
  return std::string(address.substr(0, address.size() - rest.size()))
      .append("***")
      .append(address.substr(at));
}

/// By what the mails to an address that `parse_address` made are counted: the same for all spellings which
/// many mail servers take for one mailbox, so that none of them brings a fresh budget. Small letters, no dots
/// before the at sign, and nothing after a plus sign there. Where a server tells two such addresses apart,
/// their owners share one limit, which costs them a wait.
[[nodiscard]] inline std::string limit_key(std::string_view address) {
  const auto at = address.rfind('@');
  std::string_view local = address.substr(0, at);
  if (const auto plus = local.find('+'); plus > 0) local = local.substr(0, plus);
  std::string key;
  for (const char c : local)
    if (c != '.') key += detail::lower(c);
  if (at != std::string_view::npos) key += detail::lower(address.substr(at));
  return key;
}

} // namespace mfa::email
