import type { LimitRule } from '../../core/limits/rules.js';
import type { LimitBucket } from '../../core/ports.js';
import { inheritChain } from './inherit.js';
import { appendRow, findRow, isRowOf, NEXT, offsetOf, takeRow, USED, wordsOf, type Table } from './rows.js';

/** Overflow buckets beyond the table's bound, one per different list of rules; past them a new bucket is refused. */
const MAX_SHARED = 1_000;
/** Buckets looked at when a new one finds the table full: about 10 µs. */
const SWEEP_WHEN_FULL = 100;

/** No such row yet: nothing is in use. */
const NONE = -1;
/** There is no room, and the bucket may not share. */
const FULL = -2;
/** There may be room after a sweep. */
const CROWDED = -3;

/** What a row is found by: the window's length, or 0 for leases. */
const lengthOf = (rule: LimitRule): number => (rule.kind === 'window' ? rule.windowMs : 0);

/**
 * The rules of one request in order, each with its bucket, its row and what is in use there. One batch serves every call,
 * since calls never overlap; and the arrays handed in may be frozen, which makes walking them four times as slow.
 */
export interface Batch {
  count: number;
  readonly buckets: LimitBucket[];
  readonly rules: LimitRule[];
  readonly rows: number[];
  readonly used: number[];
}

export const createBatch = (): Batch => ({ count: 0, buckets: [], rules: [], rows: [], used: [] });

/** The table, its bound, and what makes room in it. */
export interface Directory {
  readonly table: Table;
  readonly maxBuckets: number;
  readonly sweep: (count: number, now: number) => void;
}

/** Fills the batch; `false` when the table is full. Without `create` nothing is made, and a missing row is `NONE`. */
export function locate(directory: Directory, batch: Batch, buckets: readonly LimitBucket[], create: boolean, now: number): boolean {
  batch.count = fill(directory, batch, buckets, create, false);
  if (batch.count === CROWDED) {
    // The sweep may take away rows found so far, so the search begins again.
    directory.sweep(SWEEP_WHEN_FULL, now);
    batch.count = fill(directory, batch, buckets, create, true);
  }
  return batch.count !== FULL;
}

/** How many rules were found rows for, `FULL`, or `CROWDED`. */
function fill(directory: Directory, batch: Batch, buckets: readonly LimitBucket[], create: boolean, swept: boolean): number {
  const { table } = directory;
  let count = 0;
  for (let index = 0; index < buckets.length; index++) {
    const bucket = buckets[index] as LimitBucket;
    const { rules } = bucket;
    if (rules.length === 0) continue;
    const head = table.heads.get(bucket.id) ?? headOfNew(directory, bucket, create, swept);
    if (head < NONE) return head;
    let guess = head;
    for (let place = 0; place < rules.length; place++) {
      const rule = rules[place] as LimitRule;
      const row = findFrom(table, head, guess, lengthOf(rule), create);
      batch.buckets[count] = bucket;
      batch.rules[count] = rule;
      batch.rows[count++] = row;
      guess = row < 0 ? NONE : (wordsOf(table, row)[offsetOf(row) + NEXT] as number);
    }
  }
  return count;
}

/** First row of a bucket that is not in the table: never seen, or all it had spent has expired. */
function headOfNew({ table, maxBuckets }: Directory, bucket: LimitBucket, create: boolean, swept: boolean): number {
  const mayShare = bucket.whenFull === 'share';
  if (table.heads.size - table.shared.size >= maxBuckets) {
    if (!swept) return CROWDED;
    return mayShare ? sharedHead(table, bucket, create) : FULL;
  }
  const common = mayShare && table.shared.size > 0 ? sharedHead(table, bucket, false) : NONE;
  if (common === NONE) return create ? open(table, bucket.id, bucket) : NONE;
  // There is room again, but part of what the overflow bucket counts may be this one's, so it inherits all of it.
  // A lease is given back where it was taken: while any is out, the bucket goes on sharing.
  if (!create || holdsLeases(table, common)) return common;
  const head = inheritChain(table, common);
  table.heads.set(bucket.id, head);
  return head;
}

function sharedHead(table: Table, bucket: LimitBucket, create: boolean): number {
  const id = sharedIdOf(bucket.rules);
  const head = table.heads.get(id);
  if (head !== undefined) return head;
  if (!create) return NONE;
  if (table.shared.size >= MAX_SHARED) return FULL;
  table.shared.add(id);
  return open(table, id, bucket);
}

function open(table: Table, id: string, { rules }: LimitBucket): number {
  const head = takeRow(table, lengthOf(rules[0] as LimitRule));
  table.heads.set(id, head);
  return head;
}

/** Rows stand in the order of their rules, so the row after the last one is nearly always the right one. */
function findFrom(table: Table, head: number, guess: number, windowMs: number, create: boolean): number {
  if (guess >= 0 && isRowOf(wordsOf(table, guess), offsetOf(guess), windowMs)) return guess;
  const row = findRow(table, head, windowMs);
  return row < 0 && create ? appendRow(table, head, windowMs) : row;
}

function holdsLeases(table: Table, head: number): boolean {
  const row = findRow(table, head, 0);
  return row >= 0 && (wordsOf(table, row)[offsetOf(row) + USED] as number) > 0;
}

/** One overflow bucket for each list of rules: sharing between different limits would let the larger use up the smaller. */
function sharedIdOf(rules: readonly LimitRule[]): string {
  return `\0overflow:${rules.map((rule) => `${String(rule.limit)}/${String(lengthOf(rule))}`).join(',')}`;
}
