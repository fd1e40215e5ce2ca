import type { LimitBucket } from '../../core/ports.js';
import { hashTag } from '../names.js';
import { isFixed } from './lists.js';

/** Where a rule's figures stand in the script's answer: what is in use, and for windows, after it, when more is free. */
export interface Place {
  readonly bucket: LimitBucket;
  readonly rule: LimitBucket['rules'][number];
  readonly at: number;
}

/** What the script is told of a request's buckets. */
export interface Request {
  /** What all its keys begin with, and lie in one hash slot by. */
  readonly tag: string;
  readonly keys: readonly string[];
  /** The keys of caps, which are the last ones: a lease is held in each. */
  readonly capKeys: readonly string[];
  /** Buckets with windows. */
  readonly counted: number;
  /** How many figures an answer has at least. */
  readonly figures: number;
  /** As the script reads them: number of buckets with windows, and of caps; per bucket number of windows, and each one's length and limit; limits of the caps. */
  readonly rules: string;
  /** How many figures these are. */
  readonly ruleFigures: number;
  /** In the order of buckets and rules. */
  readonly places: readonly Place[];
  /** Windows in the order in which they are asked about. */
  readonly windows: readonly { readonly key: string; readonly windowMs: number }[];
}

/** Figures that precede the windows' in an answer. */
const HEAD = 1;

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
    if (!isFixed(buckets)) return request;
    if (++count > GENERATION) [old, young, count] = [young, new WeakMap(), 1];
    young.set(buckets, request);
    return request;
  };
}

interface Said {
  readonly request: Request;
  readonly cost: number;
  readonly extra: number;
  readonly lookOnly: boolean;
  readonly member: string | undefined;
}

/** Three figures come before the rules. */
const RULES_AT = 4;

/**
 * What the script is told of the requests of one call, as JSON: when they are late, the time, where the first run begins, the rules, each
 * set once; then of each run of requests with the same rules and wishes where the rules begin, what is wanted, how many they are, and
 * under caps the names of their leases. The fewer the figures, the less there is to read for the server.
 */
export function argumentOf(requests: readonly Said[], lateAfter: number, given: string): string {
  const begins = new Map<string, number>();
  let rules = '';
  let runs = '';
  let end = RULES_AT;
  let run: { readonly begin: number; readonly wish: string; count: number; members: string } | undefined;
  const close = (): void => {
    if (run !== undefined) runs += `,${String(run.begin)},${run.wish},${String(run.count)}${run.members}`;
  };
  for (const { request, cost, extra, lookOnly, member } of requests) {
    let begin = begins.get(request.rules);
    if (begin === undefined) {
      begin = end;
      begins.set(request.rules, begin);
      rules += `,${request.rules}`;
      end += request.ruleFigures;
    }
    const wish = lookOnly || extra > 0 ? `[${String(cost)},${String(extra)},${lookOnly ? '1' : '0'}]` : String(cost);
    if (run?.begin !== begin || run.wish !== wish) {
      close();
      run = { begin, wish, count: 0, members: '' };
    }
    run.count++;
    if (request.capKeys.length > 0) run.members += `,"${member ?? ''}"`;
  }
  close();
  return `[${String(lateAfter)},${given === '' ? 'null' : given},${String(end)}${rules}${runs}]`;
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
  const figures = windowed.flatMap(({ windows: own }) => [own.length, ...own.flatMap(({ windowMs, limit }) => [windowMs, limit])]);
  const rules = [windowed.length, capped.length, ...figures, ...capped.map(({ cap }) => cap)];
  return {
    tag,
    keys: [...windowed.map(({ id }) => `${tag}w:${id}`), ...capKeys],
    capKeys,
    counted: windowed.length,
    figures: HEAD + 2 * windows.length + capped.length,
    rules: rules.join(','),
    ruleFigures: rules.length,
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
