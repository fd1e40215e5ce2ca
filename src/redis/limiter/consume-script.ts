import { script, type Script } from '../script.js';
import { ARRANGE } from './arrange-script.js';
import { ENTRY_BYTES, NAMES, SCALE, STEPPED_BACK, WINDOW, WINDOW_BYTES, WINDOWS_AT } from './ticks.js';

const FOREIGN = 'a bucket holds what keystile has not written';

/** A command on the bucket's key that will be given once all have agreed. */
const later = (command: string, first: string, second = 'false'): string =>
  `queue[queued + 1], queue[queued + 2], queue[queued + 3], queue[queued + 4], queued = ${command}, key, ${first}, ${second}, queued + 4`;

/** Leaves out what has expired. The oldest entry expires at `free`; those whose units were all given back do not count as such. */
const EXPIRE = `
if live > 0 and now >= free then
  if now >= ceil((last + span) * each / per) then live = 0
  else
    local tick, units = unpackFrom(form, value, log + first * ${ENTRY_BYTES})
    repeat
      live, first, count = live - units, (first + 1) % room, count - 1
      tick, units = last, newest
      if count > 0 then tick, units = unpackFrom(form, value, log + first * ${ENTRY_BYTES}) end
      free = ceil((last - (last - tick) % turn + span) * each / per)
    until count <= 0 or units > 0 and now < free
    if count < 0 or live < 0 then error('${FOREIGN}') end
  end
end
`;

/** The window has no room: when so many of its units will have expired that it has. */
const REFUSE = `
fits = false
if cost > limit then wait = -1
elseif wait >= 0 then
  local wanted, tick, units = live + cost - limit, last, 0
  for index = 0, count - 1 do
    tick, units = unpackFrom(form, value, log + (first + index) % room * ${ENTRY_BYTES})
    wanted = wanted - units
    if wanted <= 0 then break end
  end
  if wanted > 0 then tick = last end
  wait = max(wait, ceil((last - (last - tick) % turn + span) * each / per) - now)
end
`;

/** Counts the units. The last tick's stand in the window itself; they go into the log when a later tick begins. */
const SPEND = `
if live == 0 then
  ring = limit > 60 and 1 or 0
  ${SCALE}
  last, newest, first, count = floor(now * per / each), units, 0, 0
  free = ceil((last + span) * each / per)
  reply[filled] = free - now
  if free > ends then ends = free end
else
  local tick = floor(now * per / each)
  if tick <= last then newest = newest + units
  else
    if count == room then mustArrange = true break end
    ${later(`'SETRANGE'`, `text('%d', log - 1 + (first + count) % room * ${ENTRY_BYTES})`, 'packed(form, last % turn, newest)')}
    last, newest, count = tick, units, count + 1
    local over = ceil((tick + span) * each / per)
    if over > ends then ends = over end
  end
end
local head = packed('${WINDOW}', length, last, free, live + units, newest, ring, room, first, count)
heads = heads and heads .. head or head
`;

/**
 * A bucket: every window is looked at and, when there is room, counted, in what will be written once all have agreed. Where the string
 * is not laid out for these windows, or a log is full, it is arranged anew, and looked at again.
 */
const COUNT_BUCKET = `
local value, isNew, begun, before, mustArrange, isSteppedBack = values[index], false, queued, filled
if not value or changed[key] then value = call('GET', key) end
repeat
  queued, filled, mustArrange = begun, before, not value
  if value then
    local size, stored, ended = unpackFrom('<I4I2d', value, 9)
    if size ~= #value then error('${FOREIGN}') end
    local at, log, ends, heads = ${WINDOWS_AT}, ${WINDOWS_AT} + stored * ${WINDOW_BYTES}, ended
    mustArrange = stored < asked
    if isNew then ${later(`'SET'`, 'value')} end
    for number = arg + 1, mustArrange and arg or arg + 2 * asked, 2 do
      local length, last, free, live, newest, ring, room, first, count = unpackFrom('${WINDOW}', value, at)
      local limit = args[number + 1]
      if length ~= args[number] then mustArrange = true break end
      if ring > 1 or count > room or first > 0 and first >= room or log > size + 1 then error('${FOREIGN}') end
      if ${STEPPED_BACK} then mustArrange, isSteppedBack = true, true break end
      ${SCALE}${EXPIRE}
      filled = filled + 2
      reply[filled - 1], reply[filled] = live, live > 0 and free - now or 0
      if limit - live < most then most = limit - live end
      -- Free requests pass, also where a lowered limit is overdrawn.
      if cost > 0 and live + cost > limit then
        ${REFUSE}
      elseif units > 0 and fits then
        if live > 0 and ring == 0 and limit > 60 then mustArrange, hasOutgrown = true, true break end
        ${SPEND}
      end
      at, log = at + ${WINDOW_BYTES}, log + room * ${ENTRY_BYTES}
    end
    if not heads then queued = begun
    elseif not mustArrange then
      if isNew or ends ~= ended then
        ${later(`'SETRANGE'`, `'14'`, `packed('<d', ends) .. heads`)}
        ${later(`'PEXPIRE'`, `text('%d', ends - now + BEYOND)`)}
      else
        ${later(`'SETRANGE'`, `'22'`, `heads`)}
      end
    end
  end
  if mustArrange then
    ${ARRANGE}
    local list = {}
    for number = 1, 2 * asked do list[number] = args[arg + number] end
    value, isNew = arrange(value, list, hasOutgrown), true
    -- Also where nothing fits: otherwise it would be as of now in every request.
    if isSteppedBack then
      call('SET', key, value)
      call('PEXPIRE', key, text('%d', unpackFrom('<d', value, 15) - now + BEYOND))
      changed[key], isSteppedBack = true, false
    end
  end
until not mustArrange
if extra > 0 then born[index] = unpackFrom('<d', value) end
`;

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
