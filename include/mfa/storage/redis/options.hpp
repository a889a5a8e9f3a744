#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include <mfa/compiler.hpp>

namespace mfa::storage {

/// What a Redis server must promise before `Redis` keeps anything in it. An attempt that the server forgets
/// can be made again: a used code is accepted once more, for as long as it lives.
enum class RedisDurability {
  required,        ///< a commit that returned survives: append-only file, `appendfsync always`, `noeviction`
  every_second,    ///< unsafe: also `appendfsync everysec`; a loss of power undoes the last two seconds
  accept_volatile, ///< unsafe: whatever the server is set to, and if it does not tell
};

/// A reason why a commit that returned may be undone.
enum class RedisWeakness {
  unknown_settings,    ///< the server tells this user neither INFO nor CONFIG GET
  no_append_only_file, ///< a restart goes back to the last snapshot, or to nothing
  no_fsync,            ///< `appendfsync no`: a loss of power undoes what the kernel had not written
  fsync_every_second,  ///< `appendfsync everysec`: it undoes up to two seconds
  fsync_pauses,        ///< `no-appendfsync-on-rewrite yes`: as `no_fsync` while the file is rewritten
  evicts_keys,         ///< a `maxmemory-policy` that removes records when memory is short
};

/// What the operator of the server can do about it.
constexpr std::string_view to_string(RedisWeakness weakness) noexcept {
  switch (weakness) {
  case RedisWeakness::unknown_settings:
    return "the server does not tell this user its settings (allow INFO and CONFIG GET)";
  case RedisWeakness::no_append_only_file: return "it keeps no append-only file (set appendonly yes)";
  case RedisWeakness::no_fsync: return "it never waits for the disk (set appendfsync always)";
  case RedisWeakness::fsync_every_second:
    return "it waits for the disk once a second (set appendfsync always)";
  case RedisWeakness::fsync_pauses:
    return "it does not wait for the disk while it rewrites its file (set no-appendfsync-on-rewrite no)";
  case RedisWeakness::evicts_keys:
    return "it removes records when memory is short (set maxmemory-policy noeviction)";
  }
  return "unknown";
}

struct RedisOptions {
  /// A name or an address; not used if there is a `unix_socket`.
  std::string host = "127.0.0.1";
  std::uint16_t port = 6379;
  /// The path of a Unix domain socket.
  std::string unix_socket = {};
  /// For AUTH: a password alone is that of the default user.
  std::string user = {};
  std::string password = {};
  unsigned database = 0;
  /// Every key begins with `{key_prefix}:`. Storages that share a server differ in it or in the database.
  std::string key_prefix = "mfa";
  /// Connections; further threads wait for one of them.
  std::size_t max_connections = 16;
  /// How long to wait for a connection, and for an answer; and for other threads, before
  /// `errc::storage_failure`.
  std::chrono::milliseconds connect_timeout{2000};
  std::chrono::milliseconds command_timeout{2000};
  RedisDurability durability = RedisDurability::required;
};

} // namespace mfa::storage
