import assert from 'node:assert/strict';
import type { LimitRule } from '../core/limits/rules.js';
import type { Consumption, Lease, LimitBucket, Limiter } from '../core/ports.js';
import type { FakeClock } from './fake-clock.js';

/** One case of the limiter contract, with a limiter of its own. */
export type LimiterCase = (setting: { readonly limiter: Limiter; readonly clock: FakeClock; readonly leaseMs: number }) => Promise<void>;

export type LimiterCases = Readonly<Record<string, LimiterCase>>;

type Admitted = Extract<Consumption, { outcome: 'admitted' }>;
type Limited = Extract<Consumption, { outcome: 'limited' }>;

/** All buckets of the contract belong to one. */
export const GROUP = 't:contract';

export const bucket = (id: string, ...rules: readonly LimitRule[]): LimitBucket => ({ id, group: GROUP, rules, whenFull: 'refuse' });

export async function admitted(limiter: Limiter, buckets: readonly LimitBucket[], cost = 1, why = 'there is room'): Promise<Admitted> {
  const answer = await limiter.consume(buckets, cost);
  if (answer.outcome !== 'admitted') assert.fail(`expected admitted (${why}), got ${answer.outcome}`);
  return answer;
}

export async function limited(limiter: Limiter, buckets: readonly LimitBucket[], cost = 1, why = 'the limit is reached'): Promise<Limited> {
  const answer = await limiter.consume(buckets, cost);
  if (answer.outcome !== 'limited') assert.fail(`expected limited (${why}), got ${answer.outcome}`);
  return answer;
}

/** An admitted request's lease. */
export async function leased(limiter: Limiter, buckets: readonly LimitBucket[], why?: string): Promise<Lease> {
  const { lease } = await admitted(limiter, buckets, 1, why);
  return lease ?? assert.fail('a request under a concurrency rule gets a lease');
}

/** Sends requests until one is refused; how many were admitted. */
export async function drain(limiter: Limiter, buckets: readonly LimitBucket[], most = 100_000): Promise<number> {
  for (let count = 0; count < most; count++) {
    const answer = await limiter.consume(buckets, 1);
    if (answer.outcome !== 'admitted') return count;
  }
  return most;
}
