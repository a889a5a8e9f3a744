#pragma once

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/http/request.hpp>
#include <mfa/types.hpp>

namespace mfa::http {

/// Keys of AWS, long-lived or of a role.
struct AwsCredentials {
  std::string access_key_id;
  crypto::SecretString secret_access_key;
  crypto::SecretString session_token = {}; ///< of a role's keys
};

namespace detail {

[[nodiscard]] inline std::string hexadecimal_sha256(std::string_view text) {
  return mfa::detail::hexadecimal(crypto::sha256(text));
}

[[nodiscard]] inline crypto::Digest hmac_sha256(std::span<const unsigned char> key, std::string_view text) {
  crypto::Hmac hmac(crypto::Hash::sha256, key);
  return hmac(crypto::bytes_of(text));
}

/// "20150830T123600Z"
[[nodiscard]] inline std::string aws_time(Time time) {
  using namespace std::chrono;
  const auto day = floor<days>(time);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<seconds>(time - day));
  char text[32];
  (void)std::snprintf(text, sizeof text, "%04d%02u%02uT%02d%02d%02dZ", static_cast<int>(date.year()),
                      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                      static_cast<int>(clock.seconds().count()));
  return text;
}

/// The value of a header with white space at its ends gone, and otherwise one space each.
[[nodiscard]] inline crypto::SecretString canonical_value(std::string_view value) {
  crypto::SecretString canonical;
  bool space = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      space = !canonical.empty();
      continue;
    }
    if (std::exchange(space, false)) canonical += ' ';
    canonical += c;
  }
  return canonical;
}

/// The parts of a URL after its host, in the order that is signed. What it holds is encoded already.
[[nodiscard]] inline std::pair<std::string, std::string> path_and_query(std::string_view url) {
  url.remove_prefix(std::min(url.size(), url.find("://") + 3));
  const auto start = url.find_first_of("/?");
  url = start == std::string_view::npos ? std::string_view() : url.substr(start);
  const auto mark = url.find('?');
  std::string path(url.substr(0, mark));
  if (path.empty()) path = "/";
  if (mark == std::string_view::npos) return {path, ""};
  std::vector<std::pair<std::string, std::string>> parameters;
  for (std::string_view rest = url.substr(mark + 1); !rest.empty();) {
    const std::string_view one = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(rest.size(), one.size() + 1));
    const auto equals = one.find('=');
    parameters.emplace_back(one.substr(0, equals),
                            equals == std::string_view::npos ? std::string_view() : one.substr(equals + 1));
  }
  std::sort(parameters.begin(), parameters.end());
  std::string query;
  for (const auto& [name, value] : parameters)
    query += (query.empty() ? "" : "&") + name + '=' +
             value; // NOLINT(performance-inefficient-string-concatenation)
  return {path, query};
}

} // namespace detail

/// Signs a request for AWS (Signature Version 4): adds the headers X-Amz-Date, X-Amz-Security-Token for a
/// role's keys, and Authorization, over its method, URL, headers, `Host` and body. Nothing of it may change
/// afterwards. AWS takes it for 5 minutes, so the clock must be right.
inline void sign_for_aws(Request& request, const AwsCredentials& credentials, std::string_view region,
                         std::string_view service, Time now) {
  const std::string time = detail::aws_time(now);
  const std::string date = time.substr(0, 8);
  request.headers.push_back({"X-Amz-Date", time});
  if (!credentials.session_token.empty())
    request.headers.push_back({"X-Amz-Security-Token", credentials.session_token});

  std::string_view host = request.url.view();
  host.remove_prefix(std::min(host.size(), host.find("://") + 3));
  host = host.substr(0, host.find_first_of("/?#"));
  constexpr std::string_view usual_port = ":443"; // which clients leave out of Host
  if (request.url.starts_with("https://") && host.ends_with(usual_port))
    host.remove_suffix(usual_port.size());
  std::vector<std::pair<std::string, crypto::SecretString>> headers;
  headers.emplace_back("host", host);
  for (const Header& header : request.headers) {
    std::string name(header.name);
    std::transform(name.begin(), name.end(), name.begin(), detail::lower);
    headers.emplace_back(std::move(name), detail::canonical_value(header.value.view()));
  }
  std::sort(headers.begin(), headers.end(), [](const auto& a, const auto& b) { return a.first < b.first; });

  const auto [path, query] = detail::path_and_query(request.url.view());
  crypto::SecretString canonical(request.method + '\n' + path + '\n' + query + '\n');
  std::string signed_headers;
  for (const auto& [name, value] : headers) {
    (((canonical += name) += ':') += value.view()) += '\n';
    signed_headers += (signed_headers.empty() ? "" : ";") + name;
  }
  ((canonical += '\n') += signed_headers) += '\n';
  canonical += detail::hexadecimal_sha256(request.body.view());

  const std::string scope =
      std::string(date).append("/").append(region).append("/").append(service).append("/aws4_request");
  const std::string to_sign = std::string("AWS4-HMAC-SHA256\n")
                                  .append(time)
                                  .append("\n")
                                  .append(scope)
                                  .append("\n")
                                  .append(detail::hexadecimal_sha256(canonical.view()));
  const crypto::SecretString first_key = crypto::SecretString("AWS4") + credentials.secret_access_key;
  crypto::Digest key = detail::hmac_sha256(crypto::bytes_of(first_key.view()), date);
  for (const std::string_view part : {region, service, std::string_view("aws4_request")})
    key = detail::hmac_sha256(key.span(), part);
  const crypto::Digest signature = detail::hmac_sha256(key.span(), to_sign);
  request.headers.push_back({"Authorization", std::string("AWS4-HMAC-SHA256 Credential=")
                                                  .append(credentials.access_key_id)
                                                  .append("/")
                                                  .append(scope)
                                                  .append(", SignedHeaders=")
                                                  .append(signed_headers)
                                                  .append(", Signature=")
                                                  .append(mfa::detail::hexadecimal(signature.span()))});
}

} // namespace mfa::http
