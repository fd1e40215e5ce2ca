import { script, type Script } from '../script.js';
import { COUNT_BUCKET } from './count-script.js';
import { NAMES } from './ticks.js';

/** What all requests of a call share. A function that finds these around itself costs the server more than one that is handed them. */
const SHARED = 'args, reply, values, changed, queue, now, time, leaseEnd, unpackFrom, packed, floor, ceil, max, sub, text, call';

/** One request: its keys begin at `firstKey`, its rules at `at`, its answer after `told`. */
const CONSUME = `
local function consume(told, firstKey, at, cost, extra, lookOnly, member, ${SHARED})
  local lastBucket, units, most, fits, wait, born = firstKey + args[at] - 1, cost + extra
  local lastCap, hasOutgrown, filled, queued, arg = lastBucket + args[at + 1], false
  reply[told + 1] = 1
  repeat
    if hasOutgrown and not fits then units = 0
    elseif most then units = max(cost, most) end
    hasOutgrown, filled, queued, arg, most, fits, wait, born = false, told + 1, 0, at + 2, units, true, 0, extra > 0 and {}
    for index = firstKey, lastBucket do
      local key, asked = KEYS[index], args[arg]
      ${COUNT_BUCKET}
      arg = arg + 1 + 2 * asked
    end
  -- There may be fewer extra units than were asked for: then the same with as many as there are. What has been refused changes
  -- nothing: then without making counts of exact times.
  until (fits or not hasOutgrown) and (most >= units or units == cost or units == 0)

  local hasExpired, atCaps = false, filled
  for index = lastBucket + 1, lastCap do
    local key, limit = KEYS[index], args[arg]
    local all = call('ZCARD', key)
    local held = all > 0 and call('ZCOUNT', key, text('(%d', now), '+inf') or 0
    if held < all then hasExpired = true end
    if held >= limit then
      fits = false
      if limit == 0 then wait = -1 end
    end
    filled, arg = filled + 1, arg + 1
    reply[filled] = held
  end

  if not fits then
    reply[told + 1], reply[filled + 1] = 0, wait
    return filled + 1
  end
  if not lookOnly then
    for place = 1, queued, 4 do
      if queue[place + 3] then call(queue[place], queue[place + 1], queue[place + 2], queue[place + 3])
      else call(queue[place], queue[place + 1], queue[place + 2]) end
      changed[queue[place + 1]] = true
    end
    for index = lastBucket + 1, lastCap do
      local key = KEYS[index]
      call('ZADD', key, leaseEnd, member)
      if hasExpired then call('ZREMRANGEBYSCORE', key, '-inf', text('%d', now)) end
      -- Others may have taken longer leases: the key's own life is only ever prolonged.
      if reply[atCaps + index - lastBucket] == 0 or call('PTTL', key) < LEASE + BEYOND then call('PEXPIRE', key, 'CAP_LIFE') end
    end
  end
  if extra > 0 then
    reply[filled + 1] = units - cost
    for index = firstKey, lastBucket do reply[filled + 2 + index - firstKey] = born[index] end
    filled = filled + 2 + lastBucket - firstKey
  end
  return filled
end
`;

/**
 * The one step of requests, one after the other: looks at every window and cap of a request and, only when all agree, spends and takes
 * the lease. Made for the lifetime of leases, and for how long keys live beyond their use, both in ms.
 *
 * KEYS: of each request the buckets with windows, then those with a cap.
 * ARGV: one list, as JSON: the server's time after which nobody waits for the answer (0: whenever); the time, unless it is the server's;
 * where the first run begins; then the rules: number of buckets with windows, and of caps; per bucket its number of windows and per
 * window length and limit; then the limit of each cap. After them the runs of requests that want the same: where their rules begin, the
 * cost (or a list of cost, extra units wanted in advance, and look only? (0, 1)), how many requests, and with caps each one's lease.
 * Answer: the server's time; then of each request its figures, or in their place one text: what went wrong with it. The time alone: all
 * came too late. Figures are: admitted? (0, 1); per window units in use before the request and ms until more is free, if admitted after
 * it; per cap the leases held before it. When limited the wait in ms (-1: no wait helps); when extra units were asked for how many there
 * are, and when each bucket was begun.
 *
 * A bucket that cannot be read fails its own request. When all fail, the server itself is in trouble, and its error is the answer.
 *
 * Lua runs while the whole server waits, and what it allocates is the most of its cost: so the way of a request has neither functions
 * nor lists, and the commands that will write are in `queue`, four places each. One argument costs both sides less than many, and one
 * flat list less than one in another. Numbers are given to commands as texts, made by a whole number's format: the server turns a number
 * into some at several times the cost.
 */
export const consumeScript = (leaseMs: number, beyondMs: number): Script =>
  script(CALL.replaceAll('LEASE', String(leaseMs)).replaceAll('BEYOND', String(beyondMs)).replaceAll('CAP_LIFE', String(2 * leaseMs + beyondMs)));

const CALL = `${NAMES}
local max, text = math.max, string.format
local args, time = cjson.decode(ARGV[1]), call('TIME')
local now = tonumber(args[2]) or time[1] * 1000 + floor(time[2] / 1000)
if args[1] > 0 and now > args[1] then return { now } end

-- One command reads what GET would be needed for in all requests; whose bucket an earlier one has changed must read it again.
local values, changed = call('MGET', unpack(KEYS)), {}
local reply, queue, leaseEnd = { now, nil, nil, nil, nil, nil, nil, nil, nil, nil }, { nil, nil, nil, nil, nil, nil, nil, nil }
${CONSUME}
local firstKey, told, count, failed, place, trouble = 1, 1, 0, 0, args[3]
while args[place] do
  local at, cost, extra, lookOnly = args[place], args[place + 1], 0, false
  if type(cost) == 'table' then cost, extra, lookOnly = cost[1], cost[2], cost[3] == 1 end
  local keys, leases = args[at] + args[at + 1], args[at + 1] > 0 and 1 or 0
  if leases > 0 then leaseEnd = leaseEnd or text('%d', now + LEASE) end
  place = place + 3
  for _ = 1, args[place - 1] do
    local isDone, last = pcall(consume, told, firstKey, at, cost, extra, lookOnly, args[place], ${SHARED})
    firstKey, count, place = firstKey + keys, count + 1, place + leases
    if isDone then told = last
    else
      failed, trouble = failed + 1, last
      told = told + 1
      reply[told] = type(last) == 'table' and last.err or last
      for index = told + 1, #reply do reply[index] = nil end
    end
  end
end
if failed == count then error(trouble) end
return reply
`;
