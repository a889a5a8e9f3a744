#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "database.hpp"
#include "page.hpp"
#include "passwords.hpp"

namespace portal {

struct User {
  std::string id; ///< to the library; never changes, as an address may
  std::string email;
  Time joined_at;
};

/// The portal's users, in the database that it is given. Usable from many threads.
class Users {
 public:
  Users(Database& database, std::mutex& lock, unsigned password_cost)
      : database_(&database), lock_(&lock), passwords_(password_cost) {
    database.execute(
        "CREATE TABLE IF NOT EXISTS portal_users (id TEXT PRIMARY KEY, email TEXT NOT NULL, "
        "key TEXT NOT NULL UNIQUE, password TEXT NOT NULL, joined_at INTEGER "
        "NOT NULL) STRICT;"
        "CREATE TABLE IF NOT EXISTS portal_wrong_passwords (key TEXT PRIMARY KEY, count INTEGER NOT NULL, "
        "until INTEGER NOT NULL) STRICT; CREATE INDEX IF NOT EXISTS portal_wrong_passwords_until ON "
        "portal_wrong_passwords (until)");
  }

  /// None if the address is taken.
  std::optional<User> sign_up(const std::string& email, std::string_view password, Time now) {
    const User user{.id = "user_" + random_id(), .email = email, .joined_at = now};
    const std::string stored = passwords_.stored(password);
    const std::lock_guard guard(*lock_);
    Database::Run insert(*database_, "INSERT INTO portal_users (id, email, key, password, joined_at) "
                                     "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING");
    insert.bind(user.id).bind(email).bind(in_small_letters(email)).bind(stored);
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

  /// An empty `email` stands for all that is no address. Takes as long for an address that nobody has as for
  /// one that somebody has. An attempt is counted before the password is looked at, so that guesses at the
  /// same time are bounded as those in a row are.
  Answer check(const std::string& email, std::string_view password, Time now) {
    const std::string key = in_small_letters(email);
    std::string stored;
    Answer answer;
    std::optional<User> user;
    {
      const std::lock_guard guard(*lock_);
      answer.wait = count(key, now);
      if (answer.wait) return answer;
      Database::Run find(*database_, "SELECT id, email, joined_at, password FROM portal_users WHERE key = ?");
      if (find.bind(key).step()) {
        user = read(find);
        answer.whose = user->id;
        stored = find.text(3);
      }
    }
    if (!passwords_.matches(password, stored)) return answer;
    const std::string kept = passwords_.is_outdated(stored) ? passwords_.stored(password) : stored;
    const std::lock_guard guard(*lock_);
    Database::Run update(*database_, "UPDATE portal_users SET password = ? WHERE id = ? AND password = ?");
    update.bind(kept).bind(user->id).bind(stored).step();
    if (database_->changes() != 1) return answer; // it was changed while this one was compared
    forget(key);
    answer.user = user;
    return answer;
  }

  /// Counts an attempt at the password of operators, as those at users' are counted: for its address, and
  /// over all. Says how long to wait, if too many were wrong.
  std::optional<std::chrono::seconds> count_operator(const std::string& remote_address, Time now) {
    const std::lock_guard guard(*lock_);
    auto wait = count(operator_key + remote_address, now);
    if (!wait) wait = count(operator_key, now, wrong_operators_before_wait);
    return wait;
  }

  /// The attempt was right.
  void operator_accepted(const std::string& remote_address) {
    const std::lock_guard guard(*lock_);
    forget(operator_key + remote_address);
    forget(operator_key);
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
    const std::string stored = passwords_.stored(password);
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "UPDATE portal_users SET password = ? WHERE id = ?");
    run.bind(stored).bind(id).step();
  }

 private:
  static constexpr std::int64_t wrong_passwords_before_wait = 10;
  static constexpr std::int64_t wrong_operators_before_wait = 100; ///< from all addresses
  static inline const std::string operator_key = "operator ";      ///< what begins so is no e-mail address

  static User read(const Database::Run& row) {
    return {row.text(0), row.text(1), Time(std::chrono::milliseconds(row.number(2)))};
  }

  /// Counts an attempt as wrong until it turns out to be right; or says how long to wait, and counts nothing.
  std::optional<std::chrono::seconds> count(const std::string& key, Time now,
                                            std::int64_t before_wait = wrong_passwords_before_wait) {
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
    // From the last of these on half a minute, doubled each time up to a quarter of an hour.
    const std::int64_t over = attempts - before_wait;
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

  void forget(const std::string& key) {
    Database::Run(*database_, "DELETE FROM portal_wrong_passwords WHERE key = ?").bind(key).step();
  }

  Database* database_;
  std::mutex* lock_;
  Passwords passwords_;
};

} // namespace portal
