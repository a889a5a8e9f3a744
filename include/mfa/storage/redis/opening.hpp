#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <mfa/storage/redis/client.hpp>
#include <mfa/storage/redis/durability.hpp>
#include <mfa/storage/redis/options.hpp>
#include <mfa/storage/redis/request.hpp>
#include <mfa/storage/redis/requests.hpp>
#include <mfa/storage/redis/scripts.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// What a storage knows of its server once it is open.
struct Opened {
  std::vector<storage::RedisWeakness> weaknesses;
  Scripts scripts;
  bool requires_primary = false; ///< see `Server::require_primary`
};

/// A text, or the last of an array; nothing if the server refuses to tell.
inline std::string setting(Client& client, std::vector<std::string> words) {
  Request request{.purpose = "read the settings of", .if_lost = IfLost::ask_again, .words = std::move(words)};
  request.may_be_refused = true;
  const auto reply = client.ask(request);
  if (reply.is_text()) return std::string(reply.text());
  return reply.size() > 0 ? std::string(reply[reply.size() - 1].text()) : std::string();
}

/// Finds the node that has the keys, and makes sure that it may be used. Throws if it must not.
inline Opened open(Client& client, const Keys& keys) {
  const auto ask = [&](const char* purpose, std::vector<std::string> words) {
    return client.ask({.purpose = purpose, .if_lost = IfLost::ask_again, .words = std::move(words)});
  };
  // First that, since in a Redis Cluster it leads to the node that has the keys.
  for (const auto& index : {keys.factors, keys.purge}) (void)ask("open", {"ZCARD", index});

  Settings settings{.info = setting(client, {"INFO"})};
  check_role(client.server(), settings);
  if (settings.has_append_only_file()) {
    settings.append_fsync = setting(client, {"CONFIG", "GET", "appendfsync"});
    settings.no_append_fsync_on_rewrite = setting(client, {"CONFIG", "GET", "no-appendfsync-on-rewrite"});
  }
  Opened opened{.weaknesses = weaknesses_of(settings),
                .scripts = {},
                .requires_primary = settings.of("role") == "master" && settings.of("cluster_enabled") != "1"};
  // Before anything is written: a script that lacks a right finds out in the middle, and undoes nothing.
  (void)ask("open", {"EVAL", std::string(scripts::try_rights), "1", keys.factors, keys.prefix});
  check_durability(client.server(), opened.weaknesses);
  for (Script* const script : {&opened.scripts.commit, &opened.scripts.find_challenge_with_factor,
                               &opened.scripts.list_factors, &opened.scripts.purge})
    script->hash = ask("load a script into", {"SCRIPT", "LOAD", std::string(script->body)}).text();
  if (opened.requires_primary) client.require_primary();
  return opened;
}

} // namespace mfa::detail::redis
