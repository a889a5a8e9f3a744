#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

#include <curl/curl.h>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/error.hpp>
#include <mfa/http/curl_handles.hpp>
#include <mfa/http/curl_options.hpp>
#include <mfa/http/request.hpp>

namespace mfa::detail::curl {

/// One HTTP request as libcurl is told it, and the answer as it comes. Lives, and the request with it, until
/// libcurl has done with the handle.
class CurlRequest {
 public:
  CurlRequest(CURL* easy, const http::Request& request, const http::CurlOptions& options)
      : easy_(easy), has_body_(!request.body.empty()), server_(http::host_of(request.url.view())),
        said_(request.body.view()), left_of_headers_(options.largest_answer),
        left_of_body_(options.largest_answer) {
    for (const http::Header& header : request.headers) {
      if (header.value.view().find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos)
        throw Error(errc::invalid_argument,
                    "the header " + header.name + " of a request has a line end; remove it from the setting");
      append(headers_, (crypto::SecretString(header.name + ": ") += header.value.view()).c_str());
    }
    append(headers_, "Expect:");
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_HTTP_VERSION, static_cast<long>(CURL_HTTP_VERSION_1_1));
    set(easy, CURLOPT_FOLLOWLOCATION, 0L);
    set(easy, CURLOPT_HTTPHEADER, headers_.get());
    // Read from us and with no way back: on a connection that turns out to be dead, libcurl must not send
    // what the server may have got a second time.
    if (!request.body.empty() || request.method == "POST") {
      set(easy, CURLOPT_POST, 1L);
      set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
      set(easy, CURLOPT_READFUNCTION, &Said::on_read);
      set(easy, CURLOPT_READDATA, &said_);
    }
    // What has no body has none to take back, and libcurl sends it again on its own, but on a new connection.
    if (!has_body_) set(easy, CURLOPT_FRESH_CONNECT, 1L);
    set(easy, CURLOPT_CUSTOMREQUEST, request.method.c_str());
    set(easy, CURLOPT_HEADERFUNCTION, &CurlRequest::on_header);
    set(easy, CURLOPT_HEADERDATA, this);
    set(easy, CURLOPT_WRITEFUNCTION, &CurlRequest::on_body);
    set(easy, CURLOPT_WRITEDATA, this);
  }
  CurlRequest(const CurlRequest&) = delete;
  CurlRequest& operator=(const CurlRequest&) = delete;
  ~CurlRequest() = default;

  [[nodiscard]] const std::string& server() const noexcept { return server_; }

  /// Whether the server may have the whole request. Of one without a body, through a proxy, that is said too
  /// early: once the proxy was asked.
  [[nodiscard]] bool may_have_arrived() const noexcept {
    if (has_body_) return said_.all_said;
    long sent = 0;
    return curl_easy_getinfo(easy_, CURLINFO_REQUEST_SIZE, &sent) != CURLE_OK || sent > 0;
  }

  /// What the server answered, or throws that it did not.
  [[nodiscard]] http::Response finish(CURLcode result) {
    // What a server said before its connection broke is its answer all the same.
    // To libcurl, headers that are cut off are whole.
    if (!headers_ended_)
      throw_not_answered(server_, result == CURLE_OK ? CURLE_PARTIAL_FILE : result, may_have_arrived());
    if (result != CURLE_OK) response_.whole = false;
    return std::move(response_);
  }

 private:
  static std::size_t on_header(const char* text, std::size_t size, std::size_t count, void* to) noexcept {
    auto& heard = *static_cast<CurlRequest*>(to);
    std::string_view line(text, size * count);
    if (line.size() > heard.left_of_headers_) return 0;
    heard.left_of_headers_ -= line.size();
    while (line.ends_with('\n') || line.ends_with('\r')) line.remove_suffix(1);
    try {
      if (line.starts_with("HTTP/")) { // another one came before: 100, say
        heard.response_.headers.clear();
        heard.response_.status = status_of(line);
        heard.headers_ended_ = false;
      } else if (line.empty()) {
        heard.headers_ended_ = heard.response_.status >= 200;
      } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
        std::string_view value = line.substr(colon + 1);
        while (value.starts_with(' ') || value.starts_with('\t')) value.remove_prefix(1);
        heard.response_.headers.push_back({std::string(line.substr(0, colon)), value});
      }
    } catch (...) {
      return 0;
    }
    return size * count;
  }

  static int status_of(std::string_view line) noexcept {
    const auto space = line.find(' ');
    return space == std::string_view::npos ? 0 : number_in(line.substr(space + 1));
  }

  static std::size_t on_body(const char* text, std::size_t size, std::size_t count, void* to) noexcept {
    auto& heard = *static_cast<CurlRequest*>(to);
    const std::size_t all = size * count;
    if (all > heard.left_of_body_) return 0;
    heard.left_of_body_ -= all;
    try {
      heard.response_.body += std::string_view(text, all);
    } catch (...) {
      return 0;
    }
    return all;
  }

  CURL* easy_;
  bool has_body_;
  std::string server_;
  Said said_;
  List headers_;
  http::Response response_;
  bool headers_ended_ = false;
  std::size_t left_of_headers_;
  std::size_t left_of_body_;
};

} // namespace mfa::detail::curl
