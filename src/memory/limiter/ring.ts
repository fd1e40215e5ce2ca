import { NARROW_MAX, readSlot, takeBlock, widen, writeSlot } from './blocks.js';
import { BLOCK, FLAGS, OLDEST, SLOT, USED, WIDE, type Table } from './rows.js';
import { RING_SLOTS } from './ticks.js';

/**
 * A window of more units counts them per sub-window. While all of them lie in one, the row's `USED` says it all;
 * then a block of 61 counts, turning: `SLOT` is that of the last tick, `OLDEST` the age of the oldest count.
 */

/** Units spent `age` sub-windows before the row's last tick. */
export function ringCount(table: Table, words: Int32Array, at: number, age: number): number {
  if ((words[at + BLOCK] as number) < 0) return age === 0 ? (words[at + USED] as number) : 0;
  const slot = (words[at + SLOT] as number) - age;
  return readSlot(table, words, at, slot < 0 ? slot + RING_SLOTS : slot);
}

/** Units no longer live `passed` ticks after the last one. */
export function ringExpired(table: Table, words: Int32Array, at: number, passed: number): number {
  let expired = 0;
  for (let age = words[at + OLDEST] as number; age >= 0 && age + passed >= RING_SLOTS; age--) expired += ringCount(table, words, at, age);
  return expired;
}

/** Turns the ring `passed` (fewer than 61) sub-windows on and adds `cost` to the newest. */
export function spendRing(table: Table, words: Int32Array, at: number, passed: number, cost: number): void {
  if ((words[at + BLOCK] as number) < 0) {
    if (passed === 0) return;
    const used = words[at + USED] as number;
    takeBlock(table, words, at, used > NARROW_MAX);
    writeSlot(table, words, at, 0, used);
    words[at + SLOT] = 0;
  }
  if (passed > 0) turn(table, words, at, passed);
  const slot = words[at + SLOT] as number;
  const count = readSlot(table, words, at, slot) + cost;
  if (count > NARROW_MAX && !((words[at + FLAGS] as number) & WIDE)) widen(table, words, at);
  writeSlot(table, words, at, slot, count);
}

function turn(table: Table, words: Int32Array, at: number, passed: number): void {
  let slot = words[at + SLOT] as number;
  for (let step = 0; step < passed; step++) {
    slot = slot === RING_SLOTS - 1 ? 0 : slot + 1;
    writeSlot(table, words, at, slot, 0);
  }
  words[at + SLOT] = slot;
  let oldest = Math.min((words[at + OLDEST] as number) + passed, RING_SLOTS - 1);
  while (oldest > 0 && ringCount(table, words, at, oldest) === 0) oldest--;
  words[at + OLDEST] = oldest;
}
