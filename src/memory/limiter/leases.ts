import { randomInt } from 'node:crypto';
import type { Lease } from '../../core/ports.js';
import { offsetOf, USED, wordsOf, type Table } from './rows.js';
import { CELL_BITS, CELL_MASK, slab } from './slab.js';

/** What a caller holds: the number of a cell, and a serial that tells whether the cell is still this lease's. */
interface HeldLease extends Lease {
  readonly cell: number;
  readonly serial: number;
}

const SIZE = 5;
const SERIAL = 0;
/** The one row it counts in, or ~cell of a chain of (row, next) cells when there are several. */
const ROW = 1;
const PREVIOUS = 2;
const NEXT = 3;
/** Milliseconds by which it outlives its predecessor in the queue. */
const GAP = 4;
const FREE = -2;

export interface Leases {
  /** Counts one lease in each row. Call `expire` first. */
  take(rows: readonly number[], now: number): Lease;
  release(lease: Lease): void;
  renew(leases: readonly Lease[], now: number): void;
  /** Frees the leases whose time is up. */
  expire(now: number): void;
  /** Leases of a row whose time is up but which `expire` has not met: a look changes nothing. */
  expiredIn(row: number, now: number): number;
}

/**
 * Leases in a doubly linked queue, in order of expiry: a renewal moves to the tail, and only the head can be due.
 * 20 bytes a lease in typed arrays, beside the caller's handle.
 */
export function createLeases(table: Table, leaseMs: number): Leases {
  const cells = slab(SIZE, (length) => new Int32Array(length));
  let head = -1;
  let tail = -1;
  let headExpiresAt = 0;
  let tailExpiresAt = 0;
  // A random start makes another limiter's lease (a local one beside a shared one) a stranger here.
  let serial = randomInt(2 ** 31);

  const chunkOf = (cell: number): Int32Array => cells.chunks[cell >>> CELL_BITS] as Int32Array;
  const offsetIn = (cell: number): number => (cell & CELL_MASK) * SIZE;
  const read = (cell: number, field: number): number => chunkOf(cell)[offsetIn(cell) + field] as number;
  const write = (cell: number, field: number, value: number): void => {
    chunkOf(cell)[offsetIn(cell) + field] = value;
  };

  function enqueue(cell: number, now: number): void {
    // After a step back of the clock the queue stays in order: such a lease lives longer, never shorter.
    const expiresAt = tail < 0 ? now + leaseMs : Math.max(now + leaseMs, tailExpiresAt);
    write(cell, PREVIOUS, tail);
    write(cell, NEXT, -1);
    write(cell, GAP, tail < 0 ? 0 : expiresAt - tailExpiresAt);
    if (tail < 0) {
      head = cell;
      headExpiresAt = expiresAt;
    } else {
      write(tail, NEXT, cell);
    }
    tail = cell;
    tailExpiresAt = expiresAt;
  }

  function unlink(cell: number): void {
    const previous = read(cell, PREVIOUS);
    const next = read(cell, NEXT);
    const gap = read(cell, GAP);
    if (next < 0) {
      tail = previous;
      tailExpiresAt -= gap;
    } else {
      write(next, PREVIOUS, previous);
      if (previous >= 0) write(next, GAP, read(next, GAP) + gap);
    }
    if (previous >= 0) return write(previous, NEXT, next);
    head = next;
    if (next < 0) return;
    headExpiresAt += read(next, GAP);
    write(next, GAP, 0);
  }

  function add(row: number, amount: number): void {
    const words = wordsOf(table, row);
    const at = offsetOf(row) + USED;
    words[at] = (words[at] as number) + amount;
  }

  function drop(cell: number): void {
    unlink(cell);
    const row = read(cell, ROW);
    if (row >= 0) add(row, -1);
    for (let link = row < 0 ? ~row : -1; link >= 0; link = read(link, NEXT)) {
      add(read(link, ROW), -1);
      cells.give(link);
    }
    write(cell, PREVIOUS, FREE);
    cells.give(cell);
  }

  /** The cell of a lease that is still held here, or -1. */
  function cellOf(lease: Lease): number {
    const { cell, serial: given } = lease as Partial<HeldLease>;
    if (cell === undefined || given === undefined || cells.chunks[cell >>> CELL_BITS] === undefined) return -1;
    return read(cell, SERIAL) === given && read(cell, PREVIOUS) !== FREE ? cell : -1;
  }

  function chainOf(rows: readonly number[]): number {
    let chain = -1;
    for (const row of rows) {
      const link = cells.take();
      write(link, ROW, row);
      write(link, NEXT, chain);
      write(link, SERIAL, 0);
      write(link, PREVIOUS, FREE);
      chain = link;
    }
    return ~chain;
  }

  function expire(now: number): void {
    while (head >= 0 && headExpiresAt <= now) drop(head);
  }

  return {
    expire,
    take(rows, now) {
      const cell = cells.take();
      serial = (serial + 1) | 0;
      write(cell, SERIAL, serial);
      write(cell, ROW, rows.length === 1 ? (rows[0] as number) : chainOf(rows));
      for (const row of rows) add(row, 1);
      enqueue(cell, now);
      return { ttlMs: leaseMs, cell, serial } as HeldLease;
    },
    release(lease) {
      const cell = cellOf(lease);
      if (cell >= 0) drop(cell);
    },
    renew(leases, now) {
      expire(now);
      for (const lease of leases) {
        const cell = cellOf(lease);
        if (cell < 0) continue;
        unlink(cell);
        enqueue(cell, now);
      }
    },
    expiredIn(row, now) {
      let expired = 0;
      let due = headExpiresAt;
      for (let cell = head; cell >= 0 && due <= now; ) {
        const own = read(cell, ROW);
        if (own === row) expired++;
        for (let link = own < 0 ? ~own : -1; link >= 0; link = read(link, NEXT)) if (read(link, ROW) === row) expired++;
        cell = read(cell, NEXT);
        if (cell >= 0) due += read(cell, GAP);
      }
      return expired;
    },
  };
}
