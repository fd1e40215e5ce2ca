import { script } from '../script.js';
import { BUCKET, ENTRY_BYTES, NAMES, TICKS, WINDOW, WINDOW_BYTES, WINDOWS_AT } from './ticks.js';

/**
 * Takes units back that were spent in advance at a certain time and never given out.
 *
 * KEYS: the bucket of each window. ARGV: the server's time when they were spent, how many; then per window when its bucket was begun,
 * and its length. A bucket that was begun anew since (by a reset, or on a server that had lost it) no longer counts them: there is
 * nothing to take back.
 */
export const giveBackScript = script(`${NAMES}
${TICKS}
local spentAt, units = tonumber(ARGV[1]), tonumber(ARGV[2])

-- Takes the units from the sub-window in which they were spent.
local function lower(key, value, wanted)
  local born, size, stored = unpackFrom('${BUCKET}', value)
  local log = ${WINDOWS_AT} + stored * ${WINDOW_BYTES}
  for at = ${WINDOWS_AT}, log - 1, ${WINDOW_BYTES} do
    local length, last, free, live, newest, ring, room, first, count = unpackFrom('${WINDOW}', value, at)
    if length == wanted and ring == 1 then
      local spent, found = floor(spentAt * 60 / length), false
      if spent == last and newest >= units then newest, found = newest - units, true end
      local isFront = true
      for index = 0, count - 1 do
        local place = log + (first + index) % room * ${ENTRY_BYTES}
        local tick, held = entryAt(value, place, ring, last)
        if tick == spent and held >= units then
          held, found = held - units, true
          call('SETRANGE', key, place - 1 .. '', entryOf(ring, tick, held))
        end
        -- The oldest that still holds something is the next to expire.
        if isFront and held > 0 then free, isFront = endOf(length, ring, tick), false end
      end
      if isFront then free = endOf(length, ring, last) end
      if found then call('SETRANGE', key, at - 1 .. '', packed('${WINDOW}', length, last, free, live - units, newest, ring, room, first, count)) end
      return
    end
    log = log + room * ${ENTRY_BYTES}
  end
end

for index, key in ipairs(KEYS) do
  local value = call('GET', key)
  if value and call('PTTL', key) > 0 and unpackFrom('<d', value) == tonumber(ARGV[1 + index * 2]) then lower(key, value, tonumber(ARGV[2 + index * 2])) end
end
return 0
`);
