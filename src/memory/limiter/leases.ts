import { randomInt } from 'node:crypto';
import type { Lease } from '../../core/ports.js';
import { offsetOf, USED, wordsOf, type Table } from './rows.js';
import { CELL_BITS, CELL_MASK, slab, type Slab } from './slab.js';

/** What a caller holds: the number of a cell, and a serial that tells whether the cell is still this lease's. */
interface HeldLease extends Lease {
  readonly cell: number;
  readonly serial: number;
}

/** Words of a cell: 20 bytes a lease, beside the caller's handle. */
const SIZE = 5;
const SERIAL = 0;
/** The one row it counts in, or ~cell of a chain of (row, next) cells when there are several. */
const ROW = 1;
const PREVIOUS = 2;
const NEXT = 3;
/** Milliseconds by which it outlives its predecessor in the queue. */
const GAP = 4;
const FREE = -2;

/** Leases in order of expiry: a renewal moves to the tail, so only the head can be due. */
export interface LeaseQueue {
  readonly table: Table;
  readonly leaseMs: number;
  readonly cells: Slab<Int32Array>;
  head: number;
  tail: number;
  headExpiresAt: number;
  tailExpiresAt: number;
  serial: number;
}

export function createLeases(table: Table, leaseMs: number): LeaseQueue {
  const cells = slab(SIZE, (length) => new Int32Array(length));
  // A random start makes another limiter's lease (a local one beside a shared one) a stranger here.
  return { table, leaseMs, cells, head: -1, tail: -1, headExpiresAt: 0, tailExpiresAt: 0, serial: randomInt(2 ** 31) };
}

/** Counts one lease in `row`, and in `others`; frees those that are due. */
export function takeLease(queue: LeaseQueue, row: number, others: readonly number[] | undefined, now: number): Lease {
  expireLeases(queue, now);
  const cell = queue.cells.take();
  const words = chunkOf(queue, cell);
  const at = offsetIn(cell);
  const serial = (queue.serial + 1) | 0;
  queue.serial = serial;
  words[at + SERIAL] = serial;
  words[at + ROW] = others === undefined ? row : chainOf(queue, [row, ...others]);
  addTo(queue.table, row, 1);
  if (others !== undefined) for (const other of others) addTo(queue.table, other, 1);
  // After a step back of the clock the queue stays in order: such a lease lives longer, never shorter.
  const expiresAt = now + queue.leaseMs;
  enqueue(queue, words, at, cell, queue.tail < 0 ? expiresAt : Math.max(expiresAt, queue.tailExpiresAt));
  const held: HeldLease = { ttlMs: queue.leaseMs, cell, serial };
  return held;
}

export function releaseLease(queue: LeaseQueue, lease: Lease): void {
  const cell = cellOf(queue, lease);
  if (cell >= 0) drop(queue, cell);
}

export function renewLeases(queue: LeaseQueue, leases: readonly Lease[], now: number): void {
  expireLeases(queue, now);
  for (const lease of leases) {
    const cell = cellOf(queue, lease);
    if (cell < 0) continue;
    // No lease outlives the tail: after a step back of the clock a renewal shortens none.
    const expiresAt = Math.max(now + queue.leaseMs, queue.tailExpiresAt);
    const words = chunkOf(queue, cell);
    const at = offsetIn(cell);
    unlink(queue, words, at);
    enqueue(queue, words, at, cell, expiresAt);
  }
}

/** Frees the leases whose time is up. */
export function expireLeases(queue: LeaseQueue, now: number): void {
  while (queue.head >= 0 && queue.headExpiresAt <= now) drop(queue, queue.head);
}

/** Leases of a row whose time is up but which nothing has freed yet: a look changes nothing. */
export function expiredIn(queue: LeaseQueue, row: number, now: number): number {
  let expired = 0;
  let due = queue.headExpiresAt;
  for (let cell = queue.head; cell >= 0 && due <= now; ) {
    const own = read(queue, cell, ROW);
    if (own === row) expired++;
    for (let link = own < 0 ? ~own : -1; link >= 0; link = read(queue, link, NEXT)) if (read(queue, link, ROW) === row) expired++;
    cell = read(queue, cell, NEXT);
    if (cell >= 0) due += read(queue, cell, GAP);
  }
  return expired;
}

const chunkOf = (queue: LeaseQueue, cell: number): Int32Array => queue.cells.chunks[cell >>> CELL_BITS] as Int32Array;
const offsetIn = (cell: number): number => (cell & CELL_MASK) * SIZE;
const read = (queue: LeaseQueue, cell: number, field: number): number => chunkOf(queue, cell)[offsetIn(cell) + field] as number;

function write(queue: LeaseQueue, cell: number, field: number, value: number): void {
  chunkOf(queue, cell)[offsetIn(cell) + field] = value;
}

function addTo(table: Table, row: number, amount: number): void {
  const words = wordsOf(table, row);
  const at = offsetOf(row) + USED;
  words[at] = (words[at] as number) + amount;
}

/** The cell of a lease that is still held here, or -1. */
function cellOf(queue: LeaseQueue, lease: Lease): number {
  const { cell, serial } = lease as Partial<HeldLease>;
  if (cell === undefined || serial === undefined) return -1;
  const words = queue.cells.chunks[cell >>> CELL_BITS];
  if (words === undefined) return -1;
  const at = offsetIn(cell);
  return words[at + SERIAL] === serial && words[at + PREVIOUS] !== FREE ? cell : -1;
}

function chainOf(queue: LeaseQueue, rows: readonly number[]): number {
  let chain = -1;
  for (const row of rows) {
    const link = queue.cells.take();
    write(queue, link, ROW, row);
    write(queue, link, NEXT, chain);
    write(queue, link, PREVIOUS, FREE);
    chain = link;
  }
  return ~chain;
}

function enqueue(queue: LeaseQueue, words: Int32Array, at: number, cell: number, expiresAt: number): void {
  const { tail } = queue;
  if (tail < 0) {
    queue.head = cell;
    queue.headExpiresAt = expiresAt;
    words[at + GAP] = 0;
  } else {
    words[at + GAP] = expiresAt - queue.tailExpiresAt;
    write(queue, tail, NEXT, cell);
  }
  words[at + PREVIOUS] = tail;
  words[at + NEXT] = -1;
  queue.tail = cell;
  queue.tailExpiresAt = expiresAt;
}

function unlink(queue: LeaseQueue, words: Int32Array, at: number): void {
  const previous = words[at + PREVIOUS] as number;
  const next = words[at + NEXT] as number;
  const gap = words[at + GAP] as number;
  if (previous >= 0) write(queue, previous, NEXT, next);
  else queue.head = next;
  if (next < 0) {
    queue.tail = previous;
    queue.tailExpiresAt -= gap;
    return;
  }
  write(queue, next, PREVIOUS, previous);
  const nextGap = read(queue, next, GAP);
  if (previous < 0) queue.headExpiresAt += nextGap;
  write(queue, next, GAP, previous < 0 ? 0 : nextGap + gap);
}

function drop(queue: LeaseQueue, cell: number): void {
  const words = chunkOf(queue, cell);
  const at = offsetIn(cell);
  unlink(queue, words, at);
  const row = words[at + ROW] as number;
  if (row >= 0) addTo(queue.table, row, -1);
  for (let link = row < 0 ? ~row : -1; link >= 0; link = read(queue, link, NEXT)) {
    addTo(queue.table, read(queue, link, ROW), -1);
    queue.cells.give(link);
  }
  words[at + PREVIOUS] = FREE;
  queue.cells.give(cell);
}
