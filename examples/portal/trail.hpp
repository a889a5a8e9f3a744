#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/event.hpp>

#include "database.hpp"
#include "page.hpp"

namespace portal {

/// What happened to the users' accounts: what the library tells its observer, and what the portal does
/// itself. Usable from many threads.
class Trail {
 public:
  struct Entry {
    Time at;
    std::string type;        ///< as `mfa::to_string` names it, or a name of the portal's own
    std::string factor_type; ///< may be empty, as what follows
    std::string status;
    std::string ip_address;
    std::string user_agent;
  };

  Trail(Database& database, std::mutex& lock) : database_(&database), lock_(&lock) {
    database.execute("CREATE TABLE IF NOT EXISTS portal_events (number INTEGER PRIMARY KEY, user_id TEXT NOT "
                     "NULL, at INTEGER NOT NULL, type TEXT NOT NULL, factor_type TEXT NOT NULL, status TEXT "
                     "NOT NULL, ip_address TEXT NOT NULL, user_agent TEXT NOT NULL) STRICT; CREATE INDEX IF "
                     "NOT EXISTS portal_events_of_user ON portal_events (user_id, number)");
  }

  void add(std::string_view user_id, const Entry& entry) {
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "INSERT INTO portal_events (user_id, at, type, factor_type, status, "
                                  "ip_address, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?)");
    run.bind(user_id).bind(std::int64_t{entry.at.time_since_epoch().count()}).bind(entry.type);
    run.bind(entry.factor_type).bind(entry.status).bind(entry.ip_address).bind(entry.user_agent).step();
  }

  /// For `mfa::Options::observer`.
  void add(const mfa::Event& event) {
    if (event.user_id.empty()) return;
    add(event.user_id, {.at = event.at,
                        .type = std::string(to_string(event.type)),
                        .factor_type = event.factor_type ? std::string(to_string(*event.factor_type)) : "",
                        .status = event.status ? std::string(to_string(*event.status)) : "",
                        .ip_address = std::string(event.ip_address),
                        .user_agent = std::string(event.user_agent)});
  }

  /// And what is of nobody.
  void forget_before(Time at) {
    const std::lock_guard guard(*lock_);
    Database::Run run(*database_, "DELETE FROM portal_events WHERE at < ? OR user_id = ''");
    run.bind(std::int64_t{at.time_since_epoch().count()}).step();
  }

  /// The latest first.
  [[nodiscard]] std::vector<Entry> of_user(std::string_view user_id, std::int64_t limit = 100) const {
    const std::lock_guard guard(*lock_);
    std::vector<Entry> entries;
    Database::Run run(*database_, "SELECT at, type, factor_type, status, ip_address, user_agent FROM "
                                  "portal_events WHERE user_id = ? ORDER BY number DESC LIMIT ?");
    for (run.bind(user_id).bind(limit); run.step();)
      entries.push_back({Time(std::chrono::milliseconds(run.number(0))), run.text(1), run.text(2),
                         run.text(3), run.text(4), run.text(5)});
    return entries;
  }

 private:
  Database* database_;
  std::mutex* lock_;
};

} // namespace portal
