import type { LimitRule } from '../../core/limits/rules.js';
import type { Consumption, Lease, LimitBucket, LimitState } from '../../core/ports.js';
import { locate, type Batch, type Directory } from './buckets.js';
import { expiredIn, expireLeases, takeLease, type LeaseQueue } from './leases.js';
import { offsetOf, USED, wordsOf, type Table } from './rows.js';
import { firstFreeAt, freeAt, liveUnits, spend } from './windows.js';

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
  const lease = spendAll(counter, cost, now);
  return { outcome: 'admitted', states: describe(counter, false, cost, now), lease };
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
function isViolated(rule: LimitRule, live: number, cost: number): boolean {
  return rule.kind === 'window' ? cost > 0 && live + cost > rule.limit : live >= rule.limit;
}

/** Fills in what is in use; whether every rule has room for the request. Reads only. */
function fits({ table, leases, batch: { count, rules, rows, used } }: Counter, cost: number, now: number): boolean {
  let fit = true;
  for (let index = 0; index < count; index++) {
    const rule = rules[index] as LimitRule;
    const row = rows[index] as number;
    const live = row < 0 ? 0 : rule.kind === 'window' ? liveUnits(table, row, rule.windowMs, now) : leasesIn(table, leases, row, now);
    used[index] = live;
    if (isViolated(rule, live, cost)) fit = false;
  }
  return fit;
}

function leasesIn(table: Table, leases: LeaseQueue, row: number, now: number): number {
  const held = wordsOf(table, row)[offsetOf(row) + USED] as number;
  return held === 0 || leases.headExpiresAt > now ? held : held - expiredIn(leases, row, now);
}

/** Spends on every window and takes the lease; what is in use then includes the request. */
function spendAll({ table, leases, batch: { count, rules, rows, used } }: Counter, cost: number, now: number): Lease | undefined {
  let leased = -1;
  let others: number[] | undefined;
  for (let index = 0; index < count; index++) {
    const rule = rules[index] as LimitRule;
    const row = rows[index] as number;
    const live = used[index] as number;
    let first = 0;
    while (rows[first] !== row) first++;
    // A counter that is listed twice counts the request once.
    if (first < index) used[index] = used[first] as number;
    else if (rule.kind === 'window') {
      if (cost > 0) used[index] = spend(table, row, rule.windowMs, rule.limit, live, cost, now);
    } else {
      used[index] = live + 1;
      if (leased < 0) leased = row;
      else (others ??= []).push(row);
    }
  }
  if (leased < 0) return undefined;
  expireLeases(leases, now);
  return takeLease(leases, leased, others, now);
}

/** Where each rule stands by what is in use; after a refusal, those that had no room are marked. */
function describe({ table, batch }: Counter, refused: boolean, cost: number, now: number): LimitState[] {
  const { count, rows, used } = batch;
  const states = new Array<LimitState>(count);
  for (let index = 0; index < count; index++) {
    const bucket = batch.buckets[index] as LimitBucket;
    const rule = batch.rules[index] as LimitRule;
    const live = used[index] as number;
    const remaining = Math.max(0, rule.limit - live);
    const resetMs = live > 0 && rule.kind === 'window' ? freeAt(table, rows[index] as number, rule.windowMs, live, 1) - now : 0;
    states[index] = { bucket, rule, remaining, resetMs, violated: refused && isViolated(rule, live, cost) };
  }
  return states;
}

/** The same as if the request had been counted. */
function foresee(counter: Counter, cost: number, now: number): LimitState[] {
  return describe(counter, false, cost, now).map((state, index): LimitState => {
    const { rule } = state;
    if (rule.kind === 'concurrency') return { ...state, remaining: state.remaining - 1 };
    const isFirst = cost > 0 && counter.batch.used[index] === 0;
    const resetMs = isFirst ? firstFreeAt(rule.windowMs, rule.limit, now) - now : state.resetMs;
    return { ...state, remaining: Math.max(0, state.remaining - cost), resetMs };
  });
}

function limited(counter: Counter, cost: number, now: number): Consumption {
  const states = describe(counter, true, cost, now);
  return { outcome: 'limited', states, retryAfterMs: retryAfter(counter, states, cost, now) };
}

/** The longest wait among the violated rules; `undefined` when one of them never has room for `cost`. */
function retryAfter({ table, batch: { rows, used } }: Counter, states: readonly LimitState[], cost: number, now: number): number | undefined {
  let wait = 0;
  for (let index = 0; index < states.length; index++) {
    const { rule, violated } = states[index] as LimitState;
    if (!violated) continue;
    if (rule.limit < (rule.kind === 'window' ? cost : 1)) return undefined;
    if (rule.kind === 'concurrency') continue;
    const live = used[index] as number;
    wait = Math.max(wait, freeAt(table, rows[index] as number, rule.windowMs, live, live + cost - rule.limit) - now);
  }
  return wait;
}
