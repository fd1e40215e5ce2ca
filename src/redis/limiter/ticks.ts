/**
 * How windows are kept, and time as they count it, in Lua: the arithmetic of the limiter in memory. All numbers are whole and below
 * 2^53, so that no rounding frees a unit early.
 *
 *     bucket  = born (8 bytes: when this string was begun, in µs), size (4), number of windows (2), when all has expired in ms (8),
 *               window*, log* (one of each window, in the same order)
 *     window  = length in ms (8), tick of the last spending (8), when the oldest live units expire in ms (8), live units (4),
 *               those of the last tick (4), ring? (1), room in the log (1), its oldest entry (1), entries in it (1)
 *     log     = room for entries of earlier ticks, which go round in it
 *     entry   = of a ring:      tick mod 256 (1), units (4)
 *               of exact times: tick mod 2^32 (4), units (1)
 *
 * So the usual request, in the tick of the last one and before anything has expired, reads and writes the front of the string only,
 * and one in a new tick five bytes more. 60 entries at most: 336 bytes a window, whatever the limit.
 */
export const BUCKET = '<dI4I2d';
export const WINDOW = '<dddI4I4BBBB';
/** Bytes of them, and the place of the first window, from 1. */
export const [WINDOW_BYTES, WINDOWS_AT, ENTRY_BYTES] = ['36', '23', '5'] as const;

/**
 * How a window ticks, of `length` and `ring`: at floor(now * per / each); a unit spent in tick t is live in every tick before
 * t + span, which is until ceil((t + span) * each / per). A ring has 60 sub-windows, and the partly expired one counts in full. Exact
 * times are in ms, or in up to 8 of them where 49 days and more must fit 32 bits: a tick more then makes up for what a tick hides.
 */
export const SCALE = `
local per, each, span, form, turn = 60, length, 61, '<BI4', 256
if ring == 0 then
  per, each, span, form, turn = 1, 1, length, '<I4B', 4294967296
  if length >= turn then
    each = ceil(length / 4294967294)
    span = ceil(length / each) + 1
  end
end
`;

/** The same as functions, for what is rare: the server makes them anew in every call, which costs it as much as a command. */
export const TICKS = `
local function scaleOf(length, ring)
  ${SCALE}
  return per, each, span, form, turn
end

local function endOf(length, ring, tick)
  local per, each, span = scaleOf(length, ring)
  return ceil((tick + span) * each / per)
end

-- The tick and the units of the log's entry at a place.
local function entryAt(value, at, ring, last)
  local _, _, _, form, turn = scaleOf(0, ring)
  local tick, units = unpackFrom(form, value, at)
  return last - (last - tick) % turn, units
end

local function entryOf(ring, tick, units)
  local _, _, _, form, turn = scaleOf(0, ring)
  return packed(form, tick % turn, units)
end
`;

/** The clock has been set back by more than a window since the last spending, or a replica has taken over whose clock is behind. */
export const STEPPED_BACK = 'live > 0 and free - now > 2 * length + 10';

export const NAMES = 'local unpackFrom, packed, floor, ceil, sub, call = struct.unpack, struct.pack, math.floor, math.ceil, string.sub, redis.call';
