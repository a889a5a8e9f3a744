#pragma once

#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/workos/http.hpp>

/// HTTP/1.1 as bytes (RFC 9112): strict, so that no proxy before this server can read a message otherwise.
namespace server {

using mfa::workos::Request;
using mfa::workos::Response;

inline constexpr std::size_t longest_head = 16'384; ///< bytes of a request's line and headers

/// A request whose body is still to come.
struct Head {
  Request request = {};
  std::size_t body_size = 0;
  bool keep_alive = true;
  bool wants_continue = false; ///< the client waits for 100 before it sends the body
};

/// What a request is refused with that is no HTTP, or none that is served.
struct Refused {
  int status = 400;
  const char* why = "";
};

[[nodiscard]] inline std::string_view reason_of(int status) noexcept {
  switch (status) {
  case 200: return "OK";
  case 201: return "Created";
  case 202: return "Accepted";
  case 204: return "No Content";
  case 400: return "Bad Request";
  case 401: return "Unauthorized";
  case 403: return "Forbidden";
  case 404: return "Not Found";
  case 405: return "Method Not Allowed";
  case 408: return "Request Timeout";
  case 409: return "Conflict";
  case 411: return "Length Required";
  case 413: return "Content Too Large";
  case 417: return "Expectation Failed";
  case 422: return "Unprocessable Content";
  case 431: return "Request Header Fields Too Large";
  case 500: return "Internal Server Error";
  case 501: return "Not Implemented";
  case 503: return "Service Unavailable";
  case 505: return "HTTP Version Not Supported";
  default: return "Unknown";
  }
}

namespace detail {

[[nodiscard]] constexpr bool is_token(std::string_view text) noexcept {
  if (text.empty()) return false;
  for (const char c : text) {
    const bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && std::string_view("!#$%&'*+-.^_`|~").find(c) == std::string_view::npos) return false;
  }
  return true;
}

[[nodiscard]] constexpr std::string_view without_spaces(std::string_view text) noexcept {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// Whether one of the words between commas is this one.
[[nodiscard]] inline bool has_word(std::string_view list, std::string_view word) noexcept {
  while (!list.empty()) {
    const auto comma = list.find(',');
    if (mfa::workos::detail::same_word(without_spaces(list.substr(0, comma)), word)) return true;
    list = comma == std::string_view::npos ? std::string_view() : list.substr(comma + 1);
  }
  return false;
}

/// The line of a header into `head`, or why not.
[[nodiscard]] inline std::optional<Refused> read_header(std::string_view line, Head& head) {
  const auto colon = line.find(':');
  const std::string_view name = line.substr(0, colon);
  if (colon == std::string_view::npos || !is_token(name)) // also of a line that continues the one before
    return Refused{400, "A header of the request is malformed."};
  const std::string_view value = without_spaces(line.substr(colon + 1));
  for (const char c : value)
    if ((static_cast<unsigned char>(c) < ' ' && c != '\t') || c == 0x7f)
      return Refused{400, "A header of the request is malformed."};
  head.request.headers.emplace_back(name, value);
  return std::nullopt;
}

/// What the headers say of the message itself.
[[nodiscard]] inline std::optional<Refused> read_framing(bool is_1_0, Head& head) {
  std::size_t lengths = 0;
  std::size_t hosts = 0;
  bool encoded = false;
  head.keep_alive = !is_1_0;
  for (const auto& [name, value] : head.request.headers) {
    const auto is = [&name = name](std::string_view other) {
      return mfa::workos::detail::same_word(name, other);
    };
    if (is("Content-Length")) {
      ++lengths;
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), head.body_size);
      if (value.empty() || error == std::errc::invalid_argument || end != value.data() + value.size())
        return Refused{400, "The request's Content-Length is no number."};
      if (error != std::errc()) head.body_size = SIZE_MAX;
    } else if (is("Host")) {
      ++hosts;
    } else if (is("Transfer-Encoding")) {
      encoded = true;
    } else if (is("Connection")) {
      if (has_word(value, "close")) head.keep_alive = false;
    } else if (is("Expect")) {
      if (!mfa::workos::detail::same_word(value, "100-continue"))
        return Refused{417, "The request expects what is not served."};
      head.wants_continue = !is_1_0;
    }
  }
  if (lengths > 1 || (lengths > 0 && encoded))
    return Refused{400, "The request says in more than one way how long it is."};
  if (encoded) return Refused{411, "The request must say how long its body is, by Content-Length."};
  if (hosts > 1 || (hosts == 0 && !is_1_0)) return Refused{400, "The request must have one Host."};
  return std::nullopt;
}

} // namespace detail

/// Reads a request's line and headers, without the empty line that ends them.
[[nodiscard]] inline std::optional<Refused> read_head(std::string_view text, Head& head) {
  const auto take_line = [&text] {
    const auto end = text.find("\r\n");
    const std::string_view line = text.substr(0, end);
    text = end == std::string_view::npos ? std::string_view() : text.substr(end + 2);
    return line;
  };
  const std::string_view line = take_line();
  const auto first = line.find(' ');
  const auto last = line.rfind(' ');
  if (first == std::string_view::npos || first == last)
    return Refused{400, "The request's line is malformed."};
  const std::string_view method = line.substr(0, first);
  const std::string_view target = line.substr(first + 1, last - first - 1);
  const std::string_view version = line.substr(last + 1);
  if (!detail::is_token(method)) return Refused{400, "The request's line is malformed."};
  for (const char c : target)
    if (c <= ' ' || c > '~') return Refused{400, "The request's target is malformed."};
  const bool is_1_0 = version == "HTTP/1.0";
  if (!is_1_0 && version != "HTTP/1.1") {
    if (version.starts_with("HTTP/")) return Refused{505, "This server speaks HTTP/1.1."};
    return Refused{400, "The request's line is malformed."};
  }
  head.request.method = method;
  head.request.target = target;
  while (!text.empty())
    if (auto refused = detail::read_header(take_line(), head)) return refused;
  return detail::read_framing(is_1_0, head);
}

/// An answer of the server's own, in the shape of the API's.
[[nodiscard]] inline Response plain_response(int status, std::string_view message) {
  Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json; charset=utf-8"}, {"Cache-Control", "no-store"}};
  response.body = nlohmann::json{{"message", message}}.dump();
  return response;
}

/// The bytes of an answer. `is_head`: it says how long its body is, and has none.
[[nodiscard]] inline std::string bytes_of(const Response& response, bool keep_alive, bool is_head) {
  std::string bytes = "HTTP/1.1 " + std::to_string(response.status) + " ";
  bytes.append(reason_of(response.status)).append("\r\n");
  const std::time_t now = std::time(nullptr);
  std::tm utc{};
  std::array<char, 64> date{};
  ::gmtime_r(&now, &utc);
  bytes.append(date.data(),
               std::strftime(date.data(), date.size(), "Date: %a, %d %b %Y %H:%M:%S GMT\r\n", &utc));
  for (const auto& [name, value] : response.headers) {
    if (value.find_first_of(std::string_view("\r\n\0", 3)) != std::string::npos)
      continue; // of nobody's making
    bytes.append(name).append(": ").append(value).append("\r\n");
  }
  if (response.status != 204)
    bytes.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  if (!keep_alive) bytes.append("Connection: close\r\n");
  bytes.append("\r\n");
  if (!is_head) bytes.append(response.body);
  return bytes;
}

} // namespace server
