#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <semaphore>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <openssl/evp.h>

#include <mfa/crypto/constant_time.hpp>
#include <mfa/crypto/random.hpp>
#include <mfa/encoding/hexadecimal.hpp>
#include <mfa/encoding/text.hpp>

#include "database.hpp"
#include "page.hpp"

namespace portal {

struct User {
  std::string id; ///< to the library; never changes, as an address may
  std::string email;
  Time joined_at;
};

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

/// Why a new password is not taken; empty: it is. Lengths by NIST SP 800-63B section 5.1.1.2, which asks for
/// no kinds of characters.
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

/// The portal's users, in the database that it is given. Usable from many threads.
class Users {
 public:
  explicit Users(Database& database, std::mutex& lock) : database_(&database), lock_(&lock) {
    database.execute(
        "CREATE TABLE IF NOT EXISTS portal_users (id TEXT PRIMARY KEY, email TEXT NOT NULL, "
        "key TEXT NOT NULL UNIQUE, salt TEXT NOT NULL, password TEXT NOT NULL, joined_at INTEGER "
        "NOT NULL) STRICT;"
        "CREATE TABLE IF NOT EXISTS portal_wrong_passwords (key TEXT PRIMARY KEY, count INTEGER NOT NULL, "
        "until INTEGER NOT NULL) STRICT; CREATE INDEX IF NOT EXISTS portal_wrong_passwords_until ON "
        "portal_wrong_passwords (until)");
  }

  /// None if the address is taken.
  std::optional<User> sign_up(const std::string& email, std::string_view password, Time now) {
    const User user{.id = "user_" + random_id(), .email = email, .joined_at = now};
    const std::string salt = random_id();
    const std::string hash = stretched(password, salt);
    const std::lock_guard guard(*lock_);
    Database::Run insert(*database_, "INSERT INTO portal_users (id, email, key, salt, password, joined_at) "
                                     "VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    insert.bind(user.id).bind(email).bind(in_small_letters(email)).bind(salt).bind(hash);
    insert.bind(now.time_since_epoch().count()).step();
    return database_->changes() == 1 ? std::optional(user) : std::nullopt;
  }

  struct Answer {
    std::optional<User> user = {};
    /// Whose address it is, though the password was wrong: for the trail, and never shown.
    std::string whose = {};
    /// Too many wrong passwords: none is looked at for so long, whether there is such a user or not.
    std::optional<std::chrono::seconds> wait = {};
  };

  /// Takes as long for an address that nobody has as for one that somebody has. An attempt is counted before
  /// the password is looked at, so that guesses at the same time are bounded as those in a row are.
  Answer check(const std::string& email, std::string_view password, Time now) {
    const std::string key = in_small_letters(email);
    std::string salt = "0123456789abcdef0123456789abcdef";
    std::string expected;
    Answer answer;
    std::optional<User> user;
    {
      const std::lock_guard guard(*lock_);
      answer.wait = count(key, now);
      if (answer.wait) return answer;
      Database::Run find(*database_,
                         "SELECT id, email, joined_at, salt, password FROM portal_users WHERE key = ?");
      if (find.bind(key).step()) {
        user = read(find);
        answer.whose = user->id;
        salt = find.text(3);
        expected = find.text(4);
      }
    }
    if (!mfa::crypto::equal(stretched(password, salt), expected)) return answer;
    const std::lock_guard guard(*lock_);
    Database::Run(*database_, "DELETE FROM portal_wrong_passwords WHERE key = ?").bind(key).step();
    answer.user = user;
    return answer;
  }

  [[nodiscard]] std::optional<User> find(std::string_view id) const {
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "SELECT id, email, joined_at FROM portal_users WHERE id = ?");
    return run.bind(id).step() ? std::optional(read(run)) : std::nullopt;
  }

  [[nodiscard]] std::optional<User> find_by_email(const std::string& email) const {
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "SELECT id, email, joined_at FROM portal_users WHERE key = ?");
    return run.bind(in_small_letters(email)).step() ? std::optional(read(run)) : std::nullopt;
  }

  /// The latest first, at most `limit`.
  [[nodiscard]] std::vector<User> all(std::int64_t limit = 200) const {
    const std::lock_guard guard(*lock_);
    std::vector<User> users;
    Database::Run run(*database_,
                      "SELECT id, email, joined_at FROM portal_users ORDER BY joined_at DESC LIMIT ?");
    for (run.bind(limit); run.step();) users.push_back(read(run));
    return users;
  }

  /// False if somebody else has the address.
  bool change_email(std::string_view id, const std::string& email) {
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "UPDATE OR IGNORE portal_users SET email = ?, key = ? WHERE id = ?");
    run.bind(email).bind(in_small_letters(email)).bind(id).step();
    return database_->changes() == 1;
  }

  void change_password(std::string_view id, std::string_view password) {
    const std::string salt = random_id();
    const std::string hash = stretched(password, salt);
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "UPDATE portal_users SET salt = ?, password = ? WHERE id = ?");
    run.bind(salt).bind(hash).bind(id).step();
  }

 private:
  static constexpr std::int64_t wrong_passwords_before_wait = 10;

  static User read(const Database::Run& row) {
    return {row.text(0), row.text(1), Time(std::chrono::milliseconds(row.number(2)))};
  }

  /// Counts an attempt as wrong until it turns out to be right; or says how long to wait, and counts nothing.
  std::optional<std::chrono::seconds> count(const std::string& key, Time now) {
    const std::int64_t at = now.time_since_epoch().count();
    Database::Run(*database_, "DELETE FROM portal_wrong_passwords WHERE until < ?")
        .bind(at - std::int64_t{24} * 3'600'000)
        .step();
    std::int64_t attempts = 1;
    {
      Database::Run find(*database_, "SELECT count, until FROM portal_wrong_passwords WHERE key = ?");
      if (find.bind(key).step()) {
        const std::int64_t until = find.number(1);
        if (until > at) return std::chrono::ceil<std::chrono::seconds>(std::chrono::milliseconds(until - at));
        attempts += find.number(0);
      }
    }
    // From the tenth on half a minute, doubled each time up to a quarter of an hour.
    const std::int64_t over = attempts - wrong_passwords_before_wait;
    const std::int64_t wait =
        over < 0 ? 0
                 : std::min(std::int64_t{30'000} << std::min<std::int64_t>(over, 5), std::int64_t{900'000});
    Database::Run(*database_,
                  "INSERT OR REPLACE INTO portal_wrong_passwords (key, count, until) VALUES (?, ?, ?)")
        .bind(key)
        .bind(attempts)
        .bind(at + wait)
        .step();
    return std::nullopt;
  }

  /// scrypt (RFC 7914) with N = 2^15, r = 8, p = 3, which takes 32 MB, as OWASP's cheat sheet on the storage
  /// of passwords has it.
  std::string stretched(std::string_view password, std::string_view salt) const {
    computing_.acquire();
    const struct Release {
      std::counting_semaphore<at_once>& computing;
      ~Release() { computing.release(); }
    } release{computing_};
    std::array<unsigned char, 32> key{};
    const auto* const salt_bytes = reinterpret_cast<const unsigned char*>(salt.data());
    constexpr std::uint64_t most_memory = std::uint64_t{64} << 20;
    if (EVP_PBE_scrypt(password.data(), password.size(), salt_bytes, salt.size(), 1 << 15, 8, 3, most_memory,
                       key.data(), key.size()) != 1)
      throw std::runtime_error("OpenSSL cannot compute scrypt");
    return mfa::detail::hexadecimal(key);
  }

  Database* database_;
  std::mutex* lock_;
  static constexpr std::ptrdiff_t at_once = 4; ///< so that many sign-ins do not take all memory
  mutable std::counting_semaphore<at_once> computing_{at_once};
};

} // namespace portal
