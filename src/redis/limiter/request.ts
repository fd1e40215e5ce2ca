import type { LimitBucket } from '../../core/ports.js';
import { hashTag } from '../names.js';

/** Where a rule's figures stand in the script's answer: what is in use, and for windows, after it, when more is free. */
export interface Place {
  readonly bucket: LimitBucket;
  readonly rule: LimitBucket['rules'][number];
  readonly at: number;
}

/** What the script is told of a request's buckets. */
export interface Request {
  readonly keys: readonly string[];
  /** The keys of caps, which are the last ones: a lease is held in each. */
  readonly capKeys: readonly string[];
  /** Number of buckets with windows; per bucket number of windows, and each one's length and limit; limits of the caps. */
  readonly args: readonly string[];
  /** In the order of buckets and rules. */
  readonly places: readonly Place[];
  /** Windows in the order in which they are asked about. */
  readonly windows: readonly { readonly key: string; readonly windowMs: number }[];
}

/** Figures that precede the windows' in an answer. */
export const HEAD = 2;

/** Where the windows of one bucket are counted. */
export const bucketKey = (prefix: string, group: string, id: string): string => `${hashTag(prefix, group)}w:${id}`;

/** Requests remembered in each of two generations, about 1 kB each. */
const GENERATION = 5_000;

/** Requests as the script is told of them, made once for buckets that nobody can change: the core keeps them with each key. */
export function createRequests(prefix: string): (buckets: readonly LimitBucket[]) => Request {
  let young = new WeakMap<readonly LimitBucket[], Request>();
  let old = young;
  let count = 0;
  return (buckets) => {
    const known = young.get(buckets);
    if (known !== undefined) return known;
    const request = old.get(buckets) ?? requestOf(prefix, buckets);
    if (!Object.isFrozen(buckets) || !buckets.every((bucket) => Object.isFrozen(bucket))) return request;
    if (++count > GENERATION) [old, young, count] = [young, new WeakMap(), 1];
    young.set(buckets, request);
    return request;
  };
}

/** A counter that is listed twice is asked about once, with the tighter limit. */
interface Counted {
  readonly id: string;
  readonly windows: { readonly windowMs: number; limit: number }[];
  cap: number;
}

function requestOf(prefix: string, buckets: readonly LimitBucket[]): Request {
  const group = buckets[0]?.group ?? '';
  const tag = hashTag(prefix, group);
  const counted: Counted[] = [];
  for (const bucket of buckets) {
    if (bucket.group !== group) throw new RangeError('buckets of one request must belong to one group');
    if (bucket.rules.length > 0) count(counted, bucket);
  }

  const windows = counted.flatMap(({ id, windows: own }) => own.map(({ windowMs }) => ({ id, key: `${tag}w:${id}`, windowMs })));
  const capped = counted.filter(({ cap }) => cap < Infinity);
  const windowed = counted.filter(({ windows: own }) => own.length > 0);
  const places = buckets.flatMap((bucket) =>
    bucket.rules.map((rule): Place => {
      if (rule.kind === 'concurrency') return { bucket, rule, at: HEAD + 2 * windows.length + capped.findIndex(({ id }) => id === bucket.id) };
      return { bucket, rule, at: HEAD + 2 * windows.findIndex(({ id, windowMs }) => id === bucket.id && windowMs === rule.windowMs) };
    }),
  );
  const capKeys = capped.map(({ id }) => `${tag}c:${id}`);
  const args = windowed.flatMap(({ windows: own }) => [own.length, ...own.flatMap(({ windowMs, limit }) => [windowMs, limit])]);
  return {
    keys: [...windowed.map(({ id }) => `${tag}w:${id}`), ...capKeys],
    capKeys,
    args: [windowed.length, ...args, ...capped.map(({ cap }) => cap)].map(String),
    places,
    windows,
  };
}

function count(counted: Counted[], { id, rules }: LimitBucket): void {
  let own = counted.find((known) => known.id === id);
  if (own === undefined) counted.push((own = { id, windows: [], cap: Infinity }));
  for (const rule of rules) {
    if (rule.kind === 'concurrency') {
      own.cap = Math.min(rule.limit, own.cap);
      continue;
    }
    const known = own.windows.find(({ windowMs }) => windowMs === rule.windowMs);
    if (known === undefined) own.windows.push({ windowMs: rule.windowMs, limit: rule.limit });
    else known.limit = Math.min(rule.limit, known.limit);
  }
}
