#pragma once

#include <concepts>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/compiler.hpp>

namespace mfa {

/// The host's own identifier of a user: 1 to 255 bytes of UTF-8 without control characters, compared byte by
/// byte. Made of any text; the verb that takes it throws `errc::invalid_argument` for an empty one, so that a
/// session without a user is never taken for "any user".
class UserId {
 public:
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view> UserId(const Text& text)
        : text_(std::string_view(text)) {}

    [[nodiscard]] const std::string& text() const& noexcept { return text_; }
    [[nodiscard]] std::string text() && noexcept { return std::move(text_); }

    bool operator==(const UserId&) const = default;

   private:
    std::string text_;
};

struct AnyUser {};

/// In the place of a user: for callers that know by other means that the id is the right one, and operators.
inline constexpr AnyUser any_user{};

/// Whose factor or challenge a caller means: a user's, so that another's is not found, or `any_user`.
class Whose {
 public:
  Whose(AnyUser) noexcept {}
  Whose(UserId user_id) : user_id_(std::move(user_id)) {}
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view> Whose(const Text& text)
        : user_id_(UserId(text)) {}

    /// None for any user.
    [[nodiscard]] const std::optional<UserId>& user_id() const& noexcept { return user_id_; }

    [[nodiscard]] bool include(std::string_view user_id) const noexcept {
      return !user_id_ || user_id_->text() == user_id;
    }

   private:
    std::optional<UserId> user_id_;
};

} // namespace mfa
