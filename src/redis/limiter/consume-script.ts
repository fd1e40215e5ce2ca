import { script } from '../script.js';
import { ARRANGE } from './arrange-script.js';
import { ENTRY_BYTES, NAMES, SCALE, WINDOW, WINDOW_BYTES, WINDOWS_AT } from './ticks.js';

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
  answer[filled] = free - now
  if free > ends then ends = free end
else
  local tick = floor(now * per / each)
  if tick <= last then newest = newest + units
  else
    if count == room then mustArrange = true break end
    ${later(`'SETRANGE'`, `log - 1 + (first + count) % room * ${ENTRY_BYTES} .. ''`, 'packed(form, last % turn, newest)')}
    last, newest, count = tick, units, count + 1
    local over = ceil((tick + span) * each / per)
    if over > ends then ends = over end
  end
end
heads = heads .. packed('${WINDOW}', length, last, free, live + units, newest, ring, room, first, count)
`;

/**
 * A bucket: every window is looked at and, when there is room, counted, in what will be written once all have agreed. Where the string
 * is not laid out for these windows, or a log is full, it is arranged anew, and looked at again.
 */
const COUNT_BUCKET = `
local value, isNew, begun, told, mustArrange = call('GET', key), false, queued, filled
repeat
  queued, filled, mustArrange = begun, told, not value
  if value then
    local size, stored, ended = unpackFrom('<I4I2d', value, 9)
    if size ~= #value then error('${FOREIGN}') end
    local at, log, heads, ends = ${WINDOWS_AT}, ${WINDOWS_AT} + stored * ${WINDOW_BYTES}, '', ended
    mustArrange = stored < asked
    if isNew then ${later(`'SET'`, 'value')} end
    for number = arg + 1, mustArrange and arg or arg + 2 * asked, 2 do
      local length, last, free, live, newest, ring, room, first, count = unpackFrom('${WINDOW}', value, at)
      local limit = ARGV[number + 1] + 0
      if length ~= ARGV[number] + 0 then mustArrange = true break end
      if ring > 1 or count > room or first > 0 and first >= room or log > size + 1 then error('${FOREIGN}') end
      ${SCALE}${EXPIRE}
      filled = filled + 2
      answer[filled - 1], answer[filled] = live, live > 0 and free - now or 0
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
    if heads == '' then queued = begun
    elseif not mustArrange then
      ${later(`'SETRANGE'`, `'14'`, `packed('<d', ends) .. heads`)}
      if isNew or ends ~= ended then
        ${later(`'PEXPIRE'`, `ends - now + beyond .. ''`)}
      end
    end
  end
  if mustArrange then
    ${ARRANGE}
    local list = {}
    for number = 1, 2 * asked do list[number] = ARGV[arg + number] + 0 end
    value, isNew = arrange(value, list, hasOutgrown), true
  end
until not mustArrange
if extra > 0 then born[index] = unpackFrom('<d', value) end
`;

/**
 * The one step of a request: looks at every window and cap and, only when all agree, spends and takes the lease.
 *
 * KEYS: the buckets with windows, then those with a cap.
 * ARGV: 1 cost, 2 the server's time after which nobody waits for the answer (0: whenever), 3 what is unusual ('', or look only? (0, 1),
 * extra units wanted in advance, and the time unless it is the server's), 4 ms that keys live beyond their use, 5 number of buckets with
 * windows; per bucket its number of windows and per window length and limit; then the limit of each cap; with caps lifetime in ms and
 * id of the lease.
 * Answer: what (0 limited, 1 admitted, 2 too late) and the server's time; per window units in use before the request and ms until more
 * is free, if admitted after it; per cap the leases held before it. When limited the wait in ms (-1: no wait helps); when extra units
 * were asked for how many there are, and when each bucket was begun.
 *
 * Lua runs while the whole server waits, and what it allocates is the most of its cost: so the way of a request has neither functions
 * nor lists but the answer and the commands that will write, four places each, in \`queue\`. Numbers are given to commands as texts: the
 * server turns them into some at ten times the cost.
 */
export const consumeScript = script(`${NAMES}
local cost, lateAfter, lookOnly, extra, max = ARGV[1] + 0, ARGV[2] + 0, false, 0, math.max
local time = call('TIME')
local now = time[1] * 1000 + floor(time[2] / 1000)
if ARGV[3] ~= '' then
  local look, more, given = string.match(ARGV[3], '^(%d) (%d+) (%d*)$')
  lookOnly, extra, now = look == '1', more + 0, tonumber(given) or now
end
if lateAfter > 0 and now > lateAfter then return { 2, now } end

local beyond, bucketCount, units, most, fits, wait, born = ARGV[4] + 0, ARGV[5] + 0, cost + extra
local hasOutgrown, answer, filled, queue, queued, arg = false, { 1, now, nil, nil, nil, nil, nil, nil }
repeat
  if hasOutgrown and not fits then units = 0
  elseif most then units = max(cost, most) end
  hasOutgrown, filled, queue, queued, arg, most, fits, wait, born = false, 2, { nil, nil, nil, nil, nil, nil, nil, nil }, 0, 6, units, true, 0, extra > 0 and {}
  for index = 1, bucketCount do
    local key, asked = KEYS[index], ARGV[arg] + 0
    ${COUNT_BUCKET}
    arg = arg + 1 + 2 * asked
  end
-- There may be fewer extra units than were asked for: then the same with as many as there are. What has been refused changes nothing:
-- then without making counts of exact times.
until (fits or not hasOutgrown) and (most >= units or units == cost or units == 0)

local hasExpired, atCaps = false, filled
for index = bucketCount + 1, #KEYS do
  local key, limit = KEYS[index], ARGV[arg] + 0
  local all = call('ZCARD', key)
  local held = all > 0 and call('ZCOUNT', key, '(' .. now, '+inf') or 0
  if held < all then hasExpired = true end
  if held >= limit then
    fits = false
    if limit == 0 then wait = -1 end
  end
  filled, arg = filled + 1, arg + 1
  answer[filled] = held
end

if not fits then
  answer[1], answer[filled + 1] = 0, wait
  return answer
end
if not lookOnly then
  for at = 1, queued, 4 do
    if queue[at + 3] then call(queue[at], queue[at + 1], queue[at + 2], queue[at + 3])
    else call(queue[at], queue[at + 1], queue[at + 2]) end
  end
  local leaseMs = ARGV[arg]
  for index = bucketCount + 1, #KEYS do
    local key = KEYS[index]
    call('ZADD', key, now + leaseMs .. '', ARGV[arg + 1])
    if hasExpired then call('ZREMRANGEBYSCORE', key, '-inf', now .. '') end
    -- Others may have taken longer leases: the key's own life is only ever prolonged.
    if answer[atCaps + index - bucketCount] == 0 or call('PTTL', key) < leaseMs + beyond then call('PEXPIRE', key, 2 * leaseMs + beyond .. '') end
  end
end
if extra > 0 then
  answer[filled + 1] = units - cost
  for index = 1, bucketCount do answer[filled + 1 + index] = born[index] end
end
return answer
`);
