#pragma once

#include <cstddef>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/workos/http.hpp>

/// Bodies and queries: read strictly, and what is wrong with them told member by member.
namespace mfa::workos {

namespace detail {

inline constexpr std::size_t deepest_body = 16; ///< objects and lists in one another

/// What the parser's own errors do not cover.
struct BadBody {};

/// The JSON object that a body is, in UTF-8, with no member twice anywhere. For no body, `null` and an empty
/// list, which SDKs send where they have nothing to say, an empty object. Nothing for what is no JSON, and
/// for any other value.
[[nodiscard]] inline std::optional<nlohmann::json> read_body(std::string_view body) {
  using nlohmann::json;
  // nlohmann's parser takes a NUL for the end.
  if (body.find('\0') != std::string_view::npos) return std::nullopt;
  if (body.find_first_not_of(" \t\r\n") == std::string_view::npos) return json::object();
  std::vector<std::set<std::string>> names; // of the objects that are open
  const auto check = [&names](int depth, json::parse_event_t event, json& parsed) {
    if (static_cast<std::size_t>(depth) > deepest_body) throw BadBody();
    if (event == json::parse_event_t::object_start) names.emplace_back();
    if (event == json::parse_event_t::object_end) names.pop_back();
    if (event == json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second)
      throw BadBody();
    return true;
  };
  try {
    json read = json::parse(body, check);
    if (read.is_null() || (read.is_array() && read.empty())) return json::object();
    if (read.is_object()) return read;
  } catch (const json::exception&) { // told by the result
  } catch (const BadBody&) {
  }
  return std::nullopt;
}

} // namespace detail

/// 422, with what was refused, member by member.
[[nodiscard]] inline Reply invalid_parameters(const std::vector<nlohmann::ordered_json>& errors) {
  return {.status = 422,
          .body = {{"message", "Validation failed: see errors."},
                   {"code", "invalid_request_parameters"},
                   {"errors", errors}}};
}

/// Reads members one after the other, and remembers what is wrong with them.
class Members {
 public:
  explicit Members(const nlohmann::json& object) : object_(object) {}

  /// Null counts as absent, as old SDKs send it; so does an empty text, with which nothing is said.
  [[nodiscard]] std::string text(const char* name) {
    const auto found = object_.find(name);
    if (found == object_.end() || found->is_null()) return {};
    if (const auto* const text = found->get_ptr<const std::string*>()) return *text;
    refuse(std::string(name) + "_must_be_a_string", name, "must be a string");
    return {};
  }

  [[nodiscard]] std::string required_text(const char* name) {
    std::string found = text(name);
    require(name, found);
    return found;
  }

  /// Refuses the member for being absent, if that is what left its value empty.
  void require(const char* name, std::string_view value) {
    if (value.empty() && !is_refused(name)) refuse(std::string(name) + "_required", name, "is required");
  }

  void refuse(std::string code, const char* name, std::string_view why) {
    errors_.push_back(
        {{"code", std::move(code)}, {"field", name}, {"message", std::string(name).append(" ").append(why)}});
  }

  [[nodiscard]] bool fine() const noexcept { return errors_.empty(); }

  [[nodiscard]] Reply refusal() const { return invalid_parameters(errors_); }

 private:
  [[nodiscard]] bool is_refused(std::string_view name) const {
    for (const auto& error : errors_)
      if (error.at("field") == name) return true;
    return false;
  }

  const nlohmann::json& object_;
  std::vector<nlohmann::ordered_json> errors_;
};

} // namespace mfa::workos
