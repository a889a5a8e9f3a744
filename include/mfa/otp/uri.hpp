#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/secret_bytes.hpp>
#include <mfa/crypto/secret_string.hpp>
#include <mfa/encoding/text.hpp>
#include <mfa/error.hpp>
#include <mfa/otp/base32.hpp>

namespace mfa::otp {

/// The longest issuer and the longest user, in bytes of UTF-8. An e-mail address has up to 254 (RFC 5321
/// section 4.5.3.1.3).
inline constexpr std::size_t longest_issuer = 200;
inline constexpr std::size_t longest_user = 255;

/// The longest secret, in bytes: the block of SHA-512. HMAC would hash a longer one down.
inline constexpr std::size_t longest_secret = 128;

/// The longest text that `uri` gives.
inline constexpr std::size_t longest_uri =
    std::string_view("otpauth://hotp/:?secret=&issuer=&algorithm=SHA512&digits=8&counter=").size() +
    3 * (2 * longest_issuer + longest_user) + mfa::detail::base32_size(longest_secret) +
    std::numeric_limits<std::uint64_t>::digits10 + 1;
static_assert(longest_uri <= 2331, "every URI fits the largest QR code (version 40, level M, byte mode)");

/// What an otpauth URI or an authenticator's export says of one secret: HOTP's if there is a counter,
/// otherwise TOTP's.
struct Account {
  std::string issuer;                        ///< the name of the application; empty if an export does not say
  std::string user;                          ///< whose account it is, as the app shows it
  crypto::SecretBytes secret;                ///< 1 to `longest_secret` bytes
  crypto::Hash hash = crypto::Hash::sha1;    ///< some apps ignore any other
  unsigned digits = 6;                       ///< 6 to 8
  std::chrono::seconds period{30};           ///< TOTP: at least 1 s; some apps ignore any other
  std::optional<std::uint64_t> counter = {}; ///< HOTP: of the next code
};

/// Refuses what authenticator apps would misread or could not show: `text` must be 1 to `longest_issuer` or
/// `longest_user` bytes of UTF-8 without control characters and without white space at either end. `what` is
/// "issuer" or "user". Throws `errc::invalid_argument`.
inline void check_label(std::string_view what, std::string_view text) {
  const std::size_t longest = what == "issuer" ? longest_issuer : longest_user;
  const auto refuse = [what](const std::string& reason) {
    throw Error(errc::invalid_argument, "the " + std::string(what) + ' ' + reason);
  };
  if (text.empty()) refuse("is empty; authenticator apps show it to tell accounts apart");
  if (text.size() > longest)
    refuse("is longer than " + std::to_string(longest) + " bytes of UTF-8; shorten it");
  if (!mfa::detail::is_utf8(text)) refuse("is not valid UTF-8; convert it");
  if (mfa::detail::has_control_characters(text))
    refuse("has a control character (line break, tab, NUL); remove it");
  if (mfa::detail::trimmed(text) != text) refuse("begins or ends with white space; trim it");
}

/// The text of the QR code that authenticator apps read:
/// `otpauth://totp/Foo%20Corp:alan.turing%40example.com?secret=...&issuer=Foo%20Corp`, followed by
/// `algorithm`, `digits` and `period` where they are not SHA1, 6 and 30, which every app assumes. Always with
/// `counter` for HOTP. Percent-encoded by RFC 3986. Apps split the label at a colon, so an issuer that has
/// one (an address) stands in the parameter alone, unless the user has one too. Holds the secret in the
/// clear. Throws for a field out of its range: `errc::invalid_secret` or `errc::invalid_argument`.
[[nodiscard]] inline crypto::SecretString uri(const Account& account) {
  check_label("issuer", account.issuer);
  check_label("user", account.user);
  if (account.secret.empty() || account.secret.size() > longest_secret)
    throw Error(errc::invalid_secret,
                "the secret must have 1 to " + std::to_string(longest_secret) + " bytes");
  if (account.digits < 6 || account.digits > 8) throw Error(errc::invalid_argument, "digits must be 6 to 8");
  if (account.period < std::chrono::seconds(1))
    throw Error(errc::invalid_argument, "the period must be at least 1 second");

  crypto::SecretString text;
  text.reserve(longest_uri);
  const auto append_encoded = [&text](std::string_view plain) {
    constexpr std::string_view hex = "0123456789ABCDEF";
    for (const char c : plain) {
      const auto byte = static_cast<unsigned char>(c);
      const bool unreserved = (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
                              c == '-' || c == '.' || c == '_' || c == '~';
      if (unreserved)
        text += c;
      else
        (((text += '%') += hex[byte >> 4]) += hex[byte & 15]);
    }
  };
  text += account.counter ? "otpauth://hotp/" : "otpauth://totp/";
  const auto has_colon = [](std::string_view label) { return label.find(':') != std::string_view::npos; };
  if (!has_colon(account.issuer) || has_colon(account.user)) {
    append_encoded(account.issuer);
    text += ':';
  }
  append_encoded(account.user);
  text += "?secret=";
  mfa::detail::append_base32(text, account.secret);
  text += "&issuer=";
  append_encoded(account.issuer);
  if (account.hash != crypto::Hash::sha1)
    text += account.hash == crypto::Hash::sha256 ? "&algorithm=SHA256" : "&algorithm=SHA512";
  if (account.digits != 6) text += "&digits=" + std::to_string(account.digits);
  if (account.counter)
    text += "&counter=" + std::to_string(*account.counter);
  else if (account.period != std::chrono::seconds(30))
    text += "&period=" + std::to_string(account.period.count());
  return text;
}

} // namespace mfa::otp
