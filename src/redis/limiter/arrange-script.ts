import { BUCKET, ENTRY_BYTES, STEPPED_BACK, TICKS, WINDOW, WINDOW_BYTES, WINDOWS_AT } from './ticks.js';

/**
 * What is seldom needed: a bucket as a string whose windows are those asked about, in their order, with room for one more entry in
 * each log. Windows that nobody has asked for come last, and stay while they hold something: a plan may come back. The second answer is
 * whether something had been spent in a time that is yet to come: such a string is to be kept.
 *
 * `asked` is a list of pairs of length and limit; with `mustCount` exact times become counts where the limit has outgrown them.
 */
export const ARRANGE = `${TICKS}-- Exact times as counts per sub-window, for a limit that has outgrown them: units are held longer, never shorter.
local function asRing(length, last, newest, log)
  local sums, ticks, live = {}, {}, 0
  local function add(tick, units)
    if endOf(length, 0, tick) <= now then return end
    local _, each = scaleOf(length, 0)
    tick, live = floor((tick * each + each - 1) * 60 / length), live + units
    if tick ~= ticks[#ticks] then ticks[#ticks + 1], sums[#ticks + 1] = tick, 0 end
    sums[#ticks] = sums[#ticks] + units
  end
  for at = 1, #log, ${ENTRY_BYTES} do add(entryAt(log, at, 0, last)) end
  add(last, newest)
  local text = ''
  for index = 1, #ticks - 1 do text = text .. entryOf(1, ticks[index], sums[index]) end
  return ticks[#ticks], endOf(length, 1, ticks[1]), live, sums[#ticks], text
end

-- After the clock has been set back: what was spent last counts as spent now, and the rest as long before it as it was. Units of a
-- ring may be given out until their sub-window ends: as spent in the next one.
local function settle(length, last, ring, log)
  local per, each = scaleOf(length, ring)
  local ahead, text = last - floor(now * per / each) - ring, ''
  local oldest = #log > 0 and entryAt(log, 1, ring, last) or last
  for at = 1, #log, ${ENTRY_BYTES} do
    local tick, units = entryAt(log, at, ring, last)
    text = text .. entryOf(ring, tick - ahead, units)
  end
  return last - ahead, endOf(length, ring, oldest - ahead), text, true
end

local function arrange(value, asked, mustCount)
  local _, stored, born, wanted, places, isSettled = nil, 0, time[1] * 1000000 + time[2], {}, {}, false
  for index = 1, #asked, 2 do
    places[asked[index]] = #wanted + 1
    wanted[#wanted + 1] = { asked[index], 0, 0, 0, 0, 0, '', asked[index + 1] }
  end
  if value then born, _, stored = unpackFrom('${BUCKET}', value) end
  local log = ${WINDOWS_AT} + stored * ${WINDOW_BYTES}
  for number = 0, stored - 1 do
    local length, last, free, live, newest, ring, room, first, count = unpackFrom('${WINDOW}', value, ${WINDOWS_AT} + number * ${WINDOW_BYTES})
    local after = log + room * ${ENTRY_BYTES}
    if endOf(length, ring, last) > now and live > 0 then
      local begin = log + first * ${ENTRY_BYTES}
      local text = sub(sub(value, begin, after - 1) .. sub(value, log, begin - 1), 1, count * ${ENTRY_BYTES})
      if ${STEPPED_BACK} then last, free, text, isSettled = settle(length, last, ring, text) end
      local place = places[length]
      local limit = place and wanted[place][8] or 0
      if mustCount and ring == 0 and limit > 60 then
        ring, last, free, live, newest, text = 1, asRing(length, last, newest, text)
      end
      if not place then place = #wanted + 1 end
      wanted[place] = { length, last, free, live, newest, ring, text, limit }
    end
    log = after
  end

  local heads, logs, ends = '', '', 0
  for _, window in ipairs(wanted) do
    local length, last, free, live, newest, ring, text = unpack(window)
    local count, room = #text / ${ENTRY_BYTES}, 0
    if live > 0 then
      room = 4
      while room <= count and room < 60 do room = math.min(60, room * 2) end
      ends = math.max(ends, endOf(length, ring, last))
    end
    heads = heads .. packed('${WINDOW}', length, last, free, live, newest, ring, room, 0, count)
    logs = logs .. text .. string.rep('\\0', room * ${ENTRY_BYTES} - #text)
  end
  return packed('${BUCKET}', born, ${WINDOWS_AT} - 1 + #heads + #logs, #wanted, ends) .. heads .. logs, isSettled
end
`;
