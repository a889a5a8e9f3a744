#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/crypto/random.hpp>
#include <mfa/encoding/hexadecimal.hpp>

namespace mfa::workos {

/// Names, in any case, and values.
using Headers = std::vector<std::pair<std::string, std::string>>;

/// A request as an HTTP server read it. It holds secrets: never log it.
/// With g++ 12, name it before an expression with `co_await` (docs/getting-started.md, In coroutines).
struct Request {
  std::string method;
  std::string target; ///< path and query as they were sent, with their percent-encoding
  Headers headers = {};
  std::string body = {};
};

/// What to answer. It may hold secrets: never log it.
struct Response {
  int status = 200;
  Headers headers = {}; ///< with `Content-Type` if there is a body; without `Content-Length`
  std::string body = {};
};

namespace detail {

constexpr char lower(char c) noexcept { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

[[nodiscard]] constexpr bool same_word(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

/// The value of the only header of this name; nothing if there is none, or more than one, of which nobody
/// knows which counts.
[[nodiscard]] inline std::optional<std::string_view> only_header(const Headers& headers,
                                                                 std::string_view name) {
  std::optional<std::string_view> found;
  for (const auto& [other, value] : headers) {
    if (!same_word(other, name)) continue;
    if (found) return std::nullopt;
    found = value;
  }
  return found;
}

/// The id that a proxy gave the request, if it is fit for a header and a log, or one of ours.
[[nodiscard]] inline std::string request_id_of(const Headers& headers) {
  constexpr std::size_t longest = 128;
  constexpr std::string_view others = "-_.:";
  const std::string_view given = only_header(headers, "X-Request-ID").value_or("");
  bool fit = !given.empty() && given.size() <= longest;
  for (const char c : given)
    fit = fit && ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                  others.find(c) != std::string_view::npos);
  if (fit) return std::string(given);
  std::array<unsigned char, 16> drawn{};
  crypto::random_bytes_for("X-Request-ID", drawn);
  return "req_" + mfa::detail::hexadecimal(drawn);
}

} // namespace detail

/// A response of this layer before it is written: what the parts of it make and the tests look at.
struct Reply {
  int status = 200;
  nlohmann::ordered_json body = {}; ///< null: none
  std::optional<std::chrono::seconds> retry_after = {};
  std::string allow = {}; ///< methods, of a path that has no other
};

namespace detail {

[[nodiscard]] inline Response response_of(const Reply& reply, std::string_view request_id) {
  Response response{reply.status, {{"X-Request-ID", std::string(request_id)}}, {}};
  response.headers.emplace_back("Cache-Control", "no-store");
  if (reply.retry_after)
    response.headers.emplace_back("Retry-After", std::to_string(reply.retry_after->count()));
  if (!reply.allow.empty()) response.headers.emplace_back("Allow", reply.allow);
  if (reply.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer");
  if (reply.body.is_null()) return response;
  response.headers.emplace_back("Content-Type", "application/json; charset=utf-8");
  // What is no UTF-8 cannot come from a request; from a storage that others wrote to, it is replaced.
  response.body = reply.body.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
  return response;
}

} // namespace detail
} // namespace mfa::workos
