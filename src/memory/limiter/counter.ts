import type { LimitRule } from '../../core/limits/rules.js';
import type { Consumption, Lease, LimitBucket, LimitState } from '../../core/ports.js';
import { FULL, type Locator } from './buckets.js';
import type { Leases } from './leases.js';
import { offsetOf, USED, wordsOf, type Table } from './rows.js';
import { firstFreeAt, freeAt, liveUnits, spend } from './windows.js';

/** `consume` and `peek` of the port, at a given time. */
export interface Counter {
  consume(buckets: readonly LimitBucket[], cost: number, now: number): Consumption;
  peek(buckets: readonly LimitBucket[], cost: number, now: number): Consumption;
}

/** The one step of a request: look at every rule and, only when all agree, spend. Nothing can run in between. */
export function createCounter(table: Table, leases: Leases, { locate }: Locator): Counter {
  // Per rule, in order: its row, and what is in use there. Every call fills them anew; calls never overlap.
  const rows: number[] = [];
  const used: number[] = [];

  /** Fills `used`; whether every rule has room for the request. Reads only. */
  function fits(buckets: readonly LimitBucket[], cost: number, now: number): boolean {
    let fit = true;
    let index = 0;
    for (const { rules } of buckets) {
      for (const rule of rules) {
        const row = rows[index] as number;
        const live = row < 0 ? 0 : rule.kind === 'window' ? liveUnits(table, row, rule.windowMs, now) : leasesIn(row, now);
        used[index++] = live;
        if (isViolated(rule, live, cost)) fit = false;
      }
    }
    return fit;
  }

  function leasesIn(row: number, now: number): number {
    const held = wordsOf(table, row)[offsetOf(row) + USED] as number;
    return held === 0 ? 0 : held - leases.expiredIn(row, now);
  }

  /** Spends on every window and takes the lease; `used` then tells what is in use with the request. */
  function spendAll(buckets: readonly LimitBucket[], cost: number, now: number): Lease | undefined {
    let leased: number[] | undefined;
    let index = 0;
    for (const { rules } of buckets) {
      for (const rule of rules) {
        const row = rows[index] as number;
        const first = index === 0 ? 0 : rows.indexOf(row);
        // A counter that is listed twice counts the request once.
        if (first < index) used[index] = used[first] as number;
        else if (rule.kind === 'concurrency') {
          (leased ??= []).push(row);
          used[index] = (used[index] as number) + 1;
        } else if (cost > 0) used[index] = spend(table, row, rule.windowMs, rule.limit, used[index] as number, cost, now);
        index++;
      }
    }
    if (leased === undefined) return undefined;
    leases.expire(now);
    return leases.take(leased, now);
  }

  /** Where each rule stands; `coming` is the cost of a request that would be admitted but is not counted. */
  function describe(buckets: readonly LimitBucket[], now: number, violatedBy: number | undefined, coming: number | undefined): LimitState[] {
    const states: LimitState[] = [];
    let index = 0;
    for (const bucket of buckets) {
      for (const rule of bucket.rules) {
        const live = used[index] as number;
        const more = coming === undefined ? 0 : rule.kind === 'window' ? coming : 1;
        const violated = violatedBy !== undefined && isViolated(rule, live, violatedBy);
        const resetMs = resetOf(rule, rows[index++] as number, live, more, now);
        states.push({ bucket, rule, remaining: Math.max(0, rule.limit - live - more), resetMs, violated });
      }
    }
    return states;
  }

  function resetOf(rule: LimitRule, row: number, live: number, more: number, now: number): number {
    if (rule.kind === 'concurrency') return 0;
    if (live > 0) return freeAt(table, row, rule.windowMs, live, 1) - now;
    return more > 0 ? firstFreeAt(rule.windowMs, rule.limit, now) - now : 0;
  }

  /** The longest wait among the violated rules; `undefined` when one of them never has room for `cost`. */
  function retryAfter(buckets: readonly LimitBucket[], cost: number, now: number): number | undefined {
    let wait = 0;
    let index = -1;
    for (const { rules } of buckets) {
      for (const rule of rules) {
        const live = used[++index] as number;
        if (!isViolated(rule, live, cost)) continue;
        if (rule.limit < (rule.kind === 'window' ? cost : 1)) return undefined;
        if (rule.kind === 'concurrency') continue;
        const free = freeAt(table, rows[index] as number, rule.windowMs, live, live + cost - rule.limit);
        wait = Math.max(wait, free - now);
      }
    }
    return wait;
  }

  function limited(buckets: readonly LimitBucket[], cost: number, now: number): Consumption {
    return { outcome: 'limited', states: describe(buckets, now, cost, undefined), retryAfterMs: retryAfter(buckets, cost, now) };
  }

  return {
    consume(buckets, cost, now) {
      checkCost(cost);
      if (locate(buckets, true, rows, now) === FULL) return full;
      if (!fits(buckets, cost, now)) return limited(buckets, cost, now);
      const lease = spendAll(buckets, cost, now);
      return { outcome: 'admitted', states: describe(buckets, now, undefined, undefined), lease };
    },
    peek(buckets, cost, now) {
      checkCost(cost);
      if (locate(buckets, false, rows, now) === FULL) return full;
      if (!fits(buckets, cost, now)) return limited(buckets, cost, now);
      return { outcome: 'admitted', states: describe(buckets, now, undefined, cost), lease: undefined };
    },
  };
}

const full: Consumption = Object.freeze({ outcome: 'full' });

/** Free requests pass every window, also one that is overdrawn because its limit was lowered. */
function isViolated(rule: LimitRule, live: number, cost: number): boolean {
  return rule.kind === 'window' ? cost > 0 && live + cost > rule.limit : live >= rule.limit;
}

function checkCost(cost: number): void {
  if (!Number.isSafeInteger(cost) || cost < 0) throw new RangeError(`the cost of a request must be a whole number of at least 0, not ${String(cost)}`);
}
