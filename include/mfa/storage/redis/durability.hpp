#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/refusal.hpp>
#include <mfa/storage/redis/server.hpp>

namespace mfa::detail::redis {

/// The value of "<name>:<value>" among the lines of INFO, or nothing.
inline std::string_view value_in(std::string_view info, std::string_view name) {
  for (std::size_t start = 0; start < info.size();) {
    const auto end = std::min(info.find("\r\n", start), info.size());
    const auto line = info.substr(start, end - start);
    if (line.starts_with(name) && line.substr(name.size()).starts_with(':'))
      return line.substr(name.size() + 1);
    start = end + 2;
  }
  return {};
}

/// What a server is set to, as far as it tells this user; empty where it does not.
struct Settings {
  std::string info;
  std::string append_fsync = {};
  std::string no_append_fsync_on_rewrite = {};

  [[nodiscard]] std::string_view of(std::string_view name) const { return value_in(info, name); }
  [[nodiscard]] bool has_append_only_file() const { return of("aof_enabled") == "1"; }
};

/// Throws for a replica, which lags behind. In a Redis Cluster a replica sends to its primary.
inline void check_role(const Server& server, const Settings& settings) {
  if (settings.of("role") == "slave" && settings.of("cluster_enabled") != "1") server.fail_replica();
}

inline std::vector<storage::RedisWeakness> weaknesses_of(const Settings& settings) {
  using storage::RedisWeakness;
  std::vector<RedisWeakness> found;
  const auto unknown = [&] {
    if (std::ranges::find(found, RedisWeakness::unknown_settings) == found.end())
      found.push_back(RedisWeakness::unknown_settings);
  };
  if (settings.of("aof_enabled") == "0") {
    found.push_back(RedisWeakness::no_append_only_file);
  } else if (settings.has_append_only_file()) {
    const auto& fsync = settings.append_fsync;
    const auto& pauses = settings.no_append_fsync_on_rewrite;
    if (fsync == "no") found.push_back(RedisWeakness::no_fsync);
    if (fsync == "everysec") found.push_back(RedisWeakness::fsync_every_second);
    if (pauses == "yes") found.push_back(RedisWeakness::fsync_pauses);
    if (fsync.empty() || pauses.empty()) unknown();
  } else {
    unknown();
  }
  const auto policy = settings.of("maxmemory_policy");
  if (policy.empty())
    unknown();
  else if (policy != "noeviction")
    found.push_back(RedisWeakness::evicts_keys);
  return found;
}

/// Throws if the host did not accept what was found.
inline void check_durability(const Server& server, const std::vector<storage::RedisWeakness>& found) {
  using storage::RedisDurability;
  using storage::RedisWeakness;
  const auto accepted = server.options().durability;
  std::string problems;
  for (const auto weakness : found) {
    if (accepted == RedisDurability::accept_volatile) continue;
    if (accepted == RedisDurability::every_second && weakness == RedisWeakness::fsync_every_second) continue;
    problems.append(problems.empty() ? "" : "; ").append(to_string(weakness));
  }
  if (problems.empty()) return;
  throw Error(errc::storage_failure,
              server.name() +
                  " may forget what was committed, and a code that was used could then be used "
                  "again: " +
                  problems +
                  ". If you accept that, set RedisOptions::durability to RedisDurability::every_second or "
                  "accept_volatile.");
}

} // namespace mfa::detail::redis
