#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <mfa/error.hpp>
#include <mfa/storage/redis/client.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/refusal.hpp>

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
class Settings {
 public:
  explicit Settings(Client& client) : client_(client), info_(ask({"INFO"})) {}

  [[nodiscard]] std::string info(std::string_view name) const { return std::string(value_in(info_, name)); }

  [[nodiscard]] std::string config(std::string_view name) const { return ask({"CONFIG", "GET", name}); }

 private:
  /// A text, or the last of an array; nothing if the server refuses.
  template <std::size_t count> [[nodiscard]] std::string ask(const std::string_view (&words)[count]) const {
    const auto reply = client_.ask_if_allowed("read the settings of", words);
    if (!reply) return {};
    if (reply->is_text()) return std::string(reply->text());
    const std::size_t size = reply->size();
    return size > 0 ? std::string((*reply)[size - 1].text()) : std::string();
  }

  Client& client_;
  std::string info_;
};

/// Throws for a replica, which lags behind. In a Redis Cluster a replica sends to its primary.
inline void check_role(const Client& client, const Settings& settings) {
  if (settings.info("role") != "slave" || settings.info("cluster_enabled") == "1") return;
  const auto refusal = remedy_for("READONLY");
  throw Error(refusal.first, "cannot use " + client.name() + ": " + refusal.second);
}

inline std::vector<storage::RedisWeakness> weaknesses_of(const Settings& settings) {
  using storage::RedisWeakness;
  std::vector<RedisWeakness> found;
  const auto unknown = [&] {
    if (std::ranges::find(found, RedisWeakness::unknown_settings) == found.end())
      found.push_back(RedisWeakness::unknown_settings);
  };
  const auto append_only = settings.info("aof_enabled");
  if (append_only == "0") {
    found.push_back(RedisWeakness::no_append_only_file);
  } else if (append_only == "1") {
    const auto fsync = settings.config("appendfsync");
    const auto pauses = settings.config("no-appendfsync-on-rewrite");
    if (fsync == "no") found.push_back(RedisWeakness::no_fsync);
    if (fsync == "everysec") found.push_back(RedisWeakness::fsync_every_second);
    if (pauses == "yes") found.push_back(RedisWeakness::fsync_pauses);
    if (fsync.empty() || pauses.empty()) unknown();
  } else {
    unknown();
  }
  const auto policy = settings.info("maxmemory_policy");
  if (policy.empty())
    unknown();
  else if (policy != "noeviction")
    found.push_back(RedisWeakness::evicts_keys);
  return found;
}

/// Throws if the host did not accept what was found.
inline void check_durability(const Client& client, const std::vector<storage::RedisWeakness>& found) {
  using storage::RedisDurability;
  using storage::RedisWeakness;
  const auto accepted = client.options().durability;
  std::string problems;
  for (const auto weakness : found) {
    if (accepted == RedisDurability::accept_volatile) continue;
    if (accepted == RedisDurability::every_second && weakness == RedisWeakness::fsync_every_second) continue;
    problems.append(problems.empty() ? "" : "; ").append(to_string(weakness));
  }
  if (problems.empty()) return;
  throw Error(errc::storage_failure,
              client.name() +
                  " may forget what was committed, and a code that was used could then be used "
                  "again: " +
                  problems +
                  ". If you accept that, set RedisOptions::durability to RedisDurability::every_second or "
                  "accept_volatile.");
}

} // namespace mfa::detail::redis
