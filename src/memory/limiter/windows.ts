import { exactAge, exactExpired, oldestAge, spendExact } from './exact.js';
import { ringCount, ringExpired, spendRing } from './ring.js';
import { emptyRow, FLAGS, lastTick, offsetOf, OLDEST, RING, setLastTick, USED, wordsOf, type Table } from './rows.js';
import { EXACT_LIMIT, endOf, exactTickEnd, spanOf, tickAt } from './ticks.js';

const isRing = (words: Int32Array, at: number): boolean => ((words[at + FLAGS] as number) & RING) !== 0;

/**
 * Units still live at `now`. Reads only: what a refused request or a look would drop might be needed again after the
 * clock has stepped back. A `now` before the row's last spending counts as that moment.
 */
export function liveUnits(table: Table, row: number, windowMs: number, now: number): number {
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  const used = words[at + USED] as number;
  if (used === 0) return 0;
  const ring = isRing(words, at);
  const passed = tickAt(windowMs, ring, now) - lastTick(words, at);
  if (passed <= 0) return used;
  const span = spanOf(windowMs, ring);
  if (passed >= span) return 0;
  if (passed + (ring ? (words[at + OLDEST] as number) : oldestAge(words, at)) < span) return used;
  return used - (ring ? ringExpired(table, words, at, passed) : exactExpired(table, words, at, span, passed));
}

/** The first millisecond in which `units` of the `live` ones (1 to `live`) have expired. */
export function freeAt(table: Table, row: number, windowMs: number, live: number, units: number): number {
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  const before = (words[at + USED] as number) - live + units;
  const last = lastTick(words, at);
  if (!isRing(words, at)) return endOf(windowMs, false, last - exactAge(table, words, at, before - 1));
  let age = words[at + OLDEST] as number;
  if (before > 1) for (let gone = ringCount(table, words, at, age); gone < before && age > 0; ) gone += ringCount(table, words, at, --age);
  return endOf(windowMs, true, last - age);
}

/** When the first of units spent now, in an empty window of this limit, would expire. */
export function firstFreeAt(windowMs: number, limit: number, now: number): number {
  const ring = limit > EXACT_LIMIT;
  return endOf(windowMs, ring, tickAt(windowMs, ring, now));
}

/** Records `cost` units (at least 1, already found to fit) and drops what has expired. Returns the units then in use. */
export function spend(table: Table, row: number, windowMs: number, limit: number, live: number, cost: number, now: number): number {
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  if (live === 0) begin(table, words, at, windowMs, limit, now);
  else if (limit > EXACT_LIMIT && !isRing(words, at)) live = becomeRing(table, row, windowMs, now);
  const ring = isRing(words, at);
  const last = lastTick(words, at);
  const tick = Math.max(tickAt(windowMs, ring, now), last);
  if (ring) spendRing(table, words, at, tick - last, cost);
  else spendExact(table, words, at, spanOf(windowMs, false), tick, live, cost);
  words[at + USED] = live + cost;
  if (tick !== last) setLastTick(words, at, tick);
  return live + cost;
}

/** Starts an empty window in the mode that its limit asks for. */
function begin(table: Table, words: Int32Array, at: number, windowMs: number, limit: number, now: number): void {
  const ring = limit > EXACT_LIMIT;
  emptyRow(table, words, at);
  words[at + OLDEST] = 0;
  if (ring) words[at + FLAGS] = (words[at + FLAGS] as number) | RING;
  setLastTick(words, at, tickAt(windowMs, ring, now));
}

/** Replays the time stamps of a window whose limit has outgrown them. A ring holds units longer, never shorter. */
function becomeRing(table: Table, row: number, windowMs: number, now: number): number {
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  const last = lastTick(words, at);
  const times = Array.from({ length: words[at + USED] as number }, (_, index) =>
    exactTickEnd(windowMs, last - exactAge(table, words, at, index)),
  );
  emptyRow(table, words, at);
  for (const time of times) spend(table, row, windowMs, EXACT_LIMIT + 1, liveUnits(table, row, windowMs, time), 1, time);
  return liveUnits(table, row, windowMs, now);
}

/** Whether every unit has expired, so that the row may be forgotten. */
export function isIdle(table: Table, row: number, windowMs: number, now: number): boolean {
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  if (words[at + USED] === 0) return true;
  // No lease expires by its row: only its release or the queue of leases lowers the count.
  if (windowMs === 0) return false;
  const ring = isRing(words, at);
  return tickAt(windowMs, ring, now) - lastTick(words, at) >= spanOf(windowMs, ring);
}
