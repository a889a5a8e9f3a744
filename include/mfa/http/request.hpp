#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/base64.hpp>
#include <mfa/error.hpp>

namespace mfa::http {

struct Header {
  std::string name;
  crypto::SecretString value; ///< without line ends
};

/// What is asked of a server: a plain value, wiped when it ends.
struct Request {
  std::string method = "POST";
  /// See `check_url` of <mfa/http/settings.hpp>. It may hold a token: never log it.
  crypto::SecretString url;
  std::vector<Header> headers = {};
  crypto::SecretString body = {};
};

/// What a server answered: a plain value, wiped when it ends, as servers repeat what they were sent.
struct Response {
  int status = 0;
  std::vector<Header> headers = {};
  crypto::SecretString body = {};
  bool whole = true; ///< false: the body was cut off, or longer than is read of one
};

namespace detail {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
  return a.size() == b.size() &&
         std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) { return lower(x) == lower(y); });
}

/// The time of an HTTP date of the form that servers must write (RFC 9110 section 5.6.7).
[[nodiscard]] inline std::optional<std::chrono::sys_seconds> time_of_date(const std::string& date) {
  constexpr std::array<std::string_view, 12> months = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  if (date.size() != 29 || !date.ends_with(" GMT")) return std::nullopt;
  const auto number = [&](std::size_t at, std::size_t size) {
    int value = -1;
    const char* const end = date.data() + at + size;
    return std::from_chars(date.data() + at, end, value).ptr == end ? value : -1;
  };
  const auto* const month = std::find(months.begin(), months.end(), std::string_view(date).substr(8, 3));
  const int day = number(5, 2);
  const int year = number(12, 4);
  const int hour = number(17, 2);
  const int minute = number(20, 2);
  const int second = number(23, 2);
  if (month == months.end() || day < 1 || year < 1970 || hour < 0 || minute < 0 || second < 0)
    return std::nullopt;
  using namespace std::chrono;
  const year_month_day date_of{std::chrono::year(year),
                               std::chrono::month(static_cast<unsigned>(month - months.begin()) + 1),
                               std::chrono::day(static_cast<unsigned>(day))};
  if (!date_of.ok()) return std::nullopt;
  return sys_days(date_of) + hours(hour) + minutes(minute) + seconds(second);
}

} // namespace detail

/// The value of the first header of this name, in whatever case; empty if there is none.
[[nodiscard]] inline std::string_view header(const Response& response, std::string_view name) noexcept {
  for (const Header& header : response.headers)
    if (detail::same_word(header.name, name)) return header.value.view();
  return {};
}

/// How long the server said to wait (Retry-After, RFC 9110 section 10.2.3), in seconds or as a date, which is
/// taken from the server's own: 1 second to a day.
[[nodiscard]] inline std::optional<std::chrono::seconds> retry_after(const Response& response) {
  using namespace std::chrono;
  const std::string value(header(response, "Retry-After"));
  if (value.empty()) return std::nullopt;
  long long count = 0;
  const char* const end = value.data() + value.size();
  if (const auto read = std::from_chars(value.data(), end, count);
      read.ec != std::errc() || read.ptr != end) {
    const auto until = detail::time_of_date(value);
    const auto now = detail::time_of_date(std::string(header(response, "Date")));
    if (!until || !now) return std::nullopt;
    count = (*until - *now).count();
  }
  return seconds(std::clamp<long long>(count, 1, 86'400));
}

/// Appends `name=value` to a form (application/x-www-form-urlencoded), with all but RFC 3986's unreserved
/// characters as %XX, so that it can be a query as well.
inline void append_encoded(crypto::SecretString& to, std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  for (const char c : text) {
    if ((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
        c == '.' || c == '~') {
      to += c;
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    to += '%';
    to += digits[byte >> 4];
    to += digits[byte & 15];
  }
}

inline void append_form(crypto::SecretString& form, std::string_view name, std::string_view value) {
  if (!form.empty()) form += '&';
  append_encoded(form, name);
  form += '=';
  append_encoded(form, value);
}

/// HTTP's Basic authentication (RFC 7617).
[[nodiscard]] inline Header basic_authorization(std::string_view user, std::string_view password) {
  crypto::SecretString both;
  ((both += user) += ':') += password;
  crypto::SecretString value("Basic ");
  const auto encoded = mfa::detail::base64<crypto::SecretString>(both);
  value += encoded.view();
  return {"Authorization", std::move(value)};
}

/// The host of a URL, and nothing of it that may be secret.
[[nodiscard]] constexpr std::string_view host_of(std::string_view url) noexcept {
  if (const auto scheme = url.find("://"); scheme != std::string_view::npos) url.remove_prefix(scheme + 3);
  url = url.substr(0, url.find_first_of("/?#"));
  if (const auto at = url.rfind('@'); at != std::string_view::npos) url.remove_prefix(at + 1);
  const auto port = url.rfind(':');
  return port == std::string_view::npos || url.ends_with(']') ? url : url.substr(0, port);
}

} // namespace mfa::http
