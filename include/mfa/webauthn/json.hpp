#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include <mfa/compiler.hpp>

namespace mfa::webauthn {

/// The members of a JSON object, of the objects directly in it, and of all in its `clientExtensionResults`,
/// as far as WebAuthn needs them: texts, booleans and lists of texts. A member of an inner object is asked
/// for as "outer.inner"; so one whose own name has a dot is never found.
class JsonMembers {
 public:
  static constexpr std::size_t longest = 65'536; ///< bytes
  static constexpr std::size_t deepest = 16;     ///< levels
  static constexpr std::size_t most = 64;        ///< members

  /// Nothing unless the text is one JSON object in UTF-8 within these bounds, with no member twice and
  /// nothing after it. Builds no tree: memory is bounded by the text's length.
  [[nodiscard]] static std::optional<JsonMembers> parse(std::string_view text) {
    // nlohmann's parser takes a NUL for the end.
    if (text.size() > longest || text.find('\0') != std::string_view::npos) return std::nullopt;
    JsonMembers members;
    Handler handler(members);
    if (!nlohmann::json::sax_parse(text, &handler)) return std::nullopt;
    return members;
  }

  /// Null if there is no such member or it is no text.
  [[nodiscard]] const std::string* text(std::string_view name) const {
    const Member* const member = find(name);
    return member != nullptr && member->kind == Kind::text ? &member->texts.front() : nullptr;
  }

  /// Whether there is such a member and it is not null.
  [[nodiscard]] bool has(std::string_view name) const {
    const Member* const member = find(name);
    return member != nullptr && member->kind != Kind::null;
  }

  /// None if it is no boolean.
  [[nodiscard]] std::optional<bool> boolean(std::string_view name) const {
    const Member* const member = find(name);
    if (member == nullptr || member->kind != Kind::boolean) return std::nullopt;
    return member->truth;
  }

  /// None if it is no list, or holds anything but texts.
  [[nodiscard]] const std::vector<std::string>* texts(std::string_view name) const {
    const Member* const member = find(name);
    return member != nullptr && member->kind == Kind::texts ? &member->texts : nullptr;
  }

 private:
  enum class Kind : unsigned char { other, null, text, boolean, texts };
  struct Member {
    std::string outer; ///< the path of the object that it is in; empty: the outermost
    std::string name;
    Kind kind = Kind::other;
    bool truth = false;
    std::vector<std::string> texts;
  };

  [[nodiscard]] const Member* find(std::string_view name) const {
    const auto dot = name.rfind('.');
    return dot == std::string_view::npos ? find(members_, {}, name)
                                         : find(members_, name.substr(0, dot), name.substr(dot + 1));
  }

  static const Member* find(const std::vector<Member>& members, std::string_view outer,
                            std::string_view name) {
    const auto found = std::ranges::find_if(
        members, [&](const Member& member) { return member.outer == outer && member.name == name; });
    return found == members.end() ? nullptr : &*found;
  }

  /// Called by nlohmann's parser; each function answers whether to go on.
  class Handler {
   public:
    explicit Handler(JsonMembers& to) : members_(to.members_) {}

    bool null() { return add(Kind::null); }
    bool boolean(bool truth) { return add(Kind::boolean, truth); }
    bool number_integer(nlohmann::json::number_integer_t) { return add(Kind::other); }
    bool number_unsigned(nlohmann::json::number_unsigned_t) { return add(Kind::other); }
    bool number_float(nlohmann::json::number_float_t, const std::string&) { return add(Kind::other); }
    bool binary(nlohmann::json::binary_t&) { return false; }
    bool string(std::string& text) {
      if (within(Container::list)) {
        members_.back().texts.push_back(std::move(text));
        return true;
      }
      if (!add(Kind::text)) return false;
      if (within(Container::members)) members_.back().texts.push_back(std::move(text));
      return true;
    }

    bool start_object(std::size_t) {
      if (level_ == 0) return open(Container::members);
      const bool direct = within(Container::members);
      if (!add(Kind::other)) return false;
      const bool looked_at = level_ == 1 || (outer_ + '.').starts_with("clientExtensionResults.");
      if (!direct || !looked_at || name_.empty() || name_.find('.') != std::string::npos)
        return open(Container::ignored);
      if (!open(Container::members)) return false;
      if (!outer_.empty()) outer_ += '.';
      outer_ += name_;
      return true;
    }
    bool key(std::string& name) {
      if (!within(Container::members)) return true;
      name_ = std::move(name);
      return members_.size() < most && find(members_, outer_, name_) == nullptr;
    }
    bool end_object() { return close(); }
    bool start_array(std::size_t) {
      const bool member = within(Container::members);
      return add(Kind::texts) && open(member ? Container::list : Container::ignored);
    }
    bool end_array() { return close(); }
    bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) { return false; }

   private:
    enum class Container : unsigned char { members, list, ignored };

    [[nodiscard]] bool within(Container container) const {
      return level_ > 0 && open_[level_ - 1] == container;
    }
    bool open(Container container) {
      if (level_ == deepest) return false;
      outer_sizes_[level_] = outer_.size();
      open_[level_++] = container;
      return true;
    }
    bool close() {
      outer_.resize(outer_sizes_[--level_]);
      return true;
    }

    /// Notes a value that is a member, or that spoils a list of texts.
    bool add(Kind kind, bool truth = false) {
      if (within(Container::members)) members_.push_back({outer_, name_, kind, truth, {}});
      if (within(Container::list)) members_.back().kind = Kind::other;
      return level_ > 0;
    }

    std::vector<Member>& members_;
    std::array<Container, deepest> open_{};
    std::array<std::size_t, deepest> outer_sizes_{}; ///< of `outer_`, before each
    std::size_t level_ = 0;
    std::string outer_;
    std::string name_;
  };

  std::vector<Member> members_;
};

} // namespace mfa::webauthn
