#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/crypto/sha256.hpp>
#include <mfa/error.hpp>
#include <mfa/workos/http.hpp>

namespace mfa::workos {

/// The keys with which clients may call the API: several at once, so that one can follow another while both
/// are in use. Kept as their SHA-256. Usable from many threads at once.
class ApiKeys {
 public:
  static constexpr std::size_t shortest = 16; ///< characters

  /// Throws `errc::invalid_argument` if there is none, or one has fewer than `shortest` characters or others
  /// than ASCII letters, digits and punctuation.
  explicit ApiKeys(const std::vector<crypto::SecretString>& keys) { replace(keys); }

  /// From here on these are taken and no others.
  void replace(const std::vector<crypto::SecretString>& keys) {
    auto digests = std::make_shared<Digests>();
    for (const crypto::SecretString& key : keys) {
      bool fit = key.view().size() >= shortest;
      for (const char c : key.view()) fit = fit && c > ' ' && c <= '~';
      if (!fit)
        throw Error(errc::invalid_argument,
                    "an API key must be 16 or more ASCII characters without spaces; make one with "
                    "`openssl rand -hex 32`");
      digests->push_back(crypto::sha256(key.view()));
    }
    if (digests->empty())
      throw Error(errc::invalid_argument, "give at least one API key; without any, nobody can call the API");
    const std::lock_guard lock(mutex_);
    digests_ = std::move(digests);
  }

  /// In a time that does not depend on which of them it is, or how much of one it has.
  [[nodiscard]] bool accept(std::string_view key) const {
    const auto digest = crypto::sha256(key);
    const auto digests = current(); // which another thread may replace meanwhile
    bool accepted = false;
    for (const auto& known : *digests)
      accepted = crypto::equal(crypto::text_of(known), crypto::text_of(digest)) || accepted;
    return accepted;
  }

 private:
  using Digests = std::vector<std::array<unsigned char, 32>>;

  [[nodiscard]] std::shared_ptr<const Digests> current() const {
    const std::lock_guard lock(mutex_);
    return digests_;
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const Digests> digests_;
};

namespace detail {

/// The token of `Authorization: Bearer <token>` (RFC 6750 section 2.1); empty if there is none.
[[nodiscard]] inline std::string_view bearer_token(const Headers& headers) {
  constexpr std::string_view scheme = "Bearer ";
  std::string_view value = only_header(headers, "Authorization").value_or("");
  if (!same_word(value.substr(0, scheme.size()), scheme)) return {};
  value.remove_prefix(scheme.size());
  while (value.starts_with(' ')) value.remove_prefix(1);
  while (value.ends_with(' ')) value.remove_suffix(1);
  return value;
}

} // namespace detail
} // namespace mfa::workos
