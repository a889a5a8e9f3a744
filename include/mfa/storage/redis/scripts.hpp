#pragma once

#include <string_view>

/// What the server runs, each in one step that no other command can see half of. Redis undoes nothing of a
/// script that fails midway, so each makes sure of everything before its first write: that the records have
/// the right versions, and that the keys hold what we keep in them. Lack of memory, of a disk or of replicas
/// is seen by the server itself at the first write, and only there.
///
/// All keys begin with `{prefix}:`, the storage's hash tag:
///   factor:<id>, challenge:<id>, counter:<id>  a record: its version, its purge time ("-" for a factor), the
///                size of its owner, its owner - a factor's user or a challenge's factor - and its other
///                fields (records.hpp), as "3 - 4 u_42" + fields
///   user:<user id>  the ids of the user's factors, a sorted set
///   factors         the ids of all factors, a sorted set
///   purge           "challenge:<id>" and "counter:<id>" by the time from which they may be removed
///
/// A script gets the keys that its caller knows. A challenge's factor and a factor's earlier user it learns
/// from the records; their keys have the same hash tag.
namespace mfa::detail::redis::scripts {

// KEYS: factors, purge, then one key a record.
// ARGV: "{prefix}:", then for each record the version that it must have ("0": none), its new bytes ("":
// remove it), its owner and its purge time ("-": a factor; "": another that is removed).
inline constexpr std::string_view commit = R"lua(
local factors, purge, prefix = KEYS[1], KEYS[2], ARGV[1]
local function user_key(user) return prefix .. 'user:' .. user end

local indexed, old_owners = {}, {}
for i = 3, #KEYS do
  local word = i * 4 - 10
  local version, purge_at, owner = '0', '', ''
  local old = redis.call('GET', KEYS[i])
  if old then
    local _, last, found, time, size = string.find(old, '^(%d+) (%-?%d*) (%d+) ')
    if not found then return redis.error_reply('CORRUPT record ' .. (i - 2) .. ' of the batch') end
    version, purge_at, owner = found, time, string.sub(old, last + 1, last + size)
  end
  if version ~= ARGV[word] then return 0 end
  local new, new_owner = ARGV[word + 1], ARGV[word + 2]
  old_owners[i] = owner
  indexed[i] = old and new ~= '' and purge_at == ARGV[word + 3] and owner == new_owner
  if not indexed[i] then -- so far; a key of another type is an error here
    if ARGV[word + 3] ~= '-' then
      redis.call('ZCARD', purge)
    else
      redis.call('ZCARD', factors)
      if owner ~= '' then redis.call('ZCARD', user_key(owner)) end
      if new_owner ~= '' then redis.call('ZCARD', user_key(new_owner)) end
    end
  end
end

local now
for i = 3, #KEYS do
  local word = i * 4 - 10
  local new, new_owner, purge_at = ARGV[word + 1], ARGV[word + 2], ARGV[word + 3]
  if indexed[i] then
    redis.call('SET', KEYS[i], new, 'KEEPTTL')
  elseif purge_at == '-' then
    local id = string.sub(KEYS[i], #prefix + #'factor:' + 1)
    if new == '' then
      redis.call('DEL', KEYS[i])
      redis.call('ZREM', factors, id)
    else
      redis.call('SET', KEYS[i], new)
      redis.call('ZADD', factors, 0, id)
    end
    if old_owners[i] ~= '' then redis.call('ZREM', user_key(old_owners[i]), id) end
    if new_owner ~= '' then redis.call('ZADD', user_key(new_owner), 0, id) end
  else
    local name = string.sub(KEYS[i], #prefix + 1)
    if new == '' then
      redis.call('DEL', KEYS[i])
      redis.call('ZREM', purge, name)
    else
      -- Expiry by the server's clock, which may differ from the host's: a day after the later of the purge
      -- time and this write.
      if not now then
        local time = redis.call('TIME')
        now = time[1] * 1000 + math.floor(time[2] / 1000)
      end
      local lifetime = math.min(math.max(purge_at - now, 0) + 86400000, 2 ^ 52)
      redis.call('SET', KEYS[i], new, 'PX', string.format('%.0f', lifetime))
      redis.call('ZADD', purge, purge_at, name)
      -- What expired leaves its purge time behind: each one that comes takes up to two of these with it.
      for _, oldest in ipairs(redis.call('ZRANGE', purge, 0, 1)) do
        if redis.call('EXISTS', prefix .. oldest) == 0 then redis.call('ZREM', purge, oldest) end
      end
    end
  end
end
return 1
)lua";

// KEYS: the challenge. ARGV: "{prefix}:factor:".
inline constexpr std::string_view find_challenge_with_factor = R"lua(
local challenge = redis.call('GET', KEYS[1])
if not challenge then return false end
local _, last, size = string.find(challenge, '^%d+ %-?%d* (%d+) ')
if not last then return {challenge, false} end
return {challenge, redis.call('GET', ARGV[1] .. string.sub(challenge, last + 1, last + size))}
)lua";

// KEYS: a set of factor ids. ARGV: "{prefix}:factor:", where to begin, how many at most.
// Answers with an id and its factor in turn.
inline constexpr std::string_view list_factors = R"lua(
local found = {}
for _, id in ipairs(redis.call('ZRANGEBYLEX', KEYS[1], ARGV[2], '+', 'LIMIT', 0, ARGV[3])) do
  local factor = redis.call('GET', ARGV[1] .. id)
  if factor then
    found[#found + 1] = id
    found[#found + 1] = factor
  end
end
return found
)lua";

// KEYS: purge. ARGV: "{prefix}:", the time, how many at most.
// Answers with how many purge times it took out, and how many of their records were still there.
inline constexpr std::string_view purge = R"lua(
local due = redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', ARGV[2], 'LIMIT', 0, ARGV[3])
local removed = 0
for _, name in ipairs(due) do
  removed = removed + redis.call('DEL', ARGV[1] .. name)
  redis.call('ZREM', KEYS[1], name)
end
return {#due, removed}
)lua";

} // namespace mfa::detail::redis::scripts
