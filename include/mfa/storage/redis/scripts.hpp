#pragma once

#include <string_view>

/// What the server runs, each in one step that no other command can see half of. Redis undoes nothing of a
/// script that fails midway, so each makes sure of everything before its first write: that the records have
/// the right versions, and that the keys hold what we keep in them. Lack of memory, of a disk or of replicas
/// is seen by the server itself at the first write, and only there.
///
/// All keys begin with `{prefix}:`, the storage's hash tag:
///   factor:<id>, challenge:<id>, counter:<id>  a record: its version, the size of its owner, its owner - a
///                factor's user or a challenge's factor - and its fields (records.hpp), as "3 4 u_42" +
///                fields
///   user:<user id>  the ids of the user's factors, a sorted set
///   factors         the ids of all factors, a sorted set
///   purge           "challenge:<id>" and "counter:<id>" by the time from which they may be removed
///
/// A script gets the keys that its caller knows. A challenge's factor and a factor's earlier user it learns
/// from the records; their keys have the same hash tag.
namespace mfa::detail::redis::scripts {

// KEYS: factors, purge, then one key a record.
// ARGV: "{prefix}:", then for each record the version that it must have ("0": none), its new bytes ("":
// remove it), its user and its purge time.
inline constexpr std::string_view commit = R"lua(
local factors, purge, prefix = KEYS[1], KEYS[2], ARGV[1]
local first_record, words_a_record = 3, 4

local users = {}
local is_new = {}
local times = false
for i = first_record, #KEYS do
  local word = 2 + (i - first_record) * words_a_record
  local bytes = redis.call('GET', KEYS[i])
  local version, user = '0', ''
  if bytes then
    local _, last, found, size = string.find(bytes, '^(%d+) (%d+) ')
    if not found then return redis.error_reply('CORRUPT record ' .. (i - 2) .. ' of the batch') end
    version, user = found, string.sub(bytes, last + 1, last + size)
  end
  if version ~= ARGV[word] then return 0 end
  users[i], is_new[i] = user, version == '0'
  if string.sub(KEYS[i], #prefix + 1, #prefix + 7) == 'factor:' then
    local gone = ARGV[word + 1] == ''
    if is_new[i] or gone then redis.call('ZCARD', factors) end
    for _, each in ipairs({user, ARGV[word + 2]}) do
      if each ~= '' and (is_new[i] or gone or user ~= ARGV[word + 2]) then
        redis.call('ZCARD', prefix .. 'user:' .. each)
      end
    end
  else
    times = true
  end
end

local now
if times then
  redis.call('ZCARD', purge)
  now = redis.call('TIME')
  now = now[1] * 1000 + math.floor(now[2] / 1000)
end

for i = first_record, #KEYS do
  local word = 2 + (i - first_record) * words_a_record
  local bytes, user, purge_at = ARGV[word + 1], ARGV[word + 2], ARGV[word + 3]
  local name = string.sub(KEYS[i], #prefix + 1)
  if string.sub(name, 1, 7) == 'factor:' then
    local id = string.sub(name, 8)
    if bytes == '' then
      redis.call('DEL', KEYS[i])
      redis.call('ZREM', factors, id)
      user = ''
    else
      redis.call('SET', KEYS[i], bytes)
      if is_new[i] then redis.call('ZADD', factors, 0, id) end
    end
    if users[i] ~= user then
      if users[i] ~= '' then redis.call('ZREM', prefix .. 'user:' .. users[i], id) end
      if user ~= '' then redis.call('ZADD', prefix .. 'user:' .. user, 0, id) end
    end
  elseif bytes == '' then
    redis.call('DEL', KEYS[i])
    redis.call('ZREM', purge, name)
  else
    -- Expiry by the server's clock, which may differ from the host's: a day after the later of the purge time
    -- and this write.
    local lifetime = math.max(tonumber(purge_at) - now, 0) + 86400000
    redis.call('SET', KEYS[i], bytes, 'PX', string.format('%.0f', math.min(lifetime, 2 ^ 52)))
    redis.call('ZADD', purge, purge_at, name)
    if is_new[i] then
      -- What expired leaves its purge time behind: each new record takes up to two of these with it.
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
local _, last, size = string.find(challenge, '^%d+ (%d+) ')
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
