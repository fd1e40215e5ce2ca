import type { UsageBatch, UsageSpan } from '../observing.js';
import { SPANS, startOf, type Retention } from './spans.js';

/** What one counter is to be raised by. */
export interface Raise {
  readonly per: UsageSpan;
  readonly at: number;
  /** Empty for a tenant, and for all. */
  readonly keyId: string;
  /** Empty for all, and for a key without one. */
  readonly tenantId: string;
  readonly outcome: string;
  count: number;
}

type Visit = (per: UsageSpan, at: number, keyId: string, tenantId: string, outcome: string, count: number) => void;

/**
 * The counters that a batch raises: those of the key, its tenant and all, in every detail that is kept; what proved no key counts for all
 * alone. Counting everything three times leaves nothing to be rolled up later: old detail is only dropped, and what comes late is counted
 * where it belongs.
 */
export function eachRaise({ at, counts }: UsageBatch, keep: Retention, visit: Visit): void {
  for (const { at: minute, keyId = '', tenantId = '', outcome, count } of counts) {
    for (const per of SPANS) {
      const start = startOf(minute, per);
      if (keep[per] === 0 || start < at - keep[per]) continue;
      visit(per, start, '', '', outcome, count);
      if (keyId === '') continue;
      visit(per, start, keyId, tenantId, outcome, count);
      if (tenantId !== '') visit(per, start, '', tenantId, outcome, count);
    }
  }
}

/** The same put together, each counter once. In one order, so that two processes that write the same wait for each other, not both for ever. */
export function spread(batch: UsageBatch, keep: Retention): readonly Raise[] {
  const raises = new Map<string, Raise>();
  eachRaise(batch, keep, (per, at, keyId, tenantId, outcome, count) => {
    const name = `${per} ${String(at)} ${outcome} ${String(keyId.length)} ${keyId} ${tenantId}`;
    const known = raises.get(name);
    if (known === undefined) raises.set(name, { per, at, keyId, tenantId, outcome, count });
    else known.count += count;
  });
  return [...raises].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, raise]) => raise);
}
