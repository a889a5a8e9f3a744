#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/http/request.hpp>

// What is wrong with the settings of a provider, told when its transport is made and not by the first message
// that is lost. Each function throws `errc::invalid_argument`, which names the setting by `what` and says
// what to do, and repeats nothing of the value.
namespace mfa::http {

[[noreturn]] inline void refuse_setting(std::string_view what, std::string_view why) {
  throw Error(errc::invalid_argument, std::string(what).append(" ").append(why));
}

/// Whether this is the machine itself, by an address or the name localhost.
[[nodiscard]] constexpr bool is_loopback(std::string_view host) noexcept {
  if (host == "localhost" || host == "[::1]") return true;
  return host.starts_with("127.") && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

namespace detail {

inline constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
inline constexpr std::size_t longest_sender_id = 11; // as networks show them

constexpr bool is_digits(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

constexpr bool is_visible_ascii(std::string_view text) noexcept {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c <= '~'; });
}

constexpr bool is_blank(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

} // namespace detail

/// Refuses what stands between the scheme of a URL and its path if it is more than a host and, perhaps, a
/// port from 1 to 65535.
inline void check_authority(std::string_view what, std::string_view url) {
  url.remove_prefix(std::min(url.size(), url.find("://") + 3));
  const std::string_view authority = url.substr(0, url.find_first_of("/?#"));
  if (authority.find('@') != std::string_view::npos)
    refuse_setting(what, "holds a user name or password; give credentials by their own settings");
  const std::string_view host = host_of(authority);
  if (host.empty()) refuse_setting(what, "names no host; write it after ://");
  if (!host.starts_with('[') && host.find(':') != std::string_view::npos)
    refuse_setting(what, "has an IPv6 address without brackets; write [ and ] around it");
  if (authority.size() == host.size()) return;
  constexpr std::size_t most_digits = 5;
  const std::string_view port = authority.substr(host.size() + 1);
  unsigned number = 0;
  if (detail::is_digits(port) && port.size() <= most_digits)
    for (const char digit : port) number = number * 10 + static_cast<unsigned>(digit - '0');
  if (number < 1 || number > 65'535)
    refuse_setting(what, "has no port from 1 to 65535 after its colon; write one, or leave the colon out");
}

/// Refuses what is no URL that a transport may be given: https, or http to this machine itself, without a
/// user, spaces and control characters.
inline void check_url(std::string_view what, std::string_view url) {
  if (!url.starts_with("https://") && !(url.starts_with("http://") && is_loopback(host_of(url))))
    refuse_setting(what, "is no https:// URL; write one (http:// is for servers on this machine alone)");
  check_authority(what, url);
  if (!detail::is_visible_ascii(url))
    refuse_setting(what, "has a space, a control character or one that is not ASCII; write it as %XX");
}

/// The same of one that a provider's paths are put behind.
inline void check_base_url(std::string_view what, std::string_view url) {
  check_url(what, url);
  if (url.ends_with('/')) refuse_setting(what, "ends with a slash, as paths begin with one; leave it out");
  if (url.find_first_of("?#") != std::string_view::npos)
    refuse_setting(what, "has a ? or #, behind which no path can be put; write scheme and host alone");
}

/// Refuses a setting that becomes part of a header or path if it is empty, or has what is no visible ASCII
/// character: a line end that came from a file, say.
inline void check_setting(std::string_view what, std::string_view value) {
  if (value.empty()) refuse_setting(what, "is empty; set it");
  if (!detail::is_visible_ascii(value))
    refuse_setting(what, "has a space, a line end or a character that is not ASCII; remove it");
}

/// The same of one that may be left out.
inline void check_optional_setting(std::string_view what, std::string_view value) {
  if (!value.empty()) check_setting(what, value);
}

/// Refuses a key that only ends where it does by an accident: visible text with blanks or a line end around
/// it. Of bytes any are taken.
inline void check_signing_key(std::string_view what, std::string_view key) {
  const std::string_view text = mfa::detail::trimmed(key);
  if (text.size() != key.size() && detail::is_visible_ascii(text))
    refuse_setting(what,
                   "has blanks or a line end around it, so that receivers have another key; remove them");
}

/// Refuses a header that cannot be sent as it is: libcurl leaves out one without a value.
inline void check_header(std::string_view what, const Header& header) {
  constexpr std::string_view in_names =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~";
  const std::string_view value = header.value.view();
  if (header.name.empty() || header.name.find_first_not_of(in_names) != std::string::npos)
    refuse_setting(what, "has a header whose name is none; write {\"Authorization\", \"Bearer ...\"}");
  if (value.empty() || detail::is_blank(value.front()) || detail::is_blank(value.back()))
    refuse_setting(what, "has a header whose value is empty or has blanks around it; set it, without them");
  if (std::any_of(value.begin(), value.end(),
                  [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7F; }))
    refuse_setting(what, "has a header with a line end or another control character; remove it");
}

/// Whether it is a telephone number in digits alone, with its plus sign or without, or a short code.
[[nodiscard]] constexpr bool is_number_of_sender(std::string_view sender) noexcept {
  const bool plus = sender.starts_with('+');
  if (plus) sender.remove_prefix(1);
  return detail::is_digits(sender) && sender.size() >= (plus ? 7U : 3U) && sender.size() <= 15 &&
         !(plus && sender.front() == '0');
}

/// Refuses what messages cannot come from: neither a number nor a sender id, of which networks show 11
/// characters.
inline void check_sender(std::string_view what, std::string_view sender) {
  using detail::letters;
  constexpr std::string_view others = "0123456789 -_.&+!";
  if (sender.empty()) refuse_setting(what, "is empty; set a number or a sender id");
  if (is_number_of_sender(sender)) return;
  const bool is_sender_id =
      sender.size() <= detail::longest_sender_id && !sender.starts_with(' ') && !sender.ends_with(' ') &&
      sender.find_first_of(letters) != std::string_view::npos &&
      std::all_of(sender.begin(), sender.end(), [&](char c) {
        return letters.find(c) != std::string_view::npos || others.find(c) != std::string_view::npos;
      });
  if (!is_sender_id)
    refuse_setting(what,
                   "is neither a number nor a sender id; write +15017122661 without spaces and dashes, a "
                   "short code, or up to 11 letters, digits and spaces with a letter among them");
}

/// Refuses what nobody can be called from.
inline void check_caller(std::string_view what, std::string_view number) {
  if (number.empty()) refuse_setting(what, "is empty; set a number that may call");
  if (!is_number_of_sender(number))
    refuse_setting(what,
                   "is no number; write +15017122661, with its country code and without spaces and dashes");
}

} // namespace mfa::http
