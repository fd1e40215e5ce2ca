import { exactAge, exactExpired, oldestAge, spendExact } from './exact.js';
import { ringCount, ringExpired, spendRing } from './ring.js';
import type { Place } from './places.js';
import { emptyRow, FLAGS, lastTick, offsetOf, OLDEST, RING, setLastTick, USED, wordsOf, type Table } from './rows.js';
import { EXACT_LIMIT, endOf, exactTickEnd, spanOf, tickAt } from './ticks.js';

const isRing = (words: Int32Array, at: number): boolean => ((words[at + FLAGS] as number) & RING) !== 0;

/**
 * Finds the tick of `now` and the units still live in it. Reads only: what a refused request or a look would drop might be
 * needed again after the clock has stepped back. A `now` before the row's last spending counts as that moment.
 */
export function look(table: Table, place: Place, now: number): void {
  const { words, at, windowMs } = place;
  const ring = isRing(words, at);
  const tick = tickAt(windowMs, ring, now);
  const last = lastTick(words, at);
  place.ring = ring;
  place.tick = tick;
  place.last = last;
  const used = words[at + USED] as number;
  place.live = used;
  if (used === 0) return;
  const passed = tick - last;
  if (passed <= 0) return;
  const span = spanOf(windowMs, ring);
  if (passed >= span) place.live = 0;
  else if (passed + (ring ? (words[at + OLDEST] as number) : oldestAge(words, at)) < span) return;
  else place.live = used - (ring ? ringExpired(table, words, at, passed) : exactExpired(table, words, at, span, passed));
}

/** The first millisecond in which `units` of the `live` ones (1 to `live`) have expired. */
export function freeAt(table: Table, { words, at, windowMs, ring, last, live }: Place, units: number): number {
  const before = (words[at + USED] as number) - live + units;
  if (!ring) return endOf(windowMs, false, last - exactAge(table, words, at, before - 1));
  let age = words[at + OLDEST] as number;
  if (before > 1) for (let gone = ringCount(table, words, at, age); gone < before && age > 0; ) gone += ringCount(table, words, at, --age);
  return endOf(windowMs, true, last - age);
}

/** When the first of units spent now, in an empty window of this limit, would expire. */
export function firstFreeAt(windowMs: number, limit: number, now: number): number {
  const ring = limit > EXACT_LIMIT;
  return endOf(windowMs, ring, tickAt(windowMs, ring, now));
}

/** Records `cost` units (at least 1, already found to fit) and drops what has expired. */
export function spend(table: Table, place: Place, cost: number, now: number): void {
  const { words, at } = place;
  if (place.live === 0) begin(table, place, now);
  else if (place.limit > EXACT_LIMIT && !place.ring) becomeRing(table, place, now);
  const { last } = place;
  const tick = place.tick > last ? place.tick : last;
  if (place.ring) spendRing(table, words, at, tick - last, cost);
  else spendExact(table, words, at, spanOf(place.windowMs, false), tick, place.live, cost);
  place.live += cost;
  words[at + USED] = place.live;
  if (tick === last) return;
  place.last = tick;
  setLastTick(words, at, tick);
}

/** Starts an empty window in the mode that its limit asks for. */
function begin(table: Table, place: Place, now: number): void {
  const { words, at } = place;
  const ring = place.limit > EXACT_LIMIT;
  emptyRow(table, words, at);
  words[at + OLDEST] = 0;
  if (ring) words[at + FLAGS] = (words[at + FLAGS] as number) | RING;
  const tick = tickAt(place.windowMs, ring, now);
  place.ring = ring;
  place.tick = tick;
  place.last = tick;
  setLastTick(words, at, tick);
}

/** Replays the time stamps of a window whose limit has outgrown them. A ring holds units longer, never shorter. */
function becomeRing(table: Table, place: Place, now: number): void {
  const { words, at, last } = place;
  const times = Array.from({ length: words[at + USED] as number }, (_, index) =>
    exactTickEnd(place.windowMs, last - exactAge(table, words, at, index)),
  );
  emptyRow(table, words, at);
  for (const time of times) {
    look(table, place, time);
    spend(table, place, 1, time);
  }
  look(table, place, now);
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
