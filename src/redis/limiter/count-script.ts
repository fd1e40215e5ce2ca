import { ARRANGE } from './arrange-script.js';
import { ENTRY_BYTES, SCALE, STEPPED_BACK, WINDOW, WINDOW_BYTES, WINDOWS_AT } from './ticks.js';

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
export const COUNT_BUCKET = `
local value, isNew, begun, before, mustArrange = values[index], false, queued, filled
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
      if ${STEPPED_BACK} then mustArrange = true break end
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
    local isSettled
    value, isSettled = arrange(value, list, hasOutgrown)
    isNew = true
    -- Also where nothing fits: otherwise it would be as of now in every request.
    if isSettled then
      call('SET', key, value)
      call('PEXPIRE', key, text('%d', unpackFrom('<d', value, 15) - now + BEYOND))
      changed[key] = true
    end
  end
until not mustArrange
if extra > 0 then born[index] = unpackFrom('<d', value) end
`;
