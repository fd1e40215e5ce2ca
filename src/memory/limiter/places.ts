import type { LimitRule } from '../../core/limits/rules.js';
import type { LimitBucket } from '../../core/ports.js';

/** One rule of the request at hand: whose it is, where it counts, and what is in use there. */
export interface Place {
  bucket: LimitBucket;
  rule: LimitRule;
  /** What its row is found by: the window's length, or 0 for leases. */
  windowMs: number;
  limit: number;
  row: number;
  /** The row itself: its chunk, and where in it it begins. */
  words: Int32Array;
  at: number;
  /** How the window counts: a ring of sub-windows, or exact. */
  ring: boolean;
  /** The window's tick at the time of the request, and the one of its last spending. */
  tick: number;
  last: number;
  /** Units or leases in use. */
  live: number;
}

/**
 * The rules of one request in order. One batch serves every call, since calls never overlap: a time that is written into a
 * place stays where it is, one that is handed from function to function is boxed on the heap, each time anew.
 */
export interface Batch {
  count: number;
  /** No counter is listed twice; `false` when that is not known. */
  distinct: boolean;
  readonly places: Place[];
}

export const createBatch = (): Batch => ({ count: 0, distinct: true, places: [] });

/** What a row is found by: the window's length, or 0 for leases. */
export const lengthOf = (rule: LimitRule): number => (rule.kind === 'window' ? rule.windowMs : 0);

function placeOf(bucket: LimitBucket, rule: LimitRule): Place {
  const { limit } = rule;
  // Half a tick, so that an engine takes the fields for fractions at once, and keeps them unboxed.
  return { bucket, rule, windowMs: lengthOf(rule), limit, row: -1, words: new Int32Array(), at: 0, ring: false, tick: 0.5, last: 0.5, live: 0 };
}

/** The batch's next place. */
export function nextPlace(batch: Batch, bucket: LimitBucket, rule: LimitRule): Place {
  const index = batch.count++;
  if (index === batch.places.length) batch.places.push(placeOf(bucket, rule));
  const place = batch.places[index] as Place;
  place.bucket = bucket;
  // Nearly always the rule of the request before, and a rule never changes.
  if (place.rule !== rule) {
    place.rule = rule;
    place.windowMs = lengthOf(rule);
    place.limit = rule.limit;
  }
  return place;
}

/** An earlier place with the same row, which has counted the request already. */
export function twinOf({ distinct, places }: Batch, index: number): Place | undefined {
  if (distinct) return undefined;
  const { row } = places[index] as Place;
  for (let earlier = 0; earlier < index; earlier++) if (places[earlier]?.row === row) return places[earlier];
  return undefined;
}

/** What a place holds after an earlier one has spent on its row. */
export function repeat(place: Place, { ring, last, live }: Place): void {
  place.ring = ring;
  place.last = last;
  place.live = live;
}
