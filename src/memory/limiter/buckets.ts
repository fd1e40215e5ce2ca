import type { LimitRule } from '../../core/limits/rules.js';
import type { LimitBucket } from '../../core/ports.js';
import { inheritChain } from './inherit.js';
import { lengthOf, nextPlace, type Batch, type Place } from './places.js';
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

/** The table, its bound, and what makes room in it. */
export interface Directory {
  readonly table: Table;
  readonly maxBuckets: number;
  readonly sweep: (count: number, now: number) => void;
}

/** Fills the batch; `false` when the table is full. Without `create` nothing is made, and a missing row is `NONE`. */
export function locate(directory: Directory, batch: Batch, buckets: readonly LimitBucket[], create: boolean, now: number): boolean {
  let result = fill(directory, batch, buckets, create, false);
  if (result === CROWDED) {
    // The sweep may take away rows found so far, so the search begins again.
    directory.sweep(SWEEP_WHEN_FULL, now);
    result = fill(directory, batch, buckets, create, true);
  }
  return result !== FULL;
}

/** `FULL`, `CROWDED`, or else every rule has its place. */
function fill({ table, maxBuckets }: Directory, batch: Batch, buckets: readonly LimitBucket[], create: boolean, swept: boolean): number {
  batch.count = 0;
  batch.distinct = buckets.length === 1;
  for (let index = 0; index < buckets.length; index++) {
    const bucket = buckets[index] as LimitBucket;
    if (bucket.rules.length === 0) continue;
    const head = table.heads.get(bucket.id) ?? headOfNew(table, maxBuckets, bucket, create, swept);
    if (head < NONE) return head;
    place(table, batch, bucket, head, create);
  }
  return 0;
}

function place(table: Table, batch: Batch, bucket: LimitBucket, head: number, create: boolean): void {
  const { rules } = bucket;
  let next = head;
  for (let index = 0; index < rules.length; index++) {
    const rule = rules[index] as LimitRule;
    const place = nextPlace(batch, bucket, rule);
    // Rows stand in the order of their rules, so the row after the last one is nearly always the right one.
    if (!settle(table, place, next)) {
      let row = findRow(table, head, place.windowMs);
      if (row >= 0) batch.distinct = false;
      else if (create) row = appendRow(table, head, place.windowMs);
      settle(table, place, row);
    }
    next = place.row < 0 ? NONE : (place.words[place.at + NEXT] as number);
  }
}

/** Makes `row` the place's, unless it counts another length. */
function settle(table: Table, place: Place, row: number): boolean {
  place.row = row;
  if (row < 0) return false;
  const words = wordsOf(table, row);
  const at = offsetOf(row);
  place.words = words;
  place.at = at;
  return isRowOf(words, at, place.windowMs);
}

/** First row of a bucket that is not in the table: never seen, or all it had spent has expired. */
function headOfNew(table: Table, maxBuckets: number, bucket: LimitBucket, create: boolean, swept: boolean): number {
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

function holdsLeases(table: Table, head: number): boolean {
  const row = findRow(table, head, 0);
  return row >= 0 && (wordsOf(table, row)[offsetOf(row) + USED] as number) > 0;
}

/** One overflow bucket for each list of rules: sharing between different limits would let the larger use up the smaller. */
function sharedIdOf(rules: readonly LimitRule[]): string {
  return `\0overflow:${rules.map((rule) => `${String(rule.limit)}/${String(lengthOf(rule))}`).join(',')}`;
}
