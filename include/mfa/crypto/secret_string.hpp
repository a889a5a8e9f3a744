#pragma once

#include <algorithm>
#include <concepts>
#include <cstddef>
#include <iosfwd>
#include <string>
#include <string_view>
#include <utility>

#include <openssl/crypto.h>

#include <mfa/crypto/constant_time.hpp>

namespace mfa::crypto {

/// Text that is wiped when it is let go: codes, tokens and secrets on their way to a user. It reads as a
/// `std::string` or `std::string_view` does, as long as it has a name: a view of a temporary does not
/// compile. What is copied out of it (into a `std::string`, a stream, JSON) is for the copy's owner to wipe.
class SecretString {
 public:
  SecretString() = default;
  SecretString(std::string_view text) : text_(text) {}
  SecretString(const char* text) : text_(text) {}
  SecretString(const std::string& text) : text_(text) {}
  /// Takes the text over, and leaves none of it behind.
  SecretString(std::string&& text) noexcept : text_(std::move(text)) { wipe(text); }

  SecretString(const SecretString&) = default;
  SecretString(SecretString&& other) noexcept : text_(std::move(other.text_)) { wipe(other.text_); }
  SecretString& operator=(const SecretString& other) {
    if (this != &other) *this = SecretString(other);
    return *this;
  }
  SecretString& operator=(SecretString&& other) noexcept {
    if (this == &other) return *this;
    wipe(text_);
    text_.swap(other.text_); // short texts are swapped byte by byte, and what was the other's is empty now
    wipe(other.text_);
    return *this;
  }
  ~SecretString() { wipe(text_); }

  // --- read

  operator std::string_view() const& noexcept { return text_; }
  operator const std::string&() const& noexcept { return text_; }
  /// A temporary gives a copy, which the caller owns, and neither a view nor a reference, which would outlive
  /// the text.
  operator std::string() const&& { return text_; }
  operator std::string_view() const&& = delete;
  template <std::same_as<std::string> Text> operator const Text&() const&& = delete;
  [[nodiscard]] const std::string& str() const& noexcept { return text_; }
  const std::string& str() const&& = delete;
  [[nodiscard]] std::string_view view() const& noexcept { return text_; }
  std::string_view view() const&& = delete;
  [[nodiscard]] const char* c_str() const& noexcept { return text_.c_str(); }
  const char* c_str() const&& = delete;
  [[nodiscard]] const char* data() const& noexcept { return text_.data(); }
  const char* data() const&& = delete;

  [[nodiscard]] std::size_t size() const noexcept { return text_.size(); }
  [[nodiscard]] bool empty() const noexcept { return text_.empty(); }
  [[nodiscard]] bool starts_with(std::string_view text) const noexcept { return text_.starts_with(text); }
  [[nodiscard]] bool ends_with(std::string_view text) const noexcept { return text_.ends_with(text); }

  /// Whether the texts are equal, in a time that depends on their lengths only.
  template <class Text>
    requires std::convertible_to<const Text&, std::string_view>
  [[nodiscard]] friend bool operator==(const SecretString& secret, const Text& text) {
    return equal(secret.text_, text);
  }

  /// In the clear: it is what the user is shown.
  template <class Traits>
  friend std::basic_ostream<char, Traits>& operator<<(std::basic_ostream<char, Traits>& out,
                                                      const SecretString& secret) {
    return out << secret.view();
  }

  /// For nlohmann::json: a string.
  template <class Json>
    requires requires(Json& json, const std::string& text) { json = text; }
  friend void to_json(Json& json, const SecretString& secret) { json = secret.str(); }

  // --- write

  void reserve(std::size_t size) {
    if (size <= text_.capacity()) return;
    std::string larger;
    larger.reserve(size);
    larger.append(text_);
    text_.swap(larger);
    wipe(larger);
  }

  void push_back(char c) {
    if (text_.size() == text_.capacity()) reserve(2 * text_.capacity());
    text_.push_back(c);
  }

  SecretString& operator+=(std::string_view text) {
    if (text_.capacity() - text_.size() < text.size()) {
      // Not in place, since `text` may be a part of this one.
      std::string larger;
      larger.reserve(std::max(2 * text_.capacity(), text_.size() + text.size()));
      larger.append(text_).append(text);
      text_.swap(larger);
      wipe(larger);
      return *this;
    }
    text_ += text;
    return *this;
  }

  SecretString& append(std::string_view text) { return *this += text; }

  SecretString& operator+=(char c) {
    push_back(c);
    return *this;
  }

  template <class Text>
    requires std::convertible_to<const Text&, std::string_view>
  [[nodiscard]] friend SecretString operator+(SecretString left, const Text& right) {
    left += right;
    return left;
  }

  void clear() noexcept { wipe(text_); }

 private:
  /// Short texts lie in the object itself, others in memory of their own; capacity covers both.
  static void wipe(std::string& text) noexcept {
    text.resize(text.capacity());
    OPENSSL_cleanse(text.data(), text.size());
    text.clear();
  }

  std::string text_;
};

} // namespace mfa::crypto
