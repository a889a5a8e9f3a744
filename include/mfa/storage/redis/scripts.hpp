#pragma once

#include <string_view>

#include <mfa/compiler.hpp>

/// What the server runs, each in one step that no other command can see half of. Redis undoes nothing of a
/// script that fails midway, so each makes sure of everything before its first write: that the records have
/// the right versions, and that the keys hold what we keep in them. Lack of memory, of a disk or of replicas
/// is seen by the server itself at the first write, and only there; lack of a right to a command or a key at
/// that command, and so before, when a storage is opened (`try_rights`).
///
/// All keys begin with `{prefix}:`, the storage's hash tag:
///   factor:<id>, challenge:<id>, counter:<id>  a record: its version, its purge time ("-" for a factor), the
///                size of its owner, its owner - a factor's user or a challenge's factor - and its id and
///                other fields (records.hpp), as "3 - 4 u_42" + "13 auth_factor_1" + fields
///   user:<user id>  the ids of the user's factors, a sorted set
///   factors         the ids of all factors, a sorted set
///   purge           "challenge:<id>" and "counter:<id>" by the time from which they may be removed
///
/// A script gets the keys that its caller knows. Others it makes itself, from what it reads or is told: a
/// challenge's factor, a factor's users, the factors of a list, what is purged. They have the same hash tag.
namespace mfa::detail::redis::scripts {

// KEYS: one a record, then factors and purge.
// ARGV: for each record its head as it must be stored if this write changes neither its owner nor its purge
// time (of one that is not stored yet with version 0, of one that is removed without owner), then its new
// bytes ("": remove it).
//
// Most writes change neither. For these the head alone tells that the version is right and that the indexes
// and the expiry stay as they are, so nothing is taken apart.
inline constexpr std::string_view commit = R"lua(
local call, find, KEYS, ARGV = redis.call, string.find, KEYS, ARGV
local factors, purge = KEYS[#KEYS - 1], KEYS[#KEYS]
local prefix = string.sub(factors, 1, -#'factors' - 1)

local changes, timed = nil, 0 -- what the other writes do to indexes, and how many of them to that of purge
for i = 1, #KEYS - 2 do
  local old, head = call('GET', KEYS[i]), ARGV[i * 2 - 1]
  if not old or ARGV[i * 2] == '' or find(old, head, 1, true) ~= 1 then
    local version, purge_at, _, start = string.match(head, '^(%d+) (%-?%d*) (%d+) ()')
    local owner, old_version, old_owner = string.sub(head, start), '0', ''
    if old then
      local found, size, first = string.match(old, '^(%d+) %-?%d* (%d+) ()')
      if not found then return redis.error_reply('CORRUPT record ' .. i .. ' of the batch') end
      old_version, old_owner = found, string.sub(old, first, first + size - 1)
    end
    if version ~= old_version then return 0 end
    local change = {purge_at = purge_at}
    if purge_at ~= '-' then
      timed = timed + 1
    else
      call('ZCARD', factors) -- a key of another type is an error here
      if old_owner ~= '' then
        change.old_user = prefix .. 'user:' .. old_owner
        call('ZCARD', change.old_user)
      end
      if owner ~= '' then
        change.user = prefix .. 'user:' .. owner
        call('ZCARD', change.user)
      end
    end
    changes = changes or {}
    changes[i] = change
  end
end
local oldest = timed > 0 and call('ZRANGE', purge, 0, timed * 2 - 1) -- an error here, too
local time = timed > 0 and call('TIME')
local now = time and time[1] * 1000 + math.floor(time[2] / 1000)

for i = 1, #KEYS - 2 do
  local key, new, change = KEYS[i], ARGV[i * 2], changes and changes[i]
  if not change then
    call('SET', key, new, 'KEEPTTL')
  elseif change.purge_at == '-' then
    local id = string.sub(key, #prefix + #'factor:' + 1)
    if new == '' then
      call('DEL', key)
      call('ZREM', factors, id)
    else
      call('SET', key, new)
      call('ZADD', factors, 0, id)
    end
    if change.old_user then call('ZREM', change.old_user, id) end
    if change.user then call('ZADD', change.user, 0, id) end
  else
    local name = string.sub(key, #prefix + 1)
    if new == '' then
      call('DEL', key)
      call('ZREM', purge, name)
    else
      -- Expiry by the server's clock, which may differ from the host's: a day after the later of the purge
      -- time and this write.
      local lifetime = math.min(math.max(change.purge_at - now, 0) + 86400000, 2 ^ 52)
      call('SET', key, new, 'PX', string.format('%.0f', lifetime))
      call('ZADD', purge, change.purge_at, name)
    end
  end
end
-- What expired leaves its purge time behind: each write to that index takes up to two of these with it.
for i = 1, oldest and #oldest or 0 do
  if call('EXISTS', prefix .. oldest[i]) == 0 then call('ZREM', purge, oldest[i]) end
end
return 1
)lua";

// KEYS: factors. ARGV: "{prefix}:".
// Does all that the other scripts do, to a key of each name, and changes nothing.
inline constexpr std::string_view try_rights = R"lua(
local refused
local function try(command, ...)
  local answer = redis.pcall(command, ...)
  local why = type(answer) == 'table' and answer.err or ''
  for _, words in ipairs({'NOPERM', 'user executing the script', 'Unknown'}) do
    if string.find(why, words, 1, true) then refused = refused or command end
  end
end
try('TIME')
for _, kind in ipairs({'factor:', 'challenge:', 'counter:'}) do
  local key = ARGV[1] .. kind
  try('GET', key)
  try('EXISTS', key)
  try('SET', key, '', 'XX', 'KEEPTTL')
  try('DEL', key)
end
for _, name in ipairs({'factors', 'purge', 'user:'}) do
  local key = ARGV[1] .. name
  try('ZCARD', key)
  try('ZRANGE', key, 0, 0)
  try('ZRANGEBYLEX', key, '-', '+', 'LIMIT', 0, 1)
  try('ZRANGEBYSCORE', key, 0, 0, 'LIMIT', 0, 1)
  try('ZADD', key, 'XX', 0, '')
  try('ZREM', key, '')
end
if refused then return redis.error_reply('NOPERM this user may not use ' .. refused .. ' on our keys') end
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
local found, after, left = {}, ARGV[2], math.min(ARGV[3], 2 ^ 52)
repeat -- a factor may be missing that was evicted, or removed by hand
  local most = left
  local ids = redis.call('ZRANGEBYLEX', KEYS[1], after, '+', 'LIMIT', 0, string.format('%.0f', most))
  for _, id in ipairs(ids) do
    local factor = redis.call('GET', ARGV[1] .. id)
    if factor then
      found[#found + 1] = id
      found[#found + 1] = factor
      left = left - 1
    end
    after = '(' .. id
  end
until left == 0 or #ids < most
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
