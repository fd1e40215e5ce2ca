import type { TopQuery, UsageOfKey } from '../observing.js';

/** How often requests with a key ended in one way. */
export interface CountOfKey {
  readonly keyId: string;
  /** Empty for none. */
  readonly tenantId: string;
  readonly outcome: string;
  readonly count: number;
}

type Sum = { -readonly [K in keyof UsageOfKey]: UsageOfKey[K] };

/** Sums of keys, for meters that come by counts one after the other. */
export interface Sums {
  add(count: CountOfKey): void;
  /** The keys with the highest sums. */
  top(query: Pick<TopQuery, 'by' | 'limit'>): UsageOfKey[];
}

export function createSums(): Sums {
  const sums = new Map<string, Sum>();
  return {
    add({ keyId, tenantId, outcome, count }) {
      let sum = sums.get(keyId);
      if (sum === undefined) sums.set(keyId, (sum = { keyId, ...(tenantId !== '' && { tenantId }), allowed: 0, limited: 0, refused: 0 }));
      sum[columnOf(outcome)] += count;
    },
    top({ by, limit }) {
      const isBefore = (a: Sum, b: Sum | undefined): boolean => b === undefined || a[by] > b[by] || (a[by] === b[by] && a.keyId < b.keyId);
      // Few of many: to put all in order would take the process as long as all the rest.
      const best: Sum[] = [];
      for (const sum of sums.values()) {
        if (sum[by] === 0 || (best.length === limit && !isBefore(sum, best.at(-1)))) continue;
        const place = best.findIndex((other) => isBefore(sum, other));
        best.splice(place === -1 ? best.length : place, 0, sum);
        if (best.length > limit) best.pop();
      }
      return best;
    },
  };
}

export function topOf(counts: Iterable<CountOfKey>, query: Pick<TopQuery, 'by' | 'limit'>): UsageOfKey[] {
  const sums = createSums();
  for (const count of counts) sums.add(count);
  return sums.top(query);
}

/** Where an outcome is counted, when codes do not matter. */
export const columnOf = (outcome: string): TopQuery['by'] => (outcome === 'allowed' || outcome === 'limited' ? outcome : 'refused');
