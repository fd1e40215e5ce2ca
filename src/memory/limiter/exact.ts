import { NARROW_MAX, readSlot, takeBlock, writeSlot } from './blocks.js';
import { BLOCK, FLAGS, INLINE_A, INLINE_B, LAST, USED, WIDE, type Table } from './rows.js';
import { EXACT_LIMIT } from './ticks.js';

/**
 * A window of at most 60 units keeps the tick of each, oldest first: two inline, more in a circular queue.
 * Entries are the low bits of their tick; against the full last tick, and younger than the span, they are unambiguous.
 */

/** Ticks between entry `index` (0 is the oldest) and the row's last tick. */
export function exactAge(table: Table, words: Int32Array, at: number, index: number): number {
  const last = words[at + LAST] as number;
  if ((words[at + BLOCK] as number) < 0) return (last - (words[at + INLINE_A + index] as number)) >>> 0;
  const entry = readSlot(table, words, at, ((words[at + INLINE_A] as number) + index) % EXACT_LIMIT);
  return (words[at + FLAGS] as number) & WIDE ? (last - entry) >>> 0 : (last - entry) & NARROW_MAX;
}

/** How many of the oldest entries are no longer live `passed` ticks after the last one. */
export function exactExpired(table: Table, words: Int32Array, at: number, span: number, passed: number): number {
  const used = words[at + USED] as number;
  let expired = 0;
  while (expired < used && exactAge(table, words, at, expired) + passed >= span) expired++;
  return expired;
}

/** Drops the expired entries and adds `cost` at `tick`. There is room: `live + cost` is at most 60. */
export function spendExact(table: Table, words: Int32Array, at: number, span: number, tick: number, live: number, cost: number): void {
  const expired = (words[at + USED] as number) - live;
  const entry = tick | 0;
  if ((words[at + BLOCK] as number) < 0) {
    if (expired > 0) words[at + INLINE_A] = words[at + INLINE_B] as number;
    if (live + cost <= 2) {
      for (let index = live; index < live + cost; index++) words[at + INLINE_A + index] = entry;
      return;
    }
    const [first, second] = [words[at + INLINE_A] as number, words[at + INLINE_B] as number];
    takeBlock(table, words, at, span > NARROW_MAX);
    writeSlot(table, words, at, 0, first);
    writeSlot(table, words, at, 1, second);
    words[at + INLINE_A] = 0;
  } else if (expired > 0) {
    words[at + INLINE_A] = ((words[at + INLINE_A] as number) + expired) % EXACT_LIMIT;
  }
  const end = (words[at + INLINE_A] as number) + live;
  for (let index = end; index < end + cost; index++) writeSlot(table, words, at, index % EXACT_LIMIT, entry);
}
