#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/hash.hpp>
#include <mfa/crypto/hmac.hpp>
#include <mfa/error.hpp>

namespace mfa::otp {

/// The highest counter at which a factor may begin: far beyond any token, and far from where counting ends.
inline constexpr std::uint64_t highest_first_counter = 1'000'000'000'000'000;

/// How a code is made of a key and a counter.
struct CodeFormat {
  crypto::Hash hash = crypto::Hash::sha1;
  unsigned digits = 6; ///< 6 to 8 (RFC 4226 §5.3)
};

/// Throws `errc::invalid_argument` unless 6 to 8.
inline void check_digits(unsigned digits) {
  if (digits < 6 || digits > 8)
    throw Error(errc::invalid_argument,
                std::to_string(digits) + " digits: a one-time code has 6 to 8 (RFC 4226 section 5.3)");
}

/// The code for one counter as a number (RFC 4226 §5.3), for a key that `hmac` has absorbed.
[[nodiscard]] inline std::uint32_t hotp_value(crypto::Hmac& hmac, std::uint64_t counter, unsigned digits) {
  static constexpr std::array<std::uint32_t, 9> modulus{1,       10,        100,        1'000,      10'000,
                                                        100'000, 1'000'000, 10'000'000, 100'000'000};
  std::array<unsigned char, 8> message{};
  for (std::size_t i = message.size(); i > 0; counter >>= 8)
    message[--i] = static_cast<unsigned char>(counter);
  const crypto::Digest digest = hmac(message);
  const std::size_t offset = digest.bytes[digest.size - 1] & 0x0fU;
  const std::uint32_t truncated = (digest.bytes[offset] & 0x7fU) << 24 |
                                  static_cast<std::uint32_t>(digest.bytes[offset + 1]) << 16 |
                                  static_cast<std::uint32_t>(digest.bytes[offset + 2]) << 8 |
                                  static_cast<std::uint32_t>(digest.bytes[offset + 3]);
  return truncated % modulus[digits];
}

/// HOTP (RFC 4226): the code for one counter, with its leading zeros. Throws `errc::invalid_argument` for a
/// number of digits outside 6 to 8.
[[nodiscard]] inline std::string hotp(std::span<const unsigned char> key, std::uint64_t counter,
                                      CodeFormat format = {}) {
  check_digits(format.digits);
  crypto::Hmac hmac(format.hash, key);
  std::uint32_t value = hotp_value(hmac, counter, format.digits);
  std::string code(format.digits, '0');
  for (std::size_t i = code.size(); i > 0; value /= 10) code[--i] = static_cast<char>('0' + value % 10);
  return code;
}

/// What a search of a window found.
struct WindowMatch {
  std::optional<std::uint64_t> fresh; ///< the last matching counter that is not used yet
  bool used = false;                  ///< a counter that is used already matches
};

/// Looks for a code among the counters `first` to `last`; those before `next` are used. All codes of the
/// window are computed and compared without a branch, so that the time tells nothing of where or whether one
/// matched.
[[nodiscard]] inline WindowMatch find_in_window(std::span<const unsigned char> key, std::uint32_t value,
                                                std::uint64_t first, std::uint64_t last, std::uint64_t next,
                                                CodeFormat format = {}) {
  crypto::Hmac hmac(format.hash, key);
  std::uint64_t fresh_counter = 0;
  std::uint32_t fresh = 0;
  std::uint32_t used = 0;
  for (std::uint64_t counter = first; counter <= last; ++counter) {
    const std::uint32_t same = crypto::equal_mask(hotp_value(hmac, counter, format.digits), value);
    const std::uint32_t unused = counter >= next ? ~0U : 0U;
    const std::uint64_t chosen = 0 - static_cast<std::uint64_t>(same & unused & 1U);
    fresh_counter = (fresh_counter & ~chosen) | (counter & chosen);
    fresh |= same & unused;
    used |= same & ~unused;
  }
  return {fresh != 0 ? std::optional(fresh_counter) : std::nullopt, used != 0};
}

/// Looks for two codes of consecutive counters, the first one's among `first` to `last` (RFC 4226
/// section 7.4), in the same time wherever and whether it finds them. The counter of the first, and the last
/// such one.
[[nodiscard]] inline std::optional<std::uint64_t>
find_pair_in_window(std::span<const unsigned char> key, std::uint32_t value, std::uint32_t next_value,
                    std::uint64_t first, std::uint64_t last, CodeFormat format = {}) {
  crypto::Hmac hmac(format.hash, key);
  std::uint64_t found_counter = 0;
  std::uint32_t found = 0;
  std::uint32_t before = crypto::equal_mask(hotp_value(hmac, first, format.digits), value);
  for (std::uint64_t counter = first; counter <= last; ++counter) {
    const std::uint32_t following = hotp_value(hmac, counter + 1, format.digits);
    const std::uint32_t same = before & crypto::equal_mask(following, next_value);
    const std::uint64_t chosen = 0 - static_cast<std::uint64_t>(same & 1U);
    found_counter = (found_counter & ~chosen) | (counter & chosen);
    found |= same;
    before = crypto::equal_mask(following, value);
  }
  return found != 0 ? std::optional(found_counter) : std::nullopt;
}

/// The counter whose code this is, if there is one up to `reach` before or after `centre` and not before
/// `next`: the nearest. For codes that are refused anyway, as the time tells which it is.
[[nodiscard]] inline std::optional<std::uint64_t> find_nearest(std::span<const unsigned char> key,
                                                               std::uint32_t value, std::uint64_t centre,
                                                               std::uint64_t reach, std::uint64_t next,
                                                               CodeFormat format = {}) {
  crypto::Hmac hmac(format.hash, key);
  const auto is_code_of = [&](std::uint64_t counter) {
    return counter >= next && hotp_value(hmac, counter, format.digits) == value;
  };
  if (is_code_of(centre)) return centre;
  for (std::uint64_t away = 1; away <= reach; ++away) {
    if (away <= centre && is_code_of(centre - away)) return centre - away;
    if (is_code_of(centre + away)) return centre + away;
  }
  return std::nullopt;
}

} // namespace mfa::otp
