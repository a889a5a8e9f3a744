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
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/base32.hpp>
#include <mfa/otp/hotp.hpp>
#include <mfa/otp/totp.hpp>
#include <mfa/otp/uri.hpp>

namespace mfa::otp {

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

/// Undoes percent-encoding (RFC 3986 section 2.1); with `plus_is_space`, that of forms as well. A percent
/// sign that two hexadecimal digits do not follow is one: many servers encode nothing. The result may be a
/// secret.
[[nodiscard]] inline crypto::SecretBytes percent_decode(std::string_view text, bool plus_is_space) {
  const auto digit = [](char c) -> int {
    if (c >= '0' && c <= '9') return c - '0';
    const int letter = (c | 0x20) - 'a';
    return letter >= 0 && letter < 6 ? letter + 10 : -1;
  };
  crypto::SecretBytes plain;
  plain.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    const int high = text[i] == '%' && i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = high >= 0 ? digit(text[i + 2]) : -1;
    if (low >= 0) {
      plain.push_back(static_cast<unsigned char>(high * 16 + low));
      i += 2;
    } else {
      plain.push_back(text[i] == '+' && plus_is_space ? ' ' : static_cast<unsigned char>(text[i]));
    }
  }
  return plain;
}

/// Without white space at its ends, which apps put after the colon. What is not UTF-8 is read as Latin-1.
/// Throws `errc::invalid_uri` for control characters.
[[nodiscard]] inline std::string label_text(std::string_view text, const char* what) {
  std::string plain(is_utf8(text) ? std::string(text) : utf8_of_latin1(text));
  plain = std::string(trimmed(plain));
  if (has_control_characters(plain)) refuse_uri(std::string("has ") + what + " with control characters");
  return plain;
}

/// Where a label's issuer ends, or none. The colon before "//" is a part of an address.
[[nodiscard]] constexpr std::size_t issuer_end(std::string_view label) noexcept {
  std::size_t at = label.find(':');
  while (at != std::string_view::npos && label.substr(at + 1).starts_with("//")) at = label.find(':', at + 1);
  return at;
}

/// Fills in what a label without its encoding says: "issuer:user" or "user". `issuer` is the one that is
/// known already, or empty; it may have colons itself. `end` is where the label's own ends otherwise, or
/// none.
inline void read_label(std::string_view label, std::string_view issuer, std::size_t end,
                       otp::Account& account) {
  if (!issuer.empty() && label.starts_with(issuer)) {
    const auto after = label.find_first_not_of(' ', issuer.size());
    if (after != std::string_view::npos && label[after] == ':') end = after;
  }
  if (end != std::string_view::npos) {
    if (issuer.empty()) issuer = label.substr(0, end);
    label.remove_prefix(end + 1);
  }
  account.issuer = label_text(issuer, "an issuer");
  account.user = label_text(label, "a user");
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
  std::string plain; // "HmacSHA1", "SHA-1" and "Algorithm.sha1" are "SHA1"
  for (const char c : name.substr(0, 16))
    if (c != '-') plain += c;
  std::string_view hash = plain;
  if (hash.size() > 10 && equal_without_case(hash.substr(0, 10), "algorithm.")) hash.remove_prefix(10);
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
/// nowhere, algorithms by their Java names, plus signs for spaces in parameters, percent signs and number
/// signs that are not encoded, Latin-1 for UTF-8, white space around it. Whatever could be read in two ways
/// is refused: a parameter with two values, an unknown type, a number out of its range. Throws
/// `errc::invalid_uri`, and `errc::invalid_secret` for the secret; neither says what the URI holds.
[[nodiscard]] inline Account parse_uri(std::string_view text) {
  using mfa::detail::equal_without_case;
  using mfa::detail::percent_decode;
  using mfa::detail::refuse_uri;
  constexpr std::string_view scheme = "otpauth://";
  if (text.size() > longest_uri_text)
    refuse_uri("is longer than " + std::to_string(longest_uri_text) + " characters");
  text = mfa::detail::trimmed(text);
  if (!equal_without_case(text.substr(0, scheme.size()), scheme))
    refuse_uri("does not begin with otpauth://");
  for (const std::string_view escaped : {"&amp;", "&#38;", "&#x26;"})
    if (text.find(escaped) != std::string_view::npos)
      refuse_uri("is escaped for HTML, with \"" + std::string(escaped) + "\" for \"&\"; undo that first");
  std::string_view rest = text.substr(scheme.size());
  std::string_view path = mfa::detail::take_until(rest, '?');
  const std::string_view type = mfa::detail::take_until(path, '/');
  constexpr const char* for_steam = "is for Steam, whose codes are not digits";
  if (equal_without_case(type, "steam")) refuse_uri(for_steam);
  const bool counts = equal_without_case(type, "hotp");
  if (!counts && !equal_without_case(type, "totp")) refuse_uri("is neither of type totp nor hotp");

  constexpr std::array<std::string_view, 7> names{"secret", "issuer",  "algorithm", "digits",
                                                  "period", "counter", "encoder"};
  std::array<std::optional<crypto::SecretBytes>, names.size()> values;
  while (!rest.empty()) {
    std::string_view parameter = mfa::detail::take_until(rest, '&');
    std::string_view name = mfa::detail::take_until(parameter, '=');
    if (equal_without_case(name, "algo")) name = "algorithm";
    const auto known = std::ranges::find_if(
        names, [name](std::string_view other) { return equal_without_case(name, other); });
    // Behind the secret, a number sign begins the fragment; before, it was not encoded.
    if ((known == names.begin() || values[0]) && parameter.find('#') != std::string_view::npos) {
      parameter = parameter.substr(0, parameter.find('#'));
      rest = {};
    }
    if (known == names.end() || parameter.empty()) continue;
    auto& value = values[static_cast<std::size_t>(known - names.begin())];
    auto decoded = percent_decode(parameter, true);
    if (value && *value != decoded)
      refuse_uri("has the parameter " + std::string(*known) + " twice, with different values");
    value = std::move(decoded);
  }
  const auto value_of = [&](std::size_t i) {
    return values[i] ? crypto::text_of(*values[i]) : std::string_view();
  };
  if (equal_without_case(value_of(6), "steam")) refuse_uri(for_steam);
  if (!value_of(6).empty()) refuse_uri("has an encoder, so that its codes are not digits");
  if (!values[0]) refuse_uri("has no secret");

  Account account;
  const crypto::SecretBytes label = percent_decode(path, false);
  std::size_t end = mfa::detail::issuer_end(crypto::text_of(label));
  // A colon that is not encoded ends the issuer before one that is.
  if (const auto plain = mfa::detail::issuer_end(path); plain != std::string_view::npos)
    end = percent_decode(path.substr(0, plain), false).size();
  mfa::detail::read_label(crypto::text_of(label), mfa::detail::trimmed(value_of(1)), end, account);
  account.secret = base32_decode(value_of(0));
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
