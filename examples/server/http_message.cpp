// Heads of requests are read by Boost.Beast's parser, and held against what it is lenient with.
#include "http_message.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <ctime>

#include <boost/asio/buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <nlohmann/json.hpp>

#include <mfa/workos/http.hpp>

namespace server {
namespace {

namespace http = boost::beast::http;

std::string_view text_of(boost::beast::string_view text) noexcept { return {text.data(), text.size()}; }

/// Whether what the parser reads as no length is a number: it reads all of up to 19 digits.
bool is_longer_than_64_bits(std::string_view length) noexcept {
  const std::size_t first = length.find_first_not_of(" \t");
  if (first == std::string_view::npos) return false;
  length = length.substr(first, length.find_last_not_of(" \t") + 1 - first);
  return length.size() > 19 && length.find_first_not_of("0123456789") == std::string_view::npos;
}

/// What the parser did not take: `rest` begins with the line.
Refused refused_by_parser(boost::beast::error_code error, std::string_view rest) {
  const std::string_view line = rest.substr(0, rest.find("\r\n"));
  if (error == http::error::bad_version && line.substr(line.rfind(' ') + 1).starts_with("HTTP/") &&
      !line.ends_with(" HTTP/1.1") && !line.ends_with(" HTTP/1.0"))
    return {505, "This server speaks HTTP/1.1."};
  if (error == http::error::bad_content_length && is_longer_than_64_bits(line.substr(line.find(':') + 1)))
    return {413, "The request's body is too long."};
  return {400, "The request's line or a header of it is malformed."};
}

/// What the parser takes, and should not be: what two programs may read as two messages.
std::optional<Refused> refused_of(const http::request<http::empty_body>& read) {
  const auto lengths = read.count(http::field::content_length);
  const bool encoded = read.count(http::field::transfer_encoding) > 0;
  const auto hosts = read.count(http::field::host);
  for (const char c : read.target())
    if (c <= ' ' || c > '~') return Refused{400, "The request's target is malformed."};
  if (lengths > 1 || (lengths > 0 && encoded) ||
      read[http::field::content_length].find(',') != boost::beast::string_view::npos)
    return Refused{400, "The request says in more than one way how long it is."};
  if (encoded) return Refused{411, "The request must say how long its body is, by Content-Length."};
  if (hosts > 1 || (hosts == 0 && read.version() == 11))
    return Refused{400, "The request must have one Host."};
  const auto expects = read.count(http::field::expect);
  if (expects > 1 || (expects == 1 && !boost::beast::iequals(read[http::field::expect], "100-continue")))
    return Refused{417, "The request expects what is not served."};
  return std::nullopt;
}

} // namespace

std::optional<Refused> read_head(std::string_view text, Head& head) {
  if (text.find("\r\n ") != std::string_view::npos || text.find("\r\n\t") != std::string_view::npos)
    return Refused{400, "A header of the request is malformed."}; // it would go on with the line before
  http::request_parser<http::empty_body> parser;
  parser.header_limit(longest_head + 4);
  parser.body_limit(UINT64_MAX); // see connections.hpp
  boost::beast::error_code error;
  const std::size_t taken = parser.put(boost::asio::buffer(text.data(), text.size()), error);
  if (error) return refused_by_parser(error, text.substr(taken));
  const auto& read = parser.get();
  if (auto refused = refused_of(read)) return refused;
  const bool is_1_0 = read.version() == 10;
  head.request.method = text_of(read.method_string());
  head.request.target = text_of(read.target());
  for (const auto& field : read)
    head.request.headers.emplace_back(text_of(field.name_string()), text_of(field.value()));
  head.body_size = parser.content_length().value_or(0);
  head.keep_alive = !is_1_0 && parser.keep_alive();
  head.wants_continue = !is_1_0 && read.count(http::field::expect) > 0;
  return std::nullopt;
}

Response plain_response(int status, std::string_view message) {
  Response response;
  response.status = status;
  response.headers = {{"Content-Type", "application/json; charset=utf-8"}, {"Cache-Control", "no-store"}};
  response.body = nlohmann::json{{"message", message}}.dump();
  return response;
}

std::string bytes_of(const Response& response, bool keep_alive, bool is_head) {
  std::string bytes = "HTTP/1.1 " + std::to_string(response.status) + " ";
  bytes.append(text_of(http::obsolete_reason(static_cast<http::status>(response.status)))).append("\r\n");
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
