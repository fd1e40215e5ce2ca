import type { Clock, Consumption, LimitBucket, LimitState } from '../../core/ports.js';
import type { Asked } from './server.js';
import { isFixed, isFor, keep, nameOf, retold } from './lists.js';

/** Settings of the deny cache. */
export interface DenyCacheOptions {
  /** Most refusals remembered. Default: 10,000. */
  readonly max?: number;
  /** Longest time, in milliseconds, for which a refusal is repeated without asking; a reset by another process is seen after it. Default: 1,000. */
  readonly maxMs?: number;
}

/**
 * Refusals that the server has said how long will stand. A refused request spends nothing, so asking again before then would change
 * nothing and be answered alike.
 */
export interface Denials {
  /** The refusal that would come back, or `undefined` when the server must be asked. */
  find(buckets: readonly LimitBucket[], cost: number): Consumption | undefined;
  note(buckets: readonly LimitBucket[], cost: number, asked: Asked): void;
  /** What was refused may be free again. */
  forget(bucketId: string): void;
}

interface Denial {
  readonly states: readonly LimitState[];
  readonly cost: number;
  readonly waitMs: number;
  readonly notedAt: number;
  readonly until: number;
  /** What was told last, of which buckets (if nobody can change them), how many milliseconds after the refusal. */
  told: Consumption | undefined;
  toldOf: readonly LimitBucket[] | undefined;
  toldAt: number;
}

export const noDenials: Denials = { find: () => undefined, note: () => undefined, forget: () => undefined };

export function createDenials({ max = 10_000, maxMs = 1_000 }: DenyCacheOptions, local: Clock): Denials {
  const denials = new Map<string, Denial>();
  return {
    find(buckets, cost) {
      if (denials.size === 0) return undefined;
      const name = nameOf(buckets);
      const denial = denials.get(name);
      if (denial === undefined) return undefined;
      const now = local.now();
      // Whole milliseconds, so that those who ask within one are told the same; a wait is never told too short.
      const passed = Math.floor(now - denial.notedAt);
      if (!(passed >= 0 && now < denial.until)) {
        denials.delete(name);
        return undefined;
      }
      // Another cost may fit, or have to wait longer.
      if (denial.cost !== cost) return undefined;
      if (denial.toldAt !== passed || denial.toldOf !== buckets) {
        if (!isFor(denial.states, buckets)) return undefined;
        denial.told = { outcome: 'limited', states: retold(denial.states, buckets, passed, 0), retryAfterMs: Math.max(0, denial.waitMs - passed) };
        denial.toldAt = passed;
        denial.toldOf = isFixed(buckets) ? buckets : undefined;
      }
      return denial.told;
    },
    note(buckets, cost, { answer: { admitted, states, waitMs }, sentAt }) {
      // A smaller request has passed: what remains is less than was told.
      if (admitted && denials.size > 0) denials.delete(nameOf(buckets));
      if (admitted || waitMs === undefined || waitMs <= 0) return;
      // A place under a cap may become free at any moment.
      if (states.some(({ rule, violated }) => violated && rule.kind === 'concurrency')) return;
      // Once some unit has expired, what remains is another, though it may be too little still.
      const standsMs = Math.min(waitMs, maxMs, ...states.map(({ resetMs }) => (resetMs > 0 ? resetMs : Infinity)));
      // The server spoke after `sentAt` and before now: the refusal ends by the former, and waits are told by the latter, never early.
      keep(denials, nameOf(buckets), { states, cost, waitMs, notedAt: local.now(), until: sentAt + standsMs, told: undefined, toldOf: undefined, toldAt: -1 }, max);
    },
    forget(bucketId) {
      for (const [name, { states }] of denials) if (states.some(({ bucket }) => bucket.id === bucketId)) denials.delete(name);
    },
  };
}
