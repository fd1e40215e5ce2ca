/**
 * Time as a window counts it, in whole ticks. An exact window ticks in milliseconds; a ring ticks in sub-windows of a
 * sixtieth of its length. All arithmetic is on whole numbers below 2^53, so no rounding ever frees a unit early.
 */

/** Sub-windows of a ring. The partly expired one counts in full, so 60 / 61 = 98.4 % of the limit is reached. */
const SUB_WINDOWS = 60;
/** Sub-windows that may hold live units: sixty, and the partly expired one. */
export const RING_SLOTS = SUB_WINDOWS + 1;
/** Up to this limit every unit keeps its own time stamp, and a saturating client loses nothing. */
export const EXACT_LIMIT = 60;

const TWO_32 = 2 ** 32;

/** Milliseconds per tick of an exact window: 1, and up to 8 where 49 days and more must fit 32 bits. */
function exactTickMs(windowMs: number): number {
  return windowMs < TWO_32 ? 1 : Math.ceil(windowMs / (TWO_32 - 2));
}

export function tickAt(windowMs: number, ring: boolean, now: number): number {
  if (ring) return Math.floor((now * SUB_WINDOWS) / windowMs);
  return windowMs < TWO_32 ? now : Math.floor(now / exactTickMs(windowMs));
}

/** A unit spent in tick `t` is live in every tick before `t + span`. */
export function spanOf(windowMs: number, ring: boolean): number {
  if (ring) return RING_SLOTS;
  // A coarse tick hides where in it a unit was spent: one more tick makes up for that.
  return windowMs < TWO_32 ? windowMs : Math.ceil(windowMs / exactTickMs(windowMs)) + 1;
}

/** The first millisecond in which a unit spent in `tick` is no longer live. */
export function endOf(windowMs: number, ring: boolean, tick: number): number {
  if (ring) return Math.ceil(((tick + RING_SLOTS) * windowMs) / SUB_WINDOWS);
  return (tick + spanOf(windowMs, false)) * exactTickMs(windowMs);
}

/** The last millisecond of an exact window's tick. */
export function exactTickEnd(windowMs: number, tick: number): number {
  const tickMs = exactTickMs(windowMs);
  return tick * tickMs + tickMs - 1;
}
