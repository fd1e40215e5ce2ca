import { NARROW_MAX, readSlot, takeBlock, writeSlot } from './blocks.js';
import { BLOCK, FLAGS, LAST, OLDEST, SECOND, USED, WIDE, type Table } from './rows.js';
import { EXACT_LIMIT } from './ticks.js';

/**
 * A window of at most 60 units keeps the tick of each, oldest first: two in the row, more in a circular queue whose
 * first place is `SECOND`. Entries are the low bits of their tick: younger than the span, they are unambiguous.
 */

/** A place in the queue, from one that may have run past its end. */
const wrapped = (place: number): number => (place < EXACT_LIMIT ? place : place - EXACT_LIMIT);

/** Ticks between the oldest entry and the row's last tick. */
export function oldestAge(words: Int32Array, at: number): number {
  return ((words[at + LAST] as number) - (words[at + OLDEST] as number)) >>> 0;
}

/** Ticks between entry `index` (0 is the oldest) and the row's last tick. */
export function exactAge(table: Table, words: Int32Array, at: number, index: number): number {
  if (index === 0) return oldestAge(words, at);
  const last = words[at + LAST] as number;
  if ((words[at + BLOCK] as number) < 0) return (last - (words[at + SECOND] as number)) >>> 0;
  const entry = readSlot(table, words, at, wrapped((words[at + SECOND] as number) + index));
  return (words[at + FLAGS] as number) & WIDE ? (last - entry) >>> 0 : (last - entry) & NARROW_MAX;
}

/** How many entries are no longer live `passed` ticks after the last one; the oldest is known not to be. */
export function exactExpired(table: Table, words: Int32Array, at: number, span: number, passed: number): number {
  const used = words[at + USED] as number;
  let expired = 1;
  while (expired < used && exactAge(table, words, at, expired) + passed >= span) expired++;
  return expired;
}

/** Drops the expired entries and adds `cost` at `tick`. There is room: `live + cost` is at most 60. */
export function spendExact(table: Table, words: Int32Array, at: number, span: number, tick: number, live: number, cost: number): void {
  const expired = (words[at + USED] as number) - live;
  const entry = tick | 0;
  if (live === 0) words[at + OLDEST] = entry;
  else if (expired > 0) dropExact(table, words, at, expired);
  if ((words[at + BLOCK] as number) < 0) {
    if (live + cost <= 2) {
      if (live + cost === 2) words[at + SECOND] = entry;
      return;
    }
    spill(table, words, at, span, live);
  }
  const first = words[at + SECOND] as number;
  for (let index = live; index < live + cost; index++) writeSlot(table, words, at, wrapped(first + index), entry);
}

function dropExact(table: Table, words: Int32Array, at: number, expired: number): void {
  words[at + OLDEST] = (words[at + LAST] as number) - exactAge(table, words, at, expired);
  if ((words[at + BLOCK] as number) >= 0) words[at + SECOND] = wrapped((words[at + SECOND] as number) + expired);
}

function spill(table: Table, words: Int32Array, at: number, span: number, live: number): void {
  takeBlock(table, words, at, span > NARROW_MAX);
  if (live > 0) writeSlot(table, words, at, 0, words[at + OLDEST] as number);
  if (live > 1) writeSlot(table, words, at, 1, words[at + SECOND] as number);
  words[at + SECOND] = 0;
}
