import { BLOCK, FLAGS, WIDE, type Table } from './rows.js';
import { CELL_BITS, CELL_MASK } from './slab.js';
import { RING_SLOTS } from './ticks.js';

/** Largest value of a narrow block. */
export const NARROW_MAX = 0xff_ff;

/** Gives a row a zeroed block. */
export function takeBlock(table: Table, words: Int32Array, at: number, wide: boolean): void {
  const pool = wide ? table.wide : table.narrow;
  const block = pool.take();
  const start = (block & CELL_MASK) * RING_SLOTS;
  pool.chunks[block >>> CELL_BITS]?.fill(0, start, start + RING_SLOTS);
  words[at + BLOCK] = block;
  if (wide) words[at + FLAGS] = (words[at + FLAGS] as number) | WIDE;
}

export function readSlot(table: Table, words: Int32Array, at: number, slot: number): number {
  const block = words[at + BLOCK] as number;
  const index = (block & CELL_MASK) * RING_SLOTS + slot;
  if ((words[at + FLAGS] as number) & WIDE) return (table.wide.chunks[block >>> CELL_BITS] as Int32Array)[index] as number;
  return (table.narrow.chunks[block >>> CELL_BITS] as Uint16Array)[index] as number;
}

/** Sets a slot; a narrow block keeps the low 16 bits. */
export function writeSlot(table: Table, words: Int32Array, at: number, slot: number, value: number): void {
  const block = words[at + BLOCK] as number;
  const index = (block & CELL_MASK) * RING_SLOTS + slot;
  if ((words[at + FLAGS] as number) & WIDE) (table.wide.chunks[block >>> CELL_BITS] as Int32Array)[index] = value;
  else (table.narrow.chunks[block >>> CELL_BITS] as Uint16Array)[index] = value;
}

/** Moves a row's counts into a wide block, once one of them outgrows 16 bits. */
export function widen(table: Table, words: Int32Array, at: number): void {
  const counts = Array.from({ length: RING_SLOTS }, (_, slot) => readSlot(table, words, at, slot));
  table.narrow.give(words[at + BLOCK] as number);
  takeBlock(table, words, at, true);
  counts.forEach((count, slot) => {
    writeSlot(table, words, at, slot, count);
  });
}
