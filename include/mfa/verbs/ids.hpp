#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <mfa/crypto/random.hpp>
#include <mfa/storage/record.hpp>

namespace mfa::detail {

inline constexpr std::string_view factor_id_prefix = "auth_factor_";
inline constexpr std::string_view challenge_id_prefix = "auth_challenge_";

inline constexpr std::string_view ulid_alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
inline constexpr std::size_t ulid_size = 26;

/// `prefix` and a ULID (github.com/ulid/spec): 10 characters of time, then 16 of 80 random bits. Those of a
/// later millisecond sort after those of an earlier one; within one millisecond the order is random.
/// The caller has checked that `now` lies from 1970 to 10889 (48 bits). Throws `errc::crypto_failure`.
[[nodiscard]] inline std::string ulid(Time now, std::string_view prefix = {}) {
  std::array<unsigned char, 10> random{};
  std::string id;
  id.reserve(prefix.size() + ulid_size);
  id += prefix;
  const auto append = [&id](std::uint64_t bits, unsigned characters) {
    for (unsigned shift = 5 * characters; shift > 0;) id += ulid_alphabet[bits >> (shift -= 5) & 31];
  };
  const auto bits_of = [&random](std::size_t first) {
    std::uint64_t bits = 0;
    for (std::size_t i = first; i < first + 5; ++i) bits = bits << 8 | random[i];
    return bits;
  };
  append(static_cast<std::uint64_t>(now.time_since_epoch().count()), 10);
  crypto::random_bytes_for(id, random);
  append(bits_of(0), 8);
  append(bits_of(5), 8);
  return id;
}

/// Whether `id` is `prefix` and a ULID as `ulid` writes it: upper case, 128 bits.
[[nodiscard]] constexpr bool is_id(std::string_view id, std::string_view prefix) noexcept {
  if (id.size() != prefix.size() + ulid_size || !id.starts_with(prefix)) return false;
  constexpr std::uint64_t in_alphabet = [] {
    std::uint64_t set = 0;
    for (const char c : ulid_alphabet) set |= std::uint64_t{1} << (c - '0');
    return set;
  }();
  id.remove_prefix(prefix.size());
  if (id.front() > '7') return false; // 26 characters carry 130 bits
  for (const char c : id) {
    const unsigned offset = static_cast<unsigned char>(c) - unsigned{'0'};
    if (offset > unsigned{'Z' - '0'} || (in_alphabet >> offset & 1) == 0) return false;
  }
  return true;
}

/// The part of a challenge's id by which its record is stored: all of it, unless it is of a passkey challenge
/// (verbs/passkey_challenge.hpp). Of any other text, any part.
[[nodiscard]] constexpr std::string_view stored_part_of(std::string_view challenge_id) noexcept {
  return challenge_id.substr(0, challenge_id.find('.'));
}

} // namespace mfa::detail
