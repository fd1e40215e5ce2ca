import assert from 'node:assert/strict';
import type { Consumption, LimitBucket } from '../core/ports.js';

interface Entry {
  readonly at: number;
  readonly cost: number;
}

/** The naive limiter that the real ones are held against: it remembers everything and looks through it each time. */
export interface LimiterLog {
  /** Units a counter has admitted in the last `windowMs` milliseconds, the present one included. */
  used(bucketId: string, windowMs: number, now: number): number;
  /** Fails when the answer breaks the promise, or refuses what even a ring of 60 sub-windows has room for. */
  check(buckets: readonly LimitBucket[], cost: number, now: number, answer: Consumption): void;
  forget(bucketId: string): void;
}

export function limiterLog(): LimiterLog {
  const entries = new Map<string, Entry[]>();
  const sumSince = (id: string, after: number): number =>
    (entries.get(id) ?? []).reduce((sum, entry) => (entry.at > after ? sum + entry.cost : sum), 0);

  function record(buckets: readonly LimitBucket[], cost: number, now: number): void {
    for (const { id, rules } of buckets) {
      const list = entries.get(id) ?? [];
      list.push({ at: now, cost });
      entries.set(id, list);
      for (const rule of rules) {
        if (rule.kind !== 'window') continue;
        const used = sumSince(id, now - rule.windowMs);
        assert.ok(used <= rule.limit, `${id}: ${String(used)} of ${String(rule.limit)} admitted within ${String(rule.windowMs)} ms, at ${String(now)}`);
      }
    }
  }

  /** A sub-window that is partly expired still counts in full: units may be held for 61 / 60 of the window. */
  function mayRefuse({ id, rules }: LimitBucket, cost: number, now: number): boolean {
    return rules.some((rule) => rule.kind === 'window' && sumSince(id, now - (rule.windowMs * 61) / 60 - 1) + cost > rule.limit);
  }

  return {
    used: (bucketId, windowMs, now) => sumSince(bucketId, now - windowMs),
    check(buckets, cost, now, answer) {
      assert.notEqual(answer.outcome, 'full', 'there is room in the table');
      if (answer.outcome === 'admitted') record(buckets, cost, now);
      else assert.ok(buckets.some((bucket) => mayRefuse(bucket, cost, now)), `refused at ${String(now)} although no window was full`);
    },
    forget(bucketId) {
      entries.delete(bucketId);
    },
  };
}

/** Repeatable random numbers: whole ones from 0 to below `bound`. */
export function randomFrom(seed: number): (bound: number) => number {
  let state = seed >>> 0;
  return (bound) => {
    // A counter through the finaliser of MurmurHash3.
    state = (state + 0x9e_37_79_b9) >>> 0;
    let mixed = state;
    mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85_eb_ca_6b);
    mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2_b2_ae_35);
    return ((mixed ^ (mixed >>> 16)) >>> 0) % bound;
  };
}
