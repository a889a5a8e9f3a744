#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>

#include <openssl/evp.h>

#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/encoding/hexadecimal.hpp>

namespace portal {

/// 128 random bits in hexadecimal.
inline std::string random_id() {
  std::array<unsigned char, 16> bytes{};
  mfa::crypto::random_bytes(bytes);
  return mfa::detail::hexadecimal(bytes);
}

inline std::string in_small_letters(std::string text) {
  for (char& c : text)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return text;
}

/// Why a new password is not taken; empty: it is. Lengths by NIST SP 800-63B-4 section 3.1.1.2, which asks
/// for no kinds of characters: 8 characters are for a password beside a second factor, 15 for one that is
/// alone.
inline std::string password_problem(std::string_view password, std::string_view email) {
  constexpr std::size_t shortest = 8;
  constexpr std::size_t longest = 256; // bytes
  constexpr std::array<std::string_view, 24> commonest = {
      "password", "12345678", "123456789", "1234567890", "qwertyuiop",  "qwerty123",
      "11111111", "iloveyou", "password1", "sunshine",   "princess",    "football",
      "baseball", "superman", "trustno1",  "letmein1",   "password123", "abc12345",
      "00000000", "starwars", "computer",  "whatever",   "michelle",    "passw0rd"};
  const std::string plain = in_small_letters(std::string(password));
  const auto characters = std::count_if(password.begin(), password.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0) != 0x80;
  });
  if (static_cast<std::size_t>(characters) < shortest) return "Choose a password of at least 8 characters.";
  if (password.size() > longest) return "Choose a password of at most 256 bytes.";
  if (std::find(commonest.begin(), commonest.end(), plain) != commonest.end())
    return "This password is one of those that are guessed first. Choose another.";
  if (plain == in_small_letters(std::string(email))) return "Choose a password that is not your address.";
  return {};
}

/// Passwords as they are stored: "scrypt:15:<salt>:<hash>". Usable from many threads.
class Passwords {
 public:
  /// scrypt (RFC 7914) with N = 2^`cost`, r = 8, p = 3: with 15, which takes 32 MB, as OWASP's cheat sheet on
  /// the storage of passwords has it.
  explicit Passwords(unsigned cost) : cost_(cost), nobody_(stored("nobody has this one")) {}

  [[nodiscard]] std::string stored(std::string_view password) const {
    const std::string salt = random_id();
    return "scrypt:" + std::to_string(cost_) + ':' + salt + ':' + stretched(password, salt, cost_);
  }

  /// Of an empty `stored`, of nobody's that is, false after the same work.
  [[nodiscard]] bool matches(std::string_view password, const std::string& stored) const {
    const std::string& compared = stored.empty() ? nobody_ : stored;
    const auto salt = compared.find(':', prefix.size()) + 1;
    const auto hash = compared.find(':', salt) + 1;
    const std::string typed = stretched(password, compared.substr(salt, hash - 1 - salt), cost_of(compared));
    return mfa::crypto::equal(typed, compared.substr(hash)) && !stored.empty();
  }

  /// Whether it was made with another cost than new ones are.
  [[nodiscard]] bool is_outdated(const std::string& stored) const { return cost_of(stored) != cost_; }

 private:
  static constexpr std::string_view prefix = "scrypt:";
  static constexpr std::ptrdiff_t at_once = 4; ///< so that many sign-ins do not take all memory

  static unsigned cost_of(const std::string& stored) {
    return static_cast<unsigned>(std::strtoul(stored.c_str() + prefix.size(), nullptr, 10));
  }

  std::string stretched(std::string_view password, std::string_view salt, unsigned cost) const {
    computing_.acquire();
    const struct Release {
      std::counting_semaphore<at_once>& computing;
      ~Release() { computing.release(); }
    } release{computing_};
    std::array<unsigned char, 32> key{};
    const auto* const salt_bytes = reinterpret_cast<const unsigned char*>(salt.data());
    constexpr std::uint64_t most_memory = std::uint64_t{256} << 20;
    if (EVP_PBE_scrypt(password.data(), password.size(), salt_bytes, salt.size(), std::uint64_t{1} << cost, 8,
                       3, most_memory, key.data(), key.size()) != 1)
      throw std::runtime_error("OpenSSL cannot compute scrypt");
    return mfa::detail::hexadecimal(key);
  }

  unsigned cost_;
  mutable std::counting_semaphore<at_once> computing_{at_once};
  std::string nobody_;
};

} // namespace portal
