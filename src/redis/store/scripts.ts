import { script } from '../script.js';

/** Every script is given these four first: records, hashes, slots, uses; then the index by last use. */
const COMMON = `
local records, hashes, slots, uses, byUse = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]

local function usePlace(use, id)
  return (use and ('p' .. string.sub(use, 1, 16)) or 'q') .. '\\0\\0' .. id
end

-- Notes a use (false: none), which is no change of the record.
local function setUse(id, use)
  local before = redis.call('HGET', uses, id)
  redis.call('ZREM', byUse, usePlace(before, id))
  redis.call('ZADD', byUse, 0, usePlace(use, id))
  if use then redis.call('HSET', uses, id, use) elseif before then redis.call('HDEL', uses, id) end
end
`;

/** ARGV: 'id' and an id, or 'hash' and any number of hashes. The record and its last use, or nothing. */
export const findScript = script(`${COMMON}
local id
if ARGV[1] == 'id' then id = ARGV[2]
else for index = 2, #ARGV do id = id or redis.call('HGET', hashes, ARGV[index]) end end
local text = id and redis.call('HGET', records, id)
if not text then return {} end
return { text, redis.call('HGET', uses, id) or '' }
`);

/**
 * Changes one record, inserts another, or both in one step, or nothing.
 *
 * ARGV: a JSON list of at most two parts, { id, before?, after? }: what was read and what takes its place, each with text, hash, slot
 * and places; without before it is an insertion, without after a removal. A part's use, where there is one, is set: '' clears it.
 * Answer: 'done' and the use of the first part's record, or what stands in the way: 'changed', 'conflict', 'slot_taken'.
 */
export const writeScript = script(`${COMMON}
local parts = cjson.decode(ARGV[1])
local givenUp = {}

for _, part in ipairs(parts) do
  local before, after = part.before, part.after
  if before then
    -- The whole text: another record of the same id and version is another record.
    if redis.call('HGET', records, part.id) ~= before.text then return { 'changed' } end
    if before.slot ~= '' and not (after and after.slot == before.slot) then givenUp[before.slot] = part.id end
  elseif redis.call('HEXISTS', records, part.id) == 1 then return { 'conflict' } end
  if after then
    if not (before and before.hash == after.hash) and redis.call('HEXISTS', hashes, after.hash) == 1 then return { 'conflict' } end
    local holder = after.slot ~= '' and redis.call('HGET', slots, after.slot)
    if holder and holder ~= givenUp[after.slot] and not (before and holder == part.id) then return { 'slot_taken' } end
  end
end

for _, part in ipairs(parts) do
  local before, after = part.before, part.after
  if before then
    redis.call('HDEL', hashes, before.hash)
    if before.slot ~= '' then redis.call('HDEL', slots, before.slot) end
    for _, place in ipairs(before.places) do redis.call('ZREM', KEYS[place[1]], place[2]) end
  end
  if after then
    redis.call('HSET', records, part.id, after.text)
    redis.call('HSET', hashes, after.hash, part.id)
    if after.slot ~= '' then redis.call('HSET', slots, after.slot, part.id) end
    for _, place in ipairs(after.places) do redis.call('ZADD', KEYS[place[1]], 0, place[2]) end
    if part.use then setUse(part.id, part.use ~= '' and part.use) end
  else
    redis.call('HDEL', records, part.id)
    redis.call('ZREM', byUse, usePlace(redis.call('HGET', uses, part.id), part.id))
    redis.call('HDEL', uses, part.id)
  end
end
return { 'done', parts[1] and redis.call('HGET', uses, parts[1].id) or '' }
`);

/** ARGV: per use an id, what is written down, and whether it has an address ('1'). */
export const touchScript = script(`${COMMON}
for index = 1, #ARGV, 3 do
  local id, use, hasAddress = ARGV[index], ARGV[index + 1], ARGV[index + 2] == '1'
  if redis.call('HEXISTS', records, id) == 1 then
    local before = redis.call('HGET', uses, id)
    if not before or string.sub(before, 1, 16) < string.sub(use, 1, 16) then
      -- A use without an address leaves the one that is known.
      if before and not hasAddress then use = use .. (string.match(before, '^%S+ %S+ (.*)$') or '') end
      setUse(id, use)
    end
  end
end
return 0
`);

/**
 * Some records in the order of an index.
 *
 * KEYS[6]: the index. ARGV: 'asc' or 'desc', the bounds, the number of members to look at. Answer: per member it, the record and
 * its last use.
 */
export const pageScript = script(`${COMMON}
local members = redis.call(ARGV[1] == 'asc' and 'ZRANGEBYLEX' or 'ZREVRANGEBYLEX', KEYS[6], ARGV[2], ARGV[3], 'LIMIT', 0, ARGV[4])
local answer = {}
for _, member in ipairs(members) do
  local _, at = string.find(member, '\\0\\0', 1, true)
  local id = string.sub(member, at + 1)
  answer[#answer + 1] = member
  answer[#answer + 1] = redis.call('HGET', records, id) or ''
  answer[#answer + 1] = redis.call('HGET', uses, id) or ''
end
return answer
`);
