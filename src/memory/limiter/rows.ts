import { CELL_BITS, CELL_MASK, slab, type Slab } from './slab.js';
import { RING_SLOTS } from './ticks.js';

/**
 * A row is one counter of one bucket: a window (by its length, whatever the limit, so that a changed limit keeps its
 * count) or, with length 0, the leases held. Eight words, 32 bytes; the rows of a bucket are a chain.
 */
const ROW_BITS = 3;
/** The bucket's next row, or -1. */
export const NEXT = 0;
/** Window length in milliseconds, low 32 bits; the rest is in the flags. */
const LENGTH = 1;
/** Units recorded, or leases held. */
export const USED = 2;
/** The block that holds the window's units once its row is too small for them, or -1. */
export const BLOCK = 3;
/** Tick of the last spending: low 32 bits here, the rest in the top 24 bits of the flags. Never goes back. */
export const LAST = 4;
export const FLAGS = 5;
/** Where the oldest unit is: the low 32 bits of its tick (exact), or its sub-window's age at the last tick (ring). */
export const OLDEST = 6;
/** An exact window's second entry; with a block, the place of its first entry (exact) or of the last tick (ring). */
export const SECOND = 7;
export const SLOT = 7;

export const RING = 1;
export const WIDE = 2;
const LENGTH_HIGH_SHIFT = 3;
const LENGTH_HIGH_MASK = 7;
const LAST_HIGH_SHIFT = 8;
const LOW_FLAGS = 0xff;
const TWO_32 = 2 ** 32;

export interface Table {
  /** First row of each bucket. */
  readonly heads: Map<string, number>;
  /** Ids of the overflow buckets among them. */
  readonly shared: Set<string>;
  readonly rows: Slab<Int32Array>;
  /** Blocks of 61 words of 16 bits: counts to 65,535, and millisecond stamps of windows that short. */
  readonly narrow: Slab<Uint16Array>;
  readonly wide: Slab<Int32Array>;
}

export function createTable(): Table {
  return {
    heads: new Map(),
    shared: new Set(),
    rows: slab(1 << ROW_BITS, (length) => new Int32Array(length)),
    narrow: slab(RING_SLOTS, (length) => new Uint16Array(length)),
    wide: slab(RING_SLOTS, (length) => new Int32Array(length)),
  };
}

export const wordsOf = (table: Table, row: number): Int32Array => table.rows.chunks[row >>> CELL_BITS] as Int32Array;
export const offsetOf = (row: number): number => (row & CELL_MASK) << ROW_BITS;

const lengthHigh = (windowMs: number): number => (windowMs < TWO_32 ? 0 : Math.floor(windowMs / TWO_32));

export function isRowOf(words: Int32Array, at: number, windowMs: number): boolean {
  if (words[at + LENGTH] !== (windowMs | 0)) return false;
  return (((words[at + FLAGS] as number) >> LENGTH_HIGH_SHIFT) & LENGTH_HIGH_MASK) === lengthHigh(windowMs);
}

export function windowOf(words: Int32Array, at: number): number {
  const high = ((words[at + FLAGS] as number) >> LENGTH_HIGH_SHIFT) & LENGTH_HIGH_MASK;
  return high * TWO_32 + ((words[at + LENGTH] as number) >>> 0);
}

export function lastTick(words: Int32Array, at: number): number {
  return ((words[at + FLAGS] as number) >> LAST_HIGH_SHIFT) * TWO_32 + ((words[at + LAST] as number) >>> 0);
}

export function setLastTick(words: Int32Array, at: number, tick: number): void {
  words[at + LAST] = tick | 0;
  words[at + FLAGS] = ((words[at + FLAGS] as number) & LOW_FLAGS) | (Math.floor(tick / TWO_32) << LAST_HIGH_SHIFT);
}

export function takeRow(table: Table, windowMs: number): number {
  const row = table.rows.take();
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  words.fill(0, at, at + (1 << ROW_BITS));
  words[at + NEXT] = -1;
  words[at + BLOCK] = -1;
  words[at + LENGTH] = windowMs | 0;
  words[at + FLAGS] = lengthHigh(windowMs) << LENGTH_HIGH_SHIFT;
  return row;
}

/** Forgets what a row has counted and returns its block. The next spending chooses the mode anew. */
export function emptyRow(table: Table, words: Int32Array, at: number): void {
  const block = words[at + BLOCK] as number;
  if (block >= 0) ((words[at + FLAGS] as number) & WIDE ? table.wide : table.narrow).give(block);
  words[at + BLOCK] = -1;
  words[at + USED] = 0;
  words[at + FLAGS] = (words[at + FLAGS] as number) & ~(RING | WIDE);
}

/** The row of a window length (0: the leases) in the chain that begins at `head`, or -1. */
export function findRow(table: Table, head: number, windowMs: number): number {
  let row = head;
  while (row >= 0) {
    const words = wordsOf(table, row);
    const at = offsetOf(row);
    if (isRowOf(words, at, windowMs)) return row;
    row = words[at + NEXT] as number;
  }
  return -1;
}

/** A new row at the end of the chain: rows in the order of their rules are found at the first look. */
export function appendRow(table: Table, head: number, windowMs: number): number {
  const added = takeRow(table, windowMs);
  let row = head;
  for (;;) {
    const words = wordsOf(table, row);
    const at = offsetOf(row) + NEXT;
    if ((words[at] as number) < 0) {
      words[at] = added;
      return added;
    }
    row = words[at] as number;
  }
}
