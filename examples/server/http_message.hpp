#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

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

/// Reads a request's line and headers, with the empty line that ends them.
[[nodiscard]] std::optional<Refused> read_head(std::string_view text, Head& head);

/// An answer of the server's own, in the shape of the API's.
[[nodiscard]] Response plain_response(int status, std::string_view message);

/// The bytes of an answer. `is_head`: it says how long its body is, and has none.
[[nodiscard]] std::string bytes_of(const Response& response, bool keep_alive, bool is_head);

} // namespace server
