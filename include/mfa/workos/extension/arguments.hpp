#pragma once

#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/assurance.hpp>
#include <mfa/authorization.hpp>
#include <mfa/encoding/base64url.hpp>
#include <mfa/types.hpp>
#include <mfa/user_id.hpp>
#include <mfa/workos/body.hpp>
#include <mfa/workos/http.hpp>
#include <mfa/workos/iso8601.hpp>

namespace mfa::workos::detail {

/// A value of an enumeration, by the name that clients write.
template <class Value> struct Choice {
  std::string_view name;
  Value value;
};

/// What a request of the paths beyond WorkOS's contract says, in its body or its query, read strictly: a
/// member that nobody reads is refused, since a misspelt `binding` or `required` would leave out a check.
/// Null is what a program sends that has lost a value, and it counts as absent only in texts, times and bytes
/// on which no check hangs. What is wrong is remembered; `refusal` is asked before anything is done.
class Arguments {
 public:
  /// `of_query`: every value is a text.
  Arguments(const nlohmann::json& object, bool of_query)
      : object_(&object), of_query_(of_query), errors_(std::make_shared<Errors>()) {
    (void)text("ip_address"); // of the user, for the observer: see `Exchange::event_context`
    (void)text("user_agent");
  }

  /// Null counts as absent.
  [[nodiscard]] std::string text(const char* name) {
    const nlohmann::json* const found = find(name);
    if (found == nullptr) return {};
    if (const auto* const text = found->get_ptr<const std::string*>()) return *text;
    refuse("_must_be_a_string", name, "must be a string");
    return {};
  }

  [[nodiscard]] std::string required_text(const char* name) {
    std::string found = text(name);
    if (found.empty()) require(name);
    return found;
  }

  /// Of what a check hangs on: left out, or a text that is not empty. Null, or nothing between the quotation
  /// marks, is what a program sends that has lost it, and is refused.
  [[nodiscard]] std::optional<std::string> named(const char* name) {
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return std::nullopt;
    const auto* const text = found->get_ptr<const std::string*>();
    if (text != nullptr && !text->empty()) return *text;
    refuse("_must_not_be_empty", name, "must be left out or be a string that is not empty");
    return std::nullopt;
  }

  [[nodiscard]] bool flag(const char* name) {
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return false;
    if (const auto* const value = found->get_ptr<const bool*>()) return *value;
    if (of_query_ && (*found == "true" || *found == "false")) return *found == "true";
    refuse("_must_be_a_boolean", name, "must be true or false");
    return false;
  }

  [[nodiscard]] std::uint64_t number(const char* name, std::uint64_t otherwise, std::uint64_t least,
                                     std::uint64_t most) {
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return otherwise;
    std::optional<std::uint64_t> value;
    if (found->is_number_unsigned()) value = found->get<std::uint64_t>();
    if (of_query_) value = read_number(found->get_ref<const std::string&>());
    if (value && *value >= least && *value <= most) return *value;
    refuse_as("invalid_", name,
              "must be a whole number from " + std::to_string(least) + " to " + std::to_string(most));
    return otherwise;
  }

  [[nodiscard]] std::chrono::seconds seconds(const char* name, std::chrono::seconds otherwise,
                                             std::chrono::seconds most) {
    return std::chrono::seconds(number(name, static_cast<std::uint64_t>(otherwise.count()), 0,
                                       static_cast<std::uint64_t>(most.count())));
  }

  [[nodiscard]] std::optional<Time> time(const char* name) {
    const std::string written = text(name);
    if (written.empty()) return std::nullopt;
    const auto read = read_iso8601(written);
    if (!read) refuse_as("invalid_", name, "must be a time in UTC, as 2026-01-01T00:00:00.000Z");
    return read;
  }

  /// Bytes in base64url; empty if absent.
  [[nodiscard]] std::string bytes(const char* name) {
    const std::string written = text(name);
    auto read = mfa::detail::base64url_decode(written);
    if (!read) refuse_as("invalid_", name, "must be base64url without padding");
    return read ? *std::move(read) : std::string();
  }

  template <class Choices>
  [[nodiscard]] auto choice(const char* name, const Choices& choices)
      -> std::optional<decltype(choices[0].value)> {
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return std::nullopt;
    for (const auto& one : choices)
      if (*found == one.name) return one.value;
    if (found->is_string())
      refuse_choice(name, choices);
    else
      refuse("_must_be_a_string", name, "must be a string");
    return std::nullopt;
  }

  template <class Choices>
  [[nodiscard]] auto choices(const char* name, const Choices& choices)
      -> std::vector<decltype(choices[0].value)> {
    std::vector<decltype(choices[0].value)> chosen;
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return chosen;
    bool fit = found->is_array();
    if (fit)
      for (const nlohmann::json& element : *found) {
        const std::size_t before = chosen.size();
        for (const auto& one : choices)
          if (element == one.name) chosen.push_back(one.value);
        fit = fit && chosen.size() > before;
      }
    if (!fit) refuse_choice(name, choices);
    return chosen;
  }

  [[nodiscard]] std::map<std::string, std::string, std::less<>> texts_by_name(const char* name) {
    std::map<std::string, std::string, std::less<>> texts;
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return texts;
    bool fit = found->is_object();
    if (fit)
      for (const auto& [key, value] : found->items()) {
        const auto* const text = value.template get_ptr<const std::string*>();
        fit = fit && text != nullptr;
        if (text != nullptr) texts.emplace(key, *text);
      }
    if (!fit) refuse("_must_be_texts", name, "must be an object whose members are strings");
    return texts;
  }

  /// Calls `read` with the arguments of an object, if it is there.
  template <class Read> void object(const char* name, Read&& read) {
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return;
    if (!found->is_object()) {
      refuse("_must_be_an_object", name, "must be an object");
      return;
    }
    Arguments within(*found, path(name) + ".", errors_);
    read(within);
    within.refuse_unknown();
  }

  /// Calls `read` with the arguments of each object of a list.
  template <class Read> void list(const char* name, std::size_t most, Read&& read) {
    const nlohmann::json* const found = given(name);
    if (found == nullptr) return;
    bool fit = found->is_array() && found->size() <= most;
    if (fit)
      for (const nlohmann::json& one : *found) fit = fit && one.is_object();
    if (!fit) {
      refuse_as("invalid_", name, "must be a list of up to " + std::to_string(most) + " objects");
      return;
    }
    for (std::size_t i = 0; i < found->size(); ++i) {
      Arguments within((*found)[i], path(name) + "." + std::to_string(i) + ".", errors_);
      read(within);
      within.refuse_unknown();
    }
  }

  /// The member as it is, which may be JSON's null; a null pointer if it is absent.
  [[nodiscard]] const nlohmann::json* given(const char* name) {
    known_.insert(name);
    const auto found = object_->find(name);
    return found == object_->end() ? nullptr : &*found;
  }

  /// The same where JSON's null counts as absent.
  [[nodiscard]] const nlohmann::json* find(const char* name) {
    const nlohmann::json* const found = given(name);
    return found == nullptr || found->is_null() ? nullptr : found;
  }

  // --- what many operations have

  /// Whose it must be. Left out: anybody's, as the client is the host's own program.
  [[nodiscard]] Whose whose() {
    const auto user_id = named("user_id");
    return user_id ? Whose(UserId(*user_id)) : Whose(any_user);
  }

  /// What allows a change of a user's factors: the id of a challenge that he answered, or, by its name, that
  /// the client vouches for it. Neither: nothing, which is enough for a user's first factor alone.
  [[nodiscard]] Authorization authorization() {
    const auto challenge_id = named("authorization");
    const bool is_operator = flag("by_operator");
    if (challenge_id && is_operator)
      refuse_as("invalid_", "authorization", "and by_operator exclude one another");
    if (is_operator) return by_operator;
    return challenge_id ? Authorization::of_challenge(*challenge_id) : Authorization();
  }

  [[nodiscard]] Assurance assurance(const char* name) {
    Assurance required;
    object(name, [&required](Arguments& within) {
      required.factors = static_cast<unsigned>(within.number("factors", required.factors, 1, 2));
      required.phishing_resistant = within.flag("phishing_resistant");
    });
    return required;
  }

  void require(const char* name) {
    if (!is_refused(path(name))) refuse("_required", name, "is required");
  }

  /// `invalid_` and the name is the code of what is refused.
  void refuse_as(std::string_view prefix, const char* name, std::string_view why) {
    add(std::string(prefix).append(name), name, why);
  }

  /// What is wrong, if anything is. Whatever was not asked for by now is refused.
  [[nodiscard]] std::optional<Reply> refusal() {
    refuse_unknown();
    if (errors_->empty()) return std::nullopt;
    return invalid_parameters(*errors_);
  }

  /// For an operation that does not know yet what else it would ask for.
  [[nodiscard]] Reply refusal_of_known() const { return invalid_parameters(*errors_); }

 private:
  using Errors = std::vector<nlohmann::ordered_json>;

  Arguments(const nlohmann::json& object, std::string prefix, std::shared_ptr<Errors> errors)
      : object_(&object), prefix_(std::move(prefix)), errors_(std::move(errors)) {}

  [[nodiscard]] std::string path(std::string_view name) const { return prefix_ + std::string(name); }

  [[nodiscard]] static std::optional<std::uint64_t> read_number(std::string_view text) {
    std::uint64_t value = 0;
    const auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || stopped != text.data() + text.size()) return std::nullopt;
    return value;
  }

  void refuse(std::string_view suffix, const char* name, std::string_view why) {
    add(std::string(name).append(suffix), name, why);
  }

  void add(std::string code, const char* name, std::string_view why) {
    const std::string field = path(name);
    errors_->push_back(
        {{"code", std::move(code)}, {"field", field}, {"message", field + " " + std::string(why)}});
  }

  void refuse_choice(const char* name, const auto& choices) {
    std::string names;
    for (const auto& one : choices) (names += names.empty() ? "" : ", ") += one.name;
    refuse_as("invalid_", name, "must be of: " + names);
  }

  /// Without the names, which a client made up.
  void refuse_unknown() {
    for (const auto& [name, value] : object_->items())
      if (!known_.contains(name)) {
        errors_->push_back(
            {{"code", "unknown_member"},
             {"message", (prefix_.empty() ? "the request" : prefix_.substr(0, prefix_.size() - 1)) +
                             " has a member that this operation does not take"}});
        return;
      }
  }

  [[nodiscard]] bool is_refused(std::string_view field) const {
    for (const auto& error : *errors_)
      if (error.value("field", "") == field) return true;
    return false;
  }

  const nlohmann::json* object_;
  bool of_query_ = false;
  std::string prefix_;
  std::set<std::string, std::less<>> known_;
  std::shared_ptr<Errors> errors_; ///< also of the objects within
};

} // namespace mfa::workos::detail
