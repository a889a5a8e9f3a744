#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <utility>

#include <mfa/crypto/bytes.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/detail/text.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri.hpp>

namespace mfa::otp {

/// What an otpauth URI or an authenticator's export says of one secret: `UriFields` with its own bytes.
struct Account {
  std::string issuer; ///< may be empty
  std::string user;
  crypto::SecretBytes secret;
  crypto::Hash hash = crypto::Hash::sha1;
  unsigned digits = 6;
  std::chrono::seconds period{30};           ///< TOTP
  std::optional<std::uint64_t> counter = {}; ///< HOTP: of the next code
};

/// `parse_uri` refuses a longer text before it looks at it.
inline constexpr std::size_t longest_uri_text = 4096;

} // namespace mfa::otp

namespace mfa::detail {

[[nodiscard]] constexpr bool equal_without_case(std::string_view a, std::string_view lower) noexcept {
  return std::ranges::equal(a, lower, {},
                            [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
}

[[noreturn]] inline void refuse_uri(const std::string& reason) {
  throw Error(errc::invalid_uri, "the URI " + reason);
}

/// Undoes percent-encoding (RFC 3986 section 2.1); with `plus_is_space`, that of forms as well. The result
/// may be a secret.
[[nodiscard]] inline crypto::SecretBytes percent_decode(std::string_view text, bool plus_is_space) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    const int letter = (c | 0x20) - 'a';
    return letter >= 0 && letter < 6 ? letter + 10 : -1;
  };
  crypto::SecretBytes plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
      const int low = high >= 0 ? digit(text[i + 2]) : -1;
      if (low < 0) refuse_uri("has a percent sign that two hexadecimal digits do not follow");
      plain.push_back(static_cast<unsigned char>(high * 16 + low));
      i += 2;
    } else {
      plain.push_back(text[i] == '+' && plus_is_space ? ' ' : static_cast<unsigned char>(text[i]));
    }
  }
  return plain;
}

/// Without white space at its ends, which apps put after the colon. Throws `errc::invalid_uri` for what is no
/// text.
[[nodiscard]] inline std::string label_text(std::string_view text, const char* what) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (!is_utf8(text) || has_control_characters(text))
    refuse_uri(std::string("has ") + what + " that is not UTF-8 or has control characters");
  return std::string(text);
}

/// `text` as a number from `least` to `most`, in decimal digits alone.
[[nodiscard]] inline std::uint64_t uri_number(std::string_view text, const char* what, std::uint64_t least,
                                              std::uint64_t most) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    refuse_uri(std::string("has ") + what + " that is not a number from " + std::to_string(least) + " to " +
               std::to_string(most));
  return value;
}

[[nodiscard]] inline crypto::Hash uri_hash(std::string_view name) {
  std::string plain; // "HmacSHA1" and "SHA-1" are "SHA1"
  for (const char c : name.substr(0, 16))
    if (c != '-') plain += c;
  std::string_view hash = plain;
  if (hash.size() > 4 && equal_without_case(hash.substr(0, 4), "hmac")) hash.remove_prefix(4);
  if (equal_without_case(hash, "sha1")) return crypto::Hash::sha1;
  if (equal_without_case(hash, "sha256")) return crypto::Hash::sha256;
  if (equal_without_case(hash, "sha512")) return crypto::Hash::sha512;
  refuse_uri("has an algorithm other than SHA1, SHA256 and SHA512");
}

/// The text before the first `mark`, which is taken off `rest` with it.
[[nodiscard]] inline std::string_view take_until(std::string_view& rest, char mark) noexcept {
  const auto at = rest.find(mark);
  const std::string_view taken = rest.substr(0, at);
  rest = at == std::string_view::npos ? std::string_view() : rest.substr(at + 1);
  return taken;
}

} // namespace mfa::detail

namespace mfa::otp {

/// What an otpauth URI says (the key URI format), as apps and servers write it: parameters in any order and
/// unknown ones among them, the issuer in the label, as a parameter or in both (then the parameter counts) or
/// nowhere, algorithms by their Java names, plus signs for spaces in parameters. Whatever could be read in
/// two ways is refused: a parameter twice, an unknown type, a number out of its range. Throws
/// `errc::invalid_uri`, and `errc::invalid_secret` for the secret; neither says what the URI holds.
[[nodiscard]] inline Account parse_uri(std::string_view text) {
  using mfa::detail::refuse_uri;
  constexpr std::string_view scheme = "otpauth://";
  if (text.size() > longest_uri_text)
    refuse_uri("is longer than " + std::to_string(longest_uri_text) + " characters");
  if (!mfa::detail::equal_without_case(text.substr(0, scheme.size()), scheme))
    refuse_uri("does not begin with otpauth://");
  std::string_view rest = text.substr(scheme.size());
  rest = rest.substr(0, rest.find('#'));
  std::string_view path = mfa::detail::take_until(rest, '?');
  const std::string_view type = mfa::detail::take_until(path, '/');
  const bool counts = mfa::detail::equal_without_case(type, "hotp");
  if (!counts && !mfa::detail::equal_without_case(type, "totp"))
    refuse_uri("is neither of type totp nor hotp");

  Account account;
  const crypto::SecretBytes decoded_label = mfa::detail::percent_decode(path, false);
  std::string_view user = crypto::text_of(decoded_label);
  std::string_view issuer;
  if (user.find(':') != std::string_view::npos) issuer = mfa::detail::take_until(user, ':');
  account.issuer = mfa::detail::label_text(issuer, "an issuer");
  account.user = mfa::detail::label_text(user, "a user");

  constexpr std::array<std::string_view, 6> names{"secret", "issuer", "algorithm",
                                                  "digits", "period", "counter"};
  std::array<std::optional<crypto::SecretBytes>, names.size()> values;
  while (!rest.empty()) {
    std::string_view parameter = mfa::detail::take_until(rest, '&');
    const std::string_view name = mfa::detail::take_until(parameter, '=');
    const auto known = std::ranges::find_if(
        names, [name](std::string_view other) { return mfa::detail::equal_without_case(name, other); });
    if (known == names.end() || parameter.empty()) continue;
    auto& value = values[static_cast<std::size_t>(known - names.begin())];
    if (value) refuse_uri("has the parameter " + std::string(*known) + " twice");
    value = mfa::detail::percent_decode(parameter, true);
  }
  const auto value_of = [&](std::size_t i) { return crypto::text_of(*values[i]); };
  if (!values[0]) refuse_uri("has no secret");
  account.secret = base32_decode(value_of(0));
  if (values[1]) account.issuer = mfa::detail::label_text(value_of(1), "an issuer");
  if (values[2]) account.hash = mfa::detail::uri_hash(value_of(2));
  if (values[3]) account.digits = static_cast<unsigned>(mfa::detail::uri_number(value_of(3), "digits", 6, 8));
  if (values[4] && !counts)
    account.period = std::chrono::seconds(static_cast<std::int64_t>(mfa::detail::uri_number(
        value_of(4), "a period", 1, static_cast<std::uint64_t>(longest_period.count()))));
  if (counts && !values[5]) refuse_uri("is of type hotp and has no counter");
  if (counts) account.counter = mfa::detail::uri_number(value_of(5), "a counter", 0, highest_first_counter);
  return account;
}

} // namespace mfa::otp
