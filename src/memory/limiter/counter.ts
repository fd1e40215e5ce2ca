import type { Consumption, LimitBucket, LimitState } from '../../core/ports.js';
import { locate, type Directory } from './buckets.js';
import { expiredIn, takeLease, type LeaseQueue } from './leases.js';
import { repeat, twinOf, type Batch, type Place } from './places.js';
import { USED, type Table } from './rows.js';
import { firstFreeAt, freeAt, look, spend } from './windows.js';

/** What `consume` and `peek` work on. */
export interface Counter {
  readonly table: Table;
  readonly leases: LeaseQueue;
  readonly directory: Directory;
  readonly batch: Batch;
}

const full: Consumption = Object.freeze({ outcome: 'full' });

/** The one step of a request: look at every rule and, only when all agree, spend. Nothing can run in between. */
export function consume(counter: Counter, buckets: readonly LimitBucket[], cost: number, now: number): Consumption {
  checkCost(cost);
  if (!locate(counter.directory, counter.batch, buckets, true, now)) return full;
  if (!fits(counter, cost, now)) return limited(counter, cost, now);
  return admit(counter, cost, now);
}

export function peek(counter: Counter, buckets: readonly LimitBucket[], cost: number, now: number): Consumption {
  checkCost(cost);
  if (!locate(counter.directory, counter.batch, buckets, false, now)) return full;
  if (!fits(counter, cost, now)) return limited(counter, cost, now);
  return { outcome: 'admitted', states: foresee(counter, cost, now), lease: undefined };
}

function checkCost(cost: number): void {
  if (Number.isSafeInteger(cost) && cost >= 0) return;
  throw new RangeError(`the cost of a request must be a whole number of at least 0, not ${String(cost)}`);
}

/** Free requests pass every window, also one that is overdrawn because its limit was lowered. */
function isViolated({ limit, windowMs, live }: Place, cost: number): boolean {
  return windowMs > 0 ? cost > 0 && live + cost > limit : live >= limit;
}

/** Fills in what is in use; whether every rule has room for the request. Reads only. */
function fits({ table, leases, batch }: Counter, cost: number, now: number): boolean {
  const { count, places } = batch;
  let fit = true;
  for (let index = 0; index < count; index++) {
    const place = places[index] as Place;
    if (place.row < 0) place.live = 0;
    else if (place.windowMs > 0) look(table, place, now);
    else place.live = leasesIn(leases, place, now);
    if (isViolated(place, cost)) fit = false;
  }
  return fit;
}

function leasesIn(leases: LeaseQueue, { row, words, at }: Place, now: number): number {
  const held = words[at + USED] as number;
  return held === 0 || leases.headExpiresAt > now ? held : held - expiredIn(leases, row, now);
}

/** Spends on every window and takes the lease. */
function admit({ table, leases, batch }: Counter, cost: number, now: number): Consumption {
  const { count, places } = batch;
  const states = new Array<LimitState>(count);
  let leased = -1;
  let others: number[] | undefined;
  for (let index = 0; index < count; index++) {
    const place = places[index] as Place;
    const twin = twinOf(batch, index);
    // A counter that is listed twice counts the request once.
    if (twin !== undefined) repeat(place, twin);
    else if (place.windowMs > 0) {
      if (cost > 0) spend(table, place, cost, now);
    } else {
      place.live++;
      if (leased < 0) leased = place.row;
      else (others ??= []).push(place.row);
    }
    states[index] = stateOf(table, place, false, now);
  }
  return { outcome: 'admitted', states, lease: leased < 0 ? undefined : takeLease(leases, leased, others, now) };
}

/** Where a rule stands by what is in use. */
function stateOf(table: Table, place: Place, violated: boolean, now: number): LimitState {
  const { bucket, rule, windowMs, limit, live } = place;
  const remaining = limit > live ? limit - live : 0;
  return { bucket, rule, remaining, resetMs: live > 0 && windowMs > 0 ? freeAt(table, place, 1) - now : 0, violated };
}

/** The same as if the request had been counted. */
function foresee({ table, batch: { count, places } }: Counter, cost: number, now: number): LimitState[] {
  return places.slice(0, count).map((place): LimitState => {
    const state = stateOf(table, place, false, now);
    const { rule } = state;
    if (rule.kind === 'concurrency') return { ...state, remaining: state.remaining - 1 };
    const isFirst = cost > 0 && place.live === 0;
    const resetMs = isFirst ? firstFreeAt(rule.windowMs, rule.limit, now) - now : state.resetMs;
    return { ...state, remaining: Math.max(0, state.remaining - cost), resetMs };
  });
}

function limited(counter: Counter, cost: number, now: number): Consumption {
  const { table, batch: { count, places } } = counter;
  const states = new Array<LimitState>(count);
  for (let index = 0; index < count; index++) {
    const place = places[index] as Place;
    states[index] = stateOf(table, place, isViolated(place, cost), now);
  }
  return { outcome: 'limited', states, retryAfterMs: retryAfter(counter, cost, now) };
}

/** The longest wait among the violated rules; `undefined` when one of them never has room for `cost`. */
function retryAfter({ table, batch: { count, places } }: Counter, cost: number, now: number): number | undefined {
  let wait = 0;
  for (let index = 0; index < count; index++) {
    const place = places[index] as Place;
    if (!isViolated(place, cost)) continue;
    const { limit } = place;
    if (limit < (place.windowMs > 0 ? cost : 1)) return undefined;
    if (place.windowMs > 0) wait = Math.max(wait, freeAt(table, place, place.live + cost - limit) - now);
  }
  return wait;
}
