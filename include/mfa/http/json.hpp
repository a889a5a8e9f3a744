#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json.hpp>

#include <mfa/crypto/secret_string.hpp>
#include <mfa/http/request.hpp>

namespace mfa::http {

/// Appends the inside of a JSON string: UTF-8 with quotes, backslashes and control characters escaped.
inline void append_json(crypto::SecretString& to, std::string_view text) {
  constexpr std::string_view digits = "0123456789abcdef";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      to += '\\';
      to += c;
    } else if (byte < 0x20) {
      to += "\\u00";
      to += digits[byte >> 4];
      to += digits[byte & 15];
    } else {
      to += c;
    }
  }
}

/// Appends `"name":"value"` to an object that is begun.
inline void append_member(crypto::SecretString& object, std::string_view name, std::string_view value) {
  if (!object.ends_with("{")) object += ',';
  ((object += '"') += name) += "\":\"";
  append_json(object, value);
  object += '"';
}

/// The JSON of an answer whose body came whole; discarded if it is none. Only for answers that do not repeat
/// the message: what is read here is not wiped.
[[nodiscard]] inline nlohmann::json json_of(const Response& response) {
  if (!response.whole) return nlohmann::json(nlohmann::json::value_t::discarded);
  return nlohmann::json::parse(response.body.view(), nullptr, false);
}

/// A member that is a whole number, or digits in a string.
[[nodiscard]] inline std::optional<int> int_member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return std::nullopt;
  const auto found = object.find(name);
  if (found == object.end()) return std::nullopt;
  if (found->is_number_integer()) {
    const auto value = found->get<long long>();
    return value >= 0 && value < 1'000'000'000 ? std::optional(static_cast<int>(value)) : std::nullopt;
  }
  if (!found->is_string()) return std::nullopt;
  const auto& text = found->get_ref<const std::string&>();
  if (text.empty() || text.size() > 9 || text.find_first_not_of("0123456789") != std::string::npos)
    return std::nullopt;
  return std::stoi(text);
}

/// A member that is a string; otherwise empty.
[[nodiscard]] inline std::string text_member(const nlohmann::json& object, const char* name) {
  if (!object.is_object()) return {};
  const auto found = object.find(name);
  return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}

} // namespace mfa::http
