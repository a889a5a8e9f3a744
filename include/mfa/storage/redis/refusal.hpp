#pragma once

#include <array>
#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <mfa/error.hpp>
#include <mfa/storage/redis/wire.hpp>

namespace mfa::detail::redis {

/// An error that a server answers with begins with a word in capitals; within a script, Redis 6 says more
/// before it.
struct Refusal {
  std::string_view word;
  errc code;
  const char* remedy;
};

inline constexpr std::array refusals{
    Refusal{
        "DENIED", errc::storage_failure,
        "Its protected mode turns other machines away: give its default user a password, or, on a private "
        "network, set protected-mode no."},
    Refusal{"max number of clients", errc::storage_failure,
            "Raise the server's maxclients, or lower RedisOptions::max_connections."},
    Refusal{"NOAUTH", errc::storage_failure, "Set RedisOptions::password, and user if it has several."},
    Refusal{"NOPERM", errc::storage_failure,
            "Grant its user the commands and keys that docs/redis.md lists (ACL SETUSER)."},
    Refusal{
        "OOM", errc::storage_failure,
        "Nothing was written. Give the server more memory (maxmemory); keep maxmemory-policy noeviction."},
    Refusal{"READONLY", errc::storage_failure,
            "Nothing was written: this is a replica. Let RedisOptions name the primary."},
    Refusal{"MASTERDOWN", errc::storage_failure,
            "This is a replica that has lost its primary. Let RedisOptions name the primary."},
    Refusal{"LOADING", errc::storage_failure,
            "It has just started and reads its data: try again in a moment."},
    Refusal{"MISCONF", errc::storage_failure,
            "Nothing was written: it cannot write to its disk. Check the disk and the server's log."},
    Refusal{"NOREPLICAS", errc::storage_failure,
            "Nothing was written: it has fewer replicas than its min-replicas-to-write. Check the replicas."},
    Refusal{"BUSY", errc::storage_failure, "A script of another client blocks it: see SCRIPT KILL."},
    Refusal{"CLUSTERDOWN", errc::storage_failure, "Part of the cluster is down: see CLUSTER INFO."},
    Refusal{"TRYAGAIN", errc::storage_failure, "The cluster moves these keys to another node: try again."},
    Refusal{"ASK", errc::storage_failure, "The cluster moves these keys to another node: try again."},
    Refusal{"MOVED", errc::storage_failure, "The nodes of the cluster disagree on who has these keys."},
    Refusal{"CROSSSLOT", errc::storage_failure,
            "What is between this process and the cluster must respect hash tags."},
    Refusal{"CORRUPT", errc::corrupt_record,
            "A key holds what this library did not write: restore it from a backup, or choose another "
            "RedisOptions::key_prefix."},
    Refusal{"WRONGTYPE", errc::storage_schema,
            "Nothing was written. Another program uses keys of this name: choose another "
            "RedisOptions::key_prefix."},
};

inline std::pair<errc, const char*> remedy_for(std::string_view refusal) {
  for (const auto& known : refusals)
    if (refusal.find(known.word) != std::string_view::npos) return {known.code, known.remedy};
  return {errc::storage_failure, "The server's log and version (6.2 or later) may tell more."};
}

/// What a refusal says without the arguments of the command, which Redis quotes when it does not know the
/// command.
inline std::string quotable(std::string_view refusal) {
  auto text = refusal.substr(0, refusal.find(", with args beginning with"));
  text = text.substr(0, text.find(" script: "));      // where in which script
  text = text.substr(0, text.find(". In this mode")); // a page on protected mode
  while (text.ends_with('.') || text.ends_with(' ')) text.remove_suffix(1);
  return std::string(text);
}

/// What a server says to whatever comes first, before it ends the connection: it takes no more of them, or
/// none from this machine.
inline bool turns_away(std::string_view refusal) {
  return refusal.starts_with("DENIED ") || refusal.starts_with("ERR max number of clients");
}

/// The answer of a server that is not the primary, or not any more.
inline bool is_of_a_replica(std::string_view refusal) {
  return refusal.find("READONLY") != std::string_view::npos || refusal.starts_with("MASTERDOWN");
}

/// Where to ask instead, from "MOVED <slot> <host>:<port>". A node that does not know its own host leaves it
/// out.
inline std::optional<Address> redirection(std::string_view refusal, const Address& from) {
  if (!refusal.starts_with("MOVED ")) return std::nullopt;
  const auto at = refusal.substr(refusal.find_last_of(' ') + 1);
  const auto colon = at.find_last_of(':');
  if (colon == std::string_view::npos) return std::nullopt;
  Address address{std::string(at.substr(0, colon)), 0, {}};
  const auto port = at.substr(colon + 1);
  const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), address.port);
  if (error != std::errc() || end != port.data() + port.size()) return std::nullopt;
  if (address.host.empty()) address.host = from.host;
  return address;
}

} // namespace mfa::detail::redis
