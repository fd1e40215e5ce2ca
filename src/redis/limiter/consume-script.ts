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
local head = packed('${WINDOW}', length, last, free, live + units, newest, ring, room, first, count)
heads = heads and heads .. head or head
`;

/**
 * A bucket: every window is looked at and, when there is room, counted, in what will be written once all have agreed. Where the string
 * is not laid out for these windows, or a log is full, it is arranged anew, and looked at again.
 */
const COUNT_BUCKET = `
local value, isNew, begun, told, mustArrange = values[index], false, queued, filled
if not value or changed[key] then value = call('GET', key) end
repeat
  queued, filled, mustArrange = begun, told, not value
  if value then
    local size, stored, ended = unpackFrom('<I4I2d', value, 9)
    if size ~= #value then error('${FOREIGN}') end
    local at, log, ends, heads = ${WINDOWS_AT}, ${WINDOWS_AT} + stored * ${WINDOW_BYTES}, ended
    mustArrange = stored < asked
    if isNew then ${later(`'SET'`, 'value')} end
    for number = arg + 1, mustArrange and arg or arg + 2 * asked, 2 do
      local length, last, free, live, newest, ring, room, first, count = unpackFrom('${WINDOW}', value, at)
      local limit = rules[number + 1]
      if length ~= rules[number] then mustArrange = true break end
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
    if not heads then queued = begun
    elseif not mustArrange then
      if isNew or ends ~= ended then
        ${later(`'SETRANGE'`, `'14'`, `packed('<d', ends) .. heads`)}
        ${later(`'PEXPIRE'`, `ends - now + beyond .. ''`)}
      else
        ${later(`'SETRANGE'`, `'22'`, `heads`)}
      end
    end
  end
  if mustArrange then
    ${ARRANGE}
    local list = {}
    for number = 1, 2 * asked do list[number] = rules[arg + number] end
    value, isNew = arrange(value, list, hasOutgrown), true
  end
until not mustArrange
if extra > 0 then born[index] = unpackFrom('<d', value) end
`;

/** One request: its keys begin at `firstKey`, its rules at `at`. */
const CONSUME = `
local function consume(firstKey, at, cost, extra, lookOnly, member)
  local lastBucket, units, most, fits, wait, born = firstKey + rules[at] - 1, cost + extra
  local lastCap, answer, hasOutgrown, filled, queued, arg = lastBucket + rules[at + 1], { 1, nil, nil, nil, nil, nil, nil, nil }, false
  repeat
    if hasOutgrown and not fits then units = 0
    elseif most then units = max(cost, most) end
    hasOutgrown, filled, queued, arg, most, fits, wait, born = false, 1, 0, at + 2, units, true, 0, extra > 0 and {}
    for index = firstKey, lastBucket do
      local key, asked = KEYS[index], rules[arg]
      ${COUNT_BUCKET}
      arg = arg + 1 + 2 * asked
    end
  -- There may be fewer extra units than were asked for: then the same with as many as there are. What has been refused changes
  -- nothing: then without making counts of exact times.
  until (fits or not hasOutgrown) and (most >= units or units == cost or units == 0)

  local hasExpired, atCaps = false, filled
  for index = lastBucket + 1, lastCap do
    local key, limit = KEYS[index], rules[arg]
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
    for place = 1, queued, 4 do
      if queue[place + 3] then call(queue[place], queue[place + 1], queue[place + 2], queue[place + 3])
      else call(queue[place], queue[place + 1], queue[place + 2]) end
      changed[queue[place + 1]] = true
    end
    for index = lastBucket + 1, lastCap do
      local key = KEYS[index]
      leaseEnd = leaseEnd or now + leaseMs .. ''
      call('ZADD', key, leaseEnd, member)
      if hasExpired then call('ZREMRANGEBYSCORE', key, '-inf', now .. '') end
      -- Others may have taken longer leases: the key's own life is only ever prolonged.
      if answer[atCaps + index - lastBucket] == 0 or call('PTTL', key) < leaseMs + beyond then
        capLife = capLife or 2 * leaseMs + beyond .. ''
        call('PEXPIRE', key, capLife)
      end
    end
  end
  if extra > 0 then
    answer[filled + 1] = units - cost
    for index = firstKey, lastBucket do answer[filled + 2 + index - firstKey] = born[index] end
  end
  return answer
end
`;

/**
 * The one step of requests, one after the other: looks at every window and cap of a request and, only when all agree, spends and takes
 * the lease.
 *
 * KEYS: of each request the buckets with windows, then those with a cap.
 * ARGV: 1 the server's time after which nobody waits for the answer (0: whenever), 2 the time unless it is the server's, 3 ms that keys
 * live beyond their use, 4 lifetime of leases in ms, 5 how many figures the rules take, then the rules: number of buckets with windows,
 * and of caps; per bucket its number of windows and per window length and limit; then the limit of each cap. After them of each run of
 * requests that want the same: where their rules begin, the cost (or cost, extra units wanted in advance, and look only? (0, 1)), how many
 * requests, and with caps each one's lease.
 * Answer: the server's time; then of each request a list, or what went wrong with it. None: all came too late. A list is: admitted?
 * (0, 1); per window units in use before the request and ms until more is free, if admitted after it; per cap the leases held before
 * it. When limited the wait in ms (-1: no wait helps); when extra units were asked for how many there are, and when each bucket was
 * begun.
 *
 * A bucket that cannot be read fails its own request. When all fail, the server itself is in trouble, and its error is the answer.
 *
 * Lua runs while the whole server waits, and what it allocates is the most of its cost: so the way of a request has neither functions
 * nor lists but the answer; the commands that will write are in `queue`, four places each. Numbers are given to commands as texts: the
 * server turns them into some at ten times the cost.
 */
export const consumeScript = script(`${NAMES}
local lateAfter, beyond, leaseMs, ruleFigures, max = ARGV[1] + 0, ARGV[3] + 0, ARGV[4] + 0, ARGV[5] + 0, math.max
local time = call('TIME')
local now = tonumber(ARGV[2]) or time[1] * 1000 + floor(time[2] / 1000)
if lateAfter > 0 and now > lateAfter then return { now } end

-- One command reads what GET would be needed for in all requests; whose bucket an earlier one has changed must read it again.
local values, changed = call('MGET', unpack(KEYS)), {}
local rules, queue, leaseEnd, capLife = {}, { nil, nil, nil, nil, nil, nil, nil, nil }
for number = 1, ruleFigures do rules[number] = ARGV[5 + number] + 0 end
${CONSUME}
local reply, firstKey, filled, failed, trouble = { now }, 1, 1, 0
local place = 6 + ruleFigures
while ARGV[place] do
  local at, cost, extra, lookOnly = ARGV[place] + 0, tonumber(ARGV[place + 1]), 0, false
  if not cost then
    local units, more, look = string.match(ARGV[place + 1], '^(%d+) (%d+) (%d)$')
    cost, extra, lookOnly = units + 0, more + 0, look == '1'
  end
  local keys, leases = rules[at] + rules[at + 1], rules[at + 1] > 0 and 1 or 0
  place = place + 3
  for _ = 1, ARGV[place - 1] + 0 do
    local isDone, answer = pcall(consume, firstKey, at, cost, extra, lookOnly, ARGV[place])
    firstKey, filled, place = firstKey + keys, filled + 1, place + leases
    if isDone then reply[filled] = answer
    else
      failed, trouble = failed + 1, answer
      reply[filled] = type(answer) == 'table' and answer.err or answer
    end
  end
end
if failed == filled - 1 then error(trouble) end
return reply
`);
