import type { LimitRule } from '../../core/limits/rules.js';
import type { Consumption, Lease, LimitBucket, LimitState } from '../../core/ports.js';
import { FULL, type Locator } from './buckets.js';
import { expiredIn, expireLeases, takeLease, type LeaseQueue } from './leases.js';
import { offsetOf, USED, wordsOf, type Table } from './rows.js';
import { firstFreeAt, freeAt, liveUnits, spend } from './windows.js';

/** What `consume` and `peek` work on. */
export interface Counter {
  readonly table: Table;
  readonly leases: LeaseQueue;
  readonly locator: Locator;
  /** Per rule, in order: its row, and what is in use there. Every call fills them anew; calls never overlap. */
  readonly rows: number[];
  readonly used: number[];
}

const full: Consumption = Object.freeze({ outcome: 'full' });

/** The one step of a request: look at every rule and, only when all agree, spend. Nothing can run in between. */
export function consume(counter: Counter, buckets: readonly LimitBucket[], cost: number, now: number): Consumption {
  checkCost(cost);
  const count = counter.locator.locate(buckets, true, counter.rows, now);
  if (count === FULL) return full;
  if (!fits(counter, buckets, cost, now)) return limited(counter, buckets, count, cost, now);
  const lease = spendAll(counter, buckets, cost, now);
  return { outcome: 'admitted', states: describe(counter, buckets, count, false, cost, now), lease };
}

export function peek(counter: Counter, buckets: readonly LimitBucket[], cost: number, now: number): Consumption {
  checkCost(cost);
  const count = counter.locator.locate(buckets, false, counter.rows, now);
  if (count === FULL) return full;
  if (!fits(counter, buckets, cost, now)) return limited(counter, buckets, count, cost, now);
  return { outcome: 'admitted', states: foresee(counter, buckets, count, cost, now), lease: undefined };
}

function checkCost(cost: number): void {
  if (Number.isSafeInteger(cost) && cost >= 0) return;
  throw new RangeError(`the cost of a request must be a whole number of at least 0, not ${String(cost)}`);
}

/** Free requests pass every window, also one that is overdrawn because its limit was lowered. */
function isViolated(rule: LimitRule, live: number, cost: number): boolean {
  return rule.kind === 'window' ? cost > 0 && live + cost > rule.limit : live >= rule.limit;
}

/** Fills `used`; whether every rule has room for the request. Reads only. */
function fits({ table, leases, rows, used }: Counter, buckets: readonly LimitBucket[], cost: number, now: number): boolean {
  let fit = true;
  let index = 0;
  for (const { rules } of buckets) {
    for (const rule of rules) {
      const row = rows[index] as number;
      const live = row < 0 ? 0 : rule.kind === 'window' ? liveUnits(table, row, rule.windowMs, now) : leasesIn(table, leases, row, now);
      used[index++] = live;
      if (isViolated(rule, live, cost)) fit = false;
    }
  }
  return fit;
}

function leasesIn(table: Table, leases: LeaseQueue, row: number, now: number): number {
  const held = wordsOf(table, row)[offsetOf(row) + USED] as number;
  return held === 0 || leases.headExpiresAt > now ? held : held - expiredIn(leases, row, now);
}

/** Spends on every window and takes the lease; `used` then tells what is in use with the request. */
function spendAll({ table, leases, rows, used }: Counter, buckets: readonly LimitBucket[], cost: number, now: number): Lease | undefined {
  let leased: number[] | undefined;
  let index = -1;
  for (const { rules } of buckets) {
    for (const rule of rules) {
      const row = rows[++index] as number;
      const live = used[index] as number;
      let first = 0;
      while (rows[first] !== row) first++;
      // A counter that is listed twice counts the request once.
      if (first < index) used[index] = used[first] as number;
      else if (rule.kind === 'window') {
        if (cost > 0) used[index] = spend(table, row, rule.windowMs, rule.limit, live, cost, now);
      } else {
        used[index] = live + 1;
        if (leased === undefined) leased = [row];
        else leased.push(row);
      }
    }
  }
  if (leased === undefined) return undefined;
  expireLeases(leases, now);
  return takeLease(leases, leased, now);
}

/** Where each rule stands by what is in use; after a refusal, those that had no room are marked. */
function describe(counter: Counter, buckets: readonly LimitBucket[], count: number, refused: boolean, cost: number, now: number): LimitState[] {
  const { table, rows, used } = counter;
  const states = new Array<LimitState>(count);
  let index = 0;
  for (const bucket of buckets) {
    for (const rule of bucket.rules) {
      const live = used[index] as number;
      const remaining = Math.max(0, rule.limit - live);
      const resetMs = live > 0 && rule.kind === 'window' ? freeAt(table, rows[index] as number, rule.windowMs, live, 1) - now : 0;
      states[index++] = { bucket, rule, remaining, resetMs, violated: refused && isViolated(rule, live, cost) };
    }
  }
  return states;
}

/** The same as if the request had been counted. */
function foresee(counter: Counter, buckets: readonly LimitBucket[], count: number, cost: number, now: number): LimitState[] {
  return describe(counter, buckets, count, false, cost, now).map((state, index): LimitState => {
    const { rule } = state;
    if (rule.kind === 'concurrency') return { ...state, remaining: state.remaining - 1 };
    const isFirst = cost > 0 && counter.used[index] === 0;
    const resetMs = isFirst ? firstFreeAt(rule.windowMs, rule.limit, now) - now : state.resetMs;
    return { ...state, remaining: Math.max(0, state.remaining - cost), resetMs };
  });
}

function limited(counter: Counter, buckets: readonly LimitBucket[], count: number, cost: number, now: number): Consumption {
  const states = describe(counter, buckets, count, true, cost, now);
  return { outcome: 'limited', states, retryAfterMs: retryAfter(counter, states, cost, now) };
}

/** The longest wait among the violated rules; `undefined` when one of them never has room for `cost`. */
function retryAfter({ table, rows, used }: Counter, states: readonly LimitState[], cost: number, now: number): number | undefined {
  let wait = 0;
  for (const [index, { rule, violated }] of states.entries()) {
    if (!violated) continue;
    if (rule.limit < (rule.kind === 'window' ? cost : 1)) return undefined;
    if (rule.kind === 'concurrency') continue;
    const live = used[index] as number;
    wait = Math.max(wait, freeAt(table, rows[index] as number, rule.windowMs, live, live + cost - rule.limit) - now);
  }
  return wait;
}
