#pragma once

#include <string>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include <mfa/workos/http.hpp>

/// Requests to the HTTP API, and its answers.
namespace mfa::test {

using Json = nlohmann::ordered_json;

inline constexpr std::string_view api_key = "sk_test_a2V5XzAxRzdFWVpQ";
inline constexpr std::string_view second_api_key = "sk_test_bmV4dF8wMUc3RVla";

/// A request of a client with a key.
inline workos::Request request_with_key(std::string method, std::string target, std::string body = {}) {
  return {std::move(method),
          std::move(target),
          {{"Authorization", "Bearer " + std::string(api_key)}, {"Content-Type", "application/json"}},
          std::move(body)};
}

/// A response with its body read.
struct Answered {
  int status = 0;
  Json body;
  workos::Headers headers;

  [[nodiscard]] std::string header(std::string_view name) const {
    for (const auto& [other, value] : headers)
      if (other == name) return value;
    return {};
  }
};

inline Answered answered(const workos::Response& response) {
  return {response.status, response.body.empty() ? Json() : Json::parse(response.body), response.headers};
}

} // namespace mfa::test
